"""The mapper's plans beside the least possible traffic: the bound by hand, and ratios within their band."""

import pandas as pd
import pytest

from accelsim.network import Layer
from accelsim.study.published.chen import ENTRY, GOAL, layer_table, lower_bound_words, summary_table


def test_the_bound_is_the_papers_formula() -> None:
    """3x3 at stride 1: R = 9; 2 x 9 x 64 x 32 x 100 MACs / sqrt(9 x 1024)."""
    layer = Layer(
        name="c",
        kernel=(3, 3),
        padding=(1, 1, 1, 1),
        channels=64,
        filters=32,
        input_height=10,
        input_width=10,
    )
    assert lower_bound_words(layer, 1024) == pytest.approx(2 * 9 * 64 * 32 * 100 / 96)
    fully = Layer(name="f", kind="fully_connected", channels=100, filters=50)
    assert lower_bound_words(fully, 400) == pytest.approx(2 * 5000 / 20)


def test_vgg16_stays_within_a_quarter_of_the_least_possible() -> None:
    """Measured, geometric means at 64 K and 1 M words: 1.17 and 1.00."""
    layers = layer_table(("vgg16",), (64, 1024))
    summary = summary_table(layers).set_index("setting")["ratio"]
    assert 1.1 < summary["vgg16, 64 K"] < 1.2
    assert 1.0 <= summary["vgg16, 1024 K"] < 1.01
    assert (layers["words"] >= layers["compulsory_words"]).all()
    assert layers["ratio"].max() < 1.6


def test_the_bands_hold_every_buffer_and_network_to_the_goal() -> None:
    rows = [{"setting": f"{n}, {s} K", "ratio": 1.0} for n in ("all", "vgg16") for s in (64, 128)]
    assert not ENTRY.misses({"summary": pd.DataFrame(rows)})
    rows[1]["ratio"] = GOAL + 0.01
    assert len(ENTRY.misses({"summary": pd.DataFrame(rows)})) == 1
