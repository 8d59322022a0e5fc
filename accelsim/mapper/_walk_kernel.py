"""One plan, tile by tile, from tables of its operands' tiles: requests, space, cycles.

::

    for each tile in the order of the plan
      operands it opens and closes             # as docs/traffic.md, "Reuse": a step
    for each step
      fetch, reserve, compute, drain, release  # requests
    replay                                     # machine._replay_kernel: cycles
"""

import numpy as np

from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.jit import kernel
from accelsim.machine._replay_kernel import DONE, replay
from accelsim.mapper._operand_kernel import HELD, MOVED, PARTIAL, PARTIAL_MOVED, RESERVED
from accelsim.mapper._traffic_kernel import needed

NEVER = np.int64(1) << np.int64(62)
# Columns of the int64 machine vector.
CAPACITY, RATE_BYTES, RATE_CYCLES, LATENCY, WORD_BYTES = range(5)
# Columns of a step: the tile's rows in the tables of weights, activations, outputs; loops at their last tile,
# one bit each; what it opens and closes, and whether it is the first and the last tile of C.
OF_WEIGHTS, OF_ACTIVATIONS, OF_OUTPUTS, ENDS, BITS = range(5)
OPENS, CLOSES = (1, 2, 4), (8, 16, 32)  # by operand
FIRST_C, LAST_C = 64, 128


@kernel
def multiplicity(order, counts, uses, resident):
    """How often each tile of an operand is opened: by every loop that turns outside of all of its own.

    The innermost loop that changes its tile decides: a loop inside of that one reuses the tile, one
    outside brings all tiles back, each once per turn.
    """
    if resident:
        return np.int64(1)
    innermost = -1
    for place in range(5):
        if uses[order[place]] and counts[order[place]] > 1:
            innermost = place
    times = np.int64(1)
    for place in range(innermost):
        if not uses[order[place]]:
            times *= counts[order[place]]
    return times


@kernel
def estimates(sizes_of, counts, extents, layer, estimate, step_cycles):
    """Estimated cycles of a tile by which of its loops are at their last tile, one bit each: int64 [32]."""
    shorter = 0
    for loop in range(5):
        if counts[loop] * sizes_of[loop] != extents[loop]:
            shorter |= 1 << loop
    found = np.empty(32, np.int64)
    box = np.zeros((1, 10), np.int64)
    for ends in range(32):
        if ends & ~shorter:
            found[ends] = found[ends & shorter]
            continue
        for loop in range(5):
            box[0, 2 * loop + 1] = min(sizes_of[loop], extents[loop])
            if ends >> loop & 1:
                box[0, 2 * loop + 1] = extents[loop] - (counts[loop] - 1) * sizes_of[loop]
        found[ends] = estimated_cycles(box, layer, estimate, step_cycles)[0]
    return found


@kernel
def all_compute(of_ends, counts):
    """Estimated cycles of all tiles together, from `estimates`."""
    total = np.int64(0)
    for ends in range(32):
        tiles = np.int64(1)
        for loop in range(5):
            tiles *= 1 if ends >> loop & 1 else counts[loop] - 1
        total += tiles * of_ends[ends]
    return total


@kernel
def loops_of(uses):
    """The loops that change each operand's tile, one bit each: int64 [3]."""
    found = np.zeros(3, np.int64)
    for operand in range(3):
        for loop in range(5):
            found[operand] |= (1 if uses[operand, loop] else 0) << loop
    return found


@kernel
def opened_and_closed(loops, resident, starts, ends, turned, turning):
    """What a tile opens and closes, in the bits of a step.

    Parameters
    ----------
    loops : int64 [3], of `loops_of`
    starts, ends : loops at their first and at their last tile, one bit each
    turned, turning : loops that changed before this tile, and that change after it, one bit each;
        all at the first tile, and at the last
    """
    bits = np.int64(0)
    for operand in range(3):
        mine = loops[operand]
        if resident[operand]:
            opens, closes = starts | mine == 31, ends | mine == 31
        else:
            opens = turned == 31 or turned & mine != 0
            closes = turning == 31 or turning & mine != 0
        bits |= OPENS[operand] if opens else 0
        bits |= CLOSES[operand] if closes else 0
    return bits


