"""`column_broadcast`: compressed columns, one broadcast activation at a time.

::

    for each cell of filters                  # PEs x accumulators; filter i on PE i mod PEs
      for each vector of activations
        for each non-zero activation          # one step: broadcast
          each PE: for each entry of its column: multiply, accumulate

Described in docs/dataflows/column_broadcast.md. EIE (Han et al., ISCA 2016) is its machine: fully
connected and recurrent layers. Columns are counted once
per layer (`prepare`); the stream of a tile costs one visit per (step, PE).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _column_broadcast_kernel as at
from accelsim.dataflows._column_broadcast_toggles_columns import HALF_TABLE, differences_of
from accelsim.dataflows._counters import counters_table
from accelsim.dataflows._estimate_kernel import COLUMN_BROADCAST
from accelsim.formats.relative_csc import column_entries
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ColumnBroadcastArray, of_kind
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.tables import COUNTERS
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
PLAN_REFUSAL_LOOPS = ""  # whose tile sizes `plan_refusal` looks at
_CHANNEL_BYTES = 2  # of the number that travels with an activation


@dataclass(frozen=True, slots=True)
class Prepared:
    """Entries of a layer's columns by PE, and its non-zero activations.

    Attributes
    ----------
    pointers : int32 [cells, C + 1, PEs], entries of a PE before each column
    padding : int64 [cells, C], of a column's entries the padding zeros
    nonzero : uint8 [N, H, W, C]
    """

    layer: Layer
    pointers: npt.NDArray[np.int32]
    padding: Ints
    nonzero: npt.NDArray[np.uint8]

    @property
    def nonzero_weights(self) -> int:
        """Weights that are not zero."""
        return int(self.pointers[:, -1].sum(dtype=np.int64) - self.padding.sum())

    @property
    def nonzero_activations(self) -> int:
        """Activations of the input that are not zero."""
        return int(np.count_nonzero(self.nonzero))


def refusal(trace: LayerTrace, chip: Accelerator) -> str | None:
    """Why the machine cannot run a layer, or None."""
    layer = trace.layer
    plain = layer.kernel == layer.stride == (1, 1) and not any(layer.padding) and layer.groups == 1
    if layer.kind == "fully_connected" and plain:
        return _misfit(trace, of_kind(chip.pe_array, ColumnBroadcastArray))
    return f"column_broadcast runs fully connected and recurrent layers, not a {layer.kind.replace('_', ' ')}"


def _misfit(trace: LayerTrace, array: ColumnBroadcastArray) -> str | None:
    """Why its entries cannot hold a layer's weights, or None."""
    bits, zeros = array.stored_weight_bits, trace.weight_zero_points
    found = differences_of(trace.weights.reshape(len(zeros), -1), zeros)
    if not array.codebook:
        differences = np.flatnonzero(found) - HALF_TABLE
        low, high, half = int(differences[0]), int(differences[-1]), 1 << (bits - 1)
        if -half <= low and high < half:
            return None
        return (
            f"weights are {low} to {high} above their zero points, {bits} bits hold {-half} to {half - 1} "
            "(pe_array.stored_weight_bits)"
        )
    different = int(np.count_nonzero(found)) - int(found[HALF_TABLE])
    if different == 1 << bits:  # one more, if a zero is ever stored
        different += int(column_entries(trace.weights, zeros, array.multipliers, array.cell_filters)[1].any())
    if different <= 1 << bits:
        return None
    return (
        f"{different} different weights that are stored, a codebook of {bits} bits has {1 << bits} "
        "(pe_array.stored_weight_bits; `accelsim share` makes fewer)"
    )


def plan_refusal(plan: Plan, layer: Layer, chip: Accelerator) -> str | None:
    """Why the machine cannot map tiles of these sizes: it maps all."""
    return None


def prepare(trace: LayerTrace, chip: Accelerator) -> Prepared:
    """Count the entries of every column, and find the zeros of the activations."""
    array = of_kind(chip.pe_array, ColumnBroadcastArray)
    entries, padding = column_entries(
        trace.weights, trace.weight_zero_points, array.multipliers, array.cell_filters
    )
    cells, pes, columns = entries.shape
    pointers = np.zeros((cells, columns + 1, pes), np.int32)
    np.cumsum(entries.transpose(0, 2, 1), axis=1, out=pointers[:, 1:])
    nonzero = trace.activations != trace.activation_zero_point
    return Prepared(trace.layer, pointers, padding, np.ascontiguousarray(nonzero).view(np.uint8))


