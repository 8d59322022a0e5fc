"""Where a layer's tensors stand in DRAM, and the runs that each tile of a plan moves (docs/traffic.md)."""

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.machine.requests import Requests
from accelsim.mapper import _runs_kernel
from accelsim.mapper._tile_bytes_kernel import (
    DENSE,
    OUTPUT_KIND,
    POINTER_BYTES_A,
    POINTER_BYTES_O,
    TABLE_BYTES,
    TABLED,
    output_masks,
)
from accelsim.mapper.encoded import EncodedSizes
from accelsim.mapper.traffic import (
    OPERANDS,
    chip_vector,
    extents_vector,
    layer_vector,
    operand_uses,
    size_arrays,
)
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
PAGE_BYTES = _runs_kernel.PAGE


def plan_requests(
    plan: Plan, boxes: Ints, layer: Layer, chip: Accelerator, sizes: EncodedSizes, first_byte: int = 0
) -> Requests:
    """The runs of every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10], as `tile_boxes`
    first_byte : address at which the layer's regions begin, a multiple of PAGE_BYTES
    """
    uses, extents = operand_uses(layer), extents_vector(layer)
    geometry, vector, arrays = layer_vector(layer, chip), chip_vector(layer, chip), size_arrays(sizes)
    starts, ends = _runs_kernel.places(boxes, uses, extents, geometry, vector, arrays)
    apart = np.array([_activation_image(sizes), _output_image(boxes, layer, chip, sizes)], np.int64)
    blocks = _runs_kernel.channel_blocks(boxes[0], boxes[0], geometry)[1]
    n, p, _, k = layer.output_shape
    filter_tiles = ceil_div(k, int(boxes[0, 3] - boxes[0, 2]))
    lengths = [
        int(vector[TABLE_BYTES]),
        int(ends[0]),
        int(ends[1]),
        n * int(apart[0]),
        int(blocks) * _pages(n * int(sizes.used_rows[-1]) * int(vector[POINTER_BYTES_A])),
        n * int(apart[1]),
        filter_tiles * _pages(n * p * int(vector[POINTER_BYTES_O])),
        int(ends[2]),
    ]
    bases = first_byte + np.cumsum([0, *(_pages(length) for length in lengths)], dtype=np.int64)
    resident = np.array([operand in plan.resident for operand in OPERANDS], np.uint8)
    of_plan = (boxes, uses, extents, resident, geometry, vector, arrays, bases[:-1], apart, starts)
    first = _runs_kernel.plan_runs(*of_plan, np.empty((0, 3), np.int64))
    runs = np.empty((int(first[-1, 0]), 3), np.int64)
    _runs_kernel.plan_runs(*of_plan, runs)
    return Requests(runs, first, bases[:-1], int(bases[-1]))


def _pages(length: int) -> int:
    return ceil_div(length, PAGE_BYTES) * PAGE_BYTES


def _activation_image(sizes: EncodedSizes) -> int:
    """Bytes from one input's activations to the next one's."""
    return _pages(int(sizes.activations[:, -1, -1, -1].max()))


def _output_image(boxes: Ints, layer: Layer, chip: Accelerator, sizes: EncodedSizes) -> int:
    """Bytes from one input's outputs to the next one's."""
    vector, geometry = chip_vector(layer, chip), layer_vector(layer, chip)
    _, p, q, k = layer.output_shape
    kind, tile = int(vector[OUTPUT_KIND]), int(boxes[0, 3] - boxes[0, 2])
    kept = int(sizes.outputs[:, -1, -1, -1].max())
    if kind == TABLED:
        return _pages(kept)
    masks = k // tile * int(output_masks(tile, geometry, kind)) + int(output_masks(k % tile, geometry, kind))
    elements = p * q * k if kind == DENSE else kept
    return _pages(ceil_div(elements * chip.pe_array.activation_bits, 8) + p * q * masks)