@kernel
def steps_of(order, resident, counts, loops, grouped):
    """The tiles in the order of a plan: int64 [tiles, 5].

    Parameters
    ----------
    loops : int64 [3], of `loops_of`
    grouped : whether activations differ by tile of filters
    """
    steps = np.empty((counts.prod(), 5), np.int64)
    index, turned = np.zeros(5, np.int64), np.int64(31)
    for tile in range(steps.shape[0]):
        n, k, c, p, q = index
        steps[tile, OF_WEIGHTS] = k * counts[2] + c
        of_filters = k if grouped else 0
        steps[tile, OF_ACTIVATIONS] = (
            ((of_filters * counts[0] + n) * counts[2] + c) * counts[3] + p
        ) * counts[4] + q
        steps[tile, OF_OUTPUTS] = ((n * counts[1] + k) * counts[3] + p) * counts[4] + q
        starts = ends = np.int64(0)
        for loop in range(5):
            starts |= (1 if index[loop] == 0 else 0) << loop
            ends |= (1 if index[loop] == counts[loop] - 1 else 0) << loop
        turning = turn(order, index, counts) if ends != 31 else np.int64(31)
        steps[tile, ENDS] = ends
        steps[tile, BITS] = (
            opened_and_closed(loops, resident, starts, ends, turned, turning)
            | (FIRST_C if c == 0 else 0)
            | (LAST_C if c == counts[2] - 1 else 0)
        )
        turned = turning
    return steps


@kernel
def turn(order, index, counts):
    """On to the next tile, the innermost loop first; the loops that change, one bit each."""
    turning = np.int64(0)
    for place in range(4, -1, -1):
        loop = order[place]
        turning |= (1 if counts[loop] > 1 else 0) << loop
        index[loop] += 1
        if index[loop] < counts[loop]:
            break
        index[loop] = 0
    return turning


@kernel
def requests_of(steps, weights, activations, outputs, of_ends, table_bytes, chip):
    """Requests and space of every tile.

    Parameters
    ----------
    weights, activations, outputs : tables of `_operand_kernel`
    of_ends : int64 [32], of `estimates`

    Returns
    -------
    (requests, most live bytes) : int64 [6, tiles], bytes fetched and drained, reserved, released after
        compute and after the drain, compute cycles; bytes that the most demanding tile needs
    """
    requests = np.zeros((6, steps.shape[0]), np.int64)
    held, most = np.zeros(3, np.int64), np.int64(0)
    for tile in range(steps.shape[0]):
        w, a, o = steps[tile, OF_WEIGHTS], steps[tile, OF_ACTIVATIONS], steps[tile, OF_OUTPUTS]
        bits = steps[tile, BITS]
        first, last = bits & FIRST_C != 0, bits & LAST_C != 0
        reserved = outputs[o, RESERVED] if first and last else max(outputs[o, RESERVED], outputs[o, PARTIAL])
        moved = np.int64(0)
        before = held.sum()
        if bits & OPENS[0]:
            moved += weights[w, MOVED]
            held[0] += weights[w, HELD]
        if bits & OPENS[1]:
            moved += activations[a, MOVED]
            held[1] += activations[a, HELD]
        if bits & OPENS[2]:
            moved += np.int64(0) if first else outputs[o, PARTIAL_MOVED]
            held[2] += reserved
        requests[0, tile], requests[2, tile] = moved, held.sum() - before
        most = max(most, needed(held, chip))
        freed_weights = weights[w, HELD] if bits & CLOSES[0] else np.int64(0)
        freed_activations = activations[a, HELD] if bits & CLOSES[1] else np.int64(0)
        requests[3, tile] = freed_weights + freed_activations
        held[0] -= freed_weights
        held[1] -= freed_activations
        if bits & CLOSES[2]:
            requests[1, tile] = outputs[o, MOVED] if last else outputs[o, PARTIAL_MOVED]
            requests[4, tile] = reserved
            held[2] -= reserved
        requests[5, tile] = of_ends[steps[tile, ENDS]]
    requests[0, 0] += table_bytes
    return requests, most


@kernel
def replayed(requests, machine, most_cycles):
    """Cycles until the last tile has computed and drained; NEVER also if they are over `most_cycles`."""
    times, stuck = replay(
        requests[0],
        requests[1],
        requests[2],
        requests[3],
        requests[4],
        requests[5],
        machine[CAPACITY],
        machine[RATE_BYTES],
        machine[RATE_CYCLES],
        machine[LATENCY],
        most_cycles,
    )
    if stuck != DONE:
        return NEVER
    return max(times[:, 4].max(), times[:, 6].max())
