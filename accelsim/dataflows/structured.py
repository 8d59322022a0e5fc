"""`structured`: N of M weights that pick their activations (docs/dataflows/structured.md).

::

    for each output set                       # filter block outer, position block inner
      rows <- filters of one group;  columns <- up to `columns` output positions
      for r, s                                # one step: the stored weights of the tap, `lanes` a cycle

The 2:4 tensor cores of NVIDIA's A100 are one of its points. All PEs take the same time, so a step is counted
once; what depends on the tensors are sums over pairs.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _structured_kernel as at
from accelsim.dataflows import _zeros
from accelsim.dataflows._counters import counters_table
from accelsim.dataflows._estimate_kernel import STRUCTURED
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import StructuredArray, of_kind
from accelsim.kernels import pair_sums
from accelsim.kernels.windows import geometry_vector
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
PLAN_REFUSAL_LOOPS = ""  # whose tile sizes `plan_refusal` looks at
_SAMPLE_FILTERS, _SAMPLE_POSITIONS = 512, 4096


@dataclass(frozen=True, slots=True)
class Prepared(_zeros.Prepared):
    """Sums of what is not zero, and of the weights that are stored: in a dense layer every one."""

    stored: npt.NDArray[np.int32]
    is_dense: bool


def most_in_a_block(trace: LayerTrace, array: StructuredArray) -> int:
    """The most weights that are not zero in any block of channels."""
    nonzero = _zeros.nonzero_weights(trace)
    rows = nonzero.reshape(-1, nonzero.shape[2])
    return int(at.stored_weights(rows, array.kept_per_block, array.block_elements)[1])


def refusal(trace: LayerTrace, chip: Accelerator) -> str | None:
    """Why the machine cannot run a layer, or None."""
    array = of_kind(chip.pe_array, StructuredArray)
    most = most_in_a_block(trace, array)
    if most <= array.kept_per_block or array.dense_fallback:
        return None
    return (
        f"a block of {array.block_elements} channels has {most} weights that are not zero, more than "
        f"{array.kept_per_block} (pe_array.kept_per_block; `accelsim prune` makes such layers, "
        "pe_array.dense_fallback runs others dense)"
    )


def plan_refusal(plan: Plan, layer: Layer, chip: Accelerator) -> str | None:
    """Why the machine cannot map tiles of these sizes: it maps all."""
    return None


def prepare(trace: LayerTrace, chip: Accelerator) -> Prepared:
    """Find the zeros, and the weights that are stored."""
    array = of_kind(chip.pe_array, StructuredArray)
    zeros, nonzero = _zeros.prepare(trace, chip), _zeros.nonzero_weights(trace)
    stored, most = at.stored_weights(
        nonzero.reshape(-1, nonzero.shape[2]), array.kept_per_block, array.block_elements
    )
    is_dense = bool(most > array.kept_per_block)
    stored = np.ones_like(nonzero) if is_dense else stored.reshape(nonzero.shape)
    return Prepared(
        trace.layer, zeros.weights, zeros.activations, pair_sums.sums_of_weights(stored), is_dense
    )


def tile_counters(prepared: Prepared, boxes: Ints, chip: Accelerator, spatial: None = None) -> Ints:
    """Count every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX

    Returns
    -------
    int64 [tiles, len(tables.COUNTERS)]
    """
    return counters_table(_tile_counters(prepared, box, chip) for box in boxes)


def step_cycles(prepared: Prepared, chip: Accelerator, spatial: None = None) -> float:
    """Cycles of a tile, over those that its multiplications need at least."""
    layer, array = prepared.layer, of_kind(chip.pe_array, StructuredArray)
    _, p, q, _ = layer.output_shape
    filters = min(layer.group_filters, _SAMPLE_FILTERS)
    lines = max(1, min(p, _SAMPLE_POSITIONS // q))
    box = np.array([0, 1, 0, filters, 0, layer.group_channels, 0, lines, 0, q], np.int64)
    p_vector = _parameters(prepared, box, chip)
    run = _run(layer, box, p_vector)
    blocks = ceil_div(layer.group_channels, array.block_elements)
    work = ceil_div(array.kept_per_block * blocks, array.lanes)
    return int(run[at.CYCLES]) / (int(run[at.STEPS]) * work)


def estimate_vector(chip: Accelerator, spatial: None = None) -> Ints:
    """What `_estimate_kernel` needs of a chip, after the dataflow's number."""
    a = of_kind(chip.pe_array, StructuredArray)
    return np.array(
        [STRUCTURED, a.rows, a.columns, a.kept_per_block, a.block_elements, a.lanes, a.pipeline_cycles],
        np.int64,
    )


def unrollings(layer: Layer, chip: Accelerator) -> list[None]:
    """What the array may hold at once: its own mapping, always."""
    return [None]


