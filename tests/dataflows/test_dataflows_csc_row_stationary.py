"""The kernel of csc_row_stationary: equal to its cycle-stepping reference, with and without SIMD."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from twin_cases import adds_up, counted, layers, tiles, whole_tile

import accelsim
from accelsim.dataflows import csc_row_stationary
from accelsim.dataflows._row_mapping import map_tile
from accelsim.errors import HardwareError
from accelsim.hardware import load_hardware
from accelsim.reference.csc_row_stationary import tile_counts
from accelsim.trace import from_arrays


def chip_of(*overrides):
    return load_hardware("eyeriss-v2-192", list(overrides))


@st.composite
def chips(draw):
    values = {
        "pe_array.rows": draw(st.integers(1, 7)),
        "pe_array.columns": draw(st.integers(1, 5)),
        "pe_array.lanes": draw(st.integers(1, 2)),
        "pe_array.chunk_elements": draw(st.sampled_from([8, 16])),
        "pe_array.weight_spad_entries": draw(st.sampled_from([24, 60, 200])),
        "pe_array.activation_spad_entries": draw(st.integers(3, 40)),
        "pe_array.sum_spad_entries": draw(st.sampled_from([1, 3, 40])),
        "pe_array.array_feed_bytes_per_cycle": draw(st.sampled_from([1, 20, 1000])),
        "pe_array.pipeline_cycles": draw(st.integers(0, 7)),
        "pe_array.weight_bits": draw(st.sampled_from([8, 16])),
        "pe_array.activation_bits": draw(st.sampled_from([8, 16])),
        "encodings.pointer_bits": draw(st.sampled_from([8, 11])),
        "postprocessor.drain_elements_per_cycle": draw(st.sampled_from([1, 5, 100])),
        "scratchpad.word_bytes": draw(st.sampled_from([1, 3, 8])),
    }
    return chip_of(*(f"{key}={value}" for key, value in values.items()))


@st.composite
def tall_layers(draw):
    """One channel and many filters, few of them not zero: columns with padding entries."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = generator.integers(1, 9, (40, 1, draw(st.integers(1, 2)), 1)).astype(np.int8)
    weights[generator.random(weights.shape) < draw(st.sampled_from([0.9, 0.97]))] = 0
    return from_arrays(weights, generator.integers(0, 2, (1, 2, 4, 1)).astype(np.uint8))


@st.composite
def cases(draw):
    chip = draw(chips())
    trace = draw(st.one_of(layers(most_dilation=1), tall_layers()))
    tile = draw(tiles(trace.layer, chip.pe_array.chunk_elements))
    filters = min(tile.k1 - tile.k0, trace.layer.group_filters)
    sizes = filters, tile.c1 - tile.c0, tile.p1 - tile.p0
    assume(not isinstance(map_tile(trace.layer, *sizes, chip.pe_array), str))
    return chip, trace, tile


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile = case
    assert counted(csc_row_stationary, trace, tile, chip) == tile_counts(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_by_cause_add_up(case):
    chip, trace, tile = case
    adds_up(counted(csc_row_stationary, trace, tile, chip), chip)


@pytest.mark.small
def test_sixteen_zeros_make_a_padding_entry():
    weights = np.zeros((20, 1, 1, 1), np.int8)
    weights[17] = 1
    trace = from_arrays(weights, np.ones((1, 1, 3, 1), np.uint8))
    row = counted(
        csc_row_stationary, trace, whole_tile(trace), chip_of("pe_array.rows=1", "pe_array.columns=1")
    )
    assert (row["done_macs"], row["encoding_padding_macs"], row["effectual_macs"]) == (6, 3, 3)


@pytest.mark.small
def test_two_lanes_halve_the_cycles_of_even_columns():
    trace = from_arrays(np.ones((8, 3, 3, 4), np.int8), np.ones((1, 8, 6, 4), np.uint8))
    slow, fast = (
        counted(
            csc_row_stationary,
            trace,
            whole_tile(trace),
            chip_of(f"pe_array.lanes={lanes}", "pe_array.rows=3"),
        )
        for lanes in (1, 2)
    )
    assert slow["mac_lane_cycles"] == fast["mac_lane_cycles"]
    drains = 7 + -(-slow["outputs"] // 64)  # the pipeline of the one pass, and its sums
    assert slow["compute_cycles"] - drains == 2 * (fast["compute_cycles"] - drains)


def test_a_layer_runs_and_its_books_close():
    generator = np.random.default_rng(1)
    weights = generator.integers(-4, 5, (24, 3, 3, 20)) * (generator.random((24, 3, 3, 20)) < 0.4)
    activations = generator.integers(0, 3, (1, 12, 12, 20)).astype(np.uint8)
    trace = from_arrays(weights.astype(np.int8), activations, padding=1)
    result = accelsim.simulate(trace, chip_of(), toggles="off")
    assert 0 < result.layers["effectual_macs"].sum() < result.layers["dense_macs"].sum() / 2


WRONG = {
    "pe_array.weight_policy=gate": "pe_array.weight_policy must be 'skip'",
    "pe_array.lanes=3": "pe_array.lanes must be 1 or 2, not 3",
    "pe_array.chunk_elements=1": "pe_array.chunk_elements must be 1 for row_stationary",
    "pe_array.weights_per_cycle=1": "unknown key 'weights_per_cycle'",
}


@pytest.mark.small
@pytest.mark.parametrize("override", WRONG)
def test_a_chip_that_cannot_be_is_refused_by_key(override):
    with pytest.raises(HardwareError) as error:
        chip_of(override)
    assert WRONG[override] in str(error.value)
