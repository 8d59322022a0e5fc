import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_by_hand import array_layer, chip, pooling, result

from accelsim import plots
from accelsim.errors import InputError
from accelsim.plots.timeline import busy_fraction
from accelsim.results import NetworkResult
from accelsim.tables import TIMELINE


def one(*layers, on):
    return NetworkResult(chip=on, network="toy", inputs=1, layer_results=layers)


@pytest.mark.small
def test_the_longest_layer_is_drawn_unless_one_is_named():
    run = result()
    assert plots.timeline_table(run)["layer"].unique().tolist() == ["conv2"]
    assert plots.timeline_table(run, "conv0")["layer"].unique().tolist() == ["conv0"]


@pytest.mark.small
def test_the_longest_layer_may_be_one_without_tiles():
    on = chip()
    run = one(array_layer("conv", on, tiles=2), pooling("pool", on, cycles=10**6), on=on)
    assert plots.timeline_table(run)["layer"].unique().tolist() == ["conv"]


@pytest.mark.small
def test_instants_are_those_of_the_layers_timeline():
    run = result()
    table = plots.timeline_table(run, "conv1")
    timeline = next(r.timeline for r in run.layer_results if r.name == "conv1")
    assert table["tile"].tolist() == list(range(len(timeline)))
    for name in TIMELINE.names:
        assert table[name].tolist() == timeline[name].tolist()


@pytest.mark.small
def test_of_several_inputs_the_first_is_drawn():
    run = result(inputs=2)
    first, second = (r for r in run.layer_results if r.name == "conv1")
    assert len(first.work) != len(second.work)
    assert len(plots.timeline_table(run, "conv1")) == len(first.work)


def spans(figure):
    """Start and end of each bar on each track: {track: {(start, end), ...}}."""
    drawn = {0: set(), 1: set(), 2: set()}
    for bars in figure.axes[0].collections:
        for path in bars.get_paths():
            (x0, y0), (x1, y1) = path.vertices.min(axis=0), path.vertices.max(axis=0)
            drawn[round((y0 + y1) / 2)].add((round(x0), round(x1)))
    return drawn


def test_each_tile_has_a_bar_on_each_track():
    run = result(fetch_cycles=60, tile_cycles=50)
    table = plots.timeline_table(run, "conv2")
    drawn = spans(plots.timeline(run, "conv2"))
    for track, key in enumerate(("fetch", "compute", "drain")):
        expected = set(zip(table[f"{key}_start_cycle"], table[f"{key}_end_cycle"], strict=True))
        assert drawn[track] == expected


def test_overlapping_fetches_do_not_cover_each_other():
    run = result(fetch_cycles=10)
    table = plots.timeline_table(run)
    assert (
        table["fetch_start_cycle"].iloc[1:].to_numpy() < table["fetch_end_cycle"].iloc[:-1].to_numpy()
    ).any()
    even, odd = plots.timeline(run).axes[0].collections[:2]
    lowest_even = max(p.vertices[:, 1].max() for p in even.get_paths())
    highest_odd = min(p.vertices[:, 1].min() for p in odd.get_paths())
    assert lowest_even <= highest_odd + 1e-9


def test_more_tiles_than_a_page_shows_become_busy_shares():
    on = chip()
    layer = array_layer("conv", on, tiles=1000, tile_cycles=200, fetch_cycles=60)
    figure = plots.timeline(one(layer, on=on))
    axes = figure.axes[0]
    assert "1000 tiles, busy share" in axes.get_title(loc="left")
    heights = [0.36 + track - stairs.get_data().values for track, stairs in enumerate(axes.patches)]
    edges = axes.patches[1].get_data().edges
    busy = float(np.sum(heights[1] / 0.72 * np.diff(edges)))
    assert busy * 1e3 == pytest.approx(1000 * 200)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), min_size=1, max_size=12), st.integers(1, 7)
)
def test_busy_share_equals_counting_cycle_by_cycle(intervals, moments):
    starts = np.array([start for start, _ in intervals])
    ends = starts + np.array([length for _, length in intervals])
    width = 60 // moments
    edges = np.arange(moments + 1) * float(width)
    running = np.array([((starts <= cycle) & (cycle < ends)).any() for cycle in range(moments * width)])
    expected = running.reshape(moments, width).mean(axis=1)
    np.testing.assert_allclose(busy_fraction(starts, ends, edges), expected, atol=1e-12)


@pytest.mark.small
def test_a_layer_without_tiles_is_refused_and_the_others_are_named():
    with pytest.raises(InputError, match=r"one with tiles \(conv0, conv1, conv2\), not 'pool0'"):
        plots.timeline(result(), "pool0")


@pytest.mark.small
def test_a_run_without_tiles_is_refused():
    on = chip()
    with pytest.raises(InputError, match="the run has no tiles"):
        plots.timeline(one(pooling("pool", on), on=on))
