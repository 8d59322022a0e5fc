"""`row_stationary`: rows of filters that meet rows of activations (docs/dataflows/row_stationary.md).

::

    for each tile: n images, m filters, q x r channels, e output rows, all columns
      for each pass                           # p x t filters
        for image, for output column          # one window: p x q x S cycles
          every PE of R x e x r x t: a row of filters under a row of activations

Eyeriss (Chen et al., JSSC 2017) is its machine. Zeros save energy, never time: cycles follow from the shape,
and only sums over pairs depend on the tensors.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _row_stationary_kernel as at
from accelsim.dataflows._counters import counters_table, summed
from accelsim.dataflows._estimate_kernel import ROWS_OF_FILTERS
from accelsim.dataflows._row_mapping import (
    Mapping,
    layer_refusal,
    mapping_of_box,
    of_one_group,
    tile_refusal,
)
from accelsim.dataflows._zeros import Prepared, prepare
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import RowStationaryArray, of_kind
from accelsim.kernels import pair_sums
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

__all__ = ["Prepared", "prepare"]
Ints = npt.NDArray[np.int64]
PLAN_REFUSAL_LOOPS = "KCPQ"  # whose tile sizes `plan_refusal` looks at


def refusal(trace: LayerTrace, chip: Accelerator) -> str | None:
    """Why the machine cannot run a layer, or None."""
    return layer_refusal(trace, "row_stationary", of_kind(chip.pe_array, RowStationaryArray))


def plan_refusal(plan: Plan, layer: Layer, chip: Accelerator) -> str | None:
    """Why the machine cannot map tiles of these sizes, or None."""
    if plan.tile_q < layer.output_width:
        return f"rows are not cut: tile_q must be all {layer.output_width} columns, not {plan.tile_q}"
    return tile_refusal(plan, layer, of_kind(chip.pe_array, RowStationaryArray))


def tile_counters(prepared: Prepared, boxes: Ints, chip: Accelerator, spatial: None = None) -> Ints:
    """Count every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX

    Returns
    -------
    int64 [tiles, len(tables.COUNTERS)]
    """
    shapes: dict[tuple[int, ...], dict[str, int]] = {}
    return counters_table(
        summed(_counters(prepared, part, chip, shapes) for part in of_one_group(prepared.layer, box))
        for box in boxes
    )


def step_cycles(prepared: Prepared, chip: Accelerator, spatial: None = None) -> float:
    """Nothing is sampled: time follows from the shape."""
    return 1.0


def estimate_vector(chip: Accelerator, spatial: None = None) -> Ints:
    """What `_estimate_kernel` needs of a chip, after the dataflow's number."""
    a = of_kind(chip.pe_array, RowStationaryArray)
    spads = a.weight_spad_entries, a.activation_spad_entries, a.sum_spad_entries
    rates = a.weights_per_cycle, a.activations_per_cycle, a.sums_per_cycle
    return np.array([ROWS_OF_FILTERS, a.rows, a.columns, *spads, *rates, a.pipeline_cycles], np.int64)


def unrollings(layer: Layer, chip: Accelerator) -> list[None]:
    """What the array may hold at once: its own mapping, always."""
    return [None]


def filters_at_once(chip: Accelerator) -> int:
    """Tiles of filters need not be multiples of anything: a pass takes what a PE holds."""
    return 1


def _counters(
    prepared: Prepared, box: Ints, chip: Accelerator, shapes: dict[tuple[int, ...], dict[str, int]]
) -> dict[str, int]:
    """Sections 3 to 5 of the description, of a tile of one group; `shapes` keeps what shape alone decides."""
    n, n_end, m, m_end, z, z_end, *outputs = box.tolist()
    shape = (n_end - n, m_end - m, z_end - z, z > 0, *outputs)
    if (counted := shapes.get(shape)) is None:
        counted = shapes[shape] = _of_shape(prepared.layer, box, chip)
    sums, _ = prepared.pairs(box, prepared.weights)
    slots, between_pes = counted["dense_macs"], counted["accumulator_updates"]
    gates = of_kind(chip.pe_array, RowStationaryArray).activation_policy == "gate"
    done = int(sums[pair_sums.ACTIVATION]) if gates else slots
    effectual, padding = int(sums[pair_sums.BOTH]), int(sums[pair_sums.PADDING])
    return counted | {
        "done_macs": done,
        "gated_macs": slots - done,
        "effectual_macs": effectual,
        "accumulator_updates": done + between_pes,
        "weight_operand_reads": done,
        "activation_operand_reads": slots - padding,
        "padding_operand_reads": padding,
        "mac_lane_cycles": effectual,
        "zero_mac_lane_cycles": done - effectual,
        "gated_lane_cycles": slots - done,
    }


