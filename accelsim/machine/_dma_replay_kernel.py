"""The recurrence with everything that docs/machine.md allows: chunks, descriptors, ports and regions.

`_replay_kernel.replay` is the same machine without them, and what the mapper prices plans with.
"""

import numpy as np

from accelsim.jit import kernel

NEVER = np.int64(1) << np.int64(62)
# Columns of times: those of tables.TIMELINE.
(
    RESERVED,
    FETCH_START,
    FETCH_END,
    COMPUTE_START,
    COMPUTE_END,
    DRAIN_START,
    DRAIN_END,
    DRAIN_ISSUE,
    FETCH_SETUP,
    DRAIN_SETUP,
    COMPUTE_STALL,
    FETCH_STALL,
    DRAIN_STALL,
) = range(13)
# Columns of the int64 vector of the DMA and the channel.
RATE_BYTES, RATE_CYCLES, LATENCY, CHUNK, OUTSTANDING, ARBITRATION = range(6)
IN_ORDER, DRAINS_FIRST, FETCHES_FIRST = range(3)
# Rows of `streams`: of fetches and of drains ...
FETCH, DRAIN = range(2)
# ... and their columns: tiles moved, bytes of the next tile moved, when its next chunk may be issued (of the
# first: when the tile after the last one may be considered), chunks moved.
TILES, BYTES, NEXT, CHUNKS = range(4)


@kernel
def next_fetch(dma, needed, free, done, freed, times, releases):
    """When the next tile's bytes are free, from the releases already known, earliest first.

    Parameters
    ----------
    needed, free : int64 [regions]; `free` becomes what is free then
    done : (fetches, drains) moved
    freed : int64 [3], tiles whose operands, drained outputs, outputs drained without bytes are in `free`:
        a drain without bytes ends at once, before one that was issued earlier and is under way
    releases : (bytes moved, int64 [tiles, 2]; freed after compute, after the drain, int64 [tiles, regions])

    Returns
    -------
    instant, or NEVER
    """
    fetched, drained = done
    moved, release_compute, release_drain = releases
    issue = dma
    while (free < needed).any():
        while freed[1] < drained and moved[freed[1], DRAIN] == 0:
            freed[1] += 1
        while freed[2] < drained and moved[freed[2], DRAIN] > 0:
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
def computing_at(cycle, fetched, times, since):
    """The tile that computes in a cycle, or -1; `since` int64 [1] is one that does not end after it."""
    while since[0] < fetched and times[since[0], COMPUTE_END] <= cycle:
        since[0] += 1
    if since[0] < fetched and times[since[0], COMPUTE_START] <= cycle:
        return since[0]
    return np.int64(-1)


@kernel
def unblocked(cycle, words, fetched, times, pace, slots, since):
    """First cycle from `cycle` on in which the array leaves the transfer an access of each kind it needs."""
    place = since.copy()
    while True:
        tile = computing_at(cycle, fetched, times, place)
        blocked = False
        if tile >= 0:
            for k in range(slots.size):
                blocked = blocked or (words[k] > 0 and pace[tile, k] >= slots[k])
        if not blocked:
            return cycle
        cycle = times[tile, COMPUTE_END]


