"""Which unrollings of `inner_join` are worth a look: none other is faster at some pace of a layer's steps.

A layer takes `steps` steps, and `fed` chunks cross the array feed for it. Which of both takes longer depends
on the tensors: on how many chunks cross while a step is worked on, the *pace*. For each pace of a ladder, the
unrolling with the least max(steps x pace, fed) is kept.
"""

import numpy as np
import numpy.typing as npt

from accelsim.hardware.arrays import InnerJoinArray
from accelsim.network import Layer
from accelsim.plan import Unrolling
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
PACES = tuple(
    1 << i for i in range(3, 12)
)  # chunks a step; a step of an array of n PEs carries 2 sqrt(n) or more


def promising(layer: Layer, array: InnerJoinArray) -> list[Unrolling]:
    """The best unrolling at each pace, without repetition; those that keep most PEs busy come last."""
    pes = array.rows * array.columns
    n, p, q, _ = layer.output_shape
    of_group, positions = layer.group_filters, n * p * q
    chunks = layer.kernel[0] * layer.kernel[1] * ceil_div(layer.group_channels, array.chunk_elements)
    rows = np.union1d(_even_cuts(of_group, pes), of_group * _even_cuts(layer.groups, max(pes // of_group, 1)))
    filters, columns = (axis.ravel() for axis in np.meshgrid(rows, _even_cuts(positions, pes), indexing="ij"))
    fitting = filters * columns <= pes
    filters, columns = filters[fitting], columns[fitting]
    parts = _even(chunks, np.minimum(pes // (filters * columns), chunks))
    together = np.maximum(filters // of_group, 1)  # groups of a block of filters
    blocks = _ceil(layer.groups, together) * _ceil(of_group, np.minimum(filters, of_group))
    sets_across = _ceil(positions, columns)
    steps = blocks * sets_across * _ceil(chunks, parts)
    fed = chunks * (layer.filters * sets_across + positions * blocks * together)
    found: list[Unrolling] = []
    for pace in PACES:
        best = int(np.lexsort((fed, steps, np.maximum(steps * pace, fed)))[0])
        unrolling = Unrolling(int(filters[best]), int(columns[best]), int(parts[best]))
        if unrolling not in found:
            found.append(unrolling)
    return found


def _ceil(total: int, by: Ints) -> Ints:
    return -(-total // by)


def _even(total: int, most: Ints) -> Ints:
    """The smallest sizes that cut `total` into as few parts as `most` does."""
    return _ceil(total, _ceil(total, most))


def _even_cuts(total: int, most: int) -> Ints:
    """All sizes up to `most` that cut `total` evenly: no smaller size makes as few parts."""
    return np.unique(_even(total, np.arange(1, min(total, most) + 1)))
