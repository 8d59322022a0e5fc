"""Eyeriss, 2:4 tensor cores and the 4096-MAC engine beside what is published of them."""

from dataclasses import replace

import pytest

from accelsim.study.published import edge_engine, eyeriss, two_of_four
from accelsim.zoo import shapes


@pytest.fixture(scope="module")
def tables():
    return eyeriss.tables(seed=0)


def test_only_the_contradicted_figure_is_outside_of_its_band(tables):
    """CONV3's published buffer traffic is that of another mapping; with that mapping ours is within 2 %."""
    misses = eyeriss.ENTRY.misses(tables)
    assert [text.split(":")[0] for text in misses] == ["traffic, conv3"]
    assert "buffer_difference_percent" in misses[0]
    with_other = tables["mappings"].set_index("mapping").loc["conv3, p 16, q 3, r 2, t 2"]
    assert abs(with_other["buffer_difference_percent"]) < 2


def test_latency_lies_between_the_fold_formula_and_the_published_figure(tables):
    latency = tables["latency"].set_index("layer")
    assert (latency["window_cycles"] == latency["fold_cycles"]).all()
    assert (latency["array_ms"] > latency["fold_ms"]).all()
    assert (latency["array_ms"] <= 1.05 * latency["published_ms"]).all()
    assert (latency["active_pes"] == latency["published_active_pes"]).all()
    assert (latency["with_dram_ms"] > latency["array_ms"]).all()


def test_a_fold_formula_that_the_machine_does_not_follow_is_seen():
    """The comparison is not one of a number with itself: another mapping has other windows."""
    row = eyeriss.published_layers().to_dict("records")[2]
    chip = eyeriss.load_hardware("eyeriss-168", ["pe_array.sum_spad_entries=8"])
    layer = eyeriss.layer_of(row, 4)
    assert eyeriss.cycles_of_windows(layer, eyeriss.plans()["conv3"], chip) == eyeriss.fold_cycles(row)
    narrow = eyeriss.load_hardware("eyeriss-168", ["pe_array.rows=9"])
    assert eyeriss.cycles_of_windows(layer, eyeriss.plans()["conv3"], narrow) != eyeriss.fold_cycles(row)


def test_two_of_four_is_twice_the_dense_rate():
    tables = two_of_four.ENTRY.tables(0)
    assert two_of_four.ENTRY.misses(tables) == []
    speedups = tables["layers"].set_index("layer")["speedup"]
    assert speedups.max() <= 2
    assert speedups["conv1"] < 1.01  # three channels
    assert speedups.drop("conv1").min() > 1.8


def test_the_engine_that_skips_zeros_is_faster_than_the_dense_one(monkeypatch):
    few = shapes.shape_network("resnet50")
    few = replace(few, layers=few.layers[9:12])
    monkeypatch.setattr(edge_engine, "shape_network", lambda name: few)
    rates = edge_engine.rate_table().set_index("engine")
    assert rates.loc["zeros skipped, array alone", "over_dense"] > 2
    assert rates.loc["dense, array alone", "over_peak"] <= 1
    assert rates.loc["claimed", "frames_per_s"] == 2550
