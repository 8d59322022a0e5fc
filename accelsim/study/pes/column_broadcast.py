"""`column_broadcast`: filter i of a cell is on PE i mod PEs (docs/dataflows/column_broadcast.md).

::

    mac[pe]  = sum over channels of  filters of pe with a weight there x positions with an activation there
    slot[pe] = the same of its stored entries, among them the zeros that its counts of zeros cannot span

PE x is at row x / columns, column x mod columns: the hardware has no such order.
"""

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ColumnBroadcastArray, of_kind
from accelsim.study.pes.operands import Counts, Floats, Ints, Operands, by_position, stored, whole
from accelsim.units import ceil_div


def activations_of(operands: Operands, box: Ints, chip: Accelerator, held: None) -> Floats:
    """Positions with an activation: float64 [channels]."""
    return by_position(operands, box, 1).reshape(-1)


def pes_of(operands: Operands, box: Ints, chip: Accelerator, held: None, seen: Floats) -> Counts:
    """Lane-cycles of each PE in a tile: effectual MACs, and slots; int64 [1, rows, columns] each."""
    array = of_kind(chip.pe_array, ColumnBroadcastArray)
    pes = array.rows * array.columns
    _, weights = next(operands.groups(box))
    cells = ceil_div(len(weights), array.cell_filters)
    every = np.zeros((cells * array.cell_filters, weights.shape[2]), bool)
    every[: len(weights)] = weights[:, 0]
    # An accumulator of a PE has a filter of a cell; a PE's column is its filters, ascending.
    filters = np.moveaxis(every.reshape(cells, array.accumulators, pes, -1), 1, 0)
    mac, slot = (held_by.sum(axis=(0, 1)) @ seen for held_by in (filters, stored(filters)))
    shape = array.rows, array.columns
    return whole(mac.reshape(shape), slot.reshape(shape))
