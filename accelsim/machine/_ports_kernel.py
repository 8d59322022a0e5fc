"""The scratchpad's ports beside the tile that computes: who waits, and for how long (docs/machine.md)."""

import numpy as np

from accelsim.jit import kernel
from accelsim.machine._dma_columns import COMPUTE_END, COMPUTE_START


@kernel
def computing_at(cycle, fetched, times, since):
    """The tile that computes in a cycle, or -1; `since` int64 [1] is one that does not end after it."""
    while since[0] < fetched and times[since[0], COMPUTE_END] <= cycle:
        since[0] += 1
    if since[0] < fetched and times[since[0], COMPUTE_START] <= cycle:
        return since[0]
    return np.int64(-1)


@kernel
def touches(lane, t, transfer, share, ports):
    """Whether a chunk has accesses on a lane, or begins within one.

    Parameters
    ----------
    share : (bytes of the transfer before the chunk, bytes of the chunk, bytes of the transfer)
    ports : as `_dma_replay_kernel.replay`
    """
    _, group, words, spans, _ = ports
    before, piece, size = share
    accesses = words[t, transfer, group[lane]]
    first = accesses * before // size
    end = (accesses * (before + piece) + size - 1) // size
    row = spans[t, transfer, lane]
    return max(row[0], first) < min(row[1], end) or max(row[2], first) < min(row[3], end)


@kernel
def unblocked(cycle, t, transfer, share, ports, fetched, times, since):
    """First cycle from `cycle` on in which the array leaves a chunk an access on each lane it touches."""
    slots, pace = ports[0], ports[4]
    place = since.copy()
    while True:
        tile = computing_at(cycle, fetched, times, place)
        blocked = False
        if tile >= 0:
            for lane in range(slots.size):
                if not blocked and pace[tile, lane] >= slots[lane]:
                    blocked = touches(lane, t, transfer, share, ports)
        if not blocked:
            return cycle
        cycle = times[tile, COMPUTE_END]


@kernel
def port_cycles(t, transfer, share, tile, ports):
    """Cycles that a chunk needs at the scratchpad's ports, beside the tile that computes (or none, -1)."""
    slots, group, words, _, pace = ports
    before, piece, size = share
    cycles = np.int64(0)
    for lane in range(slots.size):
        of_all = words[t, transfer, group[lane]]
        spare = slots[lane] - (pace[tile, lane] if tile >= 0 else 0)
        # Else the transfer's all fit in one cycle, which the channel may round away.
        if of_all > spare and touches(lane, t, transfer, share, ports):
            accesses = (of_all * (before + piece) + size - 1) // size - (of_all * before + size - 1) // size
            cycles = max(cycles, (accesses + spare - 1) // spare)
    return cycles
