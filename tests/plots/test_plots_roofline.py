import dataclasses

import numpy as np
import pytest
from matplotlib.text import Text
from results_by_hand import array_layer, chip, pooling, result

from accelsim import plots
from accelsim.errors import InputError
from accelsim.results import NetworkResult


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
    points = np.concatenate([np.asarray(c.get_offsets()) for c in axes.collections])
    assert len(points) == 6
    ridge = 0.032e12 / 10.24e9
    for x, y in [*points, (ridge, 0.032)]:
        assert axes.get_xlim()[0] < x < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < y < axes.get_ylim()[1]


def test_colour_says_what_a_layer_is_bound_by():
    on = chip()
    slow_array = array_layer("a", on, tile_cycles=500, fetch_cycles=10)
    slow_dram = array_layer("d", on, tile_cycles=10, fetch_cycles=500)
    figure = plots.roofline(one(slow_array, slow_dram, on=on))
    assert [t.get_text() for t in figure.legends[0].get_texts()][:2] == [
        "layer bound by array",
        "layer bound by DRAM",
    ]
    assert plots.roofline_table(one(slow_array, slow_dram, on=on))["bound_by"].tolist() == ["array", "dram"]


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


def test_a_layer_of_zeros_has_only_its_dense_point():
    on = chip()
    figure = plots.roofline(one(array_layer("zeros", on, effectual=0.0), on=on))
    assert sum(len(c.get_offsets()) for c in figure.axes[0].collections) == 1


@pytest.mark.small
def test_nothing_to_draw_is_an_error():
    on = chip()
    with pytest.raises(InputError, match="no layer has both MACs and DRAM traffic"):
        plots.roofline(one(pooling("pool", on), on=on))
