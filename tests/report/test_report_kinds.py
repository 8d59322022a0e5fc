"""Time by kind of layer adds up to the network's, and names what a reader looks for."""

from dataclasses import replace

import pytest
from results_by_hand import chip, result

from accelsim.network import Layer
from accelsim.report import as_text, kind_rows, kinds_table
from accelsim.report.kinds import kind_of


@pytest.mark.small
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"kernel": (1, 1)}, "1x1"),
        ({"kernel": (3, 5)}, "3x5"),
        ({"kernel": (3, 3), "groups": 4}, "depthwise"),
        ({"kernel": (3, 3), "groups": 2}, "3x3, grouped"),
        ({"kind": "fully_connected"}, "fully connected"),
        ({"kind": "matrix_product", "groups": 2}, "matrix product"),
    ],
)
def test_a_layer_has_the_kind_people_call_it(given, kind):
    one = result(chip("dense-4x4")).layer_results[0]
    layer = Layer(name="l", input_height=8, input_width=8, channels=4, filters=4, **given)
    assert kind_of(replace(one, layer=layer)) == kind


@pytest.mark.small
def test_kinds_add_up_to_each_chips_network():
    results = [result(chip("dense-4x4"), tile_cycles=1000), result(chip("sparse-4x4"), tile_cycles=200)]
    rows = kind_rows(results)
    for one in results:
        mine = [row for row in rows if row["chip"] == one.chip.name]
        assert sum(row["cycles"] for row in mine) == sum(r.cycles for r in one.layer_results)
        assert sum(row["cycles_fraction"] for row in mine) == pytest.approx(1)
        assert sum(row["dense_macs"] for row in mine) == one.summary()["dense_macs"]
        for row in mine:
            if row["dense_macs"]:
                tops = 2 * row["dense_macs"] / row["cycles"] * one.chip.clock_mhz * 1e6 / 1e12
                assert row["effective_tops"] == pytest.approx(tops)
    text = as_text([kinds_table(results)])
    assert "dense-4x4" in text
    assert max(map(len, text.splitlines())) <= 80
