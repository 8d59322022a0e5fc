"""The machine as a recurrence over DRAM requests in order of issue (docs/machine.md)."""

import numpy as np

from accelsim.jit import kernel

NEVER = np.int64(1) << np.int64(62)


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
    free = capacity
    carried = np.int64(0)
    channel = np.int64(0)  # end of the last occupancy
    dma = np.int64(0)  # the DMA may consider the next tile
    drainer = np.int64(0)  # end of the last drain's occupancy
    freed_compute = 0  # tiles whose operands are counted in `free`
    freed_drain = 0
    drained = 0  # drains served
    fetched = 0
    while drained < tiles:
        # The next fetch's issue, from the releases already known; kept only if the fetch goes next,
        # since a drain served before it may free bytes earlier.
        issue = NEVER
        would_free, after_compute, after_drain = free, freed_compute, freed_drain
        if fetched < tiles:
            issue = dma
            while would_free < reserve[fetched]:
                compute_at = times[after_compute, 4] if after_compute < fetched else NEVER
                drain_at = times[after_drain, 6] if after_drain < drained else NEVER
                if compute_at == NEVER and drain_at == NEVER:
                    issue = NEVER
                    break
                if compute_at <= drain_at:
                    would_free += release_compute[after_compute]
                    after_compute += 1
                    issue = max(issue, compute_at)
                else:
                    would_free += release_drain[after_drain]
                    after_drain += 1
                    issue = max(issue, drain_at)
        drain_issue = NEVER
        if drained < fetched:
            drain_issue = max(times[drained, 4], drainer)
        if issue == NEVER and drain_issue == NEVER:
            return times, fetched
        if drain_issue <= issue:
            start = drain_issue
            occupied = drain_issue
            end = drain_issue
            if drain_bytes[drained] > 0:
                start = max(channel, drain_issue)
                total = drain_bytes[drained] * rate_cycles + carried
                occupancy = -((-total) // rate_bytes)
                carried = total - occupancy * rate_bytes
                channel = start + occupancy
                occupied = channel
                end = channel + latency
            times[drained, 5] = start
            times[drained, 6] = end
            drainer = occupied
            drained += 1
        else:
            times[fetched, 0] = issue
            start = issue
            end = issue
            free = would_free - reserve[fetched]
            freed_compute, freed_drain = after_compute, after_drain
            dma = issue
            if fetch_bytes[fetched] > 0:
                start = max(channel, issue)
                total = fetch_bytes[fetched] * rate_cycles + carried
                occupancy = -((-total) // rate_bytes)
                carried = total - occupancy * rate_bytes
                channel = start + occupancy
                dma = channel
                end = channel + latency
            times[fetched, 1] = start
            times[fetched, 2] = end
            before = times[fetched - 1, 4] if fetched > 0 else np.int64(0)
            times[fetched, 3] = max(end, before)
            times[fetched, 4] = times[fetched, 3] + compute_cycles[fetched]
            fetched += 1
    return times, -1
