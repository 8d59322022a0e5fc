"""A controller with a queue before each bank: banks take turns, row hits go first up to a cap.

::

    while requests or entries:                       one pass an event, never a pass a clock
        take requests while queue and window have room (up to OFFERS a clock)
        refresh > banks in turn: PRE or ACT for the head of its queue, else the first row hit that is ready
        move one waiting request to the queue of its bank: reads, or a batch of writes when their queue is
        full or no read waits

The rules are those of DRAMsim3's command queues (docs/dram.md).
"""

from accelsim.jit import bare_kernel, inlined_kernel, popcount
from accelsim.machine import _banked_kernel as K
from accelsim.machine import _banked_state as S

FAR = S.FAR
_BANK = 2  # the list that is the bank's own queue
_CAS, _OTHER, _HEAD = 1, 2, 0  # order of the commands of one bank


@bare_kernel
def set_slots(m, b):
    """The three commands that a bank could issue: first read hit, first write hit, PRE or ACT of its head."""
    bank = S.BANK + b * S.BANK_STRIDE
    group, row = m[bank + S.GROUP], m[bank + S.ROW]
    slot = S.SLOT + b * S.BANK_SLOTS * S.SLOT_STRIDE
    third = slot + 2 * S.SLOT_STRIDE
    m[slot + S.AT], m[slot + S.SLOT_STRIDE + S.AT], m[third + S.AT] = FAR, FAR, FAR
    head = m[bank + S.LIST + _BANK * S.LIST_STRIDE + S.HEAD]
    if head < 0:
        m[S.BUSY] &= ~(1 << b)
        return
    m[S.BUSY] |= 1 << b
    if row < 0:
        K.set_slot(m, third, m[bank + S.ACT_AT], S.ACT, group, _HEAD, head)
        return
    found, e = 0, head
    while e >= 0 and found != 3:
        if m[e + S.E_ROW] == row:
            write = m[e + S.E_WRITE]
            if (found >> write) & 1 == 0:
                order = _CAS if found == 0 else _OTHER
                place, ready = slot + write * S.SLOT_STRIDE, m[bank + S.READ_AT + write]
                K.set_slot(m, place, ready, write, group, order, e)
                found |= 1 << write
        e = m[e + S.NEXT]
    if m[head + S.E_ROW] != row and (found == 0 or m[bank + S.HITS] >= m[S.HIT_CAP]):
        K.set_slot(m, third, m[bank + S.PRE_AT], S.PRE, group, _HEAD, head)


@bare_kernel
def best(m, earliest, first, last):
    """Earliest command, not before a clock, of slots `first` to `last` of a bank: (clock, slot).

    Of one clock, the next bank in turn.
    """
    banks, turned = m[S.BANKS], m[S.LAST_BANK]
    left = m[S.BUSY]
    if m[S.REFRESHING]:  # its rank issues nothing else
        ranked = m[S.RANK_BANKS]
        left &= ~(((1 << ranked) - 1) << (m[S.REFRESH_RANK] * ranked))
    clock, order, who = FAR, FAR, -1
    while left:
        low = left & -left
        left ^= low
        b = popcount(low - 1)
        turn = 4 * ((b - turned - 1) & (banks - 1))
        slot = S.SLOT + b * S.BANK_SLOTS * S.SLOT_STRIDE
        for place in range(first, last + 1):
            s = slot + place * S.SLOT_STRIDE
            at = max(max(m[s + S.AT], m[m[s + S.BOUND] & S.PLACES]), earliest)
            if at < clock or (at == clock and turn + m[s + S.ORDER] < order):
                clock, order, who = at, turn + m[s + S.ORDER], s
    return clock, who


@inlined_kernel
def movable(m, drain):
    """Bank of the oldest waiting request that finds room in its bank's queue; -1 if none does."""
    if m[S.DRAINING] == 0:
        reads, writes = m[S.QUEUED], m[S.QUEUED + 1]
        idle = 1 if drain else m[S.IDLE]
        if writes >= m[S.WRITE_ENTRIES] or (reads == 0 and writes >= idle):
            m[S.DRAINING] = writes
    which = 1 if m[S.DRAINING] > 0 else 0
    oldest, who = FAR, -1
    if m[S.QUEUED + which] > 0:
        for b in range(m[S.BANKS]):
            at = S.BANK + b * S.BANK_STRIDE + S.LIST
            e = m[at + which * S.LIST_STRIDE + S.HEAD]
            if (
                e >= 0
                and m[at + _BANK * S.LIST_STRIDE + S.LENGTH] < m[S.BANK_ENTRIES]
                and m[e + S.E_SEQ] < oldest
            ):
                oldest, who = m[e + S.E_SEQ], b
    return who


