"""`systolic`'s wires where outputs stay: both operands stream (systolic_toggles.md, section 3)."""

import numpy as np

from accelsim.dataflows._systolic_toggles_operands import (
    COLUMNS,
    FILTERS,
    GATE_A,
    GATE_W,
    LENGTH,
    POSITIONS,
    ROWS,
    operand_at,
)
from accelsim.jit import bare_kernel, inlined_kernel
from accelsim.kernels.toggles import differing

# Of a unit: its group in the tile, block of filters, block of positions, column.
GROUP, ACROSS, DOWN, COLUMN = range(4)
FREE, HELD, MASK = range(3)  # toggles of a port: of its words without hold, with it, of its mask wire


@inlined_kernel
def fold_before(unit, p):
    """The last fold before in which the unit's column was mapped, as a unit; group -1 if there is none."""
    group, across, down, column = unit
    downs = (p[POSITIONS] + p[ROWS] - 1) // p[ROWS]
    if down > 0:
        return group, across, down - 1, column
    if across > 0:
        return group, across - 1, downs - 1, column
    last = (p[FILTERS] - 1 - column) // p[COLUMNS]
    return group - 1, last, downs - 1, column


@inlined_kernel
def position_before(number, across, position, p):
    """The position before at a port at the left, as (group, block of filters, position); group -1: none."""
    if position >= p[ROWS]:
        return number, across, position - p[ROWS]
    last = position + (p[POSITIONS] - 1 - position) // p[ROWS] * p[ROWS]
    if across > 0:
        return number, across - 1, last
    return number - 1, (p[FILTERS] - 1) // p[COLUMNS], last


@bare_kernel
def last_sent(is_weight, number, index, box, geometry, p, tensors):
    """The last word that a filter or a position drives, or -1."""
    gates = p[GATE_W] if is_weight else p[GATE_A]
    for reduction in range(p[LENGTH] - 1, -1, -1):
        word, value = operand_at(is_weight, number, index, reduction, box, geometry, p, tensors)
        if value != 0 or not gates:
            return word
    return np.int64(-1)


@inlined_kernel
def pass_words(words, inner, before, gates, found):
    """Toggles of a port as a filter or a position enters, after the words and the mask that it held.

    Parameters
    ----------
    words : int64 [3, L], as of `fill_words`; inner : int, toggles between all of them
    before : (last word, last word that was no zero, mask)
    """
    free, held, bit = before
    found[FREE] = found[HELD] = inner + differing(words[0, 0], free)
    found[MASK] = 0
    if gates:
        toggles, masks, loads = np.int64(0), np.int64(0), -bit
        for reduction in range(words.shape[1]):
            changed = (words[0, reduction] ^ held) & words[2, reduction]
            toggles += differing(changed, np.int64(0))
            held ^= changed
            masks -= loads ^ words[2, reduction]
            loads = words[2, reduction]
        found[HELD], found[MASK] = toggles, masks


@bare_kernel
def pass_left(number, across, position, words, inner, box, geometry, p, tensors, found):
    """Toggles of the port at the left at which a position enters: int64 [3], written.

    Parameters
    ----------
    words, inner : as of `pass_words`
    """
    gates = p[GATE_A]
    free, held, bit = np.int64(0), np.int64(-1), np.int64(0)
    its, block, earlier = position_before(number, across, position, p)
    if its >= 0:
        free, value = operand_at(False, its, earlier, p[LENGTH] - 1, box, geometry, p, tensors)
        bit = np.int64(value != 0)
    while gates and its >= 0 and held < 0:
        held = last_sent(False, its, earlier, box, geometry, p, tensors)
        its, block, earlier = position_before(its, block, earlier, p)
    pass_words(words, inner, (free, max(held, 0), bit), gates, found)


@bare_kernel
def pass_top(unit, words, inner, box, geometry, p, tensors, found):
    """Toggles of the port at the top at which a unit's filter enters: int64 [3], written.

    Parameters
    ----------
    words, inner : as of `pass_words`
    """
    gates = p[GATE_W]
    free, held, bit = np.int64(0), np.int64(-1), np.int64(0)
    earlier = fold_before(unit, p)
    if earlier[GROUP] >= 0:
        index = earlier[ACROSS] * p[COLUMNS] + earlier[COLUMN]
        free, value = operand_at(True, earlier[GROUP], index, p[LENGTH] - 1, box, geometry, p, tensors)
        bit = np.int64(value != 0)
    while gates and earlier[GROUP] >= 0 and held < 0:
        index = earlier[ACROSS] * p[COLUMNS] + earlier[COLUMN]
        held = last_sent(True, earlier[GROUP], index, box, geometry, p, tensors)
        earlier = fold_before((earlier[GROUP], earlier[ACROSS], np.int64(0), earlier[COLUMN]), p)
    pass_words(words, inner, (free, max(held, 0), bit), gates, found)
