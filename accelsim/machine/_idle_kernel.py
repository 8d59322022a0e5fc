"""Cycles in which no tile computes; what of a timeline cannot be true. `times`: columns of TIMELINE."""

import numpy as np

from accelsim.jit import kernel
from accelsim.machine._dma_columns import (
    COMPUTE_END,
    COMPUTE_STALL,
    COMPUTE_START,
    DRAIN_END,
    DRAIN_ISSUE,
    DRAIN_SETUP,
    DRAIN_STALL,
    DRAIN_START,
    FETCH_END,
    FETCH_SETUP,
    FETCH_STALL,
    FETCH_START,
    PART_COLUMNS,
    RESERVED,
    SECOND_ASKED,
    SECOND_RESERVED,
    SECOND_SETUP,
    TIMES,
)

SCRATCHPAD_WAIT, DESCRIPTOR_WAIT, DRAIN_WAIT, FETCH_WAIT = range(4)
# What cannot be true, in the order in which it is looked for.
NOTHING, ABSENT, EARLY, TOGETHER, EARLY_DRAIN, OTHER_COMPUTE, OTHER_STALL, OVERLAP, LEFT, FULL = range(10)


@kernel
def last_cycle(times):
    """When the last compute and the last drain have ended."""
    last = np.int64(0)
    for t in range(times.shape[0]):
        last = max(last, times[t, COMPUTE_END], times[t, DRAIN_END])
    return last


@kernel
def after(instant, begin, end):
    """What of [begin, end) is not before an instant."""
    return max(end - max(begin, instant), 0)


@kernel
def waits(times):
    """Cycles before, in and (of the last) after each tile's compute: int64 [tiles, 4], columns `*_WAIT`."""
    found = np.zeros((times.shape[0], 4), np.int64)
    computed = np.int64(0)
    for t in range(times.shape[0]):
        # In a gap the DMA's previous fetch is over: its tile has computed. So all of it before the
        # reservation waits for bytes that undrained outputs hold.
        reserved = times[t, RESERVED]
        drained = max(reserved - computed, 0)
        described = after(computed, reserved, reserved + times[t, FETCH_SETUP])
        for column in (0, PART_COLUMNS):
            reserved = times[t, SECOND_RESERVED + column]
            drained += after(computed, times[t, SECOND_ASKED + column], reserved)
            described += after(computed, reserved, reserved + times[t, SECOND_SETUP + column])
        rest = times[t, COMPUTE_START] - computed - drained - described
        at_ports = min(rest, times[t, FETCH_STALL])
        found[t, SCRATCHPAD_WAIT] = times[t, COMPUTE_STALL] + at_ports
        found[t, DESCRIPTOR_WAIT], found[t, DRAIN_WAIT] = described, drained
        found[t, FETCH_WAIT] = rest - at_ports
        computed = times[t, COMPUTE_END]
    add_tail(times, found)
    return found


@kernel
def add_tail(times, found):
    """Cycles after the last compute: the last tile's."""
    last = times[-1, COMPUTE_END]
    described, stalled = np.int64(0), np.int64(0)
    for t in range(times.shape[0]):
        issued = times[t, DRAIN_ISSUE]
        described += max(issued, last) - max(issued - times[t, DRAIN_SETUP], last)
        if times[t, DRAIN_START] >= last:
            stalled += times[t, DRAIN_STALL]
    rest = last_cycle(times) - last - described
    at_ports = min(rest, stalled)
    found[-1, DESCRIPTOR_WAIT] += described
    found[-1, SCRATCHPAD_WAIT] += at_ports
    found[-1, DRAIN_WAIT] += rest - at_ports


