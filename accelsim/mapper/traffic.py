"""The traffic of a plan: bytes of every tile from the actual encoded sizes.

An operand whose tile does not change between consecutive tiles is not fetched again; a partial sum is
spilled only if its output tile is left before its last C tile. Halos count with each tile that needs them.
"""

import numpy as np
import numpy.typing as npt

from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.mapper import _tile_bytes_kernel, _traffic_kernel
from accelsim.mapper.cells import held_weight_bits, in_dram
from accelsim.mapper.encoded import EncodedSizes, segment_starts
from accelsim.mapper.segments import plane_bytes, segment_bytes
from accelsim.network import Layer
from accelsim.plan import LOOPS, OPERAND_LOOPS, Plan, loop_extents
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
OPERANDS = ("weights", "activations", "outputs")
_OUTPUT_KINDS = {"dense": _tile_bytes_kernel.DENSE, "bitmask": _tile_bytes_kernel.BITMASK}


def plan_traffic(
    plan: Plan, boxes: Ints, layer: Layer, chip: Accelerator, sizes: EncodedSizes
) -> tuple[Ints, Ints]:
    """Bytes of every tile.

    Returns
    -------
    traffic : int64 [tiles, len(tables.TRAFFIC)]
    live : int64 [tiles], scratchpad bytes a tile needs when all tiles before it are done; where operands have
        regions of their own, the capacity and what the fullest region lacks: a tile fits if it is at most
        the capacity, in either case

    Raises
    ------
    PlanError
        If a tile cuts a block of filters that is encoded as one.
    """
    if plan.tile_k % sizes.filter_block and plan.tile_k < layer.filters:
        raise PlanError(
            f"{layer.name}: tile_k must be all filters or a multiple of {sizes.filter_block}, "
            f"not {plan.tile_k}"
        )
    resident = np.array([operand in plan.resident for operand in OPERANDS], np.uint8)
    traffic, live = _traffic_kernel.plan_traffic(
        boxes,
        operand_uses(layer),
        extents_vector(layer),
        resident,
        layer_vector(layer, chip),
        chip_vector(layer, chip),
        size_arrays(sizes),
    )
    return traffic, live


def operand_uses(layer: Layer) -> npt.NDArray[np.uint8]:
    """Which loops n, k, c, p, q change the tile of weights, activations, outputs: uint8 [3, 5]."""
    uses = np.zeros((3, 5), np.uint8)
    for i, operand in enumerate(OPERANDS):
        letters = OPERAND_LOOPS[operand]
        if operand == "activations" and layer.groups == 1:
            letters = letters.replace("K", "")  # all filters of one group read the same channels
        for letter in letters:
            uses[i, LOOPS.index(letter)] = 1
    return uses


def extents_vector(layer: Layer) -> Ints:
    """Extents of the loops n, k, c, p, q: int64 [5]."""
    extents = loop_extents(layer)
    return np.array([extents[letter] for letter in LOOPS], np.int64)


def size_arrays(sizes: EncodedSizes) -> tuple[npt.NDArray[np.integer] | int, ...]:
    """The encoded sizes in the order the traffic kernel takes them apart."""
    return (
        sizes.weights,
        sizes.weight_metadata,
        sizes.held_weights,
        sizes.activations,
        sizes.activation_metadata,
        sizes.held_activations,
        sizes.held_outputs,
        sizes.outputs,
        sizes.output_metadata,
        sizes.output_block,
        sizes.segment_of_channel,
        sizes.used_rows,
        np.array([sizes.kept_activations, sizes.kept_outputs], np.uint8),
    )


def layer_vector(layer: Layer, chip: Accelerator) -> Ints:
    """Geometry for the traffic kernel, in the order of its constants."""
    return np.array(
        [
            *layer.kernel,
            *layer.stride,
            layer.padding[0],
            layer.padding[1],
            *layer.dilation,
            layer.input_height,
            layer.input_width,
            layer.groups,
            layer.group_filters,
            layer.group_channels,
            chip.pe_array.chunk_elements,
            layer.channels,
        ],
        np.int64,
    )


def chip_vector(layer: Layer, chip: Accelerator) -> Ints:
    """What of the chip decides a layer's bytes, in the order of the traffic kernel's constants."""
    e, array, stored = chip.encodings, chip.pe_array, in_dram(layer, chip)
    pointer = ceil_div(e.pointer_bits, 8)
    return np.array(
        [
            chip.dram.burst_bytes,
            pointer if stored.weights == "bitmask" else 0,  # cells begin with their length
            pointer if stored.activations != "dense" else 0,
            pointer if stored.outputs != "dense" else 0,
            pointer if e.weights == "bitmask" else 0,
            pointer if e.activations == "bitmask" else 0,
            pointer if e.outputs == "bitmask" else 0,
            (stored.weights, stored.weight_bits) == (e.weights, held_weight_bits(chip)),
            stored.activations == e.activations,
            stored.outputs == e.outputs,
            _OUTPUT_KINDS.get(stored.outputs, _tile_bytes_kernel.TABLED),
            _OUTPUT_KINDS[e.outputs],
            array.activation_bits,
            ceil_div(array.partial_sum_bits, 8),
            stored.table_bytes,
            chip.scratchpad.capacity_bytes,
            *(chip.scratchpad.regions if chip.scratchpad.is_split else (0, 0, 0)),
        ],
        np.int64,
    )


def check_fits(live: Ints, boxes: Ints, layer: Layer, chip: Accelerator) -> None:
    """Raise PlanError if some tile needs more than the scratchpad holds; the message says how much more."""
    capacity = chip.scratchpad.capacity_bytes
    worst = int(np.argmax(live))
    if live[worst] > capacity and chip.scratchpad.is_split:
        names = ("weights", "activations", "outputs")
        regions = ", ".join(f"{n} {size}" for n, size in zip(names, chip.scratchpad.regions, strict=True))
        raise PlanError(
            f"{layer.name}: tile {worst} {boxes[worst].tolist()} needs {live[worst] - capacity} bytes more "
            f"than its operand's region of the scratchpad holds ({regions})"
        )
    if live[worst] > capacity:
        raise PlanError(
            f"{layer.name}: tile {worst} {boxes[worst].tolist()} needs {live[worst]} bytes, "
            f"{live[worst] - capacity} more than the scratchpad of {capacity}"
        )


def burst_rounded(run_bytes: int, burst_bytes: int) -> tuple[int, int]:
    """(bytes in whole bursts, of these waste) of one contiguous run."""
    waste = -run_bytes % burst_bytes
    return run_bytes + waste, waste


def tensor_bytes(
    shape: tuple[int, ...],
    tensor: npt.NDArray[np.generic] | None,
    zero_point: int,
    chip: Accelerator,
) -> int:
    """Bytes of a whole activation tensor N,H,W,C in DRAM, pointers included; dense without data."""
    n, h, w, c = shape
    bits, e = chip.pe_array.activation_bits, chip.encodings
    encoding = e.activations if e.dram_activations == "same" else e.dram_activations
    if tensor is None or encoding == "dense":
        return ceil_div(n * h * w * c * bits, 8)
    pointers = n * h * ceil_div(e.pointer_bits, 8)
    if chip.pe_array.chunk_elements == 1:
        return int(plane_bytes(tensor, zero_point, bits, encoding)[0].sum()) + pointers
    starts = segment_starts(c, c, chip.pe_array.chunk_elements)
    return int(segment_bytes(tensor.reshape(-1, c), zero_point, starts, bits, encoding)[0].sum()) + pointers