@inlined_kernel
def move(m, b):
    """Move a bank's oldest waiting request to its queue."""
    which = 1 if m[S.DRAINING] > 0 else 0
    at = S.BANK + b * S.BANK_STRIDE + S.LIST
    e = m[at + which * S.LIST_STRIDE + S.HEAD]
    K.unlink(m, b, which, e)
    K.append(m, b, _BANK, e)
    m[S.QUEUED + which] -= 1
    if which:
        m[S.DRAINING] -= 1
    set_slots(m, b)


@inlined_kernel
def take(m, requests, i, clock, base, requested):
    """Take requests from i on at `clock`: (the first not taken, when it can be tried again)."""
    while i < requests.size:
        taken, again = K.offered(m, requests[i], clock)
        if not taken:
            return i, again
        K.accept(m, requests[i], clock, base, requested)
        i += 1
    return i, FAR


@inlined_kernel
def next_try(m, request, clock):
    """Earliest clock, not before `clock`, at which a request could be taken; FAR if that is unknown."""
    write = request & 1
    if m[S.QUEUED + write] >= m[S.READ_ENTRIES + write]:
        return FAR
    if m[S.OUTSTANDING] >= m[S.WINDOW] and not (write and m[S.POSTED]):
        return max(clock, m[S.DONE + m[S.DONE_HEAD]]) if m[S.DONE_COUNT] > 0 else FAR
    return clock


@bare_kernel
def issue(m, clock, slot, responded, base, log):
    """Issue a slot's command."""
    e = m[slot + S.REQUEST]
    b = m[e + S.E_BANK] & (S.MAX_BANKS - 1)
    bank = S.BANK + b * S.BANK_STRIDE
    command = (m[slot + S.BOUND] - S.SHARED) // S.MAX_GROUPS
    m[S.LAST_BANK] = b
    if log.size:
        K.note(m, log, clock, command, b, m[e + S.E_ROW])
    if command == S.PRE:
        K.precharge(m, clock, b)
    elif command == S.ACT:
        K.activate(m, clock, b, m[e + S.E_ROW])
    else:
        if m[bank + S.HITS] > 0:
            m[S.ROW_HITS] += 1
        m[bank + S.HITS] += 1
        K.column(m, clock, b, m[e + S.E_WRITE])
        K.unlink(m, b, _BANK, e)
        K.served(m, clock, e, responded, base)
    set_slots(m, b)
    if command <= S.WRITE and m[S.CLOSED_PAGE]:
        slot = S.SLOT + b * S.BANK_SLOTS * S.SLOT_STRIDE
        if m[slot + S.AT] == FAR and m[slot + S.SLOT_STRIDE + S.AT] == FAR:
            K.close_after(m, b, log)
            set_slots(m, b)


@bare_kernel
def run(m, requests, start, drain, base, requested, responded, log):
    """Offer requests from clock `start` on; as `_banked_central_kernel.run`."""
    i = 0
    again = max(start, m[S.NOW] + 1)
    while i < requests.size or (drain and m[S.WAITING] > 0):
        clock, slot = best(m, m[S.NOW] + 1, 0, 2)
        who = -2
        if m[S.REFRESHING]:
            ready, who = K.refresh_step(m, False)
            ready = max(ready, m[S.NOW] + 1)
            if ready <= clock:
                clock, slot = ready, -2
        moved = movable(m, drain and i >= requests.size)
        now = min(min(clock, again), m[S.NOW] + 1 if moved >= 0 else FAR)
        if m[S.DUE] <= now:
            m[S.NOW] = m[S.DUE] - 1
            m[S.DUE] += m[S.REFI]
            m[S.REFRESHING] += m[S.RANKS]
            continue
        if again == now:
            i, again = take(m, requests, i, now, base, requested)
            if i >= requests.size and not drain:
                m[S.NOW] = now - 1  # the rest of this clock belongs to the next call
                return
        m[S.NOW] = now
        if clock == now:
            if slot == -2:
                K.advance_refresh(m, clock, who, log)
                for b in range(m[S.BANKS]):
                    set_slots(m, b)
            else:
                column = 1 if m[slot + S.BOUND] < S.SHARED + S.ACT * S.MAX_GROUPS else 0
                issue(m, clock, slot, responded, base, log)
                if m[S.BUSES] > 1:  # the other bus in the same clock
                    clock, slot = best(m, now, 2 * column, 1 + column)
                    if clock == now:
                        issue(m, clock, slot, responded, base, log)
        moved = movable(m, drain and i >= requests.size)
        if moved >= 0:
            move(m, moved)
        if i < requests.size and again > now + 1:
            again = next_try(m, requests[i], max(now + 1, start))