@kernel
def port_cycles(words, before, piece, size, tile, pace, slots):
    """Cycles that a chunk needs at the scratchpad's ports, beside the tile that computes (or none, -1)."""
    cycles = np.int64(0)
    for k in range(slots.size):
        accesses = (words[k] * (before + piece) + size - 1) // size - (words[k] * before + size - 1) // size
        spare = slots[k] - (pace[tile, k] if tile >= 0 else 0)
        if words[k] > spare:  # else the transfer's all fit in one cycle, which the channel may round away
            cycles = max(cycles, (accesses + spare - 1) // spare)
    return cycles


@kernel
def start_of(kind, issue, shared):
    """When a stream's next chunk can be served, if nothing else goes first."""
    moved, words, pace, slots, streams, _, channel, times, since, _ = shared
    t = streams[kind, TILES]
    if issue == NEVER or moved[t, kind] == 0:
        return issue
    begin = max(channel[0], issue)
    return unblocked(begin, words[t, kind], streams[FETCH, TILES], times, pace, slots, since)


@kernel
def serve(kind, issue, start, shared):
    """Move a stream's next chunk; whether it is the last of its tile."""
    moved, words, pace, slots, streams, completions, channel, times, since, machine = shared
    t, before = streams[kind, TILES], streams[kind, BYTES]
    piece = moved[t, kind] - before
    if machine[CHUNK] > 0:
        piece = min(piece, machine[CHUNK])
    total = piece * machine[RATE_CYCLES] + channel[1]
    occupancy = -((-total) // machine[RATE_BYTES])
    channel[1] = total - occupancy * machine[RATE_BYTES]
    waited = start - max(channel[0], issue)
    tile = computing_at(start, streams[FETCH, TILES], times, since)
    ports = port_cycles(words[t, kind], before, piece, moved[t, kind], tile, pace, slots)
    end = start + max(occupancy, ports)
    channel[0] = end
    if before == 0:
        times[t, FETCH_START if kind == FETCH else DRAIN_START] = start
    times[t, FETCH_END if kind == FETCH else DRAIN_END] = end + machine[LATENCY]
    times[t, FETCH_STALL if kind == FETCH else DRAIN_STALL] += waited + end - start - occupancy
    if machine[OUTSTANDING] > 0:
        completions[kind, streams[kind, CHUNKS] % machine[OUTSTANDING]] = end + machine[LATENCY]
    streams[kind, CHUNKS] += 1
    streams[kind, BYTES] += piece
    streams[kind, NEXT] = end
    last = streams[kind, BYTES] == moved[t, kind]
    if last:
        streams[kind, TILES] += 1
        streams[kind, BYTES] = 0
    return last


@kernel
def goes_first(fetch_issue, fetch_start, drain_issue, drain_start, arbitration):
    """Whether the fetch's chunk is served before the drain's."""
    now = min(fetch_start, drain_start)
    if fetch_start > now or drain_start > now:
        return fetch_start == now
    if arbitration == IN_ORDER:
        return fetch_issue < drain_issue
    return arbitration == FETCHES_FIRST


@kernel
def computed(t, times, compute_cycles):
    """Times of a tile's compute, once its operands are known to come."""
    before = times[t - 1, COMPUTE_END] if t > 0 else np.int64(0)
    times[t, COMPUTE_START] = max(times[t, FETCH_END], before)
    times[t, COMPUTE_END] = times[t, COMPUTE_START] + compute_cycles[t]


@kernel
def fetch_candidate(streams, completions, setup, reserve, releases, times, free, freed, machine):
    """(reservation, issue) of the fetch's next chunk, or NEVER; `free`, `freed` become what they are then."""
    fetched = streams[FETCH, TILES]
    if streams[FETCH, BYTES] > 0:
        return NEVER, limited(FETCH, streams[FETCH, NEXT], streams, completions, machine)
    if fetched == reserve.shape[0]:
        return NEVER, NEVER
    done = (fetched, streams[DRAIN, TILES])
    reserved = next_fetch(streams[FETCH, NEXT], reserve[fetched], free, done, freed, times, releases)
    if reserved == NEVER or releases[0][fetched, FETCH] == 0:
        return reserved, reserved
    first = reserved + setup[fetched, FETCH]
    return reserved, limited(FETCH, first, streams, completions, machine)


@kernel
def empty_fetch(t, reserved, times, streams):
    """A fetch of no bytes needs no channel."""
    times[t, FETCH_START] = times[t, FETCH_END] = reserved
    streams[FETCH, NEXT] = reserved
    streams[FETCH, TILES] += 1


@kernel
def empty_drain(t, ready, times, streams):
    """Nor does a drain of none."""
    times[t, DRAIN_ISSUE] = times[t, DRAIN_START] = times[t, DRAIN_END] = ready
    streams[DRAIN, NEXT] = ready
    streams[DRAIN, TILES] += 1


@kernel
def replay(tiles_moved, ports, regions, compute_cycles, stall_cycles, machine):
    """Times of every tile.

    Parameters
    ----------
    tiles_moved : (moved, setup), int64 [tiles, 2]: bytes of fetch and drain; cycles of their descriptors
    ports : (words, pace, slots)
        words : int64 [tiles, 2, ports], scratchpad accesses of the fetch and the drain at each kind of port
        pace : int64 [tiles, ports], accesses that the array makes in a cycle of the tile's compute
        slots : int64 [ports], accesses possible in a cycle; no ports: no limit
    regions : (reserve, release_compute, release_drain, capacity), bytes: int64 [tiles, regions], [regions]
    compute_cycles, stall_cycles : int64 [tiles], the latter of the former
    machine : int64 [6]

    Returns
    -------
    (times, stuck) : int64 [tiles, 13] in the order of TIMELINE; the tile that can never start, or -1
    """
    (moved, setup), (words, pace, slots) = tiles_moved, ports
    reserve, release_compute, release_drain, capacity = regions
    tiles, releases = moved.shape[0], (moved, release_compute, release_drain)
    times, streams = np.zeros((tiles, 13), np.int64), np.zeros((2, 4), np.int64)
    completions = np.zeros((2, max(machine[OUTSTANDING], 1)), np.int64)
    channel, freed, since = np.zeros(2, np.int64), np.zeros(3, np.int64), np.zeros(1, np.int64)
    free, begun = capacity.copy(), np.int64(0)
    times[:, FETCH_SETUP], times[:, DRAIN_SETUP] = setup[:, FETCH], setup[:, DRAIN]
    times[:, COMPUTE_STALL] = stall_cycles
    shared = (moved, words, pace, slots, streams, completions, channel, times, since, machine)
    while streams[DRAIN, TILES] < tiles:
        t, d = streams[FETCH, TILES], streams[DRAIN, TILES]
        drain_issue = NEVER
        if d < t:
            ready = max(times[d, COMPUTE_END], streams[DRAIN, NEXT])
            if moved[d, DRAIN] == 0:
                empty_drain(d, ready, times, streams)
                continue
            begun = ready + setup[d, DRAIN]
            first = streams[DRAIN, NEXT] if streams[DRAIN, BYTES] > 0 else begun
            drain_issue = limited(DRAIN, first, streams, completions, machine)
        # Kept only if the fetch goes next: a drain served before it may free bytes earlier.
        would_free, would_freed = free.copy(), freed.copy()
        reserved, fetch_issue = fetch_candidate(
            streams, completions, setup, reserve, releases, times, would_free, would_freed, machine
        )
        if fetch_issue == NEVER and drain_issue == NEVER:
            return times, t
        fetch_start, drain_start = start_of(FETCH, fetch_issue, shared), start_of(DRAIN, drain_issue, shared)
        if not goes_first(fetch_issue, fetch_start, drain_issue, drain_start, machine[ARBITRATION]):
            if streams[DRAIN, BYTES] == 0:
                times[d, DRAIN_ISSUE] = begun
            serve(DRAIN, drain_issue, drain_start, shared)
            continue
        if streams[FETCH, BYTES] == 0:
            free, freed = would_free - reserve[t], would_freed
            times[t, RESERVED] = reserved
            if moved[t, FETCH] == 0:
                empty_fetch(t, reserved, times, streams)
        if moved[t, FETCH] == 0 or serve(FETCH, fetch_issue, fetch_start, shared):
            computed(t, times, compute_cycles)
    return times, -1
