"""Toggles of cartesian: worked by hand, against their twin, and what a sample says of the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_draws import cartesian_cases, chip_of
from toggle_laws import (
    drawn_layer,
    drawn_units_stand_alone,
    expected,
    samples_scatter_as_they_say,
    units_add_up,
)
from twin_cases import whole_tile

from accelsim.plan import box_array, tile_boxes, whole
from accelsim.reference.cartesian_toggles import tile_toggles as stepped
from accelsim.toggle_sample import tile_toggles
from accelsim.trace import from_arrays


def pes(rows=1, columns=1, **array):
    keys = {"weights_per_step": 2, "activations_per_step": 2} | array
    return chip_of("scnn-64", rows=rows, columns=columns, **keys)


def counted(trace, chip):
    return tile_toggles(trace, box_array(whole_tile(trace)), chip)


def row(weights, activations):
    """A filter of one row and channel, and an input row."""
    weights, activations = np.array(weights, np.int8), np.array(activations, np.int8)
    return from_arrays(weights.reshape(1, 1, -1, 1), activations.reshape(1, 1, -1, 1))


@pytest.mark.small
def test_the_worked_example_of_the_page():
    assert counted(row([1, 3], [2, 0, 1]), pes()) == expected(
        weight_register=3,
        activation_register=2,
        weight_register_without_hold=3,
        activation_register_without_hold=2,
        accumulator=6,
        weight_bus=3,
        activation_bus=2,
        weight_bus_without_hold=3,
        activation_bus_without_hold=2,
        mask_bus=1,
        multicast=6,
        multicast_without_hold=6,
    )


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cartesian_cases())
def test_kernel_equals_reference_on_every_toggle(case):
    chip, trace, tile = case
    assert tile_toggles(trace, box_array(tile), chip) == stepped(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(cartesian_cases())
def test_units_of_a_sample_partition_the_counts(case):
    chip, trace, tile = case
    units_add_up(trace, tile, chip)
    drawn_units_stand_alone(trace, tile, chip)


@pytest.mark.small
def test_a_sum_in_a_halo_counts_at_its_giver_and_at_its_owner():
    """Two PEs of a column each, weights 1 1 and activations 1 1: one output, 2, which PE 0 owns.

    ::

        PE 0: 0 1, then what PE 1 gives: 2, 0         1 + 2 + 1
        PE 1: 0 1, given, 0                           1 + 1
    """
    found = counted(row([1, 1], [1, 1]), pes(columns=2))
    assert found["accumulator_toggles"] == 6
    assert counted(row([1, 1], [1, 1]), pes())["accumulator_toggles"] == 4  # 0 1 2 0
    # Words 1 and 1: two positions of the weight bus, heard by two PEs; a position of a bus of each PE.
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (2, 2)
    assert found["multicast_toggles"] == 2 * 2 + 2


@pytest.mark.small
def test_weights_pass_again_for_each_vector_of_activations():
    """One multiplier, weights 1 2, activations 1 1 1: the weight register sees 1 2 three times."""
    found = counted(row([1, 2], [1, 1, 1]), pes(weights_per_step=1, activations_per_step=1))
    assert found["weight_register_toggles"] == 1 + 2 + 2 * (2 + 2)
    assert (found["activation_register_toggles"], found["weight_bus_toggles"]) == (1, 1 + 2)


def test_samples_scatter_about_the_whole_as_their_standard_error_says():
    trace, chip = drawn_layer(1, 256, 16, 12), pes(2, 2, banks=4, bank_entries=16)
    samples_scatter_as_they_say(trace, tile_boxes(whole(trace.layer), trace.layer), chip)