def tile_counters(prepared: Prepared, boxes: Ints, chip: Accelerator, spatial: None = None) -> Ints:
    """Count every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX

    Returns
    -------
    int64 [tiles, len(tables.COUNTERS)]
    """
    p = _parameters(chip)
    sums = (at.count_tile(box, prepared.pointers, prepared.padding, prepared.nonzero, p) for box in boxes)
    return counters_table(
        _counters(int(box[5] - box[4]), of_box.tolist(), chip)
        for box, of_box in zip(boxes, sums, strict=True)
    )


def step_cycles(prepared: Prepared, chip: Accelerator, spatial: None = None) -> float:
    """Mean cycles of a channel of one cell: the whole matrix with the first vector."""
    layer = prepared.layer
    box = np.array([[0, 1, 0, layer.filters, 0, layer.channels, 0, 1, 0, 1]], np.int64)
    cycles = int(tile_counters(prepared, box, chip)[0, COUNTERS.index("compute_cycles")])
    return (cycles - chip.pe_array.pipeline_cycles) / (len(prepared.pointers) * layer.channels)


def estimate_vector(chip: Accelerator, spatial: None = None) -> Ints:
    """What `_estimate_kernel` needs of a chip, after the dataflow's number."""
    return np.array([COLUMN_BROADCAST, filters_at_once(chip), chip.pe_array.pipeline_cycles], np.int64)


def unrollings(layer: Layer, chip: Accelerator) -> list[None]:
    """What the array may hold at once: its own mapping, always."""
    return [None]


def filters_at_once(chip: Accelerator) -> int:
    """Filters that the array works on at a time: tiles of filters are multiples of it."""
    return of_kind(chip.pe_array, ColumnBroadcastArray).cell_filters


def _parameters(chip: Accelerator) -> Ints:
    array = of_kind(chip.pe_array, ColumnBroadcastArray)
    return np.array(
        [
            array.multipliers,
            array.cell_filters,
            array.queue_depth,
            array.queue_latency_cycles,
            array.pipeline_cycles,
            chip.postprocessor.drain_elements_per_cycle,
            array.entry_bits,
            8 * chip.scratchpad.word_bytes,
        ],
        np.int64,
    )


def _counters(channels: int, sums: list[int], chip: Accelerator) -> dict[str, int]:
    """Sections 3 and 4 of the description."""
    array, word_bytes = chip.pe_array, chip.scratchpad.word_bytes
    done, padding, pairs, dense = (
        sums[at.ENTRIES],
        sums[at.PADDING],
        sums[at.PAIRS],
        sums[at.OUTPUTS] * channels,
    )
    vector_bytes = ceil_div(channels * array.activation_bits, 8)
    return {
        "compute_cycles": sums[at.CYCLES],
        "steps": sums[at.STEPS],
        "outputs": sums[at.OUTPUTS],
        "dense_macs": dense,
        "done_macs": done,
        "skipped_macs": dense - done,
        "effectual_macs": done - padding,
        "encoding_padding_macs": padding,
        "accumulator_updates": done,
        "weight_operand_reads": done,
        "activation_operand_reads": done,
        "mask_bits_read": sums[at.SETS] * channels,
        "weight_scratchpad_read_bytes": sums[at.WORDS] * word_bytes
        + 2 * pairs * ceil_div(chip.encodings.pointer_bits, 8),
        "weight_scratchpad_reads": sums[at.WORDS] + 2 * pairs,
        "activation_scratchpad_read_bytes": sums[at.SETS] * vector_bytes,
        "activation_scratchpad_reads": sums[at.SETS] * ceil_div(vector_bytes, word_bytes),
        "activation_queue_write_bytes": pairs * (array.activation_bits // 8 + _CHANNEL_BYTES),
        "mac_lane_cycles": done - padding,
        "zero_mac_lane_cycles": padding,
        "empty_step_lane_cycles": sums[at.EMPTY],
        "queue_wait_lane_cycles": sums[at.QUEUE_WAIT],
        "imbalance_lane_cycles": sums[at.IMBALANCE],
        "unmapped_lane_cycles": sums[at.UNMAPPED],
        "fill_lane_cycles": sums[at.FILL],
        "drain_wait_lane_cycles": sums[at.DRAIN_WAIT],
    }
