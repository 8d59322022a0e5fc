"""The same network four ways on a chip: what is stored, what is gained, and what it is said to come from."""

from dataclasses import replace

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.hardware import load_hardware, presets
from accelsim.network import Layer
from accelsim.study.compression import compression_study
from accelsim.study.compression_variants import (
    VARIANTS,
    filled,
    for_array,
    variant_chip,
    variants_of,
)
from accelsim.study.compression_words import cause_of
from accelsim.trace import from_layers
from accelsim.zoo import synthetic_layer

CONV = Layer(
    name="conv", input_height=10, input_width=10, channels=64, filters=64, kernel=(3, 3), padding=(1, 1, 1, 1)
)
FC = Layer(name="fc", kind="fully_connected", channels=512, filters=256)


def network(density=0.3):
    return from_layers("net", [synthetic_layer(layer, density, 0.5) for layer in (CONV, FC)])


def densities(trace):
    return {name: float((trace.parameters[name].weights != 0).mean()) for name in trace.weighted_layers}


def test_filling_leaves_no_zero_and_touches_no_weight_that_was_kept():
    given = network()
    whole = filled(given)
    for name in given.weighted_layers:
        before, after = given.parameters[name].weights, whole.parameters[name].weights
        kept = before != 0
        assert (after != 0).all()
        np.testing.assert_array_equal(after[kept], before[kept])
        assert np.abs(after[~kept].astype(int)).max() <= np.abs(before[kept].astype(int)).min()
    np.testing.assert_array_equal(filled(given).parameters["fc"].weights, whole.parameters["fc"].weights)


def test_filling_stays_inside_the_type_at_its_ends():
    """uint8 weights with zero point 255: only smaller values are not zero."""
    layer = synthetic_layer(FC, 0.5, 0.5)
    weights = np.where(layer.weights == 0, 255, 254).astype(np.uint8)
    points = np.full(FC.filters, 255, np.int32)
    trace = from_layers("net", [replace(layer, weights=weights, weight_zero_points=points)])
    assert set(np.unique(filled(trace).parameters["fc"].weights)) == {254}


def test_variants_have_the_zeros_that_they_say():
    pruned = variants_of(network(0.3))
    assert pruned["pruned"].network.name == "net"
    dense = variants_of(network(1.0), density=0.25)
    assert densities(dense["pruned"]) == pytest.approx({"conv": 0.25, "fc": 0.25}, abs=1e-3)
    for traces in (pruned, dense):
        assert list(traces) == list(VARIANTS)
        assert set(densities(traces["uncompressed"]).values()) == {1.0}
        for variant in ("quantised", "encoded"):
            for name in ("conv", "fc"):
                assert np.abs(traces[variant].parameters[name].weights).max() <= 7


@pytest.mark.parametrize("name", presets())
def test_every_shipped_chip_can_store_every_variant(name):
    chip = load_hardware(name)
    for variant in VARIANTS:
        e = variant_chip(chip, variant).encodings
        if variant == "pruned" and chip.dataflow != "column_broadcast":
            assert e == chip.encodings
        if variant in ("uncompressed", "quantised"):
            assert (e.dram_weights, e.dram_activations, e.dram_outputs) == ("dense",) * 3
            assert e.dram_weight_bits == (4 if variant == "quantised" else None)


def test_two_of_four_is_what_a_structured_array_gets():
    traces = for_array(variants_of(network()), load_hardware("sparse-tensor-core"))
    weights = traces["pruned"].parameters["fc"].weights.reshape(-1, 4)
    assert (weights != 0).sum(axis=1).max() <= 2
    assert for_array(traces, load_hardware("tpu-v1")) is traces


def test_compression_saves_bytes_everywhere_and_time_where_memory_was_the_limit():
    slow = load_hardware("dense-16x16", ["dram.peak_gb_per_s=0.5"])
    fast = load_hardware("dense-16x16", ["dram.peak_gb_per_s=500", "dram.latency_ns=0"])
    told = {}
    for name, chip in (("slow", slow), ("fast", fast)):
        done = compression_study(network(), [chip.model_copy(update={"name": name})], toggles="off")
        table = done.table.set_index("variant")
        assert (table["dram_bytes_fraction"].loc[["quantised", "encoded"]] < 1).all()
        assert (table["speedup"].iloc[0], table["saved_cycles"].iloc[0]) == (1, 0)
        saved = table[["saved_dram_wait_cycles", "saved_operation_cycles", "saved_array_cycles"]].sum(axis=1)
        np.testing.assert_array_equal(saved, table["saved_cycles"])
        told[name] = (table["speedup"]["encoded"], done.sentences)
    assert told["slow"][0] > 1.5
    assert "1 most of what is saved was waiting for DRAM (slow)" in told["slow"][1][0]
    assert told["fast"][0] < 1.1
    assert "1 gain nothing (fast)" in told["fast"][1][0]


def test_a_dense_chip_gains_nothing_from_zeros_that_nothing_encodes():
    table = compression_study(network(), [load_hardware("dense-16x16")], toggles="off").table.set_index(
        "variant"
    )
    assert table["speedup"]["pruned"] == 1
    assert table["dram_bytes_fraction"]["encoded"] < table["dram_bytes_fraction"]["pruned"] == 1


def test_layers_that_a_chip_cannot_run_are_left_out_of_all_variants_and_listed():
    done = compression_study(
        network(), [load_hardware("eie-64"), load_hardware("both-skip-16x16")], toggles="off"
    )
    assert list(done.left_out) == ["eie-64"]
    assert list(done.left_out["eie-64"]) == ["conv"]
    eie = done.table[done.table["chip"] == "eie-64"]
    assert eie["variant"].tolist() == list(VARIANTS)
    assert eie.set_index("variant")["speedup"]["encoded"] > 1.5  # entries of zeros are not there
    assert set(done.kinds[done.kinds["chip"] == "eie-64"]["kind"]) == {"fully connected"}


def test_nothing_to_run_is_an_error():
    conv = from_layers("net", [synthetic_layer(CONV, 0.3, 0.5)])
    with pytest.raises(InputError, match="net: none of the chips runs a layer of it"):
        compression_study(conv, [load_hardware("eie-64")])


@pytest.mark.small
def test_what_a_gain_is_said_to_come_from():
    row = {
        "speedup": 1.5,
        "saved_dram_wait_cycles": 60,
        "saved_operation_cycles": 0,
        "saved_array_cycles": 40,
    }
    assert cause_of(row) == "memory"
    assert cause_of(row | {"saved_array_cycles": 61}) == "array"
    assert cause_of(row | {"speedup": 1.09}) == "none"
