import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.text import Text
from results_by_hand import array_layer, chip, pooling, result

from accelsim import plots, zoo
from accelsim.dataflows import unsupported_layers
from accelsim.errors import InputError
from accelsim.hardware import load_hardware, presets
from accelsim.network import Layer
from accelsim.plots.ceilings import feed_gb_per_s
from accelsim.results import NetworkResult
from accelsim.simulation import simulate
from accelsim.trace import from_layers


def one(*layers, on):
    return NetworkResult(chip=on, network="toy", inputs=1, layer_results=layers)


@pytest.mark.small
def test_place_of_a_layer_worked_by_hand():
    """4 tiles fetch 16 x 60 bytes and drain 256 each: 4 864 bytes. 100 000 dense MACs, 30 000 effectual."""
    on = chip()
    layer = array_layer("conv", on, tiles=4, fetch_cycles=60, macs=100_000, effectual=0.3)
    (row,) = plots.roofline_table(one(layer, on=on)).to_dict("records")
    seconds = layer.cycles / 500e6
    assert row["dram_bytes"] == 4864
    assert row["dense_operations_per_byte"] == 200_000 / 4864
    assert row["effectual_operations_per_byte"] == 60_000 / 4864
    assert row["effective_tops"] == pytest.approx(200_000 / seconds / 1e12)
    assert row["effectual_tops"] == pytest.approx(60_000 / seconds / 1e12)


@pytest.mark.small
def test_operations_of_the_postprocessor_have_no_place():
    assert plots.roofline_table(result())["layer"].tolist() == ["conv0", "conv1", "conv2"]


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].get_lines()}


def test_ceilings_are_peak_tops_and_sustained_bandwidth():
    """32 multipliers at 500 MHz: 0.032 TOPS; 80 % of 12.8 GB/s."""
    drawn = lines(plots.roofline(result()))
    memory, peak = drawn["DRAM: 10.24 GB/s sustained"], drawn["multipliers: 0.032 TOPS peak"]
    np.testing.assert_allclose(peak.get_ydata(), 0.032)
    x, y = memory.get_xdata(), memory.get_ydata()
    np.testing.assert_allclose(y * 1e12, x * 10.24e9)


def test_every_point_and_the_ridge_are_inside_the_axes():
    figure = plots.roofline(result())
    axes = figure.axes[0]
    points = np.concatenate(
        [np.asarray(c.get_offsets()) for c in axes.collections if isinstance(c, PathCollection)]
    )
    ridge = 0.032e12 / 10.24e9
    for x, y in [*points, (ridge, 0.032)]:
        assert axes.get_xlim()[0] < x < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < y < axes.get_ylim()[1]


def test_colour_says_which_ceiling_binds():
    on = chip("dense")
    slow_array = array_layer("a", on, tile_cycles=3200, fetch_cycles=10, effectual=1.0)
    slow_dram = array_layer("d", on, tile_cycles=10_000, fetch_cycles=9_000)
    figure = plots.roofline(one(slow_array, slow_dram, on=on))
    assert [t.get_text() for t in figure.legends[0].get_texts()][:2] == [
        "layer under multipliers",
        "layer under DRAM",
    ]
    table = plots.roofline_table(one(slow_array, slow_dram, on=on))
    assert table["ceiling"].tolist() == ["multipliers", "DRAM"]


@pytest.mark.small
def test_ceilings_of_a_layer_worked_by_hand():
    """30 000 of 100 000 MACs take a slot: 0.032 TOPS of multipliers may be 0.1067. DRAM: 10.24 GB/s."""
    on = chip()
    layer = array_layer("conv", on, macs=100_000, effectual=0.3)
    layer = dataclasses.replace(layer, totals=layer.totals | {"weight_scratchpad_read_bytes": 6400})
    (row,) = plots.roofline_table(one(layer, on=on)).to_dict("records")
    assert row["skipping_ceiling_tops"] == pytest.approx(0.032 / 0.3)
    assert row["dram_ceiling_tops"] == pytest.approx(10.24e9 * row["dense_operations_per_byte"] / 1e12)
    assert row["scratchpad_ceiling_tops"] == pytest.approx(64 * 500e6 * 200_000 / 6400 / 1e12)
    assert row["ceiling"] == "skipping"
    assert row["ceiling_fraction"] == pytest.approx(row["effective_tops"] / row["ceiling_tops"])


@pytest.mark.small
def test_a_feed_per_column_is_as_many_feeds_as_columns():
    on = chip()
    array = on.pe_array.model_copy(update={"broadcast_domain": "column"})
    column = on.model_copy(update={"pe_array": array})
    assert feed_gb_per_s(column) == 4 * feed_gb_per_s(on) == 4 * 32


