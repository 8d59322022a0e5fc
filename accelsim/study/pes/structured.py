"""`structured`: a row holds a filter of one group, a column a position (docs/dataflows/structured.md).

::

    mac[i, j]  = sum over group, tap, channel of  filters on row i with a weight there
                                                x positions on column j with an activation there
    slot[i, j] = filters on row i x positions on column j x weights that a filter stores of a tile
"""

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import StructuredArray, of_kind
from accelsim.study.pes.operands import (
    Bools,
    Counts,
    Floats,
    Ints,
    Operands,
    by_position,
    folded,
    positions_of,
    spread,
    whole,
)


def activations_of(operands: Operands, box: Ints, chip: Accelerator, held: None) -> tuple[Floats, int]:
    """Positions on each column with an activation: float64 [columns, groups, taps, channels]; slots."""
    array = of_kind(chip.pe_array, StructuredArray)
    return by_position(operands, box, array.columns), _slots_of_a_tap(operands, box, array)


def pes_of(operands: Operands, box: Ints, chip: Accelerator, held: None, seen: tuple[Floats, int]) -> Counts:
    """Lane-cycles of each PE in a tile: effectual MACs, and slots; int64 [1, rows, columns] each."""
    array = of_kind(chip.pe_array, StructuredArray)
    positions = spread(positions_of(box), array.columns)
    mac, slot = np.zeros((2, array.rows, array.columns))
    for group, weights in operands.groups(box):
        rows, columns = folded(weights, array.rows), seen[0][:, group]
        mac += rows.reshape(array.rows, -1) @ columns.reshape(array.columns, -1).T
        filters = spread(len(weights), array.rows)
        slot += np.outer(filters, positions) * weights.shape[1] * seen[1]
    return whole(mac, slot)


def _slots_of_a_tap(operands: Operands, box: Ints, array: StructuredArray) -> int:
    """Weights that a filter stores of a tap: N of each block, or every one of a dense layer."""
    sizes = _block_sizes(int(box[5] - box[4]), array.block_elements)
    if _most_of_a_block(operands.weights, array.block_elements) > array.kept_per_block:
        return int(sizes.sum())
    return int(np.minimum(sizes, array.kept_per_block).sum())


def _block_sizes(channels: int, block_elements: int) -> Ints:
    starts = np.arange(0, channels, block_elements)
    return np.minimum(block_elements, channels - starts)


def _most_of_a_block(weights: Bools, block_elements: int) -> int:
    """Non-zero weights of the fullest block of any filter and tap of the layer."""
    starts = np.arange(0, weights.shape[2], block_elements)
    return int(np.add.reduceat(weights, starts, axis=2, dtype=np.int64).max())
