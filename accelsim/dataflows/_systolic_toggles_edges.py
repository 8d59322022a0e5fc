"""`systolic`'s wires, and its registers where an operand stays (systolic_toggles.md, sections 1, 3 and 4).

A stretch of a row's stream is the same in every PE that takes it: its inner toggles are counted once, and its
first word against what a port or a PE held, which is looked for in the stretches and folds before.
"""

import numpy as np

from accelsim.dataflows._systolic_toggles_operands import (
    BITS_A,
    BITS_W,
    COLUMNS,
    FILTERS,
    GATE_A,
    GATE_W,
    GROUP_FILTERS,
    LENGTH,
    POSITIONS,
    ROWS,
    STATIONARY,
    STATIONARY_WEIGHTS,
    operand_at,
)
from accelsim.jit import bare_kernel, inlined_kernel, merged_kernel, popcount
from accelsim.kernels.toggles import differing
from accelsim.kernels.windows import (
    DILATION_H,
    DILATION_W,
    GROUPS,
    HEIGHT,
    KERNEL_W,
    PAD_LEFT,
    PAD_TOP,
    STRIDE_H,
    STRIDE_W,
    WIDTH,
)

# Of a stretch of a row's stream: toggles between its words that load, the first of them, the last one before
# the stretch in the same stream (-1: there is none), the last one, whether there is any.
INNER, FIRST, EARLIER = range(3)
OF_STREAM = 5
# Toggles of all ports at the left, and of the wires of a column: without hold, with it, of mask wires.
FREE, HELD, MASK = range(3)
UNKNOWN = -2
LEAD = 8  # words before a stretch that are at hand: the last that loaded is nearly always among them


@inlined_kernel
def extents(p):
    """(whether weights stay, indices across, stream indices) of a tile's groups."""
    weights_stay = p[STATIONARY] == STATIONARY_WEIGHTS
    if weights_stay:
        return weights_stay, p[FILTERS], p[POSITIONS]
    return weights_stay, p[POSITIONS], p[FILTERS]


@inlined_kernel
def fold_before(number, index, reduction, across, p):
    """The fold before on a PE, as (group's number, index across, of the reduction); number -1: none."""
    rows, columns = p[ROWS], p[COLUMNS]
    if reduction >= rows:
        return number, index, reduction - rows
    last = reduction + (p[LENGTH] - 1 - reduction) // rows * rows
    if index >= columns:
        return number, index - columns, last
    return number - 1, index + (across - 1 - index) // columns * columns, last


