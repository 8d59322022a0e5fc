"""Counters of a run over time: scratchpad bytes in use, DRAM bandwidth, active PEs.

::

    scratchpad   + reserve at the reservation, - what compute and drain free (docs/machine.md, part 1),
                 beside the tensors that stay in it meanwhile
    DRAM         a transfer's bytes lie evenly over its occupancy; those of a moment that the peak does not
                 allow are moved in the next
    active PEs   of a tile: lane-cycles of working PEs / (lanes x compute_cycles), while it computes

Instants are cycles since the run began. A counter holds its value until its next point.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.results import LayerResult, NetworkResult

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# Causes of cycles in which a PE works; the first three are its lanes', the last is a lane that waits in it.
_WORKING = ("mac", "zero_mac", "gated", "lane_idle")
# As many moments of bandwidth as this for each tile: finer ones say nothing new.
_MOMENTS_PER_TILE = 8


class Counter(NamedTuple):
    """Values from their cycles on: int64 and float64 [points]."""

    cycles: Ints
    values: Floats


def counters(result: NetworkResult, most_points: int) -> dict[str, Counter]:
    """`scratchpad bytes in use`, `DRAM bandwidth (GB/s)`, `active PEs`, of at most so many points each.

    Where a counter has more, each of its points stands for several: scratchpad bytes for the largest of them,
    active PEs for their mean over time, bandwidth for a longer moment.
    """
    placed = list(_placed(result))
    chip, end = result.chip, sum(layer.cycles for layer in result.layer_results)
    tiles = sum(len(layer.timeline) for _, layer in placed if layer.timeline is not None)
    moments = max(1, min(end, most_points, _MOMENTS_PER_TILE * max(tiles, len(placed))))
    return {
        "scratchpad bytes in use": _largest(_scratchpad(placed), most_points),
        "DRAM bandwidth (GB/s)": _bandwidth(placed, chip, end, moments),
        "active PEs": _mean(_active(placed, chip), most_points),
    }


def pes(chip: Accelerator) -> int:
    """PEs of a chip; of an array whose PEs have one multiplier, its multipliers."""
    return chip.pe_array.multipliers // _lanes(chip)


def _lanes(chip: Accelerator) -> int:
    return int(getattr(chip.pe_array, "lanes", 1))


def _placed(result: NetworkResult) -> Iterator[tuple[int, LayerResult]]:
    """Every layer and operation with the cycle at which it begins; fused layers begin with their chain."""
    end = 0
    for _, chain in groupby(
        enumerate(result.layer_results), lambda at: (at[1].fused, at[1].input) if at[1].fused else at[0]
    ):
        layers = [layer for _, layer in chain]
        yield from ((end, layer) for layer in layers)
        end += sum(layer.cycles for layer in layers)


def _steps(cycles: Ints, changes: Floats) -> Counter:
    """The running sum of changes, one point a cycle."""
    order = np.argsort(cycles, kind="stable")
    cycles, sums = cycles[order], np.cumsum(changes[order])
    last = np.append(cycles[1:] != cycles[:-1], True) if len(cycles) else np.zeros(0, bool)
    return Counter(cycles[last], sums[last])


def _scratchpad(placed: list[tuple[int, LayerResult]]) -> Counter:
    cycles: list[Ints] = []
    changes: list[Ints] = []
    for begin, chain in groupby(placed, lambda at: at[0]):
        layers = [layer for _, layer in chain]
        end = begin + sum(layer.cycles for layer in layers)
        held = max(layer.held_bytes for layer in layers)
        cycles.append(np.array([begin, end], np.int64))
        changes.append(np.array([held, -held], np.int64))
        for layer in layers:
            if layer.work is None or layer.timeline is None:
                continue
            for instant, column, sign in _RESERVATIONS:
                cycles.append(layer.timeline[instant] + begin)
                changes.append(sign * layer.work[column])
    if not cycles:
        return Counter(np.zeros(0, np.int64), np.zeros(0))
    return _steps(np.concatenate(cycles), np.concatenate(changes).astype(np.float64))


_RESERVATIONS = (
    ("reserved_cycle", "reserve_bytes", 1),
    ("compute_end_cycle", "release_after_compute_bytes", -1),
    ("drain_end_cycle", "release_after_drain_bytes", -1),
)
_FETCHED = (
    "weight_fetch_bytes",
    "activation_fetch_bytes",
    "partial_sum_fetch_bytes",
    "fetch_burst_waste_bytes",
)
_DRAINED = ("output_drain_bytes", "partial_sum_drain_bytes", "drain_burst_waste_bytes")


def _transfers(placed: list[tuple[int, LayerResult]], latency: int) -> tuple[Ints, Ints, Ints]:
    """Start, end of the occupancy (a cycle later at least) and bytes of every transfer."""
    starts, ends, moved = [], [], []
    for begin, layer in placed:
        if layer.work is None or layer.timeline is None:
            starts.append(np.array([begin], np.int64))
            ends.append(np.array([begin + layer.cycles], np.int64))
            moved.append(np.array([layer.dram_read_bytes + layer.dram_write_bytes], np.int64))
            continue
        for part, columns in (("fetch", _FETCHED), ("drain", _DRAINED)):
            starts.append(layer.timeline[f"{part}_start_cycle"] + begin)
            ends.append(layer.timeline[f"{part}_end_cycle"] + begin - latency)
            moved.append(np.sum([layer.work[name] for name in columns], axis=0))
    start, moves = np.concatenate(starts), np.concatenate(moved)
    end = np.maximum(np.concatenate(ends), start + 1)
    some = moves > 0
    return start[some], end[some], moves[some]


def _bandwidth(placed: list[tuple[int, LayerResult]], chip: Accelerator, end: int, moments: int) -> Counter:
    """Bytes of each moment / its length, in GB/s."""
    edges = np.unique(np.linspace(0, max(end, 1), moments + 1).astype(np.int64))
    if placed:
        start, stop, moved = _transfers(placed, chip.dram_latency_cycles)
    if not placed or not len(start):
        return Counter(edges[:1], np.zeros(1))
    asked = np.zeros(len(edges))
    rate = moved / (stop - start)
    # Bytes moved until an edge: of a ramp that begins at start and one that is taken away from stop on.
    for instants, sign in ((start, 1.0), (stop, -1.0)):
        order = np.argsort(instants, kind="stable")
        at, slope = instants[order], np.append(0.0, np.cumsum(rate[order]))
        moment = np.append(0.0, np.cumsum(rate[order] * at))
        before = np.searchsorted(at, edges, side="right")
        asked += sign * (slope[before] * edges - moment[before])
    peak = chip.dram.peak_gb_per_s * 1e3 / chip.clock_mhz  # bytes per cycle
    done = np.empty_like(asked)
    done[0] = 0.0
    for i, allowed in enumerate((peak * np.diff(edges)).tolist(), start=1):
        done[i] = min(asked[i], done[i - 1] + allowed)
    values = np.maximum(np.diff(done), 0.0) / np.diff(edges) * chip.clock_mhz / 1e3
    return _changes(Counter(np.append(edges[:-1], edges[-1]), np.append(np.round(values, 6), 0.0)))


def _active(placed: list[tuple[int, LayerResult]], chip: Accelerator) -> Counter:
    cycles: list[Ints] = []
    changes: list[Floats] = []
    for begin, layer in placed:
        if layer.work is None or layer.timeline is None:
            continue
        working = np.sum([layer.work[f"{cause}_lane_cycles"] for cause in _WORKING], axis=0)
        lanes = _lanes(chip) * np.maximum(
            layer.timeline["compute_end_cycle"] - layer.timeline["compute_start_cycle"], 1
        )
        active = np.round(working / lanes, 3)
        cycles += [layer.timeline["compute_start_cycle"] + begin, layer.timeline["compute_end_cycle"] + begin]
        changes += [active, -active]
    if not cycles:
        return Counter(np.zeros(0, np.int64), np.zeros(0))
    found = _steps(np.concatenate(cycles), np.concatenate(changes))
    return Counter(found.cycles, np.maximum(np.round(found.values, 3), 0.0))


def _changes(counter: Counter) -> Counter:
    """Without the points that repeat the value before."""
    kept = np.append(True, counter.values[1:] != counter.values[:-1])
    return Counter(counter.cycles[kept], counter.values[kept])


def _groups(counter: Counter, most: int) -> Ints:
    """First point of each group of points, at most `most` groups; the last point stays alone."""
    points = len(counter.cycles)
    if points <= most:
        return np.arange(points)
    size = -(-(points - 1) // max(most - 1, 1))
    return np.append(np.arange(0, points - 1, size), points - 1)


def _largest(counter: Counter, most: int) -> Counter:
    first = _groups(counter, most)
    if len(first) == len(counter.cycles):
        return counter
    return Counter(counter.cycles[first], np.maximum.reduceat(counter.values, first))


def _mean(counter: Counter, most: int) -> Counter:
    first = _groups(counter, most)
    if len(first) == len(counter.cycles):
        return counter
    lasts = np.append(np.diff(counter.cycles), 1)
    area, length = (np.add.reduceat(values, first) for values in (counter.values * lasts, lasts))
    return Counter(counter.cycles[first], np.round(area / length, 3))
