"""`inner_join`: output-stationary PEs that match non-zero masks (docs/dataflows/inner_join.md).

::

    for each output set                       # filter block outer, position block inner
      PEs <- filters of one group, or of several whole ones  x  output positions  x  parts of a reduction
      for r, s, channel chunk, one a part     # one step: broadcast, match, multiply what policies keep

All nine zero policies; SparTen, Cambricon-X, Cnvlutin and dense arrays are points of it. Masks are
packed once per layer (`prepare`); tiles are independent and run on threads, joined in tile order.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _inner_join_vectors as at
from accelsim.dataflows._estimate_kernel import INNER_JOIN
from accelsim.dataflows._inner_join_tile import count_tile
from accelsim.dataflows._inner_join_unrollings import promising
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import InnerJoinArray, of_kind
from accelsim.kernels.masks import count_masks, pack_masks
from accelsim.kernels.windows import geometry_vector
from accelsim.network import Layer
from accelsim.plan import Plan, Unrolling
from accelsim.tables import COUNTERS
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
PLAN_REFUSAL_LOOPS = ""  # whose tile sizes `plan_refusal` looks at
_POLICIES = {"compute": 0, "gate": 1, "skip": 2}
_DOMAINS = {"array": 0, "column": 1, "row": 2}


@dataclass(frozen=True, slots=True)
class Prepared:
    """Masks of a layer in chunks: what depends on the tensors and the chunk alone."""

    layer: Layer
    chunk_elements: int
    weight_masks: npt.NDArray[np.uint64]
    weight_counts: Ints
    activation_masks: npt.NDArray[np.uint64]
    activation_counts: Ints

    @property
    def nonzero_weights(self) -> int:
        """Weights that are not zero."""
        return int(self.weight_counts.sum())

    @property
    def nonzero_activations(self) -> int:
        """Activations of the input that are not zero."""
        return int(self.activation_counts.sum())


def refusal(trace: LayerTrace, chip: Accelerator) -> str | None:
    """Why the machine cannot run a layer: it runs every layer."""
    return None


def plan_refusal(plan: Plan, layer: Layer, chip: Accelerator) -> str | None:
    """Why the machine cannot unroll as the plan does; it maps tiles of all sizes."""
    array, wanted = of_kind(chip.pe_array, InnerJoinArray), plan.spatial
    own = Unrolling(array.rows, array.columns)
    if wanted is None or wanted == own:
        return None
    if array.unrolling == "fixed":
        return f"its unrolling is fixed to {own} (filters, positions, parts of a reduction), not {wanted}"
    if wanted.pes > own.pes:
        return f"{wanted} takes {wanted.pes} PEs, but the array has {own.pes}"
    return None


def prepare(trace: LayerTrace, chip: Accelerator) -> Prepared:
    """Pack the masks of a layer; tiles, plans and arrays of the same chunk share them."""
    layer, chunk_elements = trace.layer, chip.pe_array.chunk_elements
    k, r, s, c = layer.weight_shape
    rows = np.ascontiguousarray(trace.weights).reshape(k * r * s, c)
    masks = pack_masks(rows, np.repeat(trace.weight_zero_points, r * s), chunk_elements)
    counts = count_masks(masks)
    pixels = np.ascontiguousarray(trace.activations).reshape(-1, c)
    zeros = np.full(len(pixels), trace.activation_zero_point, np.int32)
    activation_masks = pack_masks(pixels, zeros, chunk_elements)
    return Prepared(
        layer,
        chunk_elements,
        masks.reshape(k, -1, masks.shape[2]),
        counts.reshape(k, -1),
        activation_masks,
        count_masks(activation_masks),
    )


def tile_counters(
    prepared: Prepared,
    boxes: Ints,
    chip: Accelerator,
    threads: int = 1,
    spatial: Unrolling | None = None,
) -> Ints:
    """Count every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX; c0 and c1 on chunk boundaries (or c1 = all channels)
    threads : tiles that run at once; the result does not depend on it
    spatial : what the PEs hold at once; None: a filter a row, a position a column

    Returns
    -------
    int64 [tiles, len(tables.COUNTERS)]

    Raises
    ------
    PlanError
        If a tile cuts a chunk.
    """
    layer, array = prepared.layer, of_kind(chip.pe_array, InnerJoinArray)
    cut = (boxes[:, 4] % array.chunk_elements != 0) | (
        (boxes[:, 5] % array.chunk_elements != 0) & (boxes[:, 5] != layer.group_channels)
    )
    if cut.any():
        row = boxes[int(np.argmax(cut))]
        raise PlanError(
            f"{layer.name}: a tile of channels {row[4]}..{row[5]} cuts a chunk of {array.chunk_elements}"
        )
    held = spatial or Unrolling(array.rows, array.columns)
    geometry, of_chip = geometry_vector(layer), parameters(chip, held)

    def one(box: Ints) -> Ints:
        sums: Ints = count_tile(
            box,
            geometry,
            layer.group_filters,
            of_chip,
            prepared.weight_masks,
            prepared.weight_counts,
            prepared.activation_masks,
            prepared.activation_counts,
        )
        return sums

    if threads == 1 or len(boxes) == 1:
        sums = [one(box) for box in boxes]
    else:
        with ThreadPoolExecutor(threads) as pool:
            sums = list(pool.map(one, boxes))
    return _counters(np.array(sums, np.int64).reshape(len(boxes), at.SUMS), array, held.parts)


def parameters(chip: Accelerator, held: Unrolling) -> Ints:
    """What the kernels need of a chip, in the order of _inner_join_vectors."""
    a = of_kind(chip.pe_array, InnerJoinArray)
    return np.array(
        [
            held.filters,
            held.positions,
            a.lanes,
            a.chunk_elements,
            a.queue_depth,
            a.queue_latency_cycles,
            _tail_cycles(a, held),
            a.array_feed_bytes_per_cycle,
            chip.postprocessor.drain_elements_per_cycle,
            _POLICIES[a.weight_policy],
            _POLICIES[a.activation_policy],
            a.lane_assignment == "fixed",
            a.lane_sync == "set",
            _DOMAINS[a.broadcast_domain],
            a.weight_bits,
            a.activation_bits,
            chip.encodings.weights == "bitmask",
            chip.encodings.activations == "bitmask",
            chip.scratchpad.word_bytes,
            held.parts,
            a.rows * a.columns,
        ],
        np.int64,
    )


def _tail_cycles(array: InnerJoinArray, held: Unrolling) -> int:
    """The pipeline's, and those of the adder tree over the parts."""
    return array.pipeline_cycles + (held.parts - 1).bit_length()


