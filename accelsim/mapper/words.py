"""The plan of a dense layer that moves fewest words through one buffer: what bounds are stated in."""

from math import prod
from typing import cast

import numpy as np
import numpy.typing as npt

from accelsim.errors import PlanError
from accelsim.mapper import _words_kernel
from accelsim.mapper.space import whole_space
from accelsim.mapper.traffic import OPERANDS, extents_vector, operand_uses
from accelsim.network import Layer
from accelsim.plan import LOOPS, Operand, Plan

Ints = npt.NDArray[np.int64]


def least_words(layer: Layer, buffer_words: int, channel_quantum: int = 1) -> tuple[int, Plan]:
    """Fewest words that any plan of a dense layer without groups moves, and that plan.

    Parameters
    ----------
    buffer_words : operands and partial sums that the buffer holds
    channel_quantum : channels that a tile takes at once

    Raises
    ------
    PlanError
        If no plan fits, or the layer has groups.
    """
    if layer.groups > 1:
        raise PlanError(f"{layer.name}: words are counted of layers without groups")
    space = whole_space(layer, channel_quantum)
    rows, columns = (
        _spans(layer, axis, space.choices[3 + axis, : space.widths[3 + axis]]) for axis in (0, 1)
    )
    geometry = np.array(layer.kernel, np.int64)
    never = np.int64(2**62)
    words, row = _words_kernel.fewest_words(
        space.arrays(),
        operand_uses(layer),
        extents_vector(layer),
        geometry,
        rows,
        columns,
        buffer_words,
        never,
    )
    if words == never:
        raise PlanError(f"{layer.name}: no plan fits a buffer of {buffer_words} words")
    numbers = row.tolist()
    kept = (cast(Operand, name) for name, held in zip(OPERANDS, numbers[10:], strict=True) if held)
    names = ("tile_n", "tile_k", "tile_c", "tile_p", "tile_q")
    order = "".join(LOOPS[loop] for loop in numbers[5:10])
    return int(words), Plan(
        **dict(zip(names, numbers[:5], strict=True)), order=order, resident=frozenset(kept)
    )


def words_once(layer: Layer) -> int:
    """Every weight, every output, and every input that some window reads, once."""
    inputs = layer.batch * layer.channels * prod(int(_used(layer, axis)[-1]) for axis in (0, 1))
    return prod(layer.weight_shape) + prod(layer.output_shape) + inputs


def _used(layer: Layer, axis: int) -> Ints:
    """Rows (axis 0) or columns below an index that some window reads: int64 [extent + 1]."""
    extent = (layer.input_height, layer.input_width)[axis]
    outputs = (layer.output_height, layer.output_width)[axis]
    read = (
        np.arange(outputs)[:, None] * layer.stride[axis]
        - layer.padding[axis]
        + np.arange(layer.kernel[axis]) * layer.dilation[axis]
    )
    used = np.zeros(extent, np.int64)
    used[read[(read >= 0) & (read < extent)]] = 1
    return np.concatenate([[0], np.cumsum(used)]).astype(np.int64)


def _spans(layer: Layer, axis: int, sizes: Ints) -> Ints:
    """Inputs along an axis that tiles of each size read, all together and the largest: int64 [sizes, 2]."""
    extent = (layer.input_height, layer.input_width)[axis]
    outputs = (layer.output_height, layer.output_width)[axis]
    # Rows that no window reads are left out of a fetch; columns are not (docs/traffic.md).
    used = _used(layer, axis) if axis == 0 else np.arange(extent + 1)
    geometry = layer.kernel[axis], layer.stride[axis], layer.padding[axis], layer.dilation[axis]
    return np.array([_words_kernel.spans(size, outputs, extent, *geometry, used) for size in sizes], np.int64)
