"""The kernel of row_stationary: equal to its cycle-stepping reference, and mapped as Eyeriss' Table III has it."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from twin_cases import adds_up, counted, layers, tiles, whole_tile

import accelsim
from accelsim.dataflows import row_stationary
from accelsim.dataflows._row_mapping import map_tile
from accelsim.errors import HardwareError, PlanError, UnsupportedLayerError
from accelsim.hardware import load_hardware
from accelsim.plan import Plan
from accelsim.reference.row_stationary import tile_counts
from accelsim.study.published.eyeriss import layer_of, plans, published_layers
from accelsim.trace import from_arrays


def chip_of(*overrides):
    return load_hardware("eyeriss-168", list(overrides))


@st.composite
def chips(draw):
    values = {
        "pe_array.rows": draw(st.integers(1, 7)),
        "pe_array.columns": draw(st.integers(1, 5)),
        "pe_array.activation_policy": draw(st.sampled_from(["compute", "gate"])),
        "pe_array.weight_spad_entries": draw(st.integers(3, 24)),
        "pe_array.activation_spad_entries": draw(st.integers(3, 12)),
        "pe_array.sum_spad_entries": draw(st.integers(1, 5)),
        "pe_array.weights_per_cycle": draw(st.sampled_from([1, 3, 50])),
        "pe_array.activations_per_cycle": draw(st.sampled_from([1, 2, 50])),
        "pe_array.sums_per_cycle": draw(st.sampled_from([1, 2, 50])),
        "pe_array.pipeline_cycles": draw(st.integers(0, 3)),
        "pe_array.weight_bits": draw(st.sampled_from([8, 16])),
        "pe_array.activation_bits": draw(st.sampled_from([8, 16])),
        "scratchpad.word_bytes": draw(st.sampled_from([1, 3, 8])),
    }
    return chip_of(*(f"{key}={value}" for key, value in values.items()))


def fits(layer, tile, array):
    filters = min(tile.k1 - tile.k0, layer.group_filters)
    return not isinstance(map_tile(layer, filters, tile.c1 - tile.c0, tile.p1 - tile.p0, array), str)


@st.composite
def cases(draw):
    chip, trace = draw(chips()), draw(layers(most_dilation=1))
    tile = draw(tiles(trace.layer, 1))
    assume(fits(trace.layer, tile, chip.pe_array))
    return chip, trace, tile


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile = case
    assert counted(row_stationary, trace, tile, chip) == tile_counts(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_by_cause_add_up(case):
    chip, trace, tile = case
    adds_up(counted(row_stationary, trace, tile, chip), chip)


@pytest.mark.parametrize("row", published_layers().to_dict("records"), ids=lambda row: row["layer"])
def test_the_mapping_rule_gives_the_published_mapping(row):
    """p, q, r and t of Table III follow from its n, m, e and q x r."""
    plan = plans()[row["layer"]]
    assert (plan.tile_n, plan.tile_c, plan.tile_p) == (row["n"], row["q"] * row["r"], row["e"])
    found = map_tile(layer_of(row, 4), plan.tile_k, plan.tile_c, plan.tile_p, chip_of().pe_array)
    assert (found.p, found.q, found.r, found.t) == (row["p"], row["q"], row["r"], row["t"])


@pytest.mark.small
def test_zeros_save_energy_and_never_time():
    generator = np.random.default_rng(0)
    weights = generator.integers(1, 9, (6, 3, 3, 4)).astype(np.int8)
    activations = generator.integers(1, 9, (1, 6, 6, 4)).astype(np.uint8)
    dense, empty = (
        counted(row_stationary, trace, whole_tile(trace), chip_of())
        for trace in (from_arrays(weights, activations), from_arrays(weights, np.zeros_like(activations)))
    )
    assert dense["compute_cycles"] == empty["compute_cycles"]
    assert empty["done_macs"] == empty["weight_operand_reads"] == 0
    assert empty["activation_operand_reads"] == dense["activation_operand_reads"] == dense["dense_macs"]


LAYER = np.ones((6, 3, 3, 40), np.int8), np.ones((1, 9, 9, 40), np.uint8)


@pytest.mark.parametrize(
    "overrides", [[], ["encodings.dram_activations=dense"], ["scratchpad.capacity_bytes=9000"]]
)
@pytest.mark.parametrize("groups", [1, 2])
def test_a_layer_runs_and_its_books_close(overrides, groups):
    generator = np.random.default_rng(1)
    weights = generator.integers(-4, 5, (12, 3, 3, 20 // groups)).astype(np.int8)
    activations = generator.integers(0, 3, (2, 12, 12, 20)).astype(np.uint8)
    trace = from_arrays(weights, activations, padding=1, groups=groups)
    for together in (False, True):
        result = accelsim.simulate(trace, chip_of(*overrides), together=together, toggles="off")
        assert result.cycles > 0
        assert len(result.layer_results) == (1 if together else 2)


def test_what_cannot_be_mapped_is_refused_by_layer_machine_and_limit():
    dilated = from_arrays(*LAYER, dilation=2)
    with pytest.raises(UnsupportedLayerError, match=r"layer: eyeriss-168: row_stationary runs .* not 2 x 2"):
        accelsim.simulate(dilated, chip_of(), toggles="off")
    tall = from_arrays(np.ones((1, 13, 1, 1), np.int8), np.ones((1, 15, 1, 1), np.uint8))
    with pytest.raises(
        UnsupportedLayerError, match="13 filter rows and 1 output rows does not fit on 12 x 14"
    ):
        accelsim.simulate(tall, chip_of(), toggles="off")
    wide = from_arrays(np.ones((1, 1, 13, 1), np.int8), np.ones((1, 1, 15, 1), np.uint8))
    with pytest.raises(UnsupportedLayerError, match="a row of 13 taps, a PE holds 12 activations"):
        accelsim.simulate(wide, chip_of(), toggles="off")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"tile_q": 3}, "rows are not cut: tile_q must be all 7 columns, not 3"),
        ({"tile_c": 40}, "40 channels at 4 a PE take 10 sets, and the array holds 8 of 7 output rows"),
    ],
)
def test_a_plan_that_cannot_be_mapped_is_refused(sizes, message):
    given_sizes = {"tile_n": 1, "tile_k": 6, "tile_c": 4, "tile_p": 7, "tile_q": 7} | sizes
    with pytest.raises(PlanError, match=f"layer: eyeriss-168: {message}"):
        accelsim.simulate(from_arrays(*LAYER), chip_of(), plans={"layer": Plan(**given_sizes)}, toggles="off")


WRONG = {
    "pe_array.weight_policy=gate": "pe_array.weight_policy must be 'compute'",
    "pe_array.activation_policy=skip": "activation_policy 'compute' or 'gate'",
    "pe_array.chunk_elements=8": "pe_array.chunk_elements must be 1 for row_stationary",
    "encodings.activations=bitmask": "encodings.activations must be 'dense' in the scratchpad of a row_stationary",
    "encodings.dram_outputs=bitmask": "where planes are stored row by row",
}


@pytest.mark.small
@pytest.mark.parametrize("override", WRONG)
def test_a_chip_that_cannot_be_is_refused_by_key(override):
    with pytest.raises(HardwareError) as error:
        chip_of(override)
    assert WRONG[override] in str(error.value)