def _of_shape(layer: Layer, box: Ints, chip: Accelerator) -> dict[str, int]:
    """What the values of a tile change nothing of; of `accumulator_updates` those between PEs."""
    mapping = mapping_of_box(layer, box, of_kind(chip.pe_array, RowStationaryArray))
    n, m, z, e, f = (int(size) for size in np.diff(box)[::2])
    kernel_rows, taps = layer.kernel
    slots = n * m * z * e * f * kernel_rows * taps
    return {
        "steps": mapping.passes * n * f,
        "outputs": n * m * e * f,
        "dense_macs": slots,
        "accumulator_updates": n * f * kernel_rows * e * ceil_div(z, mapping.q) * m,
        **_time(layer, box, mapping, chip, slots),
        **_reads(layer, box, mapping, chip),
    }


def _time(layer: Layer, box: Ints, mapping: Mapping, chip: Accelerator, slots: int) -> dict[str, int]:
    """Cycles of all passes, and what PEs wait for."""
    array = of_kind(chip.pe_array, RowStationaryArray)
    n, m, z, e, f = (int(size) for size in np.diff(box)[::2])
    kernel_rows, taps = layer.kernel
    rows = e * kernel_rows if layer.stride[0] > kernel_rows else kernel_rows + (e - 1) * layer.stride[0]
    rates = np.array([array.weights_per_cycle, array.activations_per_cycle, array.sums_per_cycle], np.int64)
    pes, total, waits, mapped_cycles, unmapped = array.multipliers, 0, np.zeros(4, np.int64), 0, 0
    for first in range(0, m, mapping.p * mapping.t):
        filters = min(m - first, mapping.p * mapping.t)
        duration = min(mapping.p, filters) * mapping.q * taps
        work = [n * f, f, duration, filters * z * kernel_rows * taps, taps * rows * z]
        work += [min(layer.stride[1], taps) * rows * z, filters * e if box[4] else 0, filters * e]
        time = at.pass_time(np.array([*work, kernel_rows - 1], np.int64), rates)
        mapped = kernel_rows * e * ceil_div(z, mapping.q) * ceil_div(filters, mapping.p)
        waits += mapped * time
        mapped_cycles += mapped * n * f * duration
        total += int(time[at.LENGTH])
        unmapped += (pes - mapped) * int(time[at.LENGTH])
    return {
        "compute_cycles": total + array.pipeline_cycles,
        "lane_idle_lane_cycles": mapped_cycles - slots,
        "send_wait_lane_cycles": int(waits[at.SEND_WAIT]),
        "queue_wait_lane_cycles": int(waits[at.QUEUE_WAIT]),
        "drain_wait_lane_cycles": int(waits[at.DRAIN_WAIT]),
        "unmapped_lane_cycles": unmapped,
        "fill_lane_cycles": pes * array.pipeline_cycles,
    }


def _reads(layer: Layer, box: Ints, mapping: Mapping, chip: Accelerator) -> dict[str, int]:
    """Bytes and accesses of the scratchpad, and bytes written to PEs."""
    array, word = of_kind(chip.pe_array, RowStationaryArray), chip.scratchpad.word_bytes
    n, m, z, e, _ = (int(size) for size in np.diff(box)[::2])
    weight, activation = array.weight_bits // 8, array.activation_bits // 8
    together = mapping.p * mapping.t
    passes = [min(m - first, together) for first in range(0, m, together)]
    of_filter = z * layer.kernel[0] * layer.kernel[1] * weight
    reads_of_rows, needed_rows = inside(layer, 0, int(box[6]), int(box[7]))
    row_bytes = inside(layer, 1, int(box[8]), int(box[9]))[1] * activation
    rows = n * z * needed_rows
    receivers = sum(ceil_div(filters, mapping.p) for filters in passes)
    return {
        "weight_scratchpad_read_bytes": m * of_filter,
        "weight_scratchpad_reads": sum(ceil_div(filters * of_filter, word) for filters in passes),
        "weight_queue_write_bytes": m * of_filter * e,
        "activation_scratchpad_read_bytes": len(passes) * rows * row_bytes,
        "activation_scratchpad_reads": len(passes) * rows * ceil_div(row_bytes, word),
        "activation_queue_write_bytes": n * z * reads_of_rows * row_bytes * receivers,
    }


@lru_cache(maxsize=1024)
def inside(layer: Layer, axis: int, first: int, stop: int) -> tuple[int, int]:
    """Input rows (axis 0) or columns (1) of outputs and taps that are no padding: all, and different ones."""
    extent = layer.input_width if axis else layer.input_height
    stride, padding = layer.stride[axis], layer.padding[axis]
    every = (p * stride - padding + r for p in range(first, stop) for r in range(layer.kernel[axis]))
    found = [h for h in every if 0 <= h < extent]
    return len(found), len(set(found))
