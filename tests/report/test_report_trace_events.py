import itertools
import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_by_hand import chip, result

from accelsim.errors import InputError
from accelsim.report.trace_events import _drawn, _microseconds, _Span, _tracks, trace_events


def spans(document):
    return [event for event in document["traceEvents"] if event["ph"] == "X"]


def of_unit(document, unit):
    return [event for event in spans(document) if event["cat"] == unit]


@pytest.mark.small
def test_layers_follow_each_other_from_zero_to_the_runs_cycles():
    run = result(inputs=2)
    layers = of_unit(trace_events(run), "layers")
    ends = [0, *(event["args"]["end_cycle"] for event in layers)]
    assert [event["args"]["start_cycle"] for event in layers] == ends[:-1]
    assert ends[-1] == run.cycles
    assert layers[0]["name"] == "conv0, input 0"


@pytest.mark.small
def test_microseconds_are_cycles_over_the_clock():
    """500 MHz: 1 000 cycles are 2 microseconds."""
    for event in spans(trace_events(result(chip(clock_mhz=500.0)))):
        start, end = event["args"]["start_cycle"], event["args"]["end_cycle"]
        assert event["ts"] == pytest.approx(start * 2 / 1000)
        assert event["dur"] == pytest.approx((end - start) * 2 / 1000)


def in_whole_nanoseconds(microseconds):
    """As Perfetto reads a time: times 1000, cut."""
    return int(microseconds * 1000)


@given(st.integers(0, 10**9), st.integers(1, 10**5), st.integers(1, 10**5), st.floats(1, 4000))
def test_a_viewer_that_counts_in_nanoseconds_sees_no_overlap(start, first, second, clock_mhz):
    """A span that begins a nanosecond before the one before it ends would be dropped."""
    middle = start + first
    rows = [_Span(start, middle, "a"), _Span(middle, middle + second, "b")]
    one, other = (_drawn(row, "array", 0, clock_mhz) for row in rows)
    assert abs(in_whole_nanoseconds(one["ts"]) - 1000 * Fraction(start) / Fraction(clock_mhz)) <= 1
    assert in_whole_nanoseconds(one["ts"]) + in_whole_nanoseconds(one["dur"]) == in_whole_nanoseconds(
        other["ts"]
    )


@given(st.integers(0, 10**15))
def test_whole_nanoseconds_are_read_back_cut_or_rounded(nanoseconds):
    number = json.loads(json.dumps(_microseconds(nanoseconds)))
    assert int(number * 1000) == round(number * 1000) == nanoseconds


@pytest.mark.small
def test_every_tile_stands_on_its_units_at_its_instants():
    run = result()
    document = trace_events(run)
    begin = 0
    for layer in run.layer_results:
        if layer.timeline is not None:
            for unit, key in (("DMA fetch", "fetch"), ("array", "compute"), ("drain", "drain")):
                drawn = {
                    e["name"]: (e["args"]["start_cycle"] - begin, e["args"]["end_cycle"] - begin)
                    for e in of_unit(document, unit)
                    if e["name"].startswith(f"{layer.name} tile")
                }
                assert drawn == {
                    f"{layer.name} tile {tile}": (row[f"{key}_start_cycle"], row[f"{key}_end_cycle"])
                    for tile, row in enumerate(layer.timeline)
                }
        begin += layer.cycles
    (pool,) = of_unit(document, "postprocessor")
    assert (pool["name"], pool["args"]["end_cycle"] - pool["args"]["start_cycle"]) == ("pool0", 300)


