"""A controller with one read queue and one write queue: the oldest request that is ready goes first.

::

    while requests or entries:                       one pass a command, never a pass a clock
        take requests while queue and window have room (up to OFFERS a clock)
        a request whose row was opened for it > refresh > the oldest ready request of the queue served
        queue served: reads, until HIGH writes wait or no read does; then writes, down to LOW

The rules are those of Ramulator 2.1's generic controller (docs/dram.md).
"""

from accelsim.jit import bare_kernel, popcount
from accelsim.machine import _banked_kernel as K
from accelsim.machine import _banked_state as S

FAR = S.FAR
_QUEUED = 1 << 38  # order of a request that no row was opened for
_HORIZON = (1 << 19) - 1  # no command waits longer; refused at the door otherwise


@bare_kernel
def find(m, b, which):
    """Oldest hit and oldest miss of a bank's list."""
    bank = S.BANK + b * S.BANK_STRIDE
    at = bank + S.LIST + which * S.LIST_STRIDE
    row, hit, miss = m[bank + S.ROW], -1, -1
    e = m[at + S.HEAD]
    while e >= 0 and (hit < 0 or miss < 0):
        if m[e + S.E_ROW] == row:
            if hit < 0:
                hit = e
        elif miss < 0:
            miss = e
        e = m[e + S.NEXT]
    m[at + S.HIT], m[at + S.MISS] = hit, miss


@bare_kernel
def forget(m, b):
    """A closed bank has no hits: its oldest request of each list is a miss."""
    at = S.BANK + b * S.BANK_STRIDE + S.LIST
    m[at + S.HIT], m[at + S.MISS] = -1, m[at + S.HEAD]
    at += S.LIST_STRIDE
    m[at + S.HIT], m[at + S.MISS] = -1, m[at + S.HEAD]


@bare_kernel
def hold(m, b, place, kind, at, bound, order, entry):
    """Put a command in a bank's slot; it may be the best of its kind."""
    slot = S.SLOT + (b * S.BANK_SLOTS + place) * S.SLOT_STRIDE
    K.set_slot(m, slot, at, bound, order, entry)
    m[S.SECOND_HOLDS + kind if place else S.FIRST_HOLDS] |= 1 << b
    ready = max(max(at, m[S.SHARED + bound]), m[S.NOW] + 1)
    if ready < m[S.BEST_AT + kind] or (ready == m[S.BEST_AT + kind] and order < m[S.BEST_ORDER + kind]):
        m[S.BEST_AT + kind], m[S.BEST_ORDER + kind], m[S.BEST_SLOT + kind] = ready, order, slot


@bare_kernel
def set_slots(m, b):
    """The two commands that a bank could issue for the queue served."""
    bank = S.BANK + b * S.BANK_STRIDE
    slot = S.SLOT + b * S.BANK_SLOTS * S.SLOT_STRIDE
    group, mode, active = m[bank + S.GROUP], m[S.MODE], m[bank + S.ACTIVE]
    at = bank + S.LIST + mode * S.LIST_STRIDE
    hit, miss = m[at + S.HIT], m[at + S.MISS]
    others = ~(1 << b)
    m[S.FIRST_HOLDS] &= others
    for kind in range(S.KINDS):
        m[S.SECOND_HOLDS + kind] &= others
        if m[S.BEST_SLOT + kind] == slot or m[S.BEST_SLOT + kind] == slot + S.SLOT_STRIDE:
            m[S.BEST_AT + kind], m[S.BEST_SLOT + kind] = -1, -1
    if active >= 0:
        write = m[active + S.E_WRITE]
        ready = m[bank + S.READ_AT + write]
        hold(m, b, 0, S.COLUMN, ready, write * S.WRITE + group, m[active + S.E_SEQ], active)
    if hit >= 0:
        place = 1 if active >= 0 else 0
        order = _QUEUED + m[hit + S.E_SEQ]
        hold(m, b, place, S.COLUMN, m[bank + S.READ_AT + mode], mode * S.WRITE + group, order, hit)
    if active < 0 and miss >= 0:
        order = _QUEUED + m[miss + S.E_SEQ]
        if m[bank + S.ROW] < 0:
            hold(m, b, 1, S.ROW_OPEN, m[bank + S.ACT_AT], S.ACT + group, order, miss)
        elif m[S.KEEP_HITS] == 0 or hit < 0 or m[hit + S.E_SEQ] > m[miss + S.E_SEQ]:
            hold(m, b, 1, S.ROW_CLOSE, m[bank + S.PRE_AT], S.PRE + group, order, miss)


