"""What each DRAM command changes: banks, what they share, counts; and requests that come in.

Times are DRAM clocks. `m` is the state of `_banked_state`. One command a clock and command bus.
"""

from accelsim.jit import bare_kernel, inlined_kernel
from accelsim.machine import _banked_state as S

FAR = S.FAR


@bare_kernel
def note(m, log, clock, command, bank, row):
    """Write a command to the log while there is room: (clock, command, bank, row)."""
    n = m[S.LOGGED]
    if n < log.shape[0]:
        log[n, 0], log[n, 1], log[n, 2], log[n, 3] = clock, command, bank, row
    m[S.LOGGED] = n + 1


@inlined_kernel
def hold_back(m, command, first, last, clock):
    """No `command` in groups `first` to `last`, that excluded, before a clock."""
    at = (S.SHARED + command * S.MAX_GROUPS + first) & S.PLACES
    for group in range(last - first):
        m[at + group] = max(m[at + group], clock)


@inlined_kernel
def stale(m, command):
    """The best slot of a command must be sought again, if there is one."""
    if m[S.BEST_AT + command] < FAR:
        m[S.BEST_AT + command] = -1


@inlined_kernel
def activate(m, clock, b, row):
    """ACT: open a row; bounds the bank (tRCD, tRAS, tRC), its rank (tRRD, tFAW)."""
    at = S.BANK + b * S.BANK_STRIDE
    m[at + S.ROW], m[at + S.HITS] = row, 0
    m[at + S.ACT_AT] = clock + m[S.RC]
    m[at + S.PRE_AT] = clock + m[S.RAS]
    m[at + S.READ_AT] = clock + m[S.RCD_RD]
    m[at + S.WRITE_AT] = clock + m[S.RCD_WR]
    own, ring = m[at + S.GROUP], m[at + S.RING] & S.PLACES
    oldest = m[ring + 4] & 3
    m[ring + oldest] = clock
    oldest = (oldest + 1) & 3
    m[ring + 4] = oldest
    bound = max(clock + m[S.RRD_S], m[ring + oldest] + m[S.FAW])
    hold_back(m, S.ACT, m[at + S.FIRST_GROUP], m[at + S.LAST_GROUP], bound)
    hold_back(m, S.ACT, own, own + 1, clock + m[S.RRD_L])
    stale(m, S.ACT)
    m[S.ACTIVATIONS] += 1


@inlined_kernel
def precharge(m, clock, b):
    """PRE: close a bank (tRP); other banks of the rank wait tPPD."""
    at = S.BANK + b * S.BANK_STRIDE
    m[at + S.ROW] = -1
    m[at + S.ACT_AT] = max(m[at + S.ACT_AT], clock + m[S.RP])
    m[S.PRECHARGES] += 1
    if m[S.PPD] > 0:
        stale(m, S.PRE)
        hold_back(m, S.PRE, m[at + S.FIRST_GROUP], m[at + S.LAST_GROUP], clock + m[S.PPD])


@inlined_kernel
def column(m, clock, b, write):
    """RD or WR: bounds the next ones by tCCD, turnaround and rank switch, and the bank's PRE."""
    at = S.BANK + b * S.BANK_STRIDE
    own, first, last = m[at + S.GROUP], m[at + S.FIRST_GROUP], m[at + S.LAST_GROUP]
    if write:
        m[at + S.PRE_AT] = max(m[at + S.PRE_AT], clock + m[S.WRITE_TO_PRE])
        near, far = m[S.WRITE_TO_READ_L], m[S.WRITE_TO_READ_S]
        m[S.WRITES] += 1
    else:
        m[at + S.PRE_AT] = max(m[at + S.PRE_AT], clock + m[S.RTP])
        near, far = m[S.READ_TO_WRITE], m[S.READ_TO_WRITE]
        m[S.READS] += 1
    same, other = S.READ + write, S.WRITE - write
    stale(m, S.READ)
    stale(m, S.WRITE)
    hold_back(m, same, first, last, clock + m[S.CCD_S])
    hold_back(m, other, first, last, clock + far)
    hold_back(m, same, own, own + 1, clock + m[S.CCD_L])
    hold_back(m, other, own, own + 1, clock + near)
    if m[S.RANKS] > 1:
        switch_same = m[S.RANK_WRITE_WRITE] if write else m[S.RANK_READ_READ]
        switch_other = m[S.RANK_WRITE_READ] if write else m[S.RANK_READ_WRITE]
        for lower, upper in ((0, first), (last, m[S.GROUPS])):
            hold_back(m, same, lower, upper, clock + switch_same)
            hold_back(m, other, lower, upper, clock + switch_other)