@bare_kernel
def last_activation(number, reduction, end, box, geometry, p, tensors):
    """The last activation that is not zero among a row's first `end` positions, or -1."""
    channels, zero, activations = box[5] - box[4], tensors[0][0], tensors[3]
    group = (box[2] + number * p[FILTERS]) // p[GROUP_FILTERS]
    channel = group * (activations.shape[1] // geometry[GROUPS]) + box[4] + reduction % channels
    rows, columns, tap = box[7] - box[6], box[9] - box[8], reduction // channels
    down = tap // geometry[KERNEL_W] * geometry[DILATION_H] - geometry[PAD_TOP]
    across = tap % geometry[KERNEL_W] * geometry[DILATION_W] - geometry[PAD_LEFT]
    line = end - 1
    column, line = line % columns, line // columns
    while line >= 0:  # lines of a tile, then columns: without dividing for each position
        h = (box[6] + line % rows) * geometry[STRIDE_H] + down
        if 0 <= h < geometry[HEIGHT]:
            start = ((box[0] + line // rows) * geometry[HEIGHT] + h) * geometry[WIDTH]
            for q in range(box[8] + column, box[8] - 1, -1):
                w = q * geometry[STRIDE_W] + across
                if 0 <= w < geometry[WIDTH]:
                    word = np.int64(activations[start + w, channel])
                    if word != zero:
                        return word & ((np.int64(1) << p[BITS_A]) - 1)
        line, column = line - 1, columns - 1
    return np.int64(-1)


@bare_kernel
def last_loaded(number, reduction, end, box, geometry, p, tensors):
    """The last word that loads among the first `end` of a row's stream, or -1."""
    weights_stay = p[STATIONARY] == STATIONARY_WEIGHTS
    gates = p[GATE_A] if weights_stay else p[GATE_W]
    if weights_stay and gates:
        return last_activation(number, reduction, end, box, geometry, p, tensors)
    for t in range(end - 1, -1, -1):
        word, value = operand_at(not weights_stay, number, t, reduction, box, geometry, p, tensors)
        if value != 0 or not gates:
            return word
    return np.int64(-1)


@bare_kernel
def streamed_before(number, index, reduction, is_port, box, geometry, p, tensors, ends):
    """The word that a port, or a PE's register, holds as a fold begins, of those that stream.

    Parameters
    ----------
    ends : int64 [groups, L], last words that load of whole streams, or UNKNOWN; overwritten
    """
    weights_stay, across, stream = extents(p)
    holds = (p[GATE_W] if weights_stay else p[GATE_A]) and not is_port
    while True:
        number, index, reduction = fold_before(number, index, reduction, across, p)
        if number < 0:
            return np.int64(0)
        if holds and operand_at(weights_stay, number, index, reduction, box, geometry, p, tensors)[1] == 0:
            continue
        if ends[number, reduction] == UNKNOWN:
            ends[number, reduction] = last_loaded(number, reduction, stream, box, geometry, p, tensors)
        if ends[number, reduction] >= 0:
            return ends[number, reduction]


@bare_kernel
def load_rows(by_time, zeros, lead, mask, gates, of_rows):
    """What the words of a stretch do to a register of each row that holds none before: `of_rows`, written.

    Parameters
    ----------
    by_time : int16 [LEAD + count, L], less zero points; zeros : int64 [LEAD + count]
    lead : int, words before the stretch
    """
    inner, first, earlier, last, some = of_rows[0], of_rows[1], of_rows[2], of_rows[3], of_rows[4]
    of_rows[:] = 0
    earlier[:] = -1
    for x in range(LEAD - lead, LEAD):
        for row in range(earlier.size):
            value = np.int64(by_time[x, row])
            earlier[row] = (value + zeros[x]) & mask if value != 0 or not gates else earlier[row]
    for x in range(LEAD, by_time.shape[0]):
        for row in range(first.size):
            value = np.int64(by_time[x, row])
            loads = np.int64(-1) if value != 0 or not gates else np.int64(0)
            changed = (((value + zeros[x]) & mask) ^ last[row]) & loads
            inner[row] += popcount(np.uint64(changed & some[row]))
            first[row] |= changed & ~some[row]
            last[row] ^= changed
            some[row] |= loads
    for row in range(first.size):
        first[row] = first[row] if some[row] else -1


@bare_kernel
def pass_rows(by_time, zeros, begin, mask):
    """(toggles without hold, of mask bits) of all rows as words from `begin` on follow those before them."""
    free, masks = np.int64(0), np.int64(0)
    for x in range(begin, by_time.shape[0]):
        for row in range(by_time.shape[1]):
            value, before = np.int64(by_time[x, row]), np.int64(by_time[x - 1, row])
            free += popcount(np.uint64(((value + zeros[x]) ^ (before + zeros[x - 1])) & mask))
            masks += np.int64((value != 0) != (before != 0))
    return free, masks


@bare_kernel
def find_earlier(number, first, by_time, lead, box, geometry, p, tensors, ends, of_rows):
    """Words that load before a stretch in its stream; where it begins one, the stream's last into `ends`."""
    stream = extents(p)[2]
    earlier, begin = of_rows[EARLIER], first if first else stream
    for reduction in range(p[LENGTH]):
        if earlier[reduction] < 0 and lead < begin and (first == 0 or of_rows[FIRST, reduction] >= 0):
            earlier[reduction] = last_loaded(number, reduction, begin - lead, box, geometry, p, tensors)
        if first == 0:
            ends[number, reduction], earlier[reduction] = earlier[reduction], -1


@merged_kernel
def describe_stretch(number, first, by_time, zeros, box, geometry, p, tensors, ends, of_rows, of_ports):
    """A stretch of all rows' streams of a group.

    Parameters
    ----------
    first : int, its first stream index
    by_time : int16 [LEAD + count, L], less zero points; the first LEAD stand before the stretch (as many as
        there are) or, where it begins the stream, at the stream's end
    zeros : int64 [LEAD + count], zero points
    of_rows : int64 [OF_STREAM, L], written
    of_ports : int64 [2, 3], written: in a group's first block across, in a later one
    """
    weights_stay, across, stream = extents(p)
    gates, bits = (p[GATE_A], p[BITS_A]) if weights_stay else (p[GATE_W], p[BITS_W])
    mask, lead = (np.int64(1) << bits) - 1, min(first if first else stream, LEAD)
    free, masks = pass_rows(by_time, zeros, LEAD + np.int64(first == 0), mask)
    load_rows(by_time, zeros, lead, mask, gates, of_rows)
    find_earlier(number, first, by_time, lead, box, geometry, p, tensors, ends, of_rows)
    for later in range(2 if across > p[COLUMNS] else 1):
        of_ports[later, FREE], of_ports[later, HELD], of_ports[later, MASK] = free, 0, masks
        for reduction in range(p[LENGTH]):
            if first == 0:
                word, value = ended_before(
                    number, later, reduction, by_time, zeros, box, geometry, p, tensors
                )
                own = np.int64(by_time[LEAD, reduction])
                of_ports[later, FREE] += differing((own + zeros[LEAD]) & mask, word & mask)
                of_ports[later, MASK] += np.int64((own != 0) != (value != 0))
            if of_rows[FIRST, reduction] >= 0:
                held = of_rows[EARLIER, reduction]
                if held < 0:
                    held = streamed_before(
                        number, later * p[COLUMNS], reduction, True, box, geometry, p, tensors, ends
                    )
                of_ports[later, HELD] += of_rows[INNER, reduction] + differing(
                    of_rows[FIRST, reduction], held
                )
        if not gates:
            of_ports[later, MASK] = 0


@inlined_kernel
def ended_before(number, later, reduction, by_time, zeros, box, geometry, p, tensors):
    """(word, value) that ended the stream before at a port, in the first block across or a later one."""
    weights_stay, across, stream = extents(p)
    its, _, before = fold_before(number, later * p[COLUMNS], reduction, across, p)
    if its == number:
        return np.int64(by_time[LEAD - 1, before]) + zeros[LEAD - 1], np.int64(by_time[LEAD - 1, before])
    if its < 0:
        return np.int64(0), np.int64(0)
    return operand_at(not weights_stay, its, stream - 1, before, box, geometry, p, tensors)


@merged_kernel
def load_streamed(number, index, begins, column, of_rows, box, geometry, p, tensors, ends, held):
    """Toggles of a column's streamed registers in a stretch, where they hold under a zero that stays.

    Parameters
    ----------
    begins : bool, whether the stretch begins the stream
    held : int64 [rows], scratch
    """
    toggles, i = np.int64(0), 0
    held[:] = -1
    for reduction in range(p[LENGTH]):
        if column[reduction] != 0:
            if of_rows[FIRST, reduction] >= 0:
                before = of_rows[EARLIER, reduction]
                if before < 0:
                    before = held[i]
                if before < 0:
                    before = streamed_before(number, index, reduction, False, box, geometry, p, tensors, ends)
                toggles += of_rows[INNER, reduction] + differing(of_rows[FIRST, reduction], before)
            if begins and ends[number, reduction] >= 0:
                held[i] = ends[number, reduction]
        i += 1
        if i == p[ROWS]:
            i = 0
    return toggles