@bare_kernel
def serve_queue(m):
    """Which queue is served; a change sets all slots anew."""
    reads, writes, mode = m[S.QUEUED], m[S.QUEUED + 1], m[S.MODE]
    if mode == 0:
        if writes > m[S.HIGH] or (reads == 0 and writes >= m[S.IDLE]):
            mode = 1
    elif writes < m[S.LOW] and reads > 0:
        mode = 0
    if mode != m[S.MODE]:
        m[S.MODE] = mode
        for b in range(m[S.BANKS]):
            set_slots(m, b)


@bare_kernel
def seek(m, kind):
    """Find the best command of a kind among the slots."""
    earliest = m[S.NOW] + 1
    chosen, who = FAR, -1
    for place in range(0 if kind == S.COLUMN else 1, 2):
        left = m[S.SECOND_HOLDS + kind] if place else m[S.FIRST_HOLDS]
        while left:
            low = left & -left
            left ^= low
            slot = S.SLOT + (popcount(low - 1) * S.BANK_SLOTS + place) * S.SLOT_STRIDE
            at = max(max(m[slot + S.AT], m[m[slot + S.BOUND]]), earliest)
            # One number orders by clock, then by order: no branch that the processor would guess wrong.
            key = (min(at - earliest, _HORIZON) << 40) + m[slot + S.ORDER]
            who = slot if key < chosen else who
            chosen = min(chosen, key)
    m[S.BEST_SLOT + kind] = who
    m[S.BEST_AT + kind], m[S.BEST_ORDER + kind] = FAR, FAR
    if who >= 0:
        m[S.BEST_AT + kind] = earliest + (chosen >> 40)
        m[S.BEST_ORDER + kind] = m[who + S.ORDER]


@bare_kernel
def best(m):
    """Earliest command that could issue after now: (clock, slot); of one clock, the lowest order.

    What was the best of its kind stays so until its clock passes, its slot changes or the times that its
    kind shares do: only then are the slots gone through again.
    """
    earliest = m[S.NOW] + 1
    clock, order, who = FAR, FAR, -1
    for kind in range(S.KINDS):
        if m[S.BEST_AT + kind] < earliest:
            seek(m, kind)
        at = m[S.BEST_AT + kind]
        if at < clock or (at == clock and m[S.BEST_ORDER + kind] < order):
            clock, order, who = at, m[S.BEST_ORDER + kind], m[S.BEST_SLOT + kind]
    return clock, who


@bare_kernel
def best_active(m):
    """The same among requests that a row was opened for: what a refresh waits for."""
    earliest = m[S.NOW] + 1
    clock, order, who = FAR, FAR, -1
    for b in range(m[S.BANKS]):
        if m[S.BANK + b * S.BANK_STRIDE + S.ACTIVE] >= 0:
            s = S.SLOT + b * S.BANK_SLOTS * S.SLOT_STRIDE
            at = max(max(m[s + S.AT], m[m[s + S.BOUND]]), earliest)
            if at < clock or (at == clock and m[s + S.ORDER] < order):
                clock, order, who = at, m[s + S.ORDER], s
    return clock, who


@bare_kernel
def take(m, requests, i, clock, base, requested):
    """Take requests from i on at `clock`: (the first not taken, when it can be tried again)."""
    while i < requests.size:
        taken, again = K.offered(m, requests[i], clock)
        if not taken:
            return i, again
        e = K.enter(m, requests[i])
        b, which = m[e + S.E_BANK], m[e + S.E_WRITE]
        K.append(m, b, which, e)
        bank = S.BANK + b * S.BANK_STRIDE
        at = bank + S.LIST + which * S.LIST_STRIDE
        place = S.HIT if m[e + S.E_ROW] == m[bank + S.ROW] else S.MISS
        if m[at + place] < 0:
            m[at + place] = e
            if which == m[S.MODE]:
                set_slots(m, b)
        number = m[e + S.E_SEQ] - base
        if number < requested.size:
            requested[number] = clock
        i += 1
    return i, FAR


