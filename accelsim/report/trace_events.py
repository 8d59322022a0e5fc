"""A run's timeline as Chrome trace events, which Perfetto and chrome://tracing open.

One process is the chip; its tracks are the units. Layers follow each other in time, inputs too. A
fetch may start while the latency of the one before still runs; what overlaps on a unit goes to a
second (third, ...) track of that unit, because viewers draw overlapping spans of one track wrongly.
"""

import heapq
from typing import Any

import numpy as np

from accelsim.results import LayerResult, NetworkResult

UNITS = ("layers", "DMA fetch", "array", "drain", "postprocessor")
SPANS = {"DMA fetch": "fetch", "array": "compute", "drain": "drain"}
# Track ids leave room for the overlapping tracks of each unit beside it.
TRACKS_PER_UNIT = 1_000_000


def trace_events(result: NetworkResult) -> dict[str, Any]:
    """The run in Chrome's trace event format (JSON object form).

    Times are microseconds, cycles / clock; `args` of a tile's event hold its exact start and end cycle
    since the run began. Events without duration are left out.
    """
    microseconds = 1 / result.chip.clock_mhz
    spans = _spans(result)
    events = [_named("process_name", 0, f"{result.network} on {result.chip.name}")]
    drawn = []
    for unit_index, unit in enumerate(UNITS):
        tracks = _tracks([(start, end) for start, end, _ in spans[unit]])
        for track in range(max([*tracks, 0]) + 1):
            thread = unit_index * TRACKS_PER_UNIT + track
            name = unit if track == 0 else f"{unit} (overlapping, {track + 1})"
            events += [_named("thread_name", thread, name), _sorted_at(thread)]
        for track, (start, end, name) in zip(tracks, spans[unit], strict=True):
            drawn.append(
                {
                    "name": name,
                    "cat": unit,
                    "ph": "X",
                    "pid": 0,
                    "tid": unit_index * TRACKS_PER_UNIT + track,
                    "ts": start * microseconds,
                    "dur": (end - start) * microseconds,
                    "args": {"start_cycle": start, "end_cycle": end},
                }
            )
    return {"displayTimeUnit": "ns", "traceEvents": events + drawn}


def _spans(result: NetworkResult) -> dict[str, list[tuple[int, int, str]]]:
    """Start and end cycle since the run began, and name, of what each unit does; in order of start."""
    spans: dict[str, list[tuple[int, int, str]]] = {unit: [] for unit in UNITS}
    start = end = 0
    for layer in result.layer_results:
        names = layer.fused or (layer.name,)
        if layer.name == names[0]:
            start = end
        end += layer.cycles
        suffix = "" if result.inputs == 1 else f", input {layer.input}"
        if layer.name == names[-1]:
            spans["layers"].append((start, end, "+".join(names) + suffix))
        if layer.layer is None:
            spans["postprocessor"].append((start, end, layer.name + suffix))
        for unit, key in SPANS.items():  # of fused layers: instants from the chain's start
            spans[unit] += _tile_spans(layer, key, start, layer.name + suffix)
    # Tiles of fused layers take turns.
    return {
        unit: sorted((span for span in rows if span[1] > span[0]), key=lambda span: span[0])
        for unit, rows in spans.items()
    }


def _tile_spans(layer: LayerResult, key: str, begin: int, name: str) -> list[tuple[int, int, str]]:
    if layer.timeline is None:
        return []
    starts = (layer.timeline[f"{key}_start_cycle"] + begin).tolist()
    ends = (layer.timeline[f"{key}_end_cycle"] + begin).tolist()
    order = np.argsort(layer.timeline[f"{key}_start_cycle"], kind="stable").tolist()
    return [(starts[tile], ends[tile], f"{name} tile {tile}") for tile in order]


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
