"""A controller with one read queue and one write queue: the oldest request that is ready goes first.

::

    while requests or entries:                       one pass a command, never a pass a clock
        take requests while queue and window have room (up to OFFERS a clock)
        a request whose row was opened for it > refresh > the oldest ready request of the queue served
        queue served: reads, until HIGH writes wait or no read does; then writes, down to LOW

The rules are those of Ramulator 2.1's generic controller (docs/dram.md).
"""

from accelsim.jit import kernel
from accelsim.machine import _banked_kernel as K
from accelsim.machine import _banked_state as S

FAR = S.FAR
_QUEUED = 1 << 38  # order of a request that no row was opened for


@kernel
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
        if row < 0:
            break
        e = m[e + S.NEXT]
    m[at + S.HIT], m[at + S.MISS] = hit, miss


@kernel
def set_slots(m, b):
    """The two commands that a bank could issue for the queue served."""
    bank = S.BANK + b * S.BANK_STRIDE
    group = b // m[S.BANKS_PER_GROUP]
    mode = m[S.MODE]
    at = bank + S.LIST + mode * S.LIST_STRIDE
    hit, miss, active = m[at + S.HIT], m[at + S.MISS], m[bank + S.ACTIVE]
    slot = 2 * b
    m[S.SLOT_AT + slot], m[S.SLOT_AT + slot + 1] = FAR, FAR
    if active >= 0:
        write = m[active + S.E_WRITE]
        K.set_slot(
            m, slot, m[bank + S.READ_AT + write], write * S.WRITE + group, m[active + S.E_SEQ], active
        )
        slot += 1
    if hit >= 0:
        order = _QUEUED + m[hit + S.E_SEQ]
        K.set_slot(m, slot, m[bank + S.READ_AT + mode], mode * S.WRITE + group, order, hit)
    if active < 0 and miss >= 0:
        order = _QUEUED + m[miss + S.E_SEQ]
        if m[bank + S.ROW] < 0:
            K.set_slot(m, 2 * b + 1, m[bank + S.ACT_AT], S.ACT + group, order, miss)
        elif m[S.KEEP_HITS] == 0 or hit < 0 or m[hit + S.E_SEQ] > m[miss + S.E_SEQ]:
            K.set_slot(m, 2 * b + 1, m[bank + S.PRE_AT], S.PRE + group, order, miss)


@kernel
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


@kernel
def best(m):
    """Earliest command that could issue after now: (clock, slot); of one clock, the lowest order."""
    earliest = m[S.NOW] + 1
    chosen, who = FAR, -1
    for slot in range(2 * m[S.BANKS]):
        at = max(max(m[S.SLOT_AT + slot], m[m[S.SLOT_SHARED + slot]]), earliest)
        key = (min(at - earliest, 1 << 22) << 40) + m[S.SLOT_ORDER + slot]
        if key < chosen and at < FAR:
            chosen, who = key, slot
    return (earliest + (chosen >> 40) if who >= 0 else FAR), who


@kernel
def best_active(m):
    """The same among requests that a row was opened for: what a refresh waits for."""
    earliest = m[S.NOW] + 1
    chosen, order, who = FAR, FAR, -1
    for b in range(m[S.BANKS]):
        if m[S.BANK + b * S.BANK_STRIDE + S.ACTIVE] >= 0:
            slot = 2 * b
            at = max(max(m[S.SLOT_AT + slot], m[m[S.SLOT_SHARED + slot]]), earliest)
            if at < chosen or (at == chosen and m[S.SLOT_ORDER + slot] < order):
                chosen, order, who = at, m[S.SLOT_ORDER + slot], slot
    return chosen, who


@kernel
def take(m, requests, i, clock, requested):
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
        if i < requested.size:
            requested[i] = clock
        i += 1
    return i, FAR


@kernel
def issue(m, clock, slot, responded, base, log):
    """Issue a slot's command and advance its request."""
    b, e = slot >> 1, m[S.SLOT_ENTRY + slot]
    bank = S.BANK + b * S.BANK_STRIDE
    command = m[S.SLOT_SHARED + slot] - S.SHARED - b // m[S.BANKS_PER_GROUP]
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
    if command >= S.ACT:
        find(m, b, 0)
        find(m, b, 1)
    set_slots(m, b)


@kernel
def run(m, requests, start, drain, requested, responded, log):
    """Offer requests from clock `start` on; with `drain`, until all are served, else until all are taken.

    Parameters
    ----------
    m : int64 [], state, changed in place
    requests : int64 [bursts], row << 8 | bank << 1 | write
    requested, responded : int64 [bursts] or [0], clocks of taking and of the last data (a write: its command)
    log : int64 [commands, 4] or [0, 4]
    """
    i, base = 0, m[S.SEQ]
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
            i, again = take(m, requests, i, m[S.NOW], requested)
            continue
        if m[S.DUE] <= clock and m[S.REFRESHING] == 0:
            m[S.NOW] = max(m[S.NOW], m[S.DUE] - 1)
            m[S.DUE] += m[S.REFI]
            m[S.REFRESHING] += m[S.RANKS]
            continue
        m[S.NOW] = clock
        if slot == -2:
            K.advance_refresh(m, clock, who, log)
            banks = m[S.BANKS]
            for b in range(banks):
                find(m, b, 0)
                find(m, b, 1)
                set_slots(m, b)
        else:
            issue(m, clock, slot, responded, base, log)
        if i < requests.size and again > clock:
            i, again = take(m, requests, i, clock, requested)