@bare_kernel
def issue(m, clock, slot, responded, base, log):
    """Issue a slot's command and advance its request."""
    e = m[slot + S.REQUEST]
    b = m[e + S.E_BANK]
    bank = S.BANK + b * S.BANK_STRIDE
    command = m[slot + S.BOUND] - S.SHARED - m[bank + S.GROUP]
    if log.size:
        K.note(m, log, clock, command, b, m[e + S.E_ROW])
    which = m[e + S.E_WRITE]
    if command == S.PRE:
        K.precharge(m, clock, b)
    elif command == S.ACT:
        K.activate(m, clock, b, m[e + S.E_ROW])
        K.unlink(m, b, which, e)
        m[S.QUEUED + which] -= 1
        m[bank + S.ACTIVE] = e
    elif e == m[bank + S.ACTIVE]:
        m[bank + S.ACTIVE] = -1
    else:
        m[S.ROW_HITS] += 1
        m[S.QUEUED + which] -= 1
        K.unlink(m, b, which, e)
        at = bank + S.LIST + which * S.LIST_STRIDE
        after = m[e + S.NEXT]
        if after >= 0 and m[after + S.E_ROW] != m[bank + S.ROW]:
            find(m, b, which)
        else:
            m[at + S.HIT] = after
    if command <= S.WRITE:
        K.column(m, clock, b, which)
        K.served(m, clock, e, responded, base)
        if m[S.CLOSED_PAGE] and m[bank + S.ACTIVE] < 0:
            at = bank + S.LIST + S.HIT
            if m[at] < 0 and m[at + S.LIST_STRIDE] < 0:
                K.close_after(m, b, log)
                command = S.PRE
    if command == S.PRE:
        forget(m, b)
    elif command == S.ACT:
        find(m, b, 0)
        find(m, b, 1)
    set_slots(m, b)


@bare_kernel
def run(m, requests, start, drain, base, requested, responded, log):
    """Offer requests from clock `start` on; with `drain`, until all are served, else until all are taken.

    Parameters
    ----------
    m : int64 [], state, changed in place
    requests : int64 [bursts], row << 8 | bank << 1 | write
    base : int, the channel's request number that is first in the next two
    requested, responded : int64 [numbers], clocks of taking and of the last data (a write: its command);
        numbers beyond their end are not kept
    log : int64 [commands, 4] or [0, 4]
    """
    i = 0
    again = max(start, m[S.NOW])
    while True:
        if m[S.REFRESHING]:
            clock, slot = best_active(m)
            ready, who = K.refresh_step(m, True)
            ready = max(ready, m[S.NOW] + 1)
            if ready < clock:
                clock, slot = ready, -2
        else:
            serve_queue(m)
            clock, slot = best(m)
        nothing = i >= requests.size and m[S.WAITING] == 0
        if nothing or (i >= requests.size and not drain):
            return
        if again < min(clock, m[S.DUE]):
            m[S.NOW] = max(m[S.NOW], again)
            i, again = take(m, requests, i, m[S.NOW], base, requested)
            continue
        if m[S.DUE] <= clock and m[S.REFRESHING] == 0:
            m[S.NOW] = max(m[S.NOW], m[S.DUE] - 1)
            m[S.DUE] += m[S.REFI]
            m[S.REFRESHING] += m[S.RANKS]
            continue
        m[S.NOW] = clock
        if slot == -2:
            K.advance_refresh(m, clock, who, log)
            for b in range(m[S.BANKS]):
                find(m, b, 0)
                find(m, b, 1)
                set_slots(m, b)
        else:
            issue(m, clock, slot, responded, base, log)
        if i < requests.size and again > clock >= start:
            i, again = take(m, requests, i, clock, base, requested)
