"""Toggles of csc_row_stationary: worked by hand, against their twin, and what a sample says of the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_draws import chip_of, csc_row_stationary_cases
from toggle_laws import (
    drawn_layer,
    drawn_units_stand_alone,
    expected,
    samples_scatter_as_they_say,
    units_add_up,
)
from twin_cases import whole_tile

from accelsim.plan import box_array, tile_boxes
from accelsim.reference.csc_row_stationary_toggles import tile_toggles as stepped
from accelsim.simulation import simulate
from accelsim.toggle_sample import tile_toggles
from accelsim.trace import from_arrays


def pes(rows=1, columns=1, **array):
    return chip_of("eyeriss-v2-192", rows=rows, columns=columns, **({"lanes": 2} | array))


def counted(trace, chip):
    return tile_toggles(trace, box_array(whole_tile(trace)), chip)


def pointwise(weights, activations):
    """A 1 x 1 layer: weights by filter and channel, activations by position and channel."""
    weights, activations = np.array(weights, np.int8), np.array(activations, np.int8)
    return from_arrays(weights[:, None, None], activations[None, None])


@pytest.mark.small
def test_the_worked_example_of_the_page():
    trace = pointwise([[1, 0, 0], [0, 0, 2], [3, 0, 0]], [[1, 3, 2]])
    assert counted(trace, pes()) == expected(
        weight_register=5,
        activation_register=3,
        weight_register_without_hold=5,
        activation_register_without_hold=3,
        accumulator=8,
        weight_bus=3,
        activation_bus=3,
        weight_bus_without_hold=3,
        activation_bus_without_hold=3,
        mask_bus=2,
        multicast=8,
        multicast_without_hold=8,
    )


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(csc_row_stationary_cases())
def test_kernel_equals_reference_on_every_toggle(case):
    chip, trace, tile = case
    assert tile_toggles(trace, box_array(tile), chip) == stepped(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(csc_row_stationary_cases())
def test_units_of_a_sample_partition_the_counts(case):
    chip, trace, tile = case
    units_add_up(trace, tile, chip)
    drawn_units_stand_alone(trace, tile, chip)


@pytest.mark.small
def test_words_that_never_change_toggle_once():
    """Two PEs of one filter of 2 x 1, all words 1, nine windows: each register and value wire takes one bit, once."""
    trace = from_arrays(np.ones((1, 2, 1, 1), np.int8), np.ones((1, 2, 9, 1), np.uint8))
    found = counted(trace, pes(rows=2))
    assert found["weight_register_toggles"] == found["activation_register_toggles"] == 2
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (1, 1)
    # Pointers of two rows of nine columns, 0 .. 8 each: 1 2 1 3 1 2 1 4 bits, and 1 back to 0.
    assert found["mask_bus_toggles"] == 15 + 1 + 15
    # Each sum: 0 1; row 1 hands 1 on, row 0 becomes 2 (2 bits); both cleared.
    assert found["accumulator_toggles"] == 9 * (1 + 1 + 2 + 1 + 1)


@pytest.mark.small
def test_a_second_lane_takes_every_other_entry():
    """A column of 1 2 1 2, once: one lane 0 1 2 1 2, two lanes 0 1 1 and 0 2 2; the bus sends the same."""
    trace = pointwise([[1], [2], [1], [2]], [[1]])
    one, two = (counted(trace, pes(lanes=lanes)) for lanes in (1, 2))
    assert (one["weight_register_toggles"], two["weight_register_toggles"]) == (7, 2)
    assert {name: n for name, n in one.items() if "weight_register" not in name} == {
        name: n for name, n in two.items() if "weight_register" not in name
    }


def test_samples_scatter_about_the_whole_as_their_standard_error_says():
    trace, chip = drawn_layer(1, 64, 32, 28), chip_of("eyeriss-v2-192")
    (result,) = simulate(trace, chip, toggles="off").layer_results
    samples_scatter_as_they_say(trace, tile_boxes(result.plan, trace.layer), chip)
