"""One plan, tile by tile, from tables of its operands' tiles: requests, space, cycles.

::

    for each tile in the order of the plan
      operands it opens and closes             # as docs/traffic.md, "Reuse"
      fetch, reserve, compute, drain, release
    replay                                     # machine._replay_kernel: cycles
"""

import numpy as np

from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.jit import kernel
from accelsim.machine._replay_kernel import replay
from accelsim.mapper._operand_kernel import HELD, MOVED, PARTIAL, PARTIAL_MOVED, RESERVED
from accelsim.mapper._tile_bytes_kernel import GROUPS
from accelsim.mapper._traffic_kernel import needed

NEVER = np.int64(1) << np.int64(62)
# Columns of the int64 machine vector.
CAPACITY, RATE_BYTES, RATE_CYCLES, LATENCY, WORD_BYTES = range(5)


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
def opened_and_closed(index, counts, uses, resident, turned, turning):
    """Whether a tile opens and closes an operand.

    Parameters
    ----------
    turned, turning : loops that changed before this tile, and that change after it, one bit each;
        all at the first tile, and at the last
    """
    opened = closed = True
    if resident:
        for loop in range(5):
            if not uses[loop]:
                opened = opened and index[loop] == 0
                closed = closed and index[loop] == counts[loop] - 1
        return opened, closed
    mine = 0
    for loop in range(5):
        if uses[loop]:
            mine |= 1 << loop
    return turned == 31 or turned & mine != 0, turning == 31 or turning & mine != 0


@kernel
def walked(order, resident, counts, uses, layer, weights, activations, outputs, of_ends, table_bytes, chip):
    """Requests and space of every tile in the order of a plan.

    Returns
    -------
    (requests, most live bytes) : int64 [6, tiles], bytes fetched and drained, reserved, released after
        compute and after the drain, compute cycles; bytes that the most demanding tile needs
    """
    tiles = np.int64(1)
    for loop in range(5):
        tiles *= counts[loop]
    requests = np.zeros((6, tiles), np.int64)
    index = np.zeros(5, np.int64)
    grouped = 1 if layer[GROUPS] > 1 else 0
    held, most, turned = np.zeros(3, np.int64), np.int64(0), 31
    for tile in range(tiles):
        turning, ends = turning_loops(order, index, counts)
        if tile == tiles - 1:
            turning = 31
        n, k, c, p, q = index[0], index[1], index[2], index[3], index[4]
        w = weights[k * counts[2] + c]
        a = activations[(((grouped * k * counts[0] + n) * counts[2] + c) * counts[3] + p) * counts[4] + q]
        o = outputs[((n * counts[1] + k) * counts[3] + p) * counts[4] + q]
        w_opens, w_closes = opened_and_closed(index, counts, uses[0], resident[0], turned, turning)
        a_opens, a_closes = opened_and_closed(index, counts, uses[1], resident[1], turned, turning)
        o_opens, o_closes = opened_and_closed(index, counts, uses[2], resident[2], turned, turning)
        reserved = o[RESERVED] if counts[2] == 1 else max(o[RESERVED], o[PARTIAL])
        row = requests[:, tile]
        if w_opens:
            row[0] += w[MOVED]
            row[2] += w[HELD]
        if a_opens:
            row[0] += a[MOVED]
            row[2] += a[HELD]
        if o_opens:
            row[2] += reserved
            if c > 0:
                row[0] += o[PARTIAL_MOVED]
        if o_closes:
            row[1] = o[MOVED] if c == counts[2] - 1 else o[PARTIAL_MOVED]
            row[4] = reserved
        row[3] = (w[HELD] if w_closes else 0) + (a[HELD] if a_closes else 0)
        row[5] = of_ends[ends]
        held[0] += w[HELD] if w_opens else 0
        held[1] += a[HELD] if a_opens else 0
        held[2] += reserved if o_opens else 0
        most = max(most, needed(held, chip))
        held[0] -= w[HELD] if w_closes else 0
        held[1] -= a[HELD] if a_closes else 0
        held[2] -= row[4]
        turned = turning
        turn(order, index, counts)
    requests[0, 0] += table_bytes
    return requests, most


@kernel
def turning_loops(order, index, counts):
    """(loops that change after this tile, loops at their last tile): one bit each."""
    turning = ends = 0
    still = True
    for place in range(4, -1, -1):
        loop = order[place]
        at_end = index[loop] == counts[loop] - 1
        if at_end:
            ends |= 1 << loop
        if still and counts[loop] > 1:
            turning |= 1 << loop
            still = at_end
    return turning, ends


@kernel
def turn(order, index, counts):
    """On to the next tile: the innermost loop turns first."""
    for place in range(4, -1, -1):
        loop = order[place]
        index[loop] += 1
        if index[loop] < counts[loop]:
            return
        index[loop] = 0


@kernel
def replayed(requests, machine):
    """Cycles until the last tile has computed and drained, or NEVER."""
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
    )
    if stuck >= 0:
        return NEVER
    return max(times[:, 4].max(), times[:, 6].max())