def _counters(sums: Ints, array: InnerJoinArray, parts: int) -> Ints:
    """Counters from sums: the table of section 2 of the description, and the causes."""
    every, nonzero_w, nonzero_a = sums[:, at.ALL], sums[:, at.NONZERO_W], sums[:, at.NONZERO_A]
    both = sums[:, at.MATCHED]
    weight, activation = array.weight_policy, array.activation_policy
    kept = {(False, False): every, (True, False): nonzero_w, (False, True): nonzero_a, (True, True): both}
    slots = kept[weight == "skip", activation == "skip"]
    done = kept[weight != "compute", activation != "compute"]
    if array.lane_sync == "set" or (array.lanes == 1 and "gate" in (weight, activation)):
        updates = done  # each lane accumulates alone
    else:
        updates = sums[:, at.UPDATES]
    idle = sums[:, at.LANE_IDLE]
    if array.lane_sync == "step":
        idle = array.lanes * sums[:, at.WORK] - slots
    masks = (weight != "compute") + (activation != "compute")
    zero = np.zeros_like(every)
    columns = {
        "compute_cycles": sums[:, at.CYCLES],
        "steps": sums[:, at.STEPS],
        "outputs": sums[:, at.OUTPUTS],
        "dense_macs": every,
        "done_macs": done,
        "gated_macs": slots - done,
        "skipped_macs": every - slots,
        "effectual_macs": both,
        "surplus_products": zero,
        "encoding_padding_macs": zero,
        "accumulator_updates": updates + (parts - 1) * sums[:, at.OUTPUTS],
        "weight_operand_reads": done,
        "activation_operand_reads": done - sums[:, at.PADDING_DONE],
        "padding_operand_reads": sums[:, at.PADDING_DONE],
        "mask_bits_read": masks * every,
        "weight_scratchpad_read_bytes": sums[:, at.BYTES_W],
        "weight_scratchpad_reads": sums[:, at.READS_W],
        "activation_scratchpad_read_bytes": sums[:, at.BYTES_A],
        "activation_scratchpad_reads": sums[:, at.READS_A],
        "weight_queue_write_bytes": sums[:, at.QUEUE_W],
        "activation_queue_write_bytes": sums[:, at.QUEUE_A],
        "mac_lane_cycles": both,
        "zero_mac_lane_cycles": done - both,
        "gated_lane_cycles": slots - done,
        "lane_idle_lane_cycles": idle,
        "empty_step_lane_cycles": sums[:, at.EMPTY],
        "queue_wait_lane_cycles": sums[:, at.QUEUE_WAIT],
        "send_wait_lane_cycles": sums[:, at.SEND_WAIT],
        "conflict_lane_cycles": zero,
        "imbalance_lane_cycles": sums[:, at.IMBALANCE],
        "unmapped_lane_cycles": sums[:, at.UNMAPPED],
        "fill_lane_cycles": sums[:, at.FILL],
        "drain_wait_lane_cycles": sums[:, at.DRAIN_WAIT],
    }
    return np.stack([columns[name] for name in COUNTERS], axis=1)


