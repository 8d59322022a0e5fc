"""Layout of a banked channel's state: one int64 array, so that a kernel takes and keeps it whole.

::

    timing | settings | scalars and counts | ranks | shared[command, group] | banks | slots | done | entries

A *slot* is a command that a bank could issue: when the bank allows it; one of the `shared` times bounds it
too. `shared` holds what banks of a group and of a rank share: tCCD, tRRD, tFAW, turnaround.
"""

FAR = 1 << 60  # later than any clock
PLACES = (
    1 << 32
) - 1  # masks a place of the state: the compiler then knows that no index counts from the end

# Timing in DRAM clocks, names as in JEDEC's tables; *_TO_* are command to command.
RCD_RD, RCD_WR, RP, RP_AB, RAS, RC = 0, 1, 2, 3, 4, 5
CCD_S, CCD_L, RRD_S, RRD_L, FAW, PPD = 6, 7, 8, 9, 10, 11
RTP, RFC, REFI = 12, 13, 14
READ_DONE, WRITE_DONE = 15, 16  # CL + burst, CWL + burst
READ_TO_WRITE, WRITE_TO_READ_S, WRITE_TO_READ_L, WRITE_TO_PRE = 17, 18, 19, 20
RANK_READ_READ, RANK_READ_WRITE, RANK_WRITE_READ, RANK_WRITE_WRITE = 21, 22, 23, 24

# Settings of the controller.
BANKS, GROUPS, RANKS, RANK_BANKS = 30, 31, 32, 34
GROUP_BITS = 48  # b >> m[GROUP_BITS] is the group of bank b
BUSES = 33  # 2: a bus for row commands and one for column commands
WINDOW, OFFERS, READ_ENTRIES, WRITE_ENTRIES, HIGH, LOW, IDLE = 35, 36, 37, 38, 39, 40, 41
POSTED, RETURN, CLOSED_PAGE, KEEP_HITS, HIT_CAP, BANK_ENTRIES = 42, 43, 44, 45, 46, 47

# Scalars.
NOW, SEQ, MODE, FREE, OUTSTANDING = 50, 51, 52, 53, 54
DONE_HEAD, DONE_COUNT, OFFER_CLOCK, OFFERED = 55, 56, 57, 58
QUEUED = 59  # two: reads and writes that wait
DUE, REFRESHING, REFRESH_RANK, LAST_BANK, DRAINING, LAST_ISSUE, LAST_DONE, LOGGED = (
    61,
    62,
    63,
    64,
    65,
    66,
    67,
    68,
)
WAITING = 69  # entries in all queues
LAST_READ, LAST_WRITE = 77, 78  # ends of the last data, of the last read and of the last write
# Counts, in the order of COUNTS.
COUNT = 70
COUNTS = ("activations", "precharges", "reads", "writes", "refreshes", "row_hits")
ACTIVATIONS, PRECHARGES, READS, WRITES, REFRESHES, ROW_HITS = 70, 71, 72, 73, 74, 75

MAX_RANKS, MAX_GROUPS, MAX_BANKS = 8, 32, 32
BUSY = 76  # a bit for each bank whose slots hold a command (of the controller with bank queues)

# Of the controller with one read queue: the best slot of each command; BEST_AT -1: must be sought again,
# FAR: no bank could issue it. The lowest bits of an order say which slot it is of.
COMMANDS = 4
BEST_AT, BEST_ORDER = 80, 84
HOLDS = 92  # of each command: a bit for each bank that could issue it

RANK, RANK_STRIDE = 100, 8  # the last four ACTs and the place of the oldest
SHARED = RANK + MAX_RANKS * RANK_STRIDE
READ, WRITE, ACT, PRE = 0, 1, 2, 3  # commands, and rows of `shared`
REF, PRE_ALL, PRE_AUTO = 4, 5, 6  # only in the log

BANK, BANK_STRIDE = SHARED + COMMANDS * MAX_GROUPS, 32
ROW, ACT_AT, PRE_AT, READ_AT, WRITE_AT, HITS, ACTIVE = 0, 1, 2, 3, 4, 5, 6
GROUP, FIRST_GROUP, LAST_GROUP, RING = 7, 8, 9, 10  # of the bank; its rank's groups (the last excluded), ACTs
# Lists of a bank: waiting reads, waiting writes, and the queue of the bank itself.
LIST, LIST_STRIDE = 12, 5
HEAD, TAIL, HIT, MISS, LENGTH = 0, 1, 2, 3, 4

# Slots of the controller with bank queues: three of each bank.
SLOT, SLOT_STRIDE, BANK_SLOTS = BANK + MAX_BANKS * BANK_STRIDE, 4, 3
AT, BOUND, ORDER, REQUEST = 0, 1, 2, 3  # the bank's own clock, place of the shared one, precedence, entry
# Slots of the controller with one read queue: one of each command and bank, [command, bank] each.
SLOT_AT, SLOT_ORDER, SLOT_REQUEST = (SLOT + k * COMMANDS * MAX_BANKS for k in range(3))

DONE, DONE_SIZE = SLOT + MAX_BANKS * 4 * SLOT_STRIDE, 4096  # when reads under way end, a ring
ENTRY, ENTRY_STRIDE = DONE + DONE_SIZE, 8
NEXT, PREVIOUS, E_ROW, E_SEQ, E_WRITE, E_BANK = 0, 1, 2, 3, 4, 5
