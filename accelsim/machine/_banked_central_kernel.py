"""A controller with one read queue and one write queue: the oldest request that is ready goes first.

::

    while requests or entries:                       one pass a command, never a pass a clock
        take requests while queue and window have room (up to OFFERS a clock)
        a request whose row was opened for it > refresh > the oldest ready request of the queue served
        queue served: reads, until HIGH writes wait or no read does; then writes, down to LOW

The rules are those of Ramulator 2.1's generic controller (docs/dram.md).
"""

from accelsim.jit import bare_kernel, inlined_kernel, popcount
from accelsim.machine import _banked_kernel as K
from accelsim.machine import _banked_state as S

FAR = S.FAR
_BANK_BITS, _SLOT_BITS, _CLOCK_BIT = 5, 7, 44
_BANK = (1 << _BANK_BITS) - 1
_SLOT = (1 << _SLOT_BITS) - 1  # command and bank
_QUEUED = 1 << (_CLOCK_BIT - 1)  # order of a request that no row was opened for
_HORIZON = (1 << 19) - 1  # no command waits longer; refused at the door otherwise
_NONE = _HORIZON << _CLOCK_BIT


@inlined_kernel
def shared(m, command, b):
    """Clock before which no bank of b's group may issue a command."""
    return m[(S.SHARED + command * S.MAX_GROUPS + (b >> (m[S.GROUP_BITS] & 7))) & S.PLACES]


@inlined_kernel
def find(m, b, which):
    """Oldest hit and oldest miss of a bank's list."""
    bank = S.BANK + b * S.BANK_STRIDE
    at = bank + S.LIST + which * S.LIST_STRIDE
    row, hit, miss = m[bank + S.ROW], -1, -1
    e = m[at + S.HEAD]
    while e >= 0 and (hit < 0 or miss < 0):
        place = e & S.PLACES
        if m[place + S.E_ROW] == row:
            if hit < 0:
                hit = e
        elif miss < 0:
            miss = e
        e = m[place + S.NEXT]
    m[at + S.HIT], m[at + S.MISS] = hit, miss


@inlined_kernel
def forget(m, b):
    """A closed bank has no hits: its oldest request of each list is a miss."""
    at = S.BANK + b * S.BANK_STRIDE + S.LIST
    m[at + S.HIT], m[at + S.MISS] = -1, m[at + S.HEAD]
    at += S.LIST_STRIDE
    m[at + S.HIT], m[at + S.MISS] = -1, m[at + S.HEAD]


@inlined_kernel
def hold(m, b, command, at, order, entry):
    """Put a command in its slot of a bank; it may be the best of that command."""
    place = command * S.MAX_BANKS + b
    order = order << _SLOT_BITS | place
    m[S.SLOT_AT + place], m[S.SLOT_ORDER + place], m[S.SLOT_REQUEST + place] = at, order, entry
    m[S.HOLDS + command] |= 1 << b
    ready = max(max(at, shared(m, command, b)), m[S.NOW] + 1)
    best_at, best_order = m[S.BEST_AT + command], m[S.BEST_ORDER + command]
    if ready < best_at or (ready == best_at and order < best_order):
        m[S.BEST_AT + command], m[S.BEST_ORDER + command] = ready, order


@inlined_kernel
def set_slots(m, b):
    """The commands that a bank could issue for the queue served.

    A hit has none beside a request of its direction that the row was opened for: it comes later anyway.
    """
    bank = S.BANK + b * S.BANK_STRIDE
    mode, active = m[S.MODE] & 1, m[bank + S.ACTIVE]
    at = bank + S.LIST + mode * S.LIST_STRIDE
    hit, miss = m[at + S.HIT], m[at + S.MISS]
    others = ~(1 << b)
    for command in range(S.COMMANDS):
        m[S.HOLDS + command] &= others
        if m[S.BEST_ORDER + command] & _BANK == b:
            m[S.BEST_AT + command] = -1
    write = mode
    if active >= 0:
        place = active & S.PLACES
        write = m[place + S.E_WRITE] & 1
        hold(m, b, write, m[bank + S.READ_AT + write], m[place + S.E_SEQ], active)
    if hit >= 0 and (active < 0 or write != mode):
        order = _QUEUED >> _SLOT_BITS | m[(hit & S.PLACES) + S.E_SEQ]
        hold(m, b, mode, m[bank + S.READ_AT + mode], order, hit)
    if active < 0 and miss >= 0:
        order = _QUEUED >> _SLOT_BITS | m[(miss & S.PLACES) + S.E_SEQ]
        if m[bank + S.ROW] < 0:
            hold(m, b, S.ACT, m[bank + S.ACT_AT], order, miss)
        elif m[S.KEEP_HITS] == 0 or hit < 0 or m[hit + S.E_SEQ] > m[miss + S.E_SEQ]:
            hold(m, b, S.PRE, m[bank + S.PRE_AT], order, miss)


