"""The machine as a recurrence over DRAM requests in order of issue (docs/machine.md)."""

import numpy as np

from accelsim.jit import kernel

NEVER = np.int64(1) << np.int64(62)


@kernel
def transfer(channel, issue, transfer_bytes, rate_bytes, rate_cycles, latency):
    """Occupy the channel; 0 bytes make no request.

    Parameters
    ----------
    channel : int64 [2], end of the last occupancy, and what rounding it up gave too much

    Returns
    -------
    (start, end of the occupancy, completion)
    """
    if transfer_bytes == 0:
        return issue, issue, issue
    start = max(channel[0], issue)
    total = transfer_bytes * rate_cycles + channel[1]
    occupancy = -((-total) // rate_bytes)
    channel[1] = total - occupancy * rate_bytes
    channel[0] = start + occupancy
    return start, channel[0], channel[0] + latency


@kernel
def next_fetch(dma, needed, free, fetched, drained, freed, times, release_compute, release_drain):
    """When the next tile's bytes are free, from the releases already known.

    Parameters
    ----------
    freed : int64 [2], tiles whose operands, and whose outputs, are counted in `free`

    Returns
    -------
    (issue or NEVER, free bytes then, tiles freed after compute, after drain)
    """
    issue, after_compute, after_drain = dma, freed[0], freed[1]
    while free < needed:
        compute_at = times[after_compute, 4] if after_compute < fetched else NEVER
        drain_at = times[after_drain, 6] if after_drain < drained else NEVER
        if compute_at == NEVER and drain_at == NEVER:
            return NEVER, free, after_compute, after_drain
        if compute_at <= drain_at:
            free += release_compute[after_compute]
            after_compute += 1
            issue = max(issue, compute_at)
        else:
            free += release_drain[after_drain]
            after_drain += 1
            issue = max(issue, drain_at)
    return issue, free, after_compute, after_drain


@kernel
def replay(
    fetch_bytes,
    drain_bytes,
    reserve,
    release_compute,
    release_drain,
    compute_cycles,
    capacity,
    rate_bytes,
    rate_cycles,
    latency,
):
    """Times of every tile.

    Parameters
    ----------
    fetch_bytes ... compute_cycles : int64 [tiles]
    rate_bytes, rate_cycles : int, the channel moves rate_bytes in rate_cycles core cycles
    latency : int, core cycles

    Returns
    -------
    (times, stuck) : int64 [tiles, 7] in the order of TIMELINE; the tile that can never start, or -1
    """
    tiles = fetch_bytes.size
    times = np.zeros((tiles, 7), np.int64)
    channel, freed = np.zeros(2, np.int64), np.zeros(2, np.int64)
    free = np.int64(capacity)
    dma = drainer = np.int64(0)  # when the DMA may consider the next fetch, the next drain
    drained = fetched = 0
    while drained < tiles:
        # Kept only if the fetch goes next: a drain served before it may free bytes earlier.
        issue, would_free, after_compute, after_drain = NEVER, free, freed[0], freed[1]
        if fetched < tiles:
            issue, would_free, after_compute, after_drain = next_fetch(
                dma, reserve[fetched], free, fetched, drained, freed, times, release_compute, release_drain
            )
        drain_issue = NEVER
        if drained < fetched:
            drain_issue = max(times[drained, 4], drainer)
        if issue == NEVER and drain_issue == NEVER:
            return times, fetched
        if drain_issue <= issue:
            times[drained, 5], drainer, times[drained, 6] = transfer(
                channel, drain_issue, drain_bytes[drained], rate_bytes, rate_cycles, latency
            )
            drained += 1
        else:
            free = would_free - reserve[fetched]
            freed[0], freed[1] = after_compute, after_drain
            times[fetched, 0] = issue
            times[fetched, 1], dma, times[fetched, 2] = transfer(
                channel, issue, fetch_bytes[fetched], rate_bytes, rate_cycles, latency
            )
            before = times[fetched - 1, 4] if fetched > 0 else np.int64(0)
            times[fetched, 3] = max(times[fetched, 2], before)
            times[fetched, 4] = times[fetched, 3] + compute_cycles[fetched]
            fetched += 1
    return times, -1
