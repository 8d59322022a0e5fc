import dataclasses
import itertools

import numpy as np
import pytest
from results_by_hand import array_layer, chip, pooling, result

from accelsim import plots
from accelsim.errors import InputError
from accelsim.results import NetworkResult
from accelsim.tables import CAUSES


def bars(figure, part="get_width"):
    """Stacks as drawn: {legend label: widths by bar}; bars of no width are not drawn."""
    axes = figure.axes[0]
    stacks = {}
    for container in axes.containers:
        if container.patches:
            stack = stacks[container.get_label()] = [0.0] * len(axes.get_yticks())
            for patch in container.patches:
                stack[round(patch.get_y() + patch.get_height() / 2)] = getattr(patch, part)()
    return stacks


@pytest.mark.small
def test_causes_add_up_to_the_cycles_of_each_layer():
    table = plots.cycles_table(result(inputs=2))
    causes = table[[f"{cause}_cycles" for cause in CAUSES]].sum(axis=1)
    np.testing.assert_allclose(causes, table["cycles"], rtol=1e-12)


@pytest.mark.small
def test_cycles_of_a_layer_are_the_mean_over_inputs():
    run = result(inputs=2)
    table = plots.cycles_table(run).set_index("layer")
    both = [r.cycles for r in run.layer_results if r.name == "conv1"]
    assert len(both) == 2
    assert both[0] != both[1]
    assert table.loc["conv1", "cycles"] == sum(both) / 2


def test_layers_keep_the_order_of_execution_with_the_first_on_top():
    run = result()
    figure = plots.cycles(run)
    axes = figure.axes[0]
    names = ["conv0", "pool0", "conv1", "conv2"]
    assert plots.cycles_table(run)["layer"].tolist() == names
    assert [t.get_text() for t in axes.get_yticklabels()] == names
    assert axes.yaxis_inverted()


def test_stacks_are_as_long_as_the_layers_last():
    run = result()
    stacks = bars(plots.cycles(run))
    np.testing.assert_allclose(np.sum(list(stacks.values()), axis=0), plots.cycles_table(run)["cycles"])
    assert stacks["postprocessor"] == [0, 300, 0, 0]


def test_each_share_begins_where_the_one_before_ends():
    figure = plots.cycles(result())
    widths, begins = (np.array(list(bars(figure, part).values())) for part in ("get_width", "get_x"))
    before = np.cumsum(widths, axis=0) - widths
    drawn = widths > 0
    np.testing.assert_allclose(begins[drawn], before[drawn], atol=1e-9)
    assert (~drawn).any()  # the operation has one share only: the others of its bar are not drawn


def test_bars_without_width_are_no_artists():
    for figure in (plots.cycles(result()), plots.energy(result())):
        patches = [patch for c in figure.axes[0].containers for patch in getattr(c, "patches", ())]
        assert patches
        assert all(patch.get_width() > 0 for patch in patches)


def test_legend_names_only_what_happens_in_the_order_of_causes():
    figure = plots.cycles(result())
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        "effectual MAC",
        "wait for a step",
        "imbalance between PEs",
        "wait for fetch from DRAM",
        "postprocessor",
    ]


@pytest.mark.parametrize(
    ("tile_cycles", "unit"),
    [(50, "cycles"), (20_000, "thousand cycles"), (5_000_000, "million cycles")],
)
def test_cycles_axis_says_its_unit(tile_cycles, unit):
    run = result(tile_cycles=tile_cycles)
    figure = plots.cycles(run)
    assert figure.axes[0].get_xlabel() == f"duration ({unit})"
    divisor = {"cycles": 1, "thousand cycles": 1e3, "million cycles": 1e6}[unit]
    longest = np.sum(list(bars(figure).values()), axis=0).max()
    assert longest * divisor == pytest.approx(max(r.cycles for r in run.layer_results))


