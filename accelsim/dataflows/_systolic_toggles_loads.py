"""What the words that stay do in `systolic`: registers, and the ports at the top through which they come.

Sections 1 and 3 of docs/dataflows/systolic_toggles.md.
"""

import numpy as np

from accelsim.dataflows._systolic_toggles_edges import FREE, HELD, MASK, extents, fold_before
from accelsim.dataflows._systolic_toggles_operands import (
    BITS_A,
    BITS_W,
    COLUMNS,
    GATE_A,
    GATE_W,
    LENGTH,
    ROWS,
    operand_at,
)
from accelsim.jit import bare_kernel, inlined_kernel, merged_kernel
from accelsim.kernels.toggles import differing

# Of a column's stationary words, after FREE, HELD and MASK of its port: registers without hold and with it,
# multicasts likewise.
REGISTER_FREE, REGISTER, MULTICAST_FREE, MULTICAST_HELD = range(3, 7)
OF_COLUMN = 7


@inlined_kernel
def load_before(number, index, reduction, across, weights_stay, gates, box, geometry, p, tensors):
    """Words that a PE's stationary register holds as a fold begins: without hold, and with it."""
    number, index, reduction = fold_before(number, index, reduction, across, p)
    if number < 0:
        return np.int64(0), np.int64(0)
    free, value = operand_at(weights_stay, number, index, reduction, box, geometry, p, tensors)
    held = free
    while gates and value == 0:
        number, index, reduction = fold_before(number, index, reduction, across, p)
        if number < 0:
            return free, np.int64(0)
        held, value = operand_at(weights_stay, number, index, reduction, box, geometry, p, tensors)
    return free, held


@bare_kernel
def port_before(number, index, across, weights_stay, gates, box, geometry, p, tensors):
    """What a port at the top holds as an index' first fold begins: words without hold, with it; its mask."""
    free, bit, length, rows, some = np.int64(0), np.int64(0), p[LENGTH], p[ROWS], False
    while True:
        if index >= p[COLUMNS]:
            index -= p[COLUMNS]
        else:  # the group before's last index on this column of the array
            number, index = number - 1, index + (across - 1 - index) // p[COLUMNS] * p[COLUMNS]
        if number < 0:
            return free, np.int64(0), bit
        for fold in range((length - 1) // rows * rows, -1, -rows):
            for reduction in range(fold, min(fold + rows, length)):
                word, value = operand_at(weights_stay, number, index, reduction, box, geometry, p, tensors)
                if not some:
                    free, bit, some = word, np.int64(value != 0), True
                if value != 0 or not gates:
                    return free, word, bit


@merged_kernel
def load_column(number, index, column, zero, box, geometry, p, tensors, before, found):
    """What the stationary words of an index across do in all folds of its block.

    Parameters
    ----------
    column : int16 [L], stationary values less the zero point
    before : int64 [2, rows], scratch
    found : int64 [OF_COLUMN], written
    """
    weights_stay, across, _ = extents(p)
    gates, bits = (p[GATE_W], p[BITS_W]) if weights_stay else (p[GATE_A], p[BITS_A])
    mask, length, rows = (np.int64(1) << bits) - 1, p[LENGTH], p[ROWS]
    found[:] = 0
    for i in range(min(rows, length)):
        before[0, i], before[1, i] = load_before(
            number, index, i, across, weights_stay, gates, box, geometry, p, tensors
        )
    free, held, bit = port_before(number, index, across, weights_stay, gates, box, geometry, p, tensors)
    for fold in range(0, length, rows):
        for i in range(min(rows, length - fold) - 1, -1, -1):
            word, own = (np.int64(column[fold + i]) + zero) & mask, np.int64(column[fold + i] != 0)
            of_free, of_mask = differing(word, free), np.int64(0)
            of_held = of_free
            found[REGISTER_FREE] += differing(word, before[0, i])
            before[0, i], free = word, word
            if gates:
                of_held, of_mask, bit = np.int64(0), own ^ bit, own
            if own or not gates:
                found[REGISTER] += differing(word, before[1, i])
                of_held = differing(word, held)
                before[1, i], held = word, word
            found[FREE] += of_free
            found[HELD] += of_held
            found[MASK] += of_mask
            found[MULTICAST_FREE] += (of_free + of_mask) * (i + 1)
            found[MULTICAST_HELD] += (of_held + of_mask) * (i + 1)
