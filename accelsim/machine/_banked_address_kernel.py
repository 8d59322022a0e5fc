"""From runs of bytes to requests of channels: split in bursts, take the address apart, sort by channel."""

from accelsim.jit import bare_kernel, inlined_kernel

ROW, BANK, CHANNEL = 0, 1, 2  # what a field's bits go to
_BANK_BIT, _ROW_BIT = 1, 8  # of a request; bit 0 is set in a write


@bare_kernel
def bursts_of(starts, lengths, burst_bytes):
    """Bursts that runs touch; a burst that two runs share is moved with each."""
    n = 0
    for i in range(starts.size):
        if lengths[i] > 0:
            n += (starts[i] + lengths[i] - 1) // burst_bytes - starts[i] // burst_bytes + 1
    return n


@bare_kernel
def expand(starts, lengths, burst_bytes, cursor, addresses):
    """Fill `addresses` with the bursts that come next; how many there were.

    Parameters
    ----------
    starts, lengths : int64 [runs], bytes
    cursor : int64 [2], run and burst in it that come next; moved on
    addresses : int64 [most], filled from 0
    """
    n = 0
    while n < addresses.size and cursor[0] < starts.size:
        run = cursor[0]
        first = starts[run] // burst_bytes
        last = (starts[run] + lengths[run] - 1) // burst_bytes if lengths[run] > 0 else first - 1
        burst = first + cursor[1]
        while burst <= last and n < addresses.size:
            addresses[n] = burst * burst_bytes
            n += 1
            burst += 1
        if burst > last:
            cursor[0], cursor[1] = run + 1, 0
        else:
            cursor[1] = burst - first
    return n


@inlined_kernel
def pack(addresses, writes, fields, requests):
    """All bursts as requests of one channel: a field after the other, each pass vectorises."""
    for i in range(addresses.size):
        requests[i] = writes[i]
    for f in range(fields.shape[0]):
        if fields[f, 3] != CHANNEL:
            right, mask = fields[f, 0] & 63, fields[f, 1]
            left = (fields[f, 2] + (_ROW_BIT if fields[f, 3] == ROW else _BANK_BIT)) & 63
            for i in range(addresses.size):
                requests[i] |= ((addresses[i] >> right) & mask) << left


@bare_kernel
def route(addresses, writes, fields, ends, channels, requests, places):
    """Requests of each channel, in order: channel c has requests[ends[c] : ends[c + 1]].

    Parameters
    ----------
    addresses : int64 [bursts], bytes
    writes : int64 [bursts]
    fields : int64 [fields, 4], first bit, mask, first bit of its target, target: ROW, BANK or CHANNEL
    ends : int64 [channels + 1], filled
    channels, requests, places : int64 [bursts], filled: channel of a burst; row << 8 | bank << 1 | write,
        sorted by channel; index of the burst that a request is
    """
    ends[:] = 0
    if ends.size == 2:  # one channel: they are in order
        ends[1] = addresses.size
        pack(addresses, writes, fields, requests)
        for i in range(addresses.size):
            places[i] = i
        return
    for i in range(addresses.size):
        channel = 0
        for f in range(fields.shape[0]):
            if fields[f, 3] == CHANNEL:
                channel |= ((addresses[i] >> fields[f, 0]) & fields[f, 1]) << fields[f, 2]
        channels[i] = channel
        if channel + 2 < ends.size:
            ends[channel + 2] += 1
    for c in range(2, ends.size):
        ends[c] += ends[c - 1]
    for i in range(addresses.size):
        row, bank = 0, 0
        for f in range(fields.shape[0]):
            part = ((addresses[i] >> fields[f, 0]) & fields[f, 1]) << fields[f, 2]
            if fields[f, 3] == ROW:
                row |= part
            elif fields[f, 3] == BANK:
                bank |= part
        at = ends[channels[i] + 1]
        ends[channels[i] + 1] = at + 1
        requests[at] = row << _ROW_BIT | bank << _BANK_BIT | writes[i]
        places[at] = i
