"""The recurrence with everything that docs/machine.md allows: parts, chunks, descriptors, ports and regions.

`_replay_kernel.replay` is the same machine without them, and what the mapper prices plans with.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.machine._dma_columns import (
    ARBITRATION,
    BYTES,
    CHUNK,
    CHUNKS,
    COMPUTE_END,
    COMPUTE_STALL,
    COMPUTE_START,
    DRAIN,
    DRAIN_END,
    DRAIN_ISSUE,
    DRAIN_SETUP,
    DRAIN_STALL,
    DRAIN_START,
    FETCH,
    FETCH_END,
    FETCH_SETUP,
    FETCH_STALL,
    FETCH_START,
    FETCHES_FIRST,
    IN_ORDER,
    LATENCY,
    NEVER,
    NEXT,
    OUTSTANDING,
    PART_COLUMNS,
    PARTS,
    RATE_BYTES,
    RATE_CYCLES,
    RESERVED,
    SECOND_ASKED,
    SECOND_RESERVED,
    SECOND_SETUP,
    TILES,
    TIMES,
)
from accelsim.machine._ports_kernel import computing_at, port_cycles, unblocked


@kernel
def next_fetch(dma, needed, free, done, freed, times, releases):
    """When the next part's bytes are free, from the releases already known, earliest first.

    Parameters
    ----------
    needed, free : int64 [regions]; `free` becomes what is free then
    done : (fetches, drains) moved, whole tiles
    freed : int64 [3], tiles whose operands, drained outputs, outputs drained without bytes are in `free`:
        a drain without bytes ends at once, before one that was issued earlier and is under way
    releases : (bytes drained, int64 [tiles]; freed after compute, after the drain, int64 [tiles, regions])

    Returns
    -------
    instant, or NEVER
    """
    fetched, drained = done
    drains, release_compute, release_drain = releases
    issue = dma
    while (free < needed).any():
        while freed[1] < drained and drains[freed[1]] == 0:
            freed[1] += 1
        while freed[2] < drained and drains[freed[2]] > 0:
            freed[2] += 1
        compute_at = times[freed[0], COMPUTE_END] if freed[0] < fetched else NEVER
        drain_at = times[freed[1], DRAIN_END] if freed[1] < drained else NEVER
        empty_at = times[freed[2], DRAIN_END] if freed[2] < drained else NEVER
        at = min(compute_at, drain_at, empty_at)
        if at == NEVER:
            return NEVER
        issue = max(issue, at)
        if at == compute_at:
            free += release_compute[freed[0]]
            freed[0] += 1
        elif at == drain_at:
            free += release_drain[freed[1]]
            freed[1] += 1
        else:
            free += release_drain[freed[2]]
            freed[2] += 1
    return issue


@kernel
def limited(kind, earliest, streams, completions, machine):
    """When a stream's next chunk is issued: not before few enough of its chunks are under way."""
    outstanding = machine[OUTSTANDING]
    if outstanding > 0 and streams[kind, CHUNKS] >= outstanding:
        return max(earliest, completions[kind, streams[kind, CHUNKS] % outstanding])
    return earliest


@kernel
def next_chunk(kind, streams, moved, machine):
    """(tile, its transfer, (bytes before, bytes, bytes of the transfer)) of a stream's next chunk."""
    t, before = streams[kind, TILES], streams[kind, BYTES]
    transfer = streams[FETCH, PARTS] if kind == FETCH else np.int64(moved.shape[1] - 1)
    size = moved[t, transfer]
    piece = size - before
    if machine[CHUNK] > 0:
        piece = min(piece, machine[CHUNK])
    return t, transfer, (before, piece, size)


@kernel
def start_of(kind, issue, shared):
    """When a stream's next chunk can be served, if nothing else goes first."""
    moved, ports, streams, _, channel, times, since, machine = shared
    if issue == NEVER:
        return issue
    t, transfer, share = next_chunk(kind, streams, moved, machine)
    if share[2] == 0:
        return issue
    begin = max(channel[0], issue)
    return unblocked(begin, t, transfer, share, ports, streams[FETCH, TILES], times, since)