@bare_kernel
def close_after(m, b, log):
    """Auto-precharge with the access just made: the bank closes by itself when tRAS, tRTP, tWR allow."""
    at = S.BANK + b * S.BANK_STRIDE
    note(m, log, m[at + S.PRE_AT], S.PRE_AUTO, b, m[at + S.ROW])
    m[at + S.ROW] = -1
    m[at + S.ACT_AT] = max(m[at + S.ACT_AT], m[at + S.PRE_AT] + m[S.RP])
    m[S.PRECHARGES] += 1


@bare_kernel
def refresh(m, clock, rank):
    """REF of a closed rank: no ACT for tRFC."""
    banks = m[S.RANK_BANKS]
    for b in range(rank * banks, (rank + 1) * banks):
        at = S.BANK + b * S.BANK_STRIDE
        m[at + S.ACT_AT] = max(m[at + S.ACT_AT], clock + m[S.RFC])
    m[S.REFRESHES] += 1


@inlined_kernel
def served(m, clock, e, responded, base):
    """A request's RD or WR was issued at `clock`: its window slot, its response, its entry."""
    e = e & S.PLACES
    write = m[e + S.E_WRITE]
    end = clock
    if write:
        m[S.LAST_WRITE] = clock + m[S.WRITE_DONE]
        if m[S.POSTED] == 0:
            m[S.OUTSTANDING] -= 1
    else:
        end = clock + m[S.READ_DONE]
        m[S.LAST_READ] = end
        if m[S.WINDOW] < FAR:
            tail = (m[S.DONE_HEAD] + m[S.DONE_COUNT]) & (S.DONE_SIZE - 1)
            m[S.DONE + tail] = end + m[S.RETURN]
            m[S.DONE_COUNT] += 1
            returned(m, clock)
    index = m[e + S.E_SEQ] - base
    if 0 <= index < responded.size:
        responded[index] = end
    m[S.LAST_ISSUE] = clock
    m[S.LAST_DONE] = max(m[S.LAST_DONE], end)
    m[e + S.NEXT] = m[S.FREE]
    m[S.FREE] = e
    m[S.WAITING] -= 1


@inlined_kernel
def returned(m, clock):
    """Free the window slots of reads whose data have arrived by `clock`."""
    while m[S.DONE_COUNT] > 0 and m[S.DONE + m[S.DONE_HEAD]] <= clock:
        m[S.DONE_HEAD] = (m[S.DONE_HEAD] + 1) & (S.DONE_SIZE - 1)
        m[S.DONE_COUNT] -= 1
        m[S.OUTSTANDING] -= 1


@inlined_kernel
def enter(m, request):
    """Entry of a request (row, bank, write packed): taken from the free list, in no queue yet."""
    e = m[S.FREE] & S.PLACES
    m[S.FREE] = m[e + S.NEXT]
    m[e + S.E_WRITE] = request & 1
    m[e + S.E_BANK] = (request >> 1) & 127
    m[e + S.E_ROW] = request >> 8
    m[e + S.E_SEQ] = m[S.SEQ]
    m[S.SEQ] += 1
    m[S.WAITING] += 1
    m[S.QUEUED + (request & 1)] += 1
    if (request & 1) == 0 or m[S.POSTED] == 0:
        m[S.OUTSTANDING] += 1
    return e


@inlined_kernel
def accept(m, request, clock, base, requested):
    """Put a request that is taken at `clock` at the end of its bank's list; its entry."""
    e = enter(m, request)
    append(m, m[e + S.E_BANK], m[e + S.E_WRITE] & 1, e)
    number = m[e + S.E_SEQ] - base
    if number < requested.size:
        requested[number] = clock
    return e