@kernel
def fault(times, needed, stall, moved, spaces, latency):
    """The first thing that cannot be true.

    Parameters
    ----------
    needed, stall : int64 [tiles], cycles that each tile computes, and of these what too few banks add
    moved : int64 [tiles, 2], bytes of fetches and drains that may not overlap; no rows: they may
    spaces : (reserve, release_compute, release_drain, capacity), as of `_dma_replay_kernel.replay`

    Returns
    -------
    (what, where, found, limit) : NOTHING, or what it is; a tile, a place in order of time, or a column; what
        is there, and what there should be
    """
    tiles = times.shape[0]
    for column in range(TIMES):
        for t in range(tiles):
            if times[t, column] < 0:
                return ABSENT, column, np.int64(t), np.int64(0)
    for t in range(tiles):
        if times[t, FETCH_END] > times[t, COMPUTE_START]:
            return EARLY, t, times[t, FETCH_END], times[t, COMPUTE_START]
    for t in range(tiles - 1):
        if times[t, COMPUTE_END] > times[t + 1, COMPUTE_START]:
            return TOGETHER, t, times[t, COMPUTE_END], times[t + 1, COMPUTE_START]
    for t in range(tiles):
        if times[t, COMPUTE_END] > times[t, DRAIN_START]:
            return EARLY_DRAIN, t, times[t, COMPUTE_END], times[t, DRAIN_START]
    for t in range(tiles):
        computed = times[t, COMPUTE_END] - times[t, COMPUTE_START]
        if computed != needed[t]:
            return OTHER_COMPUTE, t, computed, needed[t]
    for t in range(tiles):
        if times[t, COMPUTE_STALL] != stall[t]:
            return OTHER_STALL, t, times[t, COMPUTE_STALL], stall[t]
    at, end, start = overlap(times, moved, latency)
    if at >= 0:
        return OVERLAP, at, end, start
    return unbalanced(times, spaces)


@kernel
def overlap(times, moved, latency):
    """(place in order of time, end, the next one's start) of transfers that overlap; place -1: none."""
    starts, ends = np.empty(moved.size, np.int64), np.empty(moved.size, np.int64)
    count = 0
    for t in range(moved.shape[0]):
        if moved[t, 0] > 0:
            starts[count], ends[count] = times[t, FETCH_START], times[t, FETCH_END] - latency
            count += 1
        if moved[t, 1] > 0:
            starts[count], ends[count] = times[t, DRAIN_START], times[t, DRAIN_END] - latency
            count += 1
    # By start, then end: one that the channel's last cycle had room for takes none.
    by_end = np.argsort(ends[:count], kind="mergesort")
    order = by_end[np.argsort(starts[by_end], kind="mergesort")]
    for i in range(count - 1):
        end, start = ends[order[i]], starts[order[i + 1]]
        if end > start:
            return i, end, start
    return -1, np.int64(0), np.int64(0)


@kernel
def unbalanced(times, spaces):
    """As `fault`, of the scratchpad's bytes: LEFT at the end, or FULL in a cycle."""
    reserve, release_compute, release_drain, capacity = spaces
    tiles, parts = times.shape[0], reserve.shape[1]
    cycles = np.empty((parts + 2) * tiles, np.int64)
    # Of one cycle, releases count first: they stand before reservations, and the sort is stable.
    for t in range(tiles):
        cycles[t], cycles[tiles + t] = times[t, COMPUTE_END], times[t, DRAIN_END]
        cycles[2 * tiles + t] = times[t, RESERVED]
        for part in range(1, parts):
            cycles[(part + 2) * tiles + t] = times[t, SECOND_RESERVED + PART_COLUMNS * (part - 1)]
    order = np.argsort(cycles, kind="mergesort")
    for region in range(capacity.size):
        held, most, at = np.int64(0), np.int64(0), np.int64(0)
        for event in order:
            kind, t = event // tiles, event % tiles
            if kind == 0:
                held -= release_compute[t, region]
            elif kind == 1:
                held -= release_drain[t, region]
            else:
                held += reserve[t, kind - 2, region]
            if held > most:
                most, at = held, cycles[event]
        if held != 0:
            return LEFT, np.int64(region), held, np.int64(0)
        if most > capacity[region]:
            return FULL, at, most, capacity[region]
    return NOTHING, np.int64(0), np.int64(0), np.int64(0)