@pytest.mark.parametrize("name", presets())
def test_no_layer_stands_above_a_ceiling(name):
    """On every shipped chip: what the machine did in its cycles is what its parts can do in them."""
    shape = Layer(
        name="conv",
        input_height=9,
        input_width=9,
        channels=40,
        filters=24,
        kernel=(3, 3),
        padding=(1, 1, 1, 1),
    )
    flat = Layer(name="fc", kind="fully_connected", channels=256, filters=64)
    layers = [zoo.synthetic_layer(x, 0.3, 0.4) for x in (shape, flat)]
    layers = [dataclasses.replace(x, weights=(x.weights % 8).astype(np.int8)) for x in layers]
    trace = from_layers("net", layers)
    on = load_hardware(name)
    table = plots.roofline_table(simulate(trace, on, left_out=unsupported_layers(trace, on), toggles="off"))
    assert (table["effective_tops"] <= table["ceiling_tops"] * (1 + 1e-9)).all()
    assert (table["effectual_tops"] <= on.peak_tops).all()


def test_the_longest_layers_are_named_and_names_do_not_overlap():
    on = chip()
    layers = [array_layer(f"conv{n}", on, tiles=4 + n % 3, tile_cycles=200 + n) for n in range(40)]
    figure = plots.roofline(one(*layers, on=on))
    figure.draw_without_rendering()
    named = figure.axes[0].texts
    longest = sorted(layers, key=lambda layer: -layer.cycles)[:8]
    assert {t.get_text() for t in named} <= {layer.name for layer in longest}
    assert longest[0].name in {t.get_text() for t in named}
    boxes = [Text.get_window_extent(t) for t in named]  # without the line to the point
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_layers_without_dram_traffic_are_counted_in_the_title():
    on = chip()
    layer = array_layer("conv", on)
    resident = dataclasses.replace(
        layer, name="resident", totals=layer.totals | {"weight_fetch_bytes": 0, "output_drain_bytes": 0}
    )
    figure = plots.roofline(one(layer, resident, on=on))
    assert figure.axes[0].get_title(loc="left") == "toy on sparse: roofline (1 layers without DRAM traffic)"
    assert np.isinf(plots.roofline_table(one(layer, resident, on=on))["dense_operations_per_byte"]).sum() == 1


def test_a_layer_of_zeros_has_no_skipping_ceiling():
    on = chip()
    zeros = one(array_layer("zeros", on, effectual=0.0), on=on)
    figure = plots.roofline(zeros)
    assert np.isinf(plots.roofline_table(zeros)["skipping_ceiling_tops"].item())
    assert "multipliers x dense / slots" not in [t.get_text() for t in figure.legends[0].get_texts()]


CPU = pd.DataFrame(
    [{"cpu": "a CPU", "cores": n, "int8_tops": 0.2 * n, "memory_gb_per_s": 20} for n in (1, 2)]
)


def test_a_measured_cpu_stands_beside_the_chip():
    figure = plots.roofline(result(), CPU)
    roofs = [line for line in figure.axes[0].get_lines() if "measured" in str(line.get_label())]
    assert [float(np.max(line.get_ydata())) for line in roofs] == pytest.approx([0.2, 0.4])
    x, y = roofs[0].get_data()
    assert y[0] == pytest.approx(x[0] * 0.02)
    assert figure.axes[0].get_ylim()[1] > 0.4
    with pytest.raises(InputError, match="no column 'int8_tops'"):
        plots.roofline(result(), CPU.drop(columns="int8_tops"))


def test_an_arrow_leads_from_before_to_after_and_one_is_the_network():
    was, now = result(chip("dense"), tile_cycles=400), result(chip(), tile_cycles=200)
    table = plots.roofline_change_table(was, now)
    assert table["layer"].tolist() == ["conv0", "conv1", "conv2", "all layers"]
    assert (table["speedup"] > 1.5).all()
    total = table.iloc[-1]
    assert total["before_cycles"] == table["before_cycles"].iloc[:-1].sum()
    figure = plots.roofline_change(was, now, CPU)
    arrows = [t for t in figure.axes[0].texts if not t.get_text()]
    assert len(arrows) == 4
    np.testing.assert_allclose(
        [arrow.xy for arrow in arrows], table[["after_dense_operations_per_byte", "after_effective_tops"]]
    )
    assert figure.axes[0].get_title(loc="left") == "toy, on dense to sparse"


@pytest.mark.small
def test_runs_of_other_layers_have_no_arrows():
    with pytest.raises(InputError, match="must have the same layers"):
        plots.roofline_change_table(result(layers=2), result(layers=3))


@pytest.mark.small
def test_nothing_to_draw_is_an_error():
    on = chip()
    with pytest.raises(InputError, match="no layer has both MACs and DRAM traffic"):
        plots.roofline(one(pooling("pool", on), on=on))