@inlined_kernel
def offered(m, request, clock):
    """Whether the next request is taken at `clock`: (yes, earliest clock of the next try, FAR if unknown)."""
    if m[S.OFFER_CLOCK] != clock:
        m[S.OFFER_CLOCK], m[S.OFFERED] = clock, 0
    if m[S.OFFERED] >= m[S.OFFERS]:
        return False, clock + 1
    write = request & 1
    if m[S.QUEUED + write] >= m[S.READ_ENTRIES + write]:
        return False, FAR
    if m[S.OUTSTANDING] >= m[S.WINDOW] and not (write and m[S.POSTED]):
        returned(m, clock)
        if m[S.OUTSTANDING] >= m[S.WINDOW]:
            return False, m[S.DONE + m[S.DONE_HEAD]] if m[S.DONE_COUNT] > 0 else FAR
    m[S.OFFERED] += 1
    return True, clock


@inlined_kernel
def append(m, b, which, e):
    """Put an entry at the end of a bank's list."""
    at = S.BANK + b * S.BANK_STRIDE + S.LIST + which * S.LIST_STRIDE
    tail = m[at + S.TAIL]
    m[e + S.NEXT], m[e + S.PREVIOUS] = -1, tail
    if tail < 0:
        m[at + S.HEAD] = e
    else:
        m[(tail & S.PLACES) + S.NEXT] = e
    m[at + S.TAIL] = e
    m[at + S.LENGTH] += 1


@inlined_kernel
def unlink(m, b, which, e):
    """Take an entry out of a bank's list."""
    at = S.BANK + b * S.BANK_STRIDE + S.LIST + which * S.LIST_STRIDE
    before, after = m[e + S.PREVIOUS], m[e + S.NEXT]
    if before < 0:
        m[at + S.HEAD] = after
    else:
        m[(before & S.PLACES) + S.NEXT] = after
    if after < 0:
        m[at + S.TAIL] = before
    else:
        m[(after & S.PLACES) + S.PREVIOUS] = before
    m[at + S.LENGTH] -= 1


@inlined_kernel
def set_slot(m, slot, at, command, group, order, entry):
    """A command that a bank could issue from clock `at`."""
    m[slot + S.AT] = at
    m[slot + S.BOUND] = S.SHARED + command * S.MAX_GROUPS + group
    m[slot + S.ORDER] = order
    m[slot + S.REQUEST] = entry


@bare_kernel
def refresh_step(m, all_at_once):
    """Next command of a refresh under way: (earliest clock, bank to precharge; -1: all, -2: REF)."""
    banks = m[S.RANK_BANKS]
    first = m[S.REFRESH_RANK] * banks
    opened, first_pre, last_pre, last_act, who = 0, FAR, 0, 0, -2
    for b in range(first, first + banks):
        at = S.BANK + b * S.BANK_STRIDE
        if m[at + S.ROW] >= 0:
            if m[at + S.ACTIVE] >= 0:
                return FAR, -1
            ready = max(m[at + S.PRE_AT], m[S.SHARED + S.PRE * S.MAX_GROUPS + m[at + S.GROUP]])
            opened += 1
            last_pre = max(last_pre, ready)
            if ready < first_pre:
                first_pre, who = ready, b
        else:
            last_act = max(last_act, m[at + S.ACT_AT])
    if opened == 0:
        return last_act, -2
    if all_at_once:
        return max(last_pre, last_act - m[S.RP]), -1
    return first_pre, who


@bare_kernel
def advance_refresh(m, clock, who, log):
    """Issue that command."""
    banks = m[S.RANK_BANKS]
    rank = m[S.REFRESH_RANK]
    if who == -2:
        note(m, log, clock, S.REF, rank * banks, -1)
        refresh(m, clock, rank)
        m[S.REFRESH_RANK] = (rank + 1) % m[S.RANKS]
        m[S.REFRESHING] -= 1
        return
    if who == -1:
        note(m, log, clock, S.PRE_ALL, rank * banks, -1)
    for b in range(rank * banks, (rank + 1) * banks):
        at = S.BANK + b * S.BANK_STRIDE
        if m[at + S.ROW] >= 0 and (who == -1 or who == b):
            if who == b:
                note(m, log, clock, S.PRE, b, m[at + S.ROW])
            precharge(m, clock, b)
            if who == -1:
                m[at + S.ACT_AT] = max(m[at + S.ACT_AT], clock + m[S.RP_AB])
