"""The machine as a recurrence over DRAM requests in order of issue (docs/machine.md)."""

import numpy as np

from accelsim.jit import kernel

NEVER = np.int64(1) << np.int64(62)
# In place of a tile that can never start: every tile is timed; or the layer is known to take too long.
DONE, TOO_LONG = -1, -2


@kernel
def transfer(channel, issue, transfer_bytes, rate):
    """Occupy the channel; 0 bytes make no request.

    Parameters
    ----------
    channel : int64 [2], end of the last occupancy, and what rounding it up gave too much
    rate : (bytes, the cycles they take, latency in cycles)

    Returns
    -------
    (start, end of the occupancy, completion)
    """
    if transfer_bytes == 0:
        return issue, issue, issue
    rate_bytes, rate_cycles, latency = rate
    start = max(channel[0], issue)
    total = transfer_bytes * rate_cycles + channel[1]
    occupancy = -((-total) // rate_bytes)
    channel[1] = total - occupancy * rate_bytes
    channel[0] = start + occupancy
    return start, channel[0], channel[0] + latency


@kernel
def next_fetch(dma, needed, free, done, freed, times, releases):
    """When the next tile's bytes are free, from the releases already known, earliest first.

    Parameters
    ----------
    done : (fetches, drains) issued
    releases : (bytes drained, bytes freed after compute, bytes freed after the drain), int64 [tiles] each
    freed : int64 [3], tiles whose operands, drained outputs, outputs drained without bytes are in `free`:
        a drain without bytes ends at once, before one that was issued earlier and is under way

    Returns
    -------
    (issue or NEVER, free bytes then, the three of `freed` then)
    """
    fetched, drained = done
    drain_bytes, release_compute, release_drain = releases
    issue, computes, drains, empties = dma, freed[0], freed[1], freed[2]
    while free < needed:
        while drains < drained and drain_bytes[drains] == 0:
            drains += 1
        while empties < drained and drain_bytes[empties] > 0:
            empties += 1
        compute_at = times[computes, 4] if computes < fetched else NEVER
        drain_at = times[drains, 6] if drains < drained else NEVER
        empty_at = times[empties, 6] if empties < drained else NEVER
        at = min(compute_at, drain_at, empty_at)
        if at == NEVER:
            return NEVER, free, computes, drains, empties
        issue = max(issue, at)
        if at == compute_at:
            free += release_compute[computes]
            computes += 1
        elif at == drain_at:
            free += release_drain[drains]
            drains += 1
        else:
            free += release_drain[empties]
            empties += 1
    return issue, free, computes, drains, empties


@kernel
def least_end(computed, rest_compute, tail, channel, rest_bytes, rate):
    """A layer's end, at least, when part of it is timed.

    Parameters
    ----------
    computed : end of the last timed tile's compute; `rest_compute` are the cycles of the tiles behind it
    tail : cycles of the last tile's drain, at least
    channel : as of `transfer`; `rest_bytes` are what it still has to move
    """
    rate_bytes, rate_cycles, latency = rate
    moved = channel[0]
    if rest_bytes > 0:
        moved += (rest_bytes * rate_cycles + channel[1]) // rate_bytes + latency
    return max(computed + rest_compute + tail, moved)


@kernel
def drain_tail(drain_bytes, rate):
    """Cycles of a drain from the compute's end on, at least: the channel's carry may spare the fraction."""
    rate_bytes, rate_cycles, latency = rate
    return drain_bytes * rate_cycles // rate_bytes + latency if drain_bytes > 0 else np.int64(0)


@kernel
def replay(
    fetch_bytes, drain_bytes, reserve, release_compute, release_drain, compute_cycles,
    capacity, rate_bytes, rate_cycles, latency, most_cycles=NEVER,
):  # fmt: skip
    """Times of every tile.

    Parameters
    ----------
    fetch_bytes ... compute_cycles : int64 [tiles]
    rate_bytes, rate_cycles : int, the channel moves rate_bytes in rate_cycles core cycles
    latency : int, core cycles
    most_cycles : int, a layer that takes longer need not be timed to its end

    Returns
    -------
    (times, stuck) : int64 [tiles, 7] as TIMELINE; the tile that can never start, DONE, TOO_LONG
    """
    tiles, rate = fetch_bytes.size, (rate_bytes, rate_cycles, latency)
    releases = (drain_bytes, release_compute, release_drain)
    times = np.zeros((tiles, 7), np.int64)
    channel, freed = np.zeros(2, np.int64), np.zeros(3, np.int64)
    free = np.int64(capacity)
    dma = drainer = np.int64(0)  # when the DMA may consider the next fetch, the next drain
    drained = fetched = 0
    rest_compute, rest_bytes = compute_cycles.sum(), fetch_bytes.sum() + drain_bytes.sum()
    tail = drain_tail(drain_bytes[tiles - 1], rate)
    while drained < tiles:
        # Kept only if the fetch goes next: a drain served before it may free bytes earlier.
        issue, would_free, computes, drains, empties = NEVER, free, freed[0], freed[1], freed[2]
        if fetched < tiles:
            issue, would_free, computes, drains, empties = next_fetch(
                dma, reserve[fetched], free, (fetched, drained), freed, times, releases
            )
        drain_issue = NEVER
        if drained < fetched:
            drain_issue = max(times[drained, 4], drainer)
        if issue == NEVER and drain_issue == NEVER:
            return times, fetched
        if drain_issue <= issue:
            times[drained, 5], drainer, times[drained, 6] = transfer(
                channel, drain_issue, drain_bytes[drained], rate
            )
            rest_bytes -= drain_bytes[drained]
            drained += 1
        else:
            free = would_free - reserve[fetched]
            freed[0], freed[1], freed[2] = computes, drains, empties
            times[fetched, 0] = issue
            times[fetched, 1], dma, times[fetched, 2] = transfer(channel, issue, fetch_bytes[fetched], rate)
            before = times[fetched - 1, 4] if fetched > 0 else np.int64(0)
            times[fetched, 3] = max(times[fetched, 2], before)
            times[fetched, 4] = times[fetched, 3] + compute_cycles[fetched]
            rest_compute -= compute_cycles[fetched]
            rest_bytes -= fetch_bytes[fetched]
            if least_end(times[fetched, 4], rest_compute, tail, channel, rest_bytes, rate) > most_cycles:
                return times, TOO_LONG
            fetched += 1
    return times, DONE
