"""`systolic`: operands that pass from PE to PE in folds of fixed length (docs/dataflows/systolic.md).

::

    for each group, for each block across, for each block down       # a fold: rows x columns of the array
      for t in stream                                                # skewed: PE (i, j) at i + j + t
        every mapped PE: multiply, or hold if a gated operand is zero

`stationary` says which of reduction, filters and positions are rows, columns and stream. Zeros save energy,
never time: cycles are those of the closed form, and only sums over the tensors are counted.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _estimate_kernel as estimate
from accelsim.dataflows._counters import counters_table
from accelsim.dataflows._zeros import Prepared, prepare
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import SystolicArray, of_kind
from accelsim.kernels import pair_sums as at
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

__all__ = ["Prepared", "prepare"]
Ints = npt.NDArray[np.int64]
PLAN_REFUSAL_LOOPS = ""  # whose tile sizes `plan_refusal` looks at
_STATIONARY = {
    "weights": estimate.WEIGHTS,
    "activations": estimate.ACTIVATIONS,
    "outputs": estimate.OUTPUTS,
}


@dataclass(frozen=True, slots=True)
class _Tile:
    """Sizes of a tile: of one group, positions, filters, channels, taps; and the number of groups."""

    groups: int
    positions: int
    filters: int
    channels: int
    taps: int

    @property
    def length(self) -> int:
        """Of the reduction."""
        return self.taps * self.channels


def refusal(trace: LayerTrace, chip: Accelerator) -> str | None:
    """Why the machine cannot run a layer: it runs every layer."""
    return None


def plan_refusal(plan: Plan, layer: Layer, chip: Accelerator) -> str | None:
    """Why the machine cannot map tiles of these sizes: it maps all."""
    return None


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
    """Nothing is sampled: the estimate is exact."""
    return 1.0


def estimate_vector(chip: Accelerator, spatial: None = None) -> Ints:
    """What `_estimate_kernel` needs of a chip, after the dataflow's number."""
    a = of_kind(chip.pe_array, SystolicArray)
    stationary = _STATIONARY[a.stationary]
    return np.array(
        [estimate.SYSTOLIC, a.rows, a.columns, stationary, a.overlap, a.pipeline_cycles], np.int64
    )


def unrollings(layer: Layer, chip: Accelerator) -> list[None]:
    """What the array may hold at once: its own mapping, always."""
    return [None]


def filters_at_once(chip: Accelerator) -> int:
    """Filters that the array works on at a time: tiles of filters are multiples of it."""
    array = of_kind(chip.pe_array, SystolicArray)
    return 1 if array.stationary == "activations" else array.columns


def _tile(box: list[int], layer: Layer) -> _Tile:
    n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 = box
    filters = min(k1 - k0, layer.group_filters)
    return _Tile(
        groups=(k1 - k0) // filters,
        positions=(n1 - n0) * (p1 - p0) * (q1 - q0),
        filters=filters,
        channels=c1 - c0,
        taps=layer.kernel[0] * layer.kernel[1],
    )


def _tile_counters(prepared: Prepared, box: Ints, chip: Accelerator) -> dict[str, int]:
    """Sections 3 to 5 of the description."""
    found = prepared.pairs(box, prepared.weights)
    sums, inside = (part.tolist() for part in found)
    tile = _tile(box.tolist(), prepared.layer)
    array = of_kind(chip.pe_array, SystolicArray)
    every = tile.groups * tile.positions * tile.filters * tile.length
    gate = array.weight_policy == "gate", array.activation_policy == "gate"
    done = {
        (False, False): every,
        (True, False): sums[at.WEIGHT],
        (False, True): sums[at.ACTIVATION],
        (True, True): sums[at.BOTH],
    }[gate]
    padding = 0 if gate[1] else sums[at.PADDING_WEIGHT if gate[0] else at.PADDING]
    return {
        "outputs": tile.groups * tile.positions * tile.filters,
        "dense_macs": every,
        "done_macs": done,
        "gated_macs": every - done,
        "effectual_macs": sums[at.BOTH],
        "weight_operand_reads": done,
        "activation_operand_reads": done - padding,
        "padding_operand_reads": padding,
        "mask_bits_read": sum(gate) * every,
        "mac_lane_cycles": sums[at.BOTH],
        "zero_mac_lane_cycles": done - sums[at.BOTH],
        "gated_lane_cycles": every - done,
        **_time(tile, done, array),
        **_reads(tile, inside, chip),
    }


