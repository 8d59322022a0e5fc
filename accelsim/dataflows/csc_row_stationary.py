"""`csc_row_stationary`: rows that meet in compressed columns (docs/dataflows/csc_row_stationary.md).

::

    for each tile: n images, m filters, q x r channels, e output rows
      for each pass                           # p x t filters
        every PE of R x e x r x t, on its own: for each window, for each activation that is not zero
          its column of weights that are not zero, `lanes` a cycle

The sparse PE of Eyeriss v2 (Chen et al., JETCAS 2019), mapped like `row_stationary`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _csc_row_stationary_kernel as at
from accelsim.dataflows._counters import counters_table, summed
from accelsim.dataflows._estimate_kernel import ROWS_OF_FILTERS
from accelsim.dataflows._row_mapping import layer_refusal, mapping_of_box, of_one_group, tile_refusal
from accelsim.dataflows._zeros import nonzero_activations, nonzero_weights
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import CscRowStationaryArray, of_kind
from accelsim.kernels.windows import geometry_vector
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]
PLAN_REFUSAL_LOOPS = "KCP"  # whose tile sizes `plan_refusal` looks at
Bits = npt.NDArray[np.uint8]
_UNLIMITED = 2**40
_SAMPLE_FILTERS, _SAMPLE_ROWS = 64, 8


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where a layer's weights [K, taps, C] and activations [N, H, W, C] are not zero: uint8."""

    layer: Layer
    weights: Bits
    activations: Bits

    @property
    def nonzero_weights(self) -> int:
        """Weights that are not zero."""
        return int(np.count_nonzero(self.weights))

    @property
    def nonzero_activations(self) -> int:
        """Activations of the input that are not zero."""
        return int(np.count_nonzero(self.activations))


def prepare(trace: LayerTrace, chip: Accelerator) -> Prepared:
    """Find the zeros of a layer; tiles, plans and arrays share them."""
    return Prepared(trace.layer, nonzero_weights(trace), nonzero_activations(trace))


def refusal(trace: LayerTrace, chip: Accelerator) -> str | None:
    """Why the machine cannot run a layer, or None."""
    return layer_refusal(trace, "csc_row_stationary", of_kind(chip.pe_array, CscRowStationaryArray))


def plan_refusal(plan: Plan, layer: Layer, chip: Accelerator) -> str | None:
    """Why the machine cannot map tiles of these sizes, or None."""
    return tile_refusal(plan, layer, of_kind(chip.pe_array, CscRowStationaryArray))


def tile_counters(prepared: Prepared, boxes: Ints, chip: Accelerator, spatial: None = None) -> Ints:
    """Count every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX

    Returns
    -------
    int64 [tiles, len(tables.COUNTERS)]
    """
    return counters_table(
        summed(_counters(prepared, part, chip) for part in of_one_group(prepared.layer, box)) for box in boxes
    )


def step_cycles(prepared: Prepared, chip: Accelerator, spatial: None = None) -> float:
    """Cycles of a sampled tile over those of its multiplications, one a PE and cycle, zeros included."""
    layer, array = prepared.layer, of_kind(chip.pe_array, CscRowStationaryArray)
    _, p, q, _ = layer.output_shape
    filters, rows = min(layer.group_filters, _SAMPLE_FILTERS), min(p, _SAMPLE_ROWS)
    channels = min(layer.group_channels, array.chunk_elements)
    while plan_refusal(Plan(tile_n=1, tile_k=filters, tile_c=channels, tile_p=rows, tile_q=q), layer, chip):
        rows -= 1
    box = np.array([0, 1, 0, filters, 0, channels, 0, rows, 0, q], np.int64)
    found = mapping_of_box(layer, box, array)
    cycles = _counters(prepared, box, chip)["compute_cycles"]
    return cycles / (found.passes * q * found.p * found.q * layer.kernel[1])