def filters_at_once(chip: Accelerator) -> int:
    """Filters that the array works on at a time: tiles of filters are multiples of it."""
    return chip.pe_array.rows


def _parameters(prepared: Prepared, box: Ints, chip: Accelerator) -> Ints:
    """In the order of `_structured_kernel`: work of a step, bytes of a row's weights, of activations."""
    array = of_kind(chip.pe_array, StructuredArray)
    channels = int(box[5] - box[4])
    if prepared.is_dense:
        entries, places = channels, 0
    else:
        entries = array.kept_per_block * ceil_div(channels, array.block_elements)
        places = ceil_div(entries * array.place_bits, 8)
    return np.array(
        [
            array.rows,
            array.columns,
            array.array_feed_bytes_per_cycle,
            chip.postprocessor.drain_elements_per_cycle,
            ceil_div(entries, array.lanes),
            ceil_div(entries * array.weight_bits, 8) + places,
            ceil_div(channels * array.activation_bits, 8),
            prepared.weights.shape[1],
        ],
        np.int64,
    )


def _run(layer: Layer, box: Ints, p: Ints) -> Ints:
    """Time of a tile: sums of `_structured_kernel`."""
    filters = min(int(box[3] - box[2]), layer.group_filters)
    groups, rows = int(box[3] - box[2]) // filters, int(p[at.ROWS])
    blocks = [min(rows, filters - first) for first in range(0, filters, rows)] * groups
    inside = at.inside_by_block(geometry_vector(layer), box, int(p[at.COLUMNS]), int(p[at.TAPS]))
    positions = int((box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8]))
    sums: Ints = at.run_tile(np.array(blocks, np.int64), positions, inside, p)
    return sums


def _tile_counters(prepared: Prepared, box: Ints, chip: Accelerator) -> dict[str, int]:
    """Sections 3 to 5 of the description."""
    layer, array = prepared.layer, of_kind(chip.pe_array, StructuredArray)
    word = chip.scratchpad.word_bytes
    slots, inside = prepared.pairs(box, prepared.stored)
    pairs, _ = prepared.pairs(box, prepared.weights)
    p = _parameters(prepared, box, chip)
    run = _run(layer, box, p).tolist()
    gates = array.activation_policy == "gate"
    kind = pair_sums.BOTH if gates else pair_sums.WEIGHT
    done, effectual = int(slots[kind]), int(pairs[pair_sums.BOTH])
    padding_reads = 0 if gates else int(slots[pair_sums.PADDING_WEIGHT])
    every, filters = int(slots[pair_sums.WEIGHT]), int(box[3] - box[2])
    outputs = filters * int((box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8]))
    taps, channels = prepared.weights.shape[1], int(box[5] - box[4])
    weight_bytes, activation_bytes = int(p[at.WEIGHT_BYTES]), int(p[at.ACTIVATION_BYTES])
    slots_of_a_tap = every // (outputs * taps)
    return {
        "compute_cycles": run[at.CYCLES] + array.pipeline_cycles,
        "steps": run[at.STEPS],
        "outputs": outputs,
        "dense_macs": outputs * taps * channels,
        "done_macs": done,
        "gated_macs": every - done,
        "skipped_macs": outputs * taps * channels - every,
        "effectual_macs": effectual,
        "encoding_padding_macs": 0 if prepared.is_dense else done - int(pairs[kind]),
        "accumulator_updates": outputs * taps * ceil_div(slots_of_a_tap, array.lanes),
        "weight_operand_reads": done,
        "activation_operand_reads": done - padding_reads,
        "padding_operand_reads": padding_reads,
        "mask_bits_read": every * (gates + (0 if prepared.is_dense else array.place_bits)),
        "weight_scratchpad_read_bytes": run[at.SENT_WEIGHTS] * weight_bytes,
        "weight_scratchpad_reads": run[at.SENT_WEIGHTS] * ceil_div(weight_bytes, word),
        "activation_scratchpad_read_bytes": run[at.SENT_POSITIONS] * activation_bytes,
        "activation_scratchpad_reads": run[at.SENT_POSITIONS] * ceil_div(activation_bytes, word),
        "weight_queue_write_bytes": outputs * taps * weight_bytes,
        "activation_queue_write_bytes": int(inside.sum()) * filters * activation_bytes,
        "mac_lane_cycles": effectual,
        "zero_mac_lane_cycles": done - effectual,
        "gated_lane_cycles": every - done,
        "lane_idle_lane_cycles": array.lanes * run[at.WORKED] - every,
        "queue_wait_lane_cycles": array.lanes * run[at.QUEUE_WAIT],
        "send_wait_lane_cycles": array.lanes * run[at.SEND_WAIT],
        "unmapped_lane_cycles": array.lanes * run[at.UNMAPPED],
        "fill_lane_cycles": array.multipliers * array.pipeline_cycles,
        "drain_wait_lane_cycles": array.lanes * run[at.DRAIN_WAIT],
    }
