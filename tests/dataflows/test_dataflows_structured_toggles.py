"""Toggles of structured: worked by hand, against their twin, and what a sample says of the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from test_dataflows_structured import chip_of, pruned
from toggle_draws import structured_cases
from toggle_laws import (
    drawn_layer,
    expected,
    samples_scatter_as_they_say,
    units_add_up,
    units_alone_are_nearly_the_whole,
)
from twin_cases import whole_tile

from accelsim.plan import box_array, tile_boxes, whole
from accelsim.reference.structured_toggles import tile_toggles as stepped
from accelsim.toggle_sample import layer_toggles, tile_toggles
from accelsim.trace import from_arrays


def one_pe(activation, **more):
    keys = {"rows": 1, "columns": 1, "lanes": 2, "chunk_elements": 8, "activation_policy": activation}
    return chip_of(*(f"pe_array.{key}={value}" for key, value in (keys | more).items()))


def two_positions():
    """Weights 0 1 0 3; activations 4 5 0 7, then 4 0 6 1."""
    return from_arrays(
        np.array([0, 1, 0, 3], np.int8).reshape(1, 1, 1, 4),
        np.array([4, 5, 0, 7, 4, 0, 6, 1], np.int8).reshape(1, 1, 2, 4),
    )


@pytest.mark.small
@pytest.mark.parametrize(("policy", "activations"), [("compute", 9), ("gate", 7)])
def test_the_worked_example_of_the_page(policy, activations):
    trace = two_positions()
    assert tile_toggles(trace, box_array(whole_tile(trace)), one_pe(policy)) == expected(
        weight_register=3,
        activation_register=activations,
        weight_register_without_hold=3,
        activation_register_without_hold=9,
        accumulator=10,
        weight_bus=3,
        activation_bus=12,
        weight_bus_without_hold=3,
        activation_bus_without_hold=12,
        mask_bus=3,
        multicast=18,
        multicast_without_hold=18,
    )


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(structured_cases())
def test_kernel_equals_reference_on_every_toggle(case):
    chip, trace, tile = case
    assert tile_toggles(trace, box_array(tile), chip) == stepped(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(structured_cases())
def test_units_of_a_sample_partition_the_counts(case):
    chip, trace, tile = case
    units_add_up(trace, tile, chip)


@pytest.mark.small
def test_words_that_never_change_toggle_once():
    """All weights 1, all activations 1, one lane: each register, wire and sum sees 1 first."""
    trace = from_arrays(np.ones((1, 1, 1, 8), np.int8), np.ones((1, 1, 3, 8), np.uint8))
    chip = one_pe("compute", lanes=1, kept_per_block=2, block_elements=2)
    found = tile_toggles(trace, box_array(whole_tile(trace)), chip)
    assert found["weight_register_toggles"] == found["activation_register_toggles"] == 1
    assert found["weight_bus_toggles"] == found["activation_bus_toggles"] == 8
    # 0 1 .. 8: 1 + 2 + 1 + 3 + 1 + 2 + 1 + 4 bits, and 1 to clear 8; three times.
    assert found["accumulator_toggles"] == 3 * 16


@pytest.mark.parametrize("policy", ["compute", "gate"])
@pytest.mark.parametrize("kept", [2, 3])
def test_samples_scatter_about_the_whole_as_their_standard_error_says(policy, kept):
    trace = drawn_layer(1, 32, 32, 20)
    chip = one_pe(policy, rows=8, columns=8, chunk_elements=32, kept_per_block=kept)
    trace = pruned(trace, kept, 4)
    samples_scatter_as_they_say(trace, tile_boxes(whole(trace.layer), trace.layer), chip)


def test_gated_pairs_hold_both_registers():
    trace = pruned(drawn_layer(2, 32, 32, 10), 2, 4)
    boxes = tile_boxes(whole(trace.layer), trace.layer)
    gate, compute = (
        layer_toggles(trace, boxes, one_pe(policy, rows=8, columns=8), exact=True).counts
        for policy in ("gate", "compute")
    )
    for operand in ("weight", "activation"):
        free = f"{operand}_register_toggles_without_hold"
        assert gate[f"{operand}_register_toggles"] < gate[free] == compute[free]
    assert gate["accumulator_toggles"] == compute["accumulator_toggles"]


@pytest.mark.parametrize("policy", ["compute", "gate"])
def test_what_the_steps_before_leave_is_nearly_all(policy):
    trace = pruned(drawn_layer(5, 32, 32, 12), 2, 4)
    box = tile_boxes(whole(trace.layer), trace.layer)[0]
    units_alone_are_nearly_the_whole(trace, box, one_pe(policy, rows=8, columns=8, chunk_elements=32))