@pytest.mark.small
def test_spans_of_one_track_never_overlap():
    document = trace_events(result(fetch_cycles=10))
    by_track = {}
    for event in spans(document):
        by_track.setdefault(event["tid"], []).append(
            (event["args"]["start_cycle"], event["args"]["end_cycle"])
        )
    assert len([tid for tid in by_track if tid // 1_000_000 == 1]) > 1  # fetches do overlap here
    for rows in by_track.values():
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(sorted(rows)))


@pytest.mark.small
def test_every_track_has_a_name_and_its_place():
    document = trace_events(result(fetch_cycles=10))
    named = {e["tid"]: e["args"]["name"] for e in document["traceEvents"] if e["name"] == "thread_name"}
    assert {event["tid"] for event in spans(document)} <= set(named)
    assert list(named.values())[:3] == ["layers", "DMA fetch", "DMA fetch (overlapping, 2)"]
    assert "array" in named.values()
    (process,) = [e for e in document["traceEvents"] if e["name"] == "process_name"]
    assert process["args"]["name"] == "toy on sparse"
    json.dumps(document, allow_nan=False)


# Of each phase, the keys that the Trace Event Format asks for.
NEEDED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid", "args"},
    "M": {"name", "pid", "tid", "args"},
    "C": {"name", "ts", "pid", "args"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "t": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
}


@pytest.mark.small
def test_every_event_has_what_the_format_asks_of_its_phase():
    document = trace_events(result(fetch_cycles=10, inputs=2))
    assert {event["ph"] for event in document["traceEvents"]} == set(NEEDED)
    for event in document["traceEvents"]:
        assert set(event) == NEEDED[event["ph"]] | {"ph"}
        assert (event["pid"], isinstance(event.get("tid", 0), int)) == (0, True)
        for key in ("ts", "dur"):
            assert event.get(key, 0) >= 0
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
            assert all(math.isfinite(value) for value in event["args"].values())
        if event["ph"] == "M":
            assert event["name"] in {"process_name", "thread_name", "thread_sort_index"}
        if event["ph"] == "f":
            assert event["bp"] == "e"  # the arrow ends in the span around it, not in the next


@pytest.mark.small
def test_what_takes_no_time_is_not_drawn():
    document = trace_events(result(fetch_cycles=0, tile_cycles=0))
    assert of_unit(document, "array") == []
    assert all(event["dur"] > 0 for event in spans(document))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=30))
def test_as_many_tracks_are_used_as_spans_overlap(intervals):
    rows = [(start, start + length) for start, length in sorted(intervals)]
    tracks = _tracks(rows)
    most = max((sum(a <= cycle < b for a, b in rows) for cycle in range(41)), default=0)
    assert len(set(tracks)) == most
    for track in set(tracks):
        mine = [row for row, t in zip(rows, tracks, strict=True) if t == track]
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(mine))


def of_phase(document, *phases):
    return [event for event in document["traceEvents"] if event["ph"] in phases]


@pytest.mark.small
def test_every_arrow_has_both_ends_in_order_inside_spans_of_one_tile():
    """A tile of one span has no arrow: nothing leads anywhere."""
    document = trace_events(result(fetch_cycles=10, inputs=2))
    starts = {(event["tid"], event["ts"]): event["name"] for event in spans(document)}
    flows = {}
    for event in of_phase(document, "s", "t", "f"):
        flows.setdefault(event["id"], []).append(event)
    assert len(flows) > 10
    for events in flows.values():
        assert [event["ph"] for event in events] == ["s", *["t"] * (len(events) - 2), "f"]
        assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
        assert len({starts[event["tid"], event["ts"]] for event in events}) == 1
    touched = {(event["tid"], event["ts"]) for event in of_phase(document, "s", "t", "f")}
    of_tiles = {(e["tid"], e["ts"]) for e in spans(document) if e["cat"] in ("DMA fetch", "array", "drain")}
    assert touched == of_tiles  # here every tile fetches, computes and drains


@pytest.mark.small
@pytest.mark.parametrize("most", [1, 3, 7, 1000])
def test_a_timeline_has_no_more_tiles_than_it_may_and_says_what_is_left_out(most):
    run = result(inputs=2)
    document = trace_events(run, most)
    other = document["otherData"]
    drawn = {e["name"] for e in spans(document) if " tile " in e["name"]}
    assert other["tiles"] == sum(len(r.timeline) for r in run.layer_results if r.timeline is not None)
    assert len(drawn) == other["tiles_drawn"] <= most
    assert (other["left_out"] == "nothing") == (len(drawn) == other["tiles"])
    assert len(of_unit(document, "layers")) == len(run.layer_results)
    points = [event["name"] for event in of_phase(document, "C")]
    assert max(points.count(name) for name in points) <= max(most, 2) + 1


@pytest.mark.small
def test_a_timeline_of_no_tiles_is_refused():
    with pytest.raises(InputError, match="at least 1, not 0"):
        trace_events(result(), 0)


@pytest.mark.small
def test_time_never_goes_back_on_a_track():
    by_track = {}
    for event in trace_events(result(fetch_cycles=10, inputs=2))["traceEvents"]:
        if event["ph"] in "XC":
            by_track.setdefault(
                (event["ph"], event["tid"] if event["ph"] == "X" else event["name"]), []
            ).append(event["ts"])
    assert len(by_track) >= 8
    assert all(times == sorted(times) for times in by_track.values())