def test_titles_say_network_and_chip():
    run = result(chip("sparse-4x4"), network="toynet")
    for figure in (plots.cycles(run), plots.energy(run), plots.roofline(run), plots.timeline(run)):
        title = figure.axes[0].get_title(loc="left")
        assert "toynet" in title
        assert "sparse-4x4" in title


def test_names_of_a_deep_network_do_not_touch():
    on = chip()
    layers = tuple(
        array_layer(f"/layer{n}/a/rather/long/name/conv/Conv_quant", on, tiles=2) for n in range(60)
    )
    figure = plots.cycles(NetworkResult(chip=on, network="deep", inputs=1, layer_results=layers))
    figure.draw_without_rendering()
    boxes = sorted(
        (t.get_window_extent().extents for t in figure.axes[0].get_yticklabels()), key=lambda b: b[1]
    )
    assert len(boxes) == 60
    assert all(lower[3] <= upper[1] for lower, upper in itertools.pairwise(boxes))
    assert min(box[0] for box in boxes) >= 0


@pytest.mark.small
def test_components_add_up_to_the_energy_of_each_layer():
    table = plots.energy_table(result(inputs=2))
    components = ["mac_pj", "queue_pj", "scratchpad_pj", "dram_pj"]
    assert list(table.columns) == ["layer", "energy_pj", "energy_p05_pj", "energy_p95_pj", *components]
    np.testing.assert_allclose(table[components].sum(axis=1), table["energy_pj"], rtol=1e-12)
    assert (table["energy_pj"] > 0).sum() == 3  # the pooling costs nothing in these prices


def test_energy_interval_is_the_middle_of_the_draws_between_low_and_high():
    run = result()
    figure = plots.energy(run)
    (lines,) = next(c for c in figure.axes[0].containers if not hasattr(c, "patches")).lines[2]
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    table = plots.energy_table(run)
    assert figure.axes[0].get_xlabel() == "energy (nJ)"
    np.testing.assert_allclose(ends * 1e3, table[["energy_p05_pj", "energy_p95_pj"]], rtol=1e-9)
    bounds = run.layers.groupby("layer", sort=False)[["energy_low_pj", "energy_high_pj"]].sum()
    priced = table["energy_pj"].to_numpy() > 0
    assert (bounds["energy_low_pj"].to_numpy() < table["energy_p05_pj"])[priced].all()
    assert (table["energy_p95_pj"] < bounds["energy_high_pj"].to_numpy())[priced].all()


def test_a_component_keeps_its_colour_whatever_else_is_drawn():
    def colour(run):
        stacks = plots.energy(run).axes[0].containers
        return next(c.patches[0].get_facecolor() for c in stacks if c.get_label() == "DRAM")

    run = result()
    only_dram = [
        dataclasses.replace(r, energy=tuple(e for e in r.energy if e.component == "dram"))
        for r in run.layer_results
    ]
    assert colour(run) == colour(dataclasses.replace(run, layer_results=tuple(only_dram)))


def test_a_component_of_another_chip_is_drawn_too():
    run = result()
    strange = [
        dataclasses.replace(r, energy=tuple(e._replace(component="flux_gate") for e in r.energy))
        for r in run.layer_results
    ]
    figure = plots.energy(dataclasses.replace(run, layer_results=tuple(strange)))
    assert "flux gate" in [t.get_text() for t in figure.legends[0].get_texts()]


@pytest.mark.small
def test_a_run_without_layers_is_refused():
    empty = NetworkResult(chip=chip(), network="none", inputs=1, layer_results=())
    with pytest.raises(InputError, match="none on sparse: the run has no layers"):
        plots.cycles(empty)


@pytest.mark.small
def test_a_run_without_prices_has_cycles_but_no_energy():
    on = chip()
    free = dataclasses.replace(pooling("pool", on), energy=())
    run = NetworkResult(chip=on, network="toy", inputs=1, layer_results=(free,))
    assert plots.cycles_table(run)["cycles"].tolist() == [300]
    with pytest.raises(InputError, match="no energy rows"):
        plots.energy(run)
