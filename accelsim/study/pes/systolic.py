"""`systolic`: a fold has two loops on rows and columns and streams the third (docs/dataflows/systolic.md).

::

    stationary    rows            columns       a pair of group, tap, channel is met by
    weights       tap, channel    filters       every position with an activation there
    activations   tap, channel    positions     every filter with a weight there
    outputs       positions       filters       one filter and one position

Blocks begin anew with each group of a tile: an index is on the row (column) that it is modulo their number.
"""

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import SystolicArray, of_kind
from accelsim.study.pes.operands import (
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


def activations_of(operands: Operands, box: Ints, chip: Accelerator, held: None) -> Floats:
    """Positions with an activation: float64 [positions side by side, groups, taps, channels]."""
    return by_position(operands, box, _positions_at_once(chip))


def pes_of(operands: Operands, box: Ints, chip: Accelerator, held: None, seen: Floats) -> Counts:
    """Lane-cycles of each PE in a tile: effectual MACs, and slots; int64 [1, rows, columns] each."""
    array = of_kind(chip.pe_array, SystolicArray)
    shape = array.rows, array.columns
    mac, slot = np.zeros((2, *shape))
    on_positions = spread(positions_of(box), _positions_at_once(chip))
    for group, weights in operands.groups(box):
        w = weights.reshape(len(weights), -1)  # [filters, length]
        a = seen[:, group].reshape(len(seen), -1)  # [positions at once, length]
        length = spread(w.shape[1], array.rows)
        if array.stationary == "weights":
            mac += folded(folded(w * a[0], array.columns).T, array.rows)
            slot += np.outer(length, spread(len(w), array.columns)) * on_positions[0]
        elif array.stationary == "activations":
            mac += folded((a * w.sum(axis=0)).T, array.rows)
            slot += np.outer(length, on_positions) * len(w)
        else:
            mac += a @ folded(w, array.columns).T
            slot += np.outer(on_positions, spread(len(w), array.columns)) * w.shape[1]
    return whole(mac, slot)


def _positions_at_once(chip: Accelerator) -> int:
    array = of_kind(chip.pe_array, SystolicArray)
    return {"weights": 1, "activations": array.columns, "outputs": array.rows}[array.stationary]