@bare_kernel
def set_all_slots(m):
    """The same for all banks."""
    for b in range(m[S.BANKS]):
        set_slots(m, b)


@inlined_kernel
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
        set_all_slots(m)


@inlined_kernel
def seek(m, command, earliest):
    """Find the best slot of a command, not before a clock."""
    chosen, left = _NONE, m[S.HOLDS + command]
    while left:
        b = popcount(~left & (left - 1))
        left &= left - 1
        place = command * S.MAX_BANKS + b
        wait = max(max(m[S.SLOT_AT + place], shared(m, command, b)) - earliest, 0)
        # One number orders by clock, then by order, and tells the slot: no branch that is guessed wrong.
        chosen = min(chosen, (wait << _CLOCK_BIT) + m[S.SLOT_ORDER + place])
    if chosen < _NONE:
        m[S.BEST_AT + command] = earliest + (chosen >> _CLOCK_BIT)
        m[S.BEST_ORDER + command] = chosen & ((1 << _CLOCK_BIT) - 1)
    else:
        m[S.BEST_AT + command] = FAR


@inlined_kernel
def best(m, earliest, first, last):
    """Earliest of the commands `first` to `last`, not before a clock: (clock, slot); then the lowest order.

    The best slot of a command stays so until its clock passes, its slot changes or the shared times of the
    command do: only then are the slots gone through again.
    """
    chosen = _NONE
    for command in range(first, last + 1):
        if m[S.BEST_AT + command] < earliest:
            seek(m, command, earliest)
        wait = min(m[S.BEST_AT + command] - earliest, _HORIZON)
        chosen = min(chosen, (wait << _CLOCK_BIT) + m[S.BEST_ORDER + command])
    if chosen == _NONE:
        return FAR, -1
    return earliest + (chosen >> _CLOCK_BIT), chosen & _SLOT


@bare_kernel
def best_active(m):
    """The same among requests that a row was opened for: what a refresh waits for."""
    earliest = m[S.NOW] + 1
    clock, order, who = FAR, FAR, -1
    for b in range(m[S.BANKS]):
        bank = S.BANK + b * S.BANK_STRIDE
        active = m[bank + S.ACTIVE]
        if active >= 0:
            write = m[active + S.E_WRITE]
            slot = write * S.MAX_BANKS + b
            at = max(max(m[S.SLOT_AT + slot], shared(m, write, b)), earliest)
            if at < clock or (at == clock and m[active + S.E_SEQ] < order):
                clock, order, who = at, m[active + S.E_SEQ], slot
    return clock, who


@inlined_kernel
def take(m, requests, i, clock, base, requested):
    """Take requests from i on at `clock`: (the first not taken, when it can be tried again)."""
    while i < requests.size:
        taken, again = K.offered(m, requests[i], clock)
        if not taken:
            return i, again
        e = K.accept(m, requests[i], clock, base, requested)
        b, which = m[e + S.E_BANK] & _BANK, m[e + S.E_WRITE] & 1
        bank = S.BANK + b * S.BANK_STRIDE
        at = bank + S.LIST + which * S.LIST_STRIDE
        place = S.HIT if m[e + S.E_ROW] == m[bank + S.ROW] else S.MISS
        if m[at + place] < 0:
            m[at + place] = e
            if which == m[S.MODE]:
                set_slots(m, b)
        i += 1
    return i, FAR


@inlined_kernel
def issue(m, clock, slot, responded, base, log):
    """Issue a slot's command and advance its request."""
    e = m[S.SLOT_REQUEST + slot] & S.PLACES
    command, b = slot >> _BANK_BITS & (S.COMMANDS - 1), slot & _BANK
    bank = S.BANK + b * S.BANK_STRIDE
    if log.size:
        K.note(m, log, clock, command, b, m[e + S.E_ROW])
    which = m[e + S.E_WRITE] & 1
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
        if after >= 0 and m[(after & S.PLACES) + S.E_ROW] != m[bank + S.ROW]:
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
def beside(m, clock, slot, responded, base, log):
    """A command of the other bus in the same clock, if one is ready."""
    first = S.ACT if slot < S.ACT * S.MAX_BANKS else S.READ
    at, other = best(m, clock, first, first + 1)
    if at == clock:
        issue(m, clock, other, responded, base, log)


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
            clock, slot = best(m, m[S.NOW] + 1, S.READ, S.PRE)
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
            set_all_slots(m)
        else:
            issue(m, clock, slot, responded, base, log)
            if m[S.BUSES] > 1 and m[S.REFRESHING] == 0:
                beside(m, clock, slot, responded, base, log)
        if i < requests.size and again > clock >= start:
            i, again = take(m, requests, i, clock, base, requested)