def unrollings(layer: Layer, chip: Accelerator) -> list[Unrolling | None]:
    """What the array may hold at once that may be the best for some tensors of this layer: its own first."""
    array = of_kind(chip.pe_array, InnerJoinArray)
    if array.unrolling == "fixed":
        return [None]
    own = Unrolling(array.rows, array.columns)
    return [own, *(found for found in promising(layer, array) if found != own)]


def step_cycles(prepared: Prepared, chip: Accelerator, spatial: Unrolling | None = None) -> float:
    """Mean cycles of one step of this layer's real tensors, from a sample of output sets."""
    layer, array = prepared.layer, of_kind(chip.pe_array, InnerJoinArray)
    held = spatial or Unrolling(array.rows, array.columns)
    _, p, q, k = layer.output_shape
    rows = min(p, max(1, ceil_div(4 * held.positions, q)))
    top = (p - rows) // 2
    of_group = layer.group_filters
    filters = min(k, max(2 * held.filters, of_group if of_group < held.filters else 0))
    boxes = np.array([[0, 1, 0, filters, 0, layer.group_channels, top, top + rows, 0, q]], np.int64)
    if of_group < filters:
        boxes[0, 3] = max(filters // of_group, 1) * of_group
    counted = tile_counters(prepared, boxes, chip, spatial=spatial)[0]
    steps = max(int(counted[COUNTERS.index("steps")]), 1)
    return float(counted[COUNTERS.index("compute_cycles")]) / steps


def estimate_vector(chip: Accelerator, spatial: Unrolling | None = None) -> Ints:
    """What `_estimate_kernel.estimated_cycles` needs of a chip, after the dataflow's number."""
    array = of_kind(chip.pe_array, InnerJoinArray)
    held = spatial or Unrolling(array.rows, array.columns)
    domains = {"array": 1, "column": array.columns, "row": array.rows}[array.broadcast_domain]
    tail = _tail_cycles(array, held)
    drain = chip.postprocessor.drain_elements_per_cycle
    return np.array([INNER_JOIN, held.filters, held.positions, domains, tail, held.parts, drain], np.int64)


def filters_at_once(chip: Accelerator) -> int:
    """Filters that the array works on at a time: tiles of filters are multiples of it."""
    return chip.pe_array.rows
