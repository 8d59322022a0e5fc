"""`cartesian`: all products of non-zero weights and activations of a channel (docs/dataflows/cartesian.md).

::

    for each output group                     # filters whose sums of a PE's haloed tile fit its banks
      each PE, its rectangle of the plane:
        for channel, phase
          for I activations, for F weights    # one step: F x I products -> crossbar -> queues of banks
      all PEs meet; halos; drain

SCNN (Parashar et al., ISCA 2017) is its machine: convolutions. Every step's conflicts at the banks are
counted exactly; the cost is that of the products.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _cartesian_kernel as at
from accelsim.dataflows._counters import counters_table
from accelsim.dataflows._estimate_kernel import CARTESIAN
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import CartesianArray, of_kind
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
PLAN_REFUSAL_LOOPS = "PQ"  # whose tile sizes `plan_refusal` looks at
_SAMPLE_MACS = 200_000_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where a layer's weights [C, K, R, S] and activations [N, C, H, W] are not zero: uint8."""

    layer: Layer
    weights: npt.NDArray[np.uint8]
    activations: npt.NDArray[np.uint8]

    @property
    def nonzero_weights(self) -> int:
        """Weights that are not zero."""
        return int(np.count_nonzero(self.weights))

    @property
    def nonzero_activations(self) -> int:
        """Activations of the input that are not zero."""
        return int(np.count_nonzero(self.activations))


def refusal(trace: LayerTrace, chip: Accelerator) -> str | None:
    """Why the machine cannot run a layer, or None."""
    layer, array = trace.layer, of_kind(chip.pe_array, CartesianArray)
    if layer.kind != "convolution":
        return f"cartesian runs convolutions, not a {layer.kind.replace('_', ' ')}"
    held = array.banks * array.bank_entries
    needed = _reach(layer, 0) * _reach(layer, 1)
    if needed > held:
        return f"the {needed} sums of one pixel's window are more than the {held} of a PE's banks"
    return None


def plan_refusal(plan: Plan, layer: Layer, chip: Accelerator) -> str | None:
    """Why the machine cannot map tiles of these sizes, or None."""
    array = of_kind(chip.pe_array, CartesianArray)
    sides = []
    for i, (tile, pes) in enumerate(((plan.tile_p, array.rows), (plan.tile_q, array.columns))):
        length = (layer.input_height, layer.input_width)[i]
        pad, stride = layer.padding[i], layer.stride[i]
        pixels = (length - 1 + pad) // stride + 1 - pad // stride
        extent = (layer.output_height, layer.output_width)[i]
        wanted = min(tile, extent) + _reach(layer, i) - 1
        sides.append(ceil_div(min(wanted, pixels), pes) + _reach(layer, i) - 1)
    held = array.banks * array.bank_entries
    if sides[0] * sides[1] > held:
        return (
            f"a PE's haloed tile of {sides[0]} x {sides[1]} sums is larger than the {held} of its banks; "
            "smaller tile_p or tile_q"
        )
    return None


def prepare(trace: LayerTrace, chip: Accelerator) -> Prepared:
    """Find the zeros of a layer, channels outermost."""
    zeros = np.asarray(trace.weight_zero_points).reshape(-1, 1, 1, 1)
    weights = (trace.weights != zeros).transpose(3, 0, 1, 2)
    activations = (trace.activations != trace.activation_zero_point).transpose(0, 3, 1, 2)
    return Prepared(
        trace.layer,
        np.ascontiguousarray(weights).view(np.uint8),
        np.ascontiguousarray(activations).view(np.uint8),
    )


def tile_counters(
    prepared: Prepared,
    boxes: Ints,
    chip: Accelerator,
    threads: int = 1,
    spatial: None = None,
) -> Ints:
    """Count every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX
    threads : tiles counted at once; the result does not depend on it

    Returns
    -------
    int64 [tiles, len(tables.COUNTERS)]

    Raises
    ------
    PlanError
        If a PE's banks do not hold its part of a tile.
    """
    layer = prepared.layer
    for p, q in {(int(box[7] - box[6]), int(box[9] - box[8])) for box in boxes}:
        if reason := plan_refusal(Plan(tile_n=1, tile_k=1, tile_c=1, tile_p=p, tile_q=q), layer, chip):
            raise PlanError(f"{layer.name}: {reason}")

    with ThreadPoolExecutor(threads) as pool:
        return counters_table(pool.map(lambda box: _tile_counters(prepared, box, chip), boxes))


