"""`row_stationary`, `csc_row_stationary`: PE (i, j) of a set has filter row i and output row j of the tile.

::

    set u, v (channels u, filters v of every pass; docs/dataflows/row_stationary.md):
    mac[u, v, i, j] = sum over s, channels of u of  filters of v with a weight at (i, s)
                                                  x images and output columns with an activation for j there

No counter depends on where a set stands. Here those that share filters stand on each other, as sums pass up a
column: set (u, v) takes place u + r x v, counted down the array, then across.
"""

import numpy as np

from accelsim.dataflows._row_mapping import Mapping, mapping_of_box, of_one_group
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import CscRowStationaryArray, RowSpads, of_kind
from accelsim.study.pes.operands import Bools, Counts, Floats, Ints, Operands, stored, whole
from accelsim.units import ceil_div


def activations_of(operands: Operands, box: Ints, chip: Accelerator, held: None) -> Floats:
    """Images and output columns with an activation: float64 [output rows, groups, taps, channels]."""
    return np.stack([seen.sum(axis=(0, 2), dtype=np.float64) for seen in operands.taps(box)], axis=2)


def pes_of(operands: Operands, box: Ints, chip: Accelerator, held: None, seen: Floats) -> Counts:
    """Lane-cycles of each PE in a tile: effectual MACs, and slots; int64 [1, rows, columns] each."""
    layer, array = operands.layer, of_kind(chip.pe_array, RowSpads)
    mac, slot = np.zeros((2, array.rows, array.columns))
    taps = layer.kernel
    windows = int((box[1] - box[0]) * (box[9] - box[8]))
    for part, (group, weights) in zip(of_one_group(layer, box), operands.groups(box), strict=True):
        mapping = mapping_of_box(layer, part, array)
        held_weights = _of_sets(weights, mapping)  # [pass, v, filters, taps, channels]
        active = seen[:, group].reshape(len(seen), *taps, -1)
        if isinstance(array, CscRowStationaryArray):
            entries, visits = stored(np.moveaxis(held_weights, 2, 0)).sum(axis=(0, 1)), active
        else:
            filters = _of_sets(np.ones_like(weights), mapping).sum(axis=(0, 2))
            entries, visits = filters, np.full_like(active, windows)
        present = held_weights.sum(axis=(0, 2), dtype=np.float64)
        for u in range(mapping.r):
            mine = slice(u * mapping.q, (u + 1) * mapping.q)
            places = _places(u + mapping.r * np.arange(mapping.t), taps[0], len(seen), array)
            mac[places] += _met(present, active, taps, mine)
            slot[places] += _met(entries, visits, taps, mine)
    return whole(mac, slot)


def _of_sets(weights: Bools, mapping: Mapping) -> Bools:
    """bool [passes, set columns, filters of a PE, taps, channels]; False beyond the last filter."""
    every = np.zeros((mapping.passes * mapping.t * mapping.p, *weights.shape[1:]), bool)
    every[: len(weights)] = weights
    return every.reshape(mapping.passes, mapping.t, mapping.p, *weights.shape[1:])


def _met(weights: Floats, active: Floats, taps: tuple[int, int], channels: slice) -> Floats:
    """float64 [set columns, filter rows, output rows]: sums over tap columns and channels of the products."""
    w = weights.reshape(len(weights), *taps, -1)[..., channels]
    product: Floats = np.einsum("visc,jisc->vij", w, active[..., channels])
    return product


def _places(numbers: Ints, kernel_rows: int, output_rows: int, array: RowSpads) -> tuple[Ints, Ints]:
    """Row and column of each PE of some sets: int64 [sets, filter rows, output rows] each."""
    i, j = np.indices((kernel_rows, output_rows))
    shelves = ceil_div(output_rows, array.columns)
    down = array.rows // kernel_rows // shelves
    side, shelf = (part[:, None, None] for part in np.divmod(numbers, down))
    return (shelf * shelves + j // array.columns) * kernel_rows + i, side * output_rows + j % array.columns
