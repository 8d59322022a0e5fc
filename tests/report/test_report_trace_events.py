import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_by_hand import chip, result

from accelsim.errors import InputError
from accelsim.report.trace_events import _tracks, trace_events


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