@kernel
def serve(kind, issue, start, shared):
    """Move a stream's next chunk; whether it is the last of its transfer."""
    moved, ports, streams, completions, channel, times, since, machine = shared
    t, transfer, share = next_chunk(kind, streams, moved, machine)
    total = share[1] * machine[RATE_CYCLES] + channel[1]
    occupancy = -((-total) // machine[RATE_BYTES])
    channel[1] = total - occupancy * machine[RATE_BYTES]
    waited = start - max(channel[0], issue)
    tile = computing_at(start, streams[FETCH, TILES], times, since)
    end = start + max(occupancy, port_cycles(t, transfer, share, tile, ports))
    channel[0] = end
    first, last, stall = FETCH_START, FETCH_END, FETCH_STALL
    if kind == DRAIN:
        first, last, stall = DRAIN_START, DRAIN_END, DRAIN_STALL
    if times[t, first] < 0:
        times[t, first] = start
    times[t, last] = end + machine[LATENCY]
    times[t, stall] += waited + end - start - occupancy
    if machine[OUTSTANDING] > 0:
        completions[kind, streams[kind, CHUNKS] % machine[OUTSTANDING]] = end + machine[LATENCY]
    streams[kind, CHUNKS] += 1
    streams[kind, BYTES] += share[1]
    streams[kind, NEXT] = end
    return streams[kind, BYTES] == share[2]


@kernel
def goes_first(empty, fetch_issue, fetch_start, drain_issue, drain_start, arbitration):
    """Whether the fetch's chunk, or its part without bytes, goes before the drain's chunk."""
    if empty:  # it needs no channel; and its tile may compute, and take ports, in the drain's cycle
        return fetch_issue <= drain_start
    now = min(fetch_start, drain_start)
    if fetch_start > now or drain_start > now:
        return fetch_start == now
    if arbitration == IN_ORDER:
        return fetch_issue < drain_issue
    return arbitration == FETCHES_FIRST


@kernel
def part_moved(moved, streams, times, compute_cycles):
    """Go on behind a part of a fetch; behind the last one the times of the tile's compute are known."""
    t = streams[FETCH, TILES]
    streams[FETCH, BYTES] = 0
    streams[FETCH, PARTS] += 1
    if streams[FETCH, PARTS] < moved.shape[1] - 1:
        return
    times[t, FETCH_END] = max(times[t, FETCH_END], streams[FETCH, NEXT])
    if times[t, FETCH_START] < 0:
        times[t, FETCH_START] = streams[FETCH, NEXT]
    before = times[t - 1, COMPUTE_END] if t > 0 else np.int64(0)
    times[t, COMPUTE_START] = max(times[t, FETCH_END], before)
    times[t, COMPUTE_END] = times[t, COMPUTE_START] + compute_cycles[t]
    streams[FETCH, PARTS] = 0
    streams[FETCH, TILES] += 1


@kernel
def fetch_candidate(streams, completions, tiles_moved, reserve, releases, times, free, freed, machine):
    """(reservation, issue) of the fetch's next chunk, or NEVER; `free`, `freed` become what they are then."""
    moved, setup = tiles_moved
    t, part = streams[FETCH, TILES], streams[FETCH, PARTS]
    if streams[FETCH, BYTES] > 0:
        return NEVER, limited(FETCH, streams[FETCH, NEXT], streams, completions, machine)
    if t == reserve.shape[0]:
        return NEVER, NEVER
    done = (t, streams[DRAIN, TILES])
    reserved = next_fetch(streams[FETCH, NEXT], reserve[t, part], free, done, freed, times, releases)
    if reserved == NEVER or moved[t, part] == 0:
        return reserved, reserved
    return reserved, limited(FETCH, reserved + setup[t, part], streams, completions, machine)


@kernel
def part_reserved(reserved, parts, streams, times):
    """Note when a part was asked for and reserved; one without bytes is over then.

    With one part, the others are where it is.
    """
    t, part = streams[FETCH, TILES], streams[FETCH, PARTS]
    if part == 0:
        times[t, RESERVED] = reserved
    else:
        column = PART_COLUMNS * (part - 1)
        times[t, SECOND_ASKED + column] = streams[FETCH, NEXT]
        times[t, SECOND_RESERVED + column] = reserved
    if parts == 1:
        for column in (0, PART_COLUMNS):
            times[t, SECOND_ASKED + column] = times[t, SECOND_RESERVED + column] = reserved
    streams[FETCH, NEXT] = reserved


@kernel
def empty_drain(t, ready, times, streams):
    """A drain of no bytes needs no channel."""
    times[t, DRAIN_ISSUE] = times[t, DRAIN_START] = times[t, DRAIN_END] = ready
    streams[DRAIN, NEXT] = ready
    streams[DRAIN, TILES] += 1


@kernel
def blank(setup, stall_cycles):
    """Times before anything has happened: durations that are known, -1 for a first chunk's start."""
    times = np.zeros((setup.shape[0], TIMES), np.int64)
    times[:, FETCH_START] = times[:, DRAIN_START] = -1
    times[:, FETCH_SETUP], times[:, DRAIN_SETUP] = setup[:, 0], setup[:, -1]
    for part in range(1, setup.shape[1] - 1):
        times[:, SECOND_SETUP + PART_COLUMNS * (part - 1)] = setup[:, part]
    times[:, COMPUTE_STALL] = stall_cycles
    return times


@kernel
def replay(tiles_moved, ports, regions, compute_cycles, stall_cycles, machine):
    """Times of every tile.

    Parameters
    ----------
    tiles_moved : (moved, setup), int64 [tiles, parts + 1]: bytes of each part of the fetch, and of the drain;
        cycles of their descriptors
    ports : (slots, group, words, spans, pace), as `machine.ports`; no lanes: no limit
    regions : (reserve, release_compute, release_drain, capacity), bytes: int64 [tiles, parts, regions],
        [tiles, regions] twice, [regions]
    compute_cycles, stall_cycles : int64 [tiles], the latter of the former
    machine : int64 [6]

    Returns
    -------
    (times, stuck) : int64 [tiles, 19] in the order of TIMELINE; the tile that can never start, or -1
    """
    moved, setup = tiles_moved
    reserve, release_compute, release_drain, capacity = regions
    tiles, parts = moved.shape[0], reserve.shape[1]
    releases = (moved[:, parts].copy(), release_compute, release_drain)
    times, streams = blank(setup, stall_cycles), np.zeros((2, 5), np.int64)
    completions = np.zeros((2, max(machine[OUTSTANDING], 1)), np.int64)
    channel, freed, since = np.zeros(2, np.int64), np.zeros(3, np.int64), np.zeros(1, np.int64)
    free, begun = capacity.copy(), np.int64(0)
    shared = (moved, ports, streams, completions, channel, times, since, machine)
    while streams[DRAIN, TILES] < tiles:
        t, part, d = streams[FETCH, TILES], streams[FETCH, PARTS], streams[DRAIN, TILES]
        drain_issue = NEVER
        if d < t:
            ready = max(times[d, COMPUTE_END], streams[DRAIN, NEXT])
            if moved[d, parts] == 0:
                empty_drain(d, ready, times, streams)
                continue
            begun = ready + setup[d, parts]
            first = streams[DRAIN, NEXT] if streams[DRAIN, BYTES] > 0 else begun
            drain_issue = limited(DRAIN, first, streams, completions, machine)
        # Kept only if the fetch goes next: a drain served before it may free bytes earlier.
        would_free, would_freed = free.copy(), freed.copy()
        reserved, fetch_issue = fetch_candidate(
            streams, completions, tiles_moved, reserve, releases, times, would_free, would_freed, machine
        )
        if fetch_issue == NEVER and drain_issue == NEVER:
            return times, t
        fetch_start, drain_start = start_of(FETCH, fetch_issue, shared), start_of(DRAIN, drain_issue, shared)
        empty = fetch_issue != NEVER and moved[t, part] == 0
        if not goes_first(empty, fetch_issue, fetch_start, drain_issue, drain_start, machine[ARBITRATION]):
            if streams[DRAIN, BYTES] == 0:
                times[d, DRAIN_ISSUE] = begun
            if serve(DRAIN, drain_issue, drain_start, shared):
                streams[DRAIN, BYTES] = 0
                streams[DRAIN, TILES] += 1
            continue
        if streams[FETCH, BYTES] == 0:
            free, freed = would_free - reserve[t, part], would_freed
            part_reserved(reserved, parts, streams, times)
        if empty or serve(FETCH, fetch_issue, fetch_start, shared):
            part_moved(moved, streams, times, compute_cycles)
    return times, -1