def step_cycles(prepared: Prepared, chip: Accelerator, spatial: None = None) -> float:
    """Cycles of a multiplication that the rectangles might need, from the whole plane and a few filters."""
    layer = prepared.layer
    _, p, q, k = layer.output_shape
    per_filter = layer.dense_macs // (layer.batch * k)
    filters = max(1, min(k, _SAMPLE_MACS // per_filter))
    if layer.groups > 1:
        filters = ceil_div(filters, layer.group_filters) * layer.group_filters
    box = np.array([0, 1, 0, filters, 0, layer.group_channels, 0, p, 0, q], np.int64)
    plan = Plan(tile_n=1, tile_k=filters, tile_c=layer.group_channels, tile_p=p, tile_q=q)
    while plan_refusal(plan, layer, chip) is not None:
        box[7], box[9] = ceil_div(int(box[7]), 2), ceil_div(int(box[9]), 2)
        plan = Plan(tile_n=1, tile_k=filters, tile_c=1, tile_p=int(box[7]), tile_q=int(box[9]))
    cycles = _tile_counters(prepared, box, chip)["compute_cycles"] - chip.pe_array.pipeline_cycles
    reach = int(box[7]) + _reach(layer, 0) - 1, int(box[9]) + _reach(layer, 1) - 1
    return cycles / (filters * layer.group_channels * reach[0] * reach[1])


def estimate_vector(chip: Accelerator, spatial: None = None) -> Ints:
    """What `_estimate_kernel` needs of a chip, after the dataflow's number."""
    return np.array([CARTESIAN, chip.pe_array.pipeline_cycles], np.int64)


def unrollings(layer: Layer, chip: Accelerator) -> list[None]:
    """What the array may hold at once: its own mapping, always."""
    return [None]


def filters_at_once(chip: Accelerator) -> int:
    """Tiles of filters need not be multiples of anything: blocks end where banks are full."""
    return 1


def array_parameters(chip: Accelerator) -> Ints:
    """In the order of `_cartesian_banks`."""
    array = of_kind(chip.pe_array, CartesianArray)
    return np.array(
        [
            array.rows,
            array.columns,
            array.weights_per_step,
            array.activations_per_step,
            array.banks,
            array.banks * array.bank_entries,
            array.bank_queue_depth,
            array.halo_elements_per_cycle,
            chip.postprocessor.drain_elements_per_cycle,
            array.pipeline_cycles,
            array.weight_bits,
            array.activation_bits,
            chip.scratchpad.word_bytes,
        ],
        np.int64,
    )


def _reach(layer: Layer, i: int) -> int:
    """Outputs that one pixel can reach along rows (0) or columns (1)."""
    return (layer.kernel[i] - 1) * layer.dilation[i] // layer.stride[i] + 1


def _tile_counters(prepared: Prepared, box: Ints, chip: Accelerator) -> dict[str, int]:
    """Sections 3 and 4 of the description."""
    layer, array = prepared.layer, of_kind(chip.pe_array, CartesianArray)
    groups = int(box[2]) // layer.group_filters, (int(box[3]) - 1) // layer.group_filters + 1
    sums = at.count_tile(
        box,
        groups,
        _geometry(layer),
        layer.group_filters,
        layer.group_channels,
        array_parameters(chip),
        prepared.weights,
        prepared.activations,
    ).tolist()
    macs = int(np.prod([box[1] - box[0], *np.diff(box[2:]).tolist()[::2]], dtype=np.int64))
    dense, lanes = macs * layer.kernel[0] * layer.kernel[1], array.lanes
    done, effectual, pes = sums[at.DONE], sums[at.EFFECTUAL], array.rows * array.columns
    return {
        "compute_cycles": sums[at.CYCLES],
        "steps": sums[at.STEPS],
        "outputs": sums[at.OUTPUTS],
        "dense_macs": dense,
        "done_macs": done,
        "skipped_macs": dense - done,
        "effectual_macs": effectual,
        "surplus_products": sums[at.PRODUCTS] - done,
        "encoding_padding_macs": done - effectual,
        "accumulator_updates": done + sums[at.HALO],
        "weight_operand_reads": sums[at.READS_W],
        "activation_operand_reads": sums[at.READS_A],
        "weight_scratchpad_read_bytes": sums[at.BYTES_W],
        "weight_scratchpad_reads": sums[at.WORDS_W],
        "weight_queue_write_bytes": sums[at.QUEUED_W],
        "activation_scratchpad_read_bytes": sums[at.BYTES_A],
        "activation_scratchpad_reads": sums[at.WORDS_A],
        "activation_queue_write_bytes": sums[at.BYTES_A],
        "mac_lane_cycles": effectual,
        "zero_mac_lane_cycles": done - effectual,
        "lane_idle_lane_cycles": lanes * sums[at.STEPS] - done,
        "conflict_lane_cycles": lanes * sums[at.CONFLICT],
        "imbalance_lane_cycles": lanes * sums[at.IMBALANCE],
        "unmapped_lane_cycles": lanes * sums[at.UNMAPPED],
        "fill_lane_cycles": lanes * pes * array.pipeline_cycles,
        "drain_wait_lane_cycles": lanes * pes * sums[at.DRAIN_WAIT],
    }


def _geometry(layer: Layer) -> Ints:
    """In the order of `_cartesian_lists`."""
    values = [layer.input_height, layer.input_width, *layer.stride, *layer.padding[:2]]
    return np.array([*values, *layer.dilation, *layer.kernel], np.int64)
