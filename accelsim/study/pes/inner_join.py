"""`inner_join`: PE [part, i, j] works on filter i and position j of a set (docs/dataflows/inner_join.md).

::

    mac[i, j] = sum over group, tap, channel of  filters on row i with a weight there
                                               x positions on column j with an activation there
"""

from collections.abc import Iterator

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import InnerJoinArray, of_kind
from accelsim.network import Layer
from accelsim.plan import Unrolling
from accelsim.study.pes.operands import Counts, Floats, Ints, Operands, by_position, positions_of, spread


def activations_of(operands: Operands, box: Ints, chip: Accelerator, held: Unrolling | None) -> Floats:
    """Positions on each column with an activation: float64 [columns, groups, taps, channels]."""
    return by_position(operands, box, (held or _fixed(chip)).positions)


def pes_of(operands: Operands, box: Ints, chip: Accelerator, held: Unrolling | None, seen: Floats) -> Counts:
    """Lane-cycles of each PE in a tile: effectual MACs, and slots; int64 [parts, filters, positions] each."""
    array, held = of_kind(chip.pe_array, InnerJoinArray), held or _fixed(chip)
    present, filters, groups = _by_row(operands, box, held.filters)
    active, positions = seen[:, groups], spread(positions_of(box), held.positions)
    part = _part(operands.layer, box, array.chunk_elements, held.parts)
    w, a = present, active
    if array.weight_policy != "skip":
        w = np.broadcast_to(filters[:, :, None, None], w.shape)
    if array.activation_policy != "skip":
        a = np.broadcast_to(positions[:, None, None, None], a.shape)
    mac = [_met(present * (part == p), active) for p in range(held.parts)]
    slot = [_met(w * (part == p), a) for p in range(held.parts)]
    return np.array(mac).astype(np.int64), np.array(slot).astype(np.int64)


def _fixed(chip: Accelerator) -> Unrolling:
    return Unrolling(chip.pe_array.rows, chip.pe_array.columns)


def _met(rows: Floats, columns: Floats) -> Floats:
    """[rows, columns]: sums over group, tap and channel of the products."""
    product: Floats = rows.reshape(len(rows), -1) @ columns.reshape(len(columns), -1).T
    return product


def _by_row(operands: Operands, box: Ints, rows: int) -> tuple[Floats, Floats, slice]:
    """Filters with a weight, [rows, groups, taps, channels of the box]; filters, [rows, groups]; groups."""
    k0, k1, c0, c1 = box[2:6].tolist()
    of_group = operands.layer.group_filters
    first, last = k0 // of_group, (k1 - 1) // of_group
    found = np.zeros((rows, last - first + 1, operands.weights.shape[1], c1 - c0))
    filters = np.zeros(found.shape[:2])
    for block, size in _blocks(k0, k1, rows, of_group):
        groups = np.arange(block, block + size) // of_group - first
        # A row appears once in a block, so that the sums do not collide.
        found[np.arange(size), groups] += operands.weights[block : block + size, :, c0:c1]
        filters[np.arange(size), groups] += 1
    return found, filters, slice(first, last + 1)


def _blocks(k0: int, k1: int, rows: int, of_group: int) -> Iterator[tuple[int, int]]:
    """First filter and size of each block of filters: several whole groups if two fit, else of one group."""
    k = k0
    while k < k1:
        fitting = min(rows, k1 - k) // of_group
        size = min(rows, k1 - k, of_group - k % of_group)
        if k % of_group == 0 and fitting > 1:
            size = fitting * of_group
        yield k, size
        k += size


def _part(layer: Layer, box: Ints, chunk_elements: int, parts: int) -> Ints:
    """The part that works on a tap's channel: int64 [taps, channels of the box]; chunks go round."""
    channels = int(box[5] - box[4])
    chunks = -(-channels // chunk_elements)
    taps = layer.kernel[0] * layer.kernel[1]
    chunk = np.arange(taps)[:, None] * chunks + np.arange(channels) // chunk_elements
    return chunk % parts
