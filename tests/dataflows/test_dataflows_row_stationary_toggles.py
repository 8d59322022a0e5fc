"""Toggles of row_stationary: worked by hand, against their twin, and what a sample says of the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from test_dataflows_row_stationary import chip_of
from toggle_draws import row_stationary_cases
from toggle_laws import drawn_layer, expected, samples_scatter_as_they_say, units_add_up
from twin_cases import whole_tile

from accelsim.plan import box_array, tile_boxes
from accelsim.reference.row_stationary_toggles import tile_toggles as stepped
from accelsim.simulation import simulate
from accelsim.toggle_sample import layer_toggles, tile_toggles
from accelsim.trace import from_arrays


def small(policy, **more):
    keys = {"rows": 2, "columns": 1, "activation_policy": policy} | more
    keys |= {"weights_per_cycle": 4, "activations_per_cycle": 1}
    return chip_of(*(f"pe_array.{key}={value}" for key, value in keys.items()))


def two_outputs():
    """A filter of 2 x 2, 1 3 over 2 0; an input of 2 x 3, 2 0 1 over 1 1 0."""
    return from_arrays(
        np.array([1, 3, 2, 0], np.int8).reshape(1, 2, 2, 1),
        np.array([2, 0, 1, 1, 1, 0], np.int8).reshape(1, 2, 3, 1),
    )


@pytest.mark.small
@pytest.mark.parametrize(("policy", "weights"), [("compute", 8), ("gate", 5)])
def test_the_worked_example_of_the_page(policy, weights):
    trace = two_outputs()
    assert tile_toggles(trace, box_array(whole_tile(trace)), small(policy)) == expected(
        weight_register=weights,
        weight_register_without_hold=8,
        activation_register=5,
        activation_register_without_hold=5,
        accumulator=14,
        weight_bus=4,
        weight_bus_without_hold=4,
        activation_bus=4,
        activation_bus_without_hold=4,
        multicast=8,
        multicast_without_hold=8,
    )


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(row_stationary_cases())
def test_kernel_equals_reference_on_every_toggle(case):
    chip, trace, tile = case
    assert tile_toggles(trace, box_array(tile), chip) == stepped(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(row_stationary_cases())
def test_units_of_a_sample_partition_the_counts(case):
    chip, trace, tile = case
    units_add_up(trace, tile, chip)


@pytest.mark.small
def test_words_that_never_change_toggle_once():
    """Two PEs, all words 1: each register and bus position takes one bit, once."""
    trace = from_arrays(np.ones((1, 2, 2, 1), np.int8), np.ones((1, 2, 9, 1), np.uint8))
    found = tile_toggles(trace, box_array(whole_tile(trace)), small("gate"))
    assert found["weight_register_toggles"] == found["activation_register_toggles"] == 2
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (4, 1)
    # Each sum: 0 1 2 (1 + 2 bits); row 1 hands 2 on, row 0 becomes 4 (2 bits); both cleared (1 + 1).
    assert found["accumulator_toggles"] == 8 * (3 + 3 + 2 + 1 + 1)


def planned(trace, chip):
    (result,) = simulate(trace, chip, toggles="off").layer_results
    return tile_boxes(result.plan, trace.layer)


@pytest.mark.parametrize("policy", ["compute", "gate"])
def test_samples_scatter_about_the_whole_as_their_standard_error_says(policy):
    trace, chip = drawn_layer(1, 64, 32, 28), chip_of(f"pe_array.activation_policy={policy}")
    samples_scatter_as_they_say(trace, planned(trace, chip), chip)


def test_gating_holds_weights_and_changes_no_sum():
    trace, chip = drawn_layer(2, 32, 32, 10), chip_of()
    boxes = planned(trace, chip)
    gate, compute = (
        layer_toggles(trace, boxes, chip_of(f"pe_array.activation_policy={policy}"), exact=True).counts
        for policy in ("gate", "compute")
    )
    free = gate["weight_register_toggles_without_hold"]
    assert gate["weight_register_toggles"] < free == compute["weight_register_toggles"]
    for same in ("activation_register", "accumulator", "weight_bus", "activation_bus", "multicast"):
        assert gate[f"{same}_toggles"] == compute[f"{same}_toggles"]
