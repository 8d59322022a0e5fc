"""Non-zero operands of a layer, and sums of them over what shares a PE."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.network import Layer
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Counts = tuple[Ints, Ints]

_LONGEST_GAP = 16  # a count of zeros has 4 bits: the 16th zero in a row is stored


@dataclass(frozen=True, slots=True)
class Operands:
    """Where a layer's operands are not zero.

    Attributes
    ----------
    weights : bool [K, taps, channels of a group]; taps: r, then s
    activations : bool [N, H, W, C]
    """

    layer: Layer
    weights: Bools
    activations: Bools

    def padded(self, activations: Bools) -> Bools:
        """Activations with the layer's padding, which is zero, around them."""
        top, left, bottom, right = self.layer.padding
        return np.pad(activations, ((0, 0), (top, bottom), (left, right), (0, 0)))

    def taps(self, box: Ints, activations: Bools | None = None) -> Iterator[Bools]:
        """For each tap what it meets: bool [n, p, q, groups of the layer, channels of the box].

        `activations`: others than the non-zero ones, of the same shape.
        """
        layer = self.layer
        padded = self.padded(self.activations if activations is None else activations)
        n0, n1, _, _, c0, c1, p0, p1, q0, q1 = box.tolist()
        for tap in range(layer.kernel[0] * layer.kernel[1]):
            r, s = divmod(tap, layer.kernel[1])
            top, left = r * layer.dilation[0], s * layer.dilation[1]
            down, across = layer.stride
            rows = slice(p0 * down + top, (p1 - 1) * down + top + 1, down)
            columns = slice(q0 * across + left, (q1 - 1) * across + left + 1, across)
            seen = padded[n0:n1, rows, columns]
            yield seen.reshape(*seen.shape[:3], layer.groups, -1)[..., c0:c1]

    def groups(self, box: Ints) -> Iterator[tuple[int, Bools]]:
        """Each group of a tile with its filters there: bool [filters, taps, channels of the box]."""
        _, _, k0, k1, c0, c1, *_ = box.tolist()
        of_group = self.layer.group_filters
        for group in range(k0 // of_group, (k1 - 1) // of_group + 1):
            first, last = max(k0, group * of_group), min(k1, (group + 1) * of_group)
            yield group, self.weights[first:last, :, c0:c1]


def operands_of(trace: LayerTrace) -> Operands:
    """The operands of a layer that differ from their zero points."""
    layer = trace.layer
    zeros = trace.weight_zero_points.astype(np.int16).reshape(-1, 1, 1, 1)
    weights = (trace.weights != zeros).reshape(layer.filters, -1, layer.group_channels)
    return Operands(layer, weights, trace.activations != trace.activation_zero_point)


def folded(values: npt.NDArray[np.generic], size: int) -> Floats:
    """Sums of those whose first index is the same modulo `size`: float64 [size, ...]."""
    blocks = ceil_div(len(values), size)
    whole = np.zeros((blocks * size, *values.shape[1:]), values.dtype)
    whole[: len(values)] = values
    sums: Floats = whole.reshape(blocks, size, *values.shape[1:]).sum(axis=0, dtype=np.float64)
    return sums


def spread(items: int, size: int) -> Floats:
    """How many of so many items fall on each of `size`, going round: float64 [size]."""
    return np.bincount(np.arange(items) % size, minlength=size).astype(np.float64)


def by_position(operands: Operands, box: Ints, size: int) -> Floats:
    """Positions with an activation, those on a column together: float64 [size, groups, taps, channels]."""
    found = [folded(seen.reshape(-1, *seen.shape[3:]), size) for seen in operands.taps(box)]
    return np.stack(found, axis=2)


def positions_of(box: Ints) -> int:
    """Output positions (n, p, q) of a tile."""
    return int((box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8]))


def stored(nonzero: Bools) -> Bools:
    """Entries of sequences with 4-bit counts of zeros, along the first axis: bool of the same shape.

    The non-zero ones; and of zeros before another non-zero one each 16th since the entry before it.
    """
    length = len(nonzero)
    place = np.arange(length).reshape(-1, *(1,) * (nonzero.ndim - 1))
    before = np.maximum.accumulate(np.where(nonzero, place, -1), axis=0)
    last = before[-1] if length else -1
    entries: Bools = nonzero | (((place - before) % _LONGEST_GAP == 0) & (place < last))
    return entries


def whole(*counts: Floats) -> Counts:
    """Effectual MACs and slots as integers, one part: int64 [1, rows, columns] each."""
    mac, slot = (np.rint(one).astype(np.int64)[np.newaxis] for one in counts)
    return mac, slot
