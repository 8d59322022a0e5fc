"""The kernel of structured: equal to its cycle-stepping reference, twice the dense rate, weights that break N:M."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twin_cases import adds_up, counted, layers, tiles, whole_tile

import accelsim
from accelsim.dataflows import structured
from accelsim.errors import HardwareError, UnsupportedLayerError
from accelsim.hardware import load_hardware
from accelsim.reference.structured import tile_counts
from accelsim.trace import from_arrays


def chip_of(*overrides):
    return load_hardware("sparse-tensor-core", list(overrides))


@st.composite
def chips(draw):
    block = draw(st.sampled_from([2, 4, 8]))
    values = {
        "pe_array.rows": draw(st.integers(1, 5)),
        "pe_array.columns": draw(st.integers(1, 5)),
        "pe_array.lanes": draw(st.integers(1, 5)),
        "pe_array.kept_per_block": draw(st.integers(1, block)),
        "pe_array.block_elements": block,
        "pe_array.dense_fallback": "true",
        "pe_array.activation_policy": draw(st.sampled_from(["compute", "gate"])),
        "pe_array.array_feed_bytes_per_cycle": draw(st.sampled_from([1, 7, 64])),
        "pe_array.chunk_elements": draw(st.sampled_from([8, 16])),
        "pe_array.pipeline_cycles": draw(st.integers(0, 3)),
        "pe_array.weight_bits": draw(st.sampled_from([8, 16])),
        "pe_array.activation_bits": draw(st.sampled_from([8, 16])),
        "postprocessor.drain_elements_per_cycle": draw(st.sampled_from([1, 2, 30])),
        "scratchpad.word_bytes": draw(st.sampled_from([1, 3, 8])),
    }
    return chip_of(*(f"{key}={value}" for key, value in values.items()))


def pruned(trace, kept_per_block, block_elements):
    """The layer with the first weights of each block, so many as it may store."""
    weights = trace.weights.copy()
    for first in range(0, weights.shape[3], block_elements):
        block = weights[..., first : first + block_elements]
        zeros = np.asarray(trace.weight_zero_points).reshape(-1, 1, 1, 1)
        beyond = (block != zeros).cumsum(axis=3) > kept_per_block
        block[...] = np.where(beyond, zeros, block)
    layer = trace.layer
    return from_arrays(
        weights,
        trace.activations,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        weight_zero_points=trace.weight_zero_points,
        activation_zero_point=trace.activation_zero_point,
    )


@st.composite
def cases(draw):
    chip, trace = draw(chips()), draw(layers())
    array = chip.pe_array
    if draw(st.integers(0, 3)):
        trace = pruned(trace, array.kept_per_block, array.block_elements)
    return chip, trace, draw(tiles(trace.layer, array.chunk_elements))


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile = case
    assert counted(structured, trace, tile, chip) == tile_counts(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_by_cause_add_up(case):
    chip, trace, tile = case
    adds_up(counted(structured, trace, tile, chip), chip)


def layer_of(kept, seed=0, channels=64):
    """A layer with `kept` of 4 weights, and nothing else that is zero."""
    generator = np.random.default_rng(seed)
    weights = generator.integers(1, 9, (32, 3, 3, channels)).astype(np.int8)
    weights.reshape(-1, 4)[:, kept:] = 0
    return from_arrays(weights, generator.integers(1, 9, (1, 8, 8, channels)).astype(np.uint8), padding=1)


@pytest.mark.small
def test_two_of_four_takes_half_the_cycles_and_three_of_four_runs_dense():
    chip = chip_of("pe_array.pipeline_cycles=0")
    two, three = (counted(structured, t, whole_tile(t), chip) for t in (layer_of(2), layer_of(3)))
    # The drain of the last set, one cycle, is all that is not computing.
    assert three["compute_cycles"] - 1 == 2 * (two["compute_cycles"] - 1)
    assert three["skipped_macs"] == three["encoding_padding_macs"] == 0
    assert two["encoding_padding_macs"] == 0
    assert two["done_macs"] * 2 == two["dense_macs"]


@pytest.mark.small
def test_an_unfilled_slot_is_a_done_zero_product():
    chip = chip_of()
    one = counted(structured, layer_of(1), whole_tile(layer_of(1)), chip)
    two = counted(structured, layer_of(2), whole_tile(layer_of(2)), chip)
    assert one["compute_cycles"] == two["compute_cycles"]
    assert one["encoding_padding_macs"] * 2 == one["done_macs"] == two["done_macs"]


@pytest.mark.small
def test_weights_that_break_the_structure_are_refused_by_layer_machine_and_limit():
    with pytest.raises(
        UnsupportedLayerError, match="layer: sparse-tensor-core: a block of 4 channels has 3 "
    ):
        accelsim.simulate(layer_of(3), chip_of("pe_array.dense_fallback=false"), toggles="off")


WEIGHTS = 32 * 9 * 64


@pytest.mark.parametrize(
    ("kept", "overrides", "held", "metadata"),
    [
        (2, [], WEIGHTS // 2 + WEIGHTS // 8, WEIGHTS // 8),
        (2, ["encodings.dram_weights=n4_m8"], WEIGHTS // 2 + WEIGHTS // 8, WEIGHTS // 2 * 3 // 8),
        (2, ["pe_array.activation_policy=gate"], WEIGHTS // 2 + WEIGHTS // 8, WEIGHTS // 8),
        (3, [], WEIGHTS, 0),
    ],
)
def test_a_layer_runs_and_its_books_close(kept, overrides, held, metadata):
    result = accelsim.simulate(
        layer_of(kept), chip_of("scratchpad.capacity_bytes=200000", *overrides), toggles="off"
    )
    assert result.layers["weight_fill_bytes"].sum() == held
    assert result.layers["metadata_fetch_bytes"].sum() == metadata


WRONG = {
    "pe_array.weight_policy=compute": "pe_array.weight_policy must be 'skip'",
    "pe_array.activation_policy=skip": "activation_policy 'compute' or 'gate'",
    "pe_array.kept_per_block=5": "pe_array.kept_per_block must be at most block_elements",
    "pe_array.block_elements=3": "pe_array.block_elements must be 2, 4, 8, 16 or 32",
    "encodings.weights=dense": "encodings.weights must be 'n_of_m' in the scratchpad of a structured chip",
}


@pytest.mark.small
@pytest.mark.parametrize("override", WRONG)
def test_a_chip_that_cannot_be_is_refused_by_key(override):
    with pytest.raises(HardwareError) as error:
        chip_of(override)
    assert WRONG[override] in str(error.value)