def estimate_vector(chip: Accelerator, spatial: None = None) -> Ints:
    """What `_estimate_kernel` needs of a chip, after the dataflow's number; delivery is in `step_cycles`."""
    a = of_kind(chip.pe_array, CscRowStationaryArray)
    spads = a.weight_spad_entries, a.activation_spad_entries, a.sum_spad_entries
    return np.array(
        [ROWS_OF_FILTERS, a.rows, a.columns, *spads, _UNLIMITED, _UNLIMITED, _UNLIMITED, 0], np.int64
    )


def unrollings(layer: Layer, chip: Accelerator) -> list[None]:
    """What the array may hold at once: its own mapping, always."""
    return [None]


def filters_at_once(chip: Accelerator) -> int:
    """Tiles of filters need not be multiples of anything: a pass takes what a PE holds."""
    return 1


def _counters(prepared: Prepared, box: Ints, chip: Accelerator) -> dict[str, int]:
    """Sections 2 to 4 of the description, of a tile of one group."""
    layer, array = prepared.layer, of_kind(chip.pe_array, CscRowStationaryArray)
    group = int(box[2]) // layer.group_filters
    sums = at.count_tile(
        box,
        geometry_vector(layer),
        group * layer.group_channels + int(box[4]),
        prepared.weights,
        prepared.activations,
        _parameters(layer, box, chip),
    ).tolist()
    n, m, z, e, f = (int(size) for size in np.diff(box)[::2])
    dense = n * m * z * e * f * layer.kernel[0] * layer.kernel[1]
    done, padding, lanes = sums[at.DONE], sums[at.PADDING], array.lanes
    return {
        "compute_cycles": sums[at.CYCLES],
        "steps": sums[at.STEPS],
        "outputs": n * m * e * f,
        "dense_macs": dense,
        "done_macs": done,
        "skipped_macs": dense - done,
        "effectual_macs": done - padding,
        "encoding_padding_macs": padding,
        "accumulator_updates": sums[at.UPDATES],
        "weight_operand_reads": done,
        "activation_operand_reads": sums[at.VISITS],
        "weight_scratchpad_read_bytes": sums[at.BYTES_W],
        "weight_scratchpad_reads": sums[at.WORDS_W],
        "weight_queue_write_bytes": sums[at.QUEUED_W],
        "activation_scratchpad_read_bytes": sums[at.BYTES_A],
        "activation_scratchpad_reads": sums[at.WORDS_A],
        "activation_queue_write_bytes": sums[at.QUEUED_A],
        "mac_lane_cycles": done - padding,
        "zero_mac_lane_cycles": padding,
        "lane_idle_lane_cycles": lanes * (sums[at.WORK] - sums[at.EMPTY]) - done,
        "empty_step_lane_cycles": lanes * sums[at.EMPTY],
        "imbalance_lane_cycles": lanes * sums[at.IMBALANCE],
        "send_wait_lane_cycles": lanes * sums[at.SEND_WAIT],
        "queue_wait_lane_cycles": lanes * sums[at.QUEUE_WAIT],
        "unmapped_lane_cycles": lanes * sums[at.UNMAPPED],
        "fill_lane_cycles": lanes * sums[at.FILL],
        "drain_wait_lane_cycles": lanes * sums[at.DRAIN_WAIT],
    }


def _parameters(layer: Layer, box: Ints, chip: Accelerator) -> Ints:
    """In the order of `_csc_row_stationary_kernel`."""
    array = of_kind(chip.pe_array, CscRowStationaryArray)
    found = mapping_of_box(layer, box, array)
    return np.array(
        [
            found.p,
            found.q,
            found.r,
            found.t,
            array.lanes,
            array.array_feed_bytes_per_cycle,
            chip.postprocessor.drain_elements_per_cycle,
            array.pipeline_cycles,
            array.weight_bits,
            array.activation_bits,
            chip.encodings.pointer_bits,
            chip.scratchpad.word_bytes,
            array.rows * array.columns,
        ],
        np.int64,
    )