def _time(tile: _Tile, done: int, array: SystolicArray) -> dict[str, int]:
    """Cycles, and what PEs without a slot wait for."""
    a, b, every = array.rows, array.columns, tile.groups * tile.positions * tile.filters * tile.length
    down, across, stream = {
        "weights": (tile.length, tile.filters, tile.positions),
        "activations": (tile.length, tile.positions, tile.filters),
        "outputs": (tile.positions, tile.filters, tile.length),
    }[array.stationary]
    folds = tile.groups * ceil_div(down, a) * ceil_div(across, b)
    mapped = tile.groups * down * across  # summed over folds
    moves = 1 if array.overlap else folds  # loads or shift-outs that take time
    fill = mapped * (a + b - 2)
    unmapped = (folds * a * b - mapped) * (a + b + stream - 2)
    passing = tile.groups * across * stream * ceil_div(down, a)  # sums that leave the array at its foot
    if array.stationary == "outputs":
        drain_wait = moves * a * a * b
    else:
        drain_wait = 0
        first = min(down, a) * min(across, b)
        loaded = first if array.overlap else mapped
        fill += loaded * a
        unmapped += (moves * a * b - loaded) * a
    return {
        "compute_cycles": folds * (a + b + stream - 2) + moves * a + array.pipeline_cycles,
        "steps": folds,
        "accumulator_updates": done if array.stationary == "outputs" else every + passing,
        "unmapped_lane_cycles": unmapped,
        "fill_lane_cycles": fill + array.pipeline_cycles * a * b,
        "drain_wait_lane_cycles": drain_wait,
    }


def _reads(tile: _Tile, inside: list[int], chip: Accelerator) -> dict[str, int]:
    """Bytes and accesses of the scratchpad, and bytes written to PEs; `inside`: positions by tap."""
    array = of_kind(chip.pe_array, SystolicArray)
    word, kept = chip.scratchpad.word_bytes, array.stationary
    weight, activation = array.weight_bits // 8, array.activation_bits // 8
    cut = tile.length if kept == "outputs" else array.rows  # where folds cut the reduction
    # How often an operand enters the array, and how many PEs each entry is written to, summed.
    positions_down = array.rows if kept == "outputs" else array.columns
    weight_entries = 1 if kept == "weights" else ceil_div(tile.positions, positions_down)
    activation_entries = 1 if kept == "activations" else ceil_div(tile.filters, array.columns)
    weight_writes = 1 if kept == "weights" else tile.positions
    activation_writes = 1 if kept == "activations" else tile.filters
    g, weights = tile.groups, tile.filters * tile.length * weight
    activations = sum(inside) * tile.channels * activation
    reads_w, reads_a = (
        sum(n * _run_accesses(tile, tap, cut, size, word) for tap, n in enumerate(counts))
        for counts, size in (([tile.filters] * tile.taps, weight), (inside, activation))
    )
    return {
        "weight_scratchpad_read_bytes": g * weights * weight_entries,
        "weight_scratchpad_reads": g * reads_w * weight_entries,
        "activation_scratchpad_read_bytes": g * activations * activation_entries,
        "activation_scratchpad_reads": g * reads_a * activation_entries,
        "weight_queue_write_bytes": g * weights * weight_writes,
        "activation_queue_write_bytes": g * activations * activation_writes,
    }


def _run_accesses(tile: _Tile, tap: int, cut: int, operand_bytes: int, word_bytes: int) -> int:
    """Accesses of one filter's (position's) channels at a tap, in the runs that folds cut."""
    first, end = tap * tile.channels, (tap + 1) * tile.channels
    edges = [first, *range((first // cut + 1) * cut, end, cut), end]
    return sum(ceil_div((b - a) * operand_bytes, word_bytes) for a, b in pairwise(edges))
