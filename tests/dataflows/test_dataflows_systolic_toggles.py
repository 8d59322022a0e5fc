"""Toggles of systolic: worked by hand, against their twin, and what a sample says of the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from test_dataflows_systolic import STATIONARY, chip_of
from toggle_draws import systolic_cases
from toggle_laws import drawn_layer, expected, samples_scatter_as_they_say, units_add_up
from twin_cases import whole_tile

from accelsim.plan import box_array, tile_boxes, whole
from accelsim.reference.systolic_toggles import tile_toggles as stepped
from accelsim.toggle_sample import layer_toggles, tile_toggles
from accelsim.trace import from_arrays


def two_positions():
    """Two channels, one filter 1 3; positions 1 2 and 0 1."""
    return from_arrays(
        np.array([1, 3], np.int8).reshape(1, 1, 1, 2), np.array([1, 2, 0, 1], np.uint8).reshape(1, 1, 2, 2)
    )


def two_by_one(stationary, policy):
    return chip_of(rows=2, columns=1, stationary=stationary, weight_policy=policy, activation_policy=policy)


WORKED = {
    ("weights", "compute"): expected(
        weight_register=3, weight_register_without_hold=3,
        activation_register=5, activation_register_without_hold=5,
        accumulator=16,
        weight_bus=3, weight_bus_without_hold=3, activation_bus=5, activation_bus_without_hold=5,
        multicast=10, multicast_without_hold=10,
    ),
    ("weights", "gate"): expected(
        weight_register=3, weight_register_without_hold=3,
        activation_register=4, activation_register_without_hold=5,
        accumulator=16,
        weight_bus=3, weight_bus_without_hold=3, activation_bus=4, activation_bus_without_hold=5,
        mask_bus=4, multicast=14, multicast_without_hold=15,
    ),
    ("outputs", "compute"): expected(
        weight_register=4, weight_register_without_hold=4,
        activation_register=4, activation_register_without_hold=4,
        accumulator=12,
        weight_bus=2, weight_bus_without_hold=2, activation_bus=4, activation_bus_without_hold=4,
        multicast=8, multicast_without_hold=8,
    ),
}  # fmt: skip


@pytest.mark.small
@pytest.mark.parametrize("case", WORKED)
def test_the_worked_examples_of_the_page(case):
    trace = two_positions()
    assert tile_toggles(trace, box_array(whole_tile(trace)), two_by_one(*case)) == WORKED[case]


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(systolic_cases())
def test_kernel_equals_reference_on_every_toggle(case):
    chip, trace, tile = case
    assert tile_toggles(trace, box_array(tile), chip) == stepped(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=75, suppress_health_check=list(HealthCheck))
@given(systolic_cases())
def test_units_of_a_sample_partition_the_counts(case):
    chip, trace, tile = case
    units_add_up(trace, tile, chip)


@pytest.mark.small
@pytest.mark.parametrize("stationary", STATIONARY)
def test_words_that_never_change_toggle_once(stationary):
    """All words 1: a register or wire of one bit toggles as it first sees it; the mask bits likewise."""
    trace = from_arrays(np.ones((3, 1, 1, 8), np.int8), np.ones((1, 1, 5, 8), np.uint8))
    chip = chip_of(rows=2, columns=2, stationary=stationary, weight_policy="gate", activation_policy="gate")
    found = tile_toggles(trace, box_array(whole_tile(trace)), chip)
    for operand in ("weight", "activation"):
        for end in ("", "_without_hold"):
            assert found[f"{operand}_register_toggles{end}"] == 4
            assert found[f"{operand}_bus_toggles{end}"] == 2
    assert found["mask_bus_toggles"] == 4


@pytest.mark.parametrize("policy", ["compute", "gate"])
@pytest.mark.parametrize("stationary", STATIONARY)
def test_samples_scatter_about_the_whole_as_their_standard_error_says(stationary, policy):
    trace = drawn_layer(1, 32, 32, 20)
    chip = chip_of(rows=8, columns=8, stationary=stationary, weight_policy=policy, activation_policy=policy)
    samples_scatter_as_they_say(trace, tile_boxes(whole(trace.layer), trace.layer), chip)


@pytest.mark.parametrize("stationary", STATIONARY)
def test_gating_holds_registers_and_wires_and_changes_no_sum(stationary):
    trace = drawn_layer(2, 32, 32, 10)
    boxes = tile_boxes(whole(trace.layer), trace.layer)
    gate, compute = (
        layer_toggles(
            trace,
            boxes,
            chip_of(rows=8, columns=8, stationary=stationary, weight_policy=p, activation_policy=p),
            exact=True,
        ).counts
        for p in ("gate", "compute")
    )
    for what in ("weight_register", "activation_register", "weight_bus", "activation_bus"):
        free = gate[f"{what}_toggles_without_hold"]
        assert gate[f"{what}_toggles"] < free == compute[f"{what}_toggles"]
    assert gate["accumulator_toggles"] == compute["accumulator_toggles"]
