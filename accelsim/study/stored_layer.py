"""Where a layer's tensors lie in memory, encoded chunk by chunk, and their accesses through a cache.

::

    | weights k, r, s, chunk | activations n, h, w, chunk | outputs n, p, q, block | partial sums n, p, q, k |

Each tensor begins with a line. A block of outputs is what a set writes of a pixel: `rows` filters.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import InnerJoinArray, of_kind
from accelsim.kernels import cache as at
from accelsim.kernels.line_walk import walk_tile
from accelsim.kernels.windows import geometry_vector
from accelsim.mapper.encoded import segment_starts
from accelsim.mapper.segments import segment_bytes
from accelsim.network import Layer
from accelsim.plan import Plan, tile_boxes
from accelsim.schedule.reused import nonzero_outputs
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
_LARGEST_LINE = 4096  # tensors begin with a line of any size up to this


@dataclass(frozen=True, slots=True, eq=False)
class StoredLayer:
    """First byte and bytes of every chunk, as `kernels.line_walk` takes them.

    Attributes
    ----------
    weights : int64 [2, K, R * S, chunks]
    activations : int64 [2, N * H * W, chunks]
    outputs : int64 [2, N * P * Q, blocks]
    sum_base : first byte of the partial sums
    end : first byte behind all
    """

    layer: Layer
    weights: Ints
    activations: Ints
    outputs: Ints
    sum_base: int
    end: int


def stored_layer(trace: LayerTrace, chip: Accelerator, seed: int = 0) -> StoredLayer:
    """Encode a layer's tensors as the chip's scratchpad holds them, and lay them out.

    Parameters
    ----------
    seed : of outputs that the trace does not hold, as `simulate` draws them

    Raises
    ------
    InputError
        If the layer has groups, the chip is not `inner_join` with one broadcast domain, or its DRAM holds
        operands otherwise than the scratchpad: a cache holds what DRAM does.
    """
    layer, e = trace.layer, chip.encodings
    if not isinstance(chip.pe_array, InnerJoinArray) or chip.pe_array.broadcast_domain != "array":
        raise InputError(f"{chip.name}: a cache needs an inner_join array whose broadcast_domain is 'array'")
    for operand in ("weights", "activations", "outputs"):
        stored = getattr(e, f"dram_{operand}")
        if stored not in ("same", getattr(e, operand)) or e.dram_weight_bits is not None:
            raise InputError(
                f"{chip.name}: a cache holds what DRAM holds: encodings.dram_{operand} must be 'same'"
            )
    if layer.groups > 1:
        raise InputError(f"{layer.name}: a cache is studied for layers of one group, not {layer.groups}")
    array = of_kind(chip.pe_array, InnerJoinArray)
    k, r, s, c = layer.weight_shape
    starts = segment_starts(c, c, array.chunk_elements)
    weights = segment_bytes(
        trace.weights.reshape(-1, c),
        np.repeat(trace.weight_zero_points, r * s),
        starts,
        array.weight_bits,
        e.weights,
    )[0]
    activations = segment_bytes(
        trace.activations.reshape(-1, c),
        trace.activation_zero_point,
        starts,
        array.activation_bits,
        e.activations,
    )[0]
    filters = np.array([*range(0, k, array.rows), k], np.int64)
    made = nonzero_outputs(trace, seed)[0].reshape(-1, k)
    outputs = segment_bytes(made.view(np.uint8), 0, filters, array.activation_bits, e.outputs)[0]
    placed, end = [], 0
    for sizes in (weights, activations, outputs):
        first = end + np.cumsum(sizes) - sizes.ravel()
        placed.append(np.stack([first.reshape(sizes.shape), sizes]))
        end = ceil_div(end + int(sizes.sum()), _LARGEST_LINE) * _LARGEST_LINE
    sum_bytes = made.size * ceil_div(array.partial_sum_bits, 8)
    return StoredLayer(
        layer=layer,
        weights=placed[0].reshape(2, k, r * s, -1),
        activations=placed[1],
        outputs=placed[2],
        sum_base=end,
        end=end + sum_bytes,
    )


def cached_counts(
    stored: StoredLayer,
    plan: Plan,
    chip: Accelerator,
    *,
    line_bytes: int,
    ways: int,
    sets: int,
    replacement: int = at.LRU,
    prefetch: bool = False,
    seed: int = 0,
) -> Ints:
    """Run a layer's accesses, in the order of a plan, through a cache: int64 [cache.COUNTS].

    Raises
    ------
    InputError
        If a tile of filters is no whole blocks of the array's rows.
    """
    array = of_kind(chip.pe_array, InnerJoinArray)
    layer = stored.layer
    if plan.tile_k < layer.filters and plan.tile_k % array.rows:
        raise InputError(f"{layer.name}: tile_k must be a multiple of {array.rows} rows, not {plan.tile_k}")
    shape = np.array(
        [
            array.rows,
            array.columns,
            array.chunk_elements,
            layer.channels,
            layer.filters,
            layer.output_height,
            layer.output_width,
            ceil_div(array.partial_sum_bits, 8),
            stored.sum_base,
        ],
        np.int64,
    )
    options = (replacement, int(prefetch), line_bytes, chip.scratchpad.word_bytes)
    cache = at.empty_cache(sets, ways, ceil_div(stored.end, line_bytes) + 1, options, seed)
    geometry = geometry_vector(layer)
    for box in tile_boxes(plan, layer):
        walk_tile(box, geometry, shape, stored.weights, stored.activations, stored.outputs, cache)
    at.flush(cache)
    counts: Ints = cache[4]
    return counts
