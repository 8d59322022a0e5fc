"""A run's timeline as Chrome trace events, which Perfetto and chrome://tracing open.

One process is the chip; its tracks are the units. Layers follow each other in time, inputs too. A
fetch may start while the latency of the one before still runs; what overlaps on a unit goes to a
second (third, ...) track of that unit, because viewers draw overlapping spans of one track wrongly.

Perfetto counts in whole nanoseconds and drops a span that begins before the one before it ends. So instants
are whole nanoseconds here, rounded down alike: what follows without a gap still does.
"""

import heapq
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from accelsim.errors import InputError
from accelsim.report.counters import counters, pes
from accelsim.results import NetworkResult
from accelsim.tables import Table

UNITS = ("layers", "DMA fetch", "array", "drain", "postprocessor")
SPANS = {"DMA fetch": "fetch", "array": "compute", "drain": "drain"}
# Track ids leave room for the overlapping tracks of each unit beside it.
TRACKS_PER_UNIT = 1_000_000
# A file of so many tiles stays below some 10 MB.
MOST_TILES = 10_000


class _Span(NamedTuple):
    start: int
    end: int
    name: str
    tile: int = -1  # number over the whole run


def trace_events(result: NetworkResult, most_tiles: int = MOST_TILES) -> dict[str, Any]:
    """The run in Chrome's trace event format (JSON object form).

    Times are microseconds, cycles / clock, down to whole nanoseconds; `args` of a tile's event hold its exact
    start and end cycle since the run began. Events without duration are left out. An arrow leads from a
    tile's fetch to its compute to its drain. `otherData` says what the counters' limits are and what is left
    out.

    Parameters
    ----------
    most_tiles : a run of more tiles is drawn with every second, third, ... tile of it; no counter has more
        points than this

    Raises
    ------
    InputError
        If `most_tiles` is below 1.
    """
    if most_tiles < 1:
        raise InputError(f"timeline: tiles must be at least 1, not {most_tiles}")
    clock_mhz = float(result.chip.clock_mhz)
    tiles = sum(0 if layer.timeline is None else len(layer.timeline) for layer in result.layer_results)
    every = max(1, -(-tiles // most_tiles))
    spans = _spans(result, every)
    events = [_named("process_name", 0, f"{result.network} on {result.chip.name}")]
    drawn: list[dict[str, Any]] = []
    places: dict[int, list[tuple[float, int]]] = {}  # of each tile, where an arrow touches its spans
    for unit_index, unit in enumerate(UNITS):
        tracks = _tracks([(span.start, span.end) for span in spans[unit]])
        for track in range(max([*tracks, 0]) + 1):
            thread = unit_index * TRACKS_PER_UNIT + track
            name = unit if track == 0 else f"{unit} (overlapping, {track + 1})"
            events += [_named("thread_name", thread, name), _sorted_at(thread)]
        for track, span in zip(tracks, spans[unit], strict=True):
            thread = unit_index * TRACKS_PER_UNIT + track
            drawn.append(_drawn(span, unit, thread, clock_mhz))
            if span.tile >= 0:
                places.setdefault(span.tile, []).append((drawn[-1]["ts"], thread))
    shown = _counter_events(result, most_tiles)
    other = _other(result, tiles, len(range(0, tiles, every)), every, most_tiles)
    return {
        "displayTimeUnit": "ns",
        "otherData": other,
        "traceEvents": [*events, *drawn, *_flows(places), *shown],
    }


def _nanosecond(cycle: int, clock_mhz: float) -> int:
    """The whole nanosecond in which a cycle begins."""
    return int(1000 * cycle / clock_mhz)


def _microseconds(nanoseconds: int) -> float:
    """The number that is not below these nanoseconds when a reader multiplies it by 1000 and cuts it."""
    number = nanoseconds / 1000
    return number if number * 1000 >= nanoseconds else math.nextafter(number, math.inf)


def _instant(cycle: int, clock_mhz: float) -> float:
    return _microseconds(_nanosecond(cycle, clock_mhz))


def _drawn(span: _Span, unit: str, thread: int, clock_mhz: float) -> dict[str, Any]:
    start, end = (_nanosecond(cycle, clock_mhz) for cycle in (span.start, span.end))
    return {
        "name": span.name,
        "cat": unit,
        "ph": "X",
        "pid": 0,
        "tid": thread,
        "ts": _microseconds(start),
        "dur": _microseconds(end - start),
        "args": {"start_cycle": span.start, "end_cycle": span.end},
    }


def _flows(places: dict[int, list[tuple[float, int]]]) -> Iterator[dict[str, Any]]:
    """Arrows through the spans of each tile, in the order of the units; a tile of one span has none."""
    for tile, spans in places.items():
        for number, (start, thread) in enumerate(spans if len(spans) > 1 else ()):
            phase = "s" if number == 0 else ("f" if number == len(spans) - 1 else "t")
            event = {
                "name": "tile",
                "cat": "flow",
                "ph": phase,
                "id": tile,
                "pid": 0,
                "tid": thread,
                "ts": start,
            }
            yield event | ({"bp": "e"} if phase == "f" else {})


def _counter_events(result: NetworkResult, most_points: int) -> list[dict[str, Any]]:
    clock_mhz = float(result.chip.clock_mhz)
    return [
        {"name": name, "ph": "C", "pid": 0, "ts": _instant(cycle, clock_mhz), "args": {"value": value}}
        for name, counter in counters(result, most_points).items()
        for cycle, value in zip(counter.cycles.tolist(), counter.values.tolist(), strict=True)
    ]


def _other(result: NetworkResult, tiles: int, drawn: int, every: int, most: int) -> dict[str, Any]:
    left_out = "nothing"
    if every > 1:
        left_out = (
            f"all but every {every}th tile of the run, in their order: {tiles - drawn} of {tiles} tiles; "
            f"counters count all tiles, at most {most} points each: scratchpad bytes the largest of those "
            "that a point stands for, active PEs their mean"
        )
    return {
        "tiles": tiles,
        "tiles_drawn": drawn,
        "left_out": left_out,
        "scratchpad_capacity_bytes": result.chip.scratchpad.capacity_bytes,
        "dram_peak_gb_per_s": float(result.chip.dram.peak_gb_per_s),
        "pes": pes(result.chip),
    }


def _spans(result: NetworkResult, every: int) -> dict[str, list[_Span]]:
    """What each unit does, in order of start; cycles since the run began. Of the tiles, each `every`th."""
    spans: dict[str, list[_Span]] = {unit: [] for unit in UNITS}
    start = end = tiles = 0
    for layer in result.layer_results:
        names = layer.fused or (layer.name,)
        if layer.name == names[0]:
            start = end
        end += layer.cycles
        suffix = "" if result.inputs == 1 else f", input {layer.input}"
        if layer.name == names[-1]:
            spans["layers"].append(_Span(start, end, "+".join(names) + suffix))
        if layer.layer is None:
            spans["postprocessor"].append(_Span(start, end, layer.name + suffix))
        if layer.timeline is None:
            continue
        for unit, key in SPANS.items():  # of fused layers: instants from the chain's start
            spans[unit] += _tile_spans(layer.timeline, key, start, layer.name + suffix, tiles, every)
        tiles += len(layer.timeline)
    # Tiles of fused layers take turns.
    return {
        unit: sorted((span for span in rows if span.end > span.start), key=lambda span: span.start)
        for unit, rows in spans.items()
    }


def _tile_spans(timeline: Table, key: str, begin: int, name: str, first: int, every: int) -> list[_Span]:
    """`first`: tiles of the run before this layer's."""
    starts = (timeline[f"{key}_start_cycle"] + begin).tolist()
    ends = (timeline[f"{key}_end_cycle"] + begin).tolist()
    order = np.argsort(timeline[f"{key}_start_cycle"], kind="stable").tolist()
    return [
        _Span(starts[tile], ends[tile], f"{name} tile {tile}", first + tile)
        for tile in order
        if (first + tile) % every == 0
    ]


def _tracks(spans: list[tuple[int, int]]) -> list[int]:
    """The first track that is free when each span starts; spans in order of start."""
    free: list[int] = []  # tracks in use before and now idle
    busy: list[tuple[int, int]] = []  # end cycle, track
    opened, tracks = 0, []
    for start, end in spans:
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            track = heapq.heappop(free)
        else:
            track, opened = opened, opened + 1
        heapq.heappush(busy, (end, track))
        tracks.append(track)
    return tracks


def _named(kind: str, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": 0, "tid": thread, "args": {"name": name}}


def _sorted_at(thread: int) -> dict[str, Any]:
    return {"name": "thread_sort_index", "ph": "M", "pid": 0, "tid": thread, "args": {"sort_index": thread}}
