"""Toggles of inner_join: worked by hand, against their twin, and what a sample says of the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from test_dataflows_inner_join import cases
from toggle_laws import (
    drawn_layer,
    samples_scatter_as_they_say,
    units_add_up,
    units_alone_are_nearly_the_whole,
)

from accelsim.hardware import load_hardware
from accelsim.plan import box_array, tile_boxes, whole
from accelsim.reference.inner_join_toggles import tile_toggles as stepped
from accelsim.tables import TOGGLES
from accelsim.toggle_sample import layer_toggles, tile_toggles
from accelsim.trace import from_arrays


def one_pe(weight, activation, lanes=1, **more):
    keys = {
        "rows": 1,
        "columns": 1,
        "lanes": lanes,
        "chunk_elements": 8,
        "weight_policy": weight,
        "activation_policy": activation,
    }
    overrides = [f"pe_array.{key}={value}" for key, value in (keys | more).items()]
    return load_hardware("both-skip-16x16", overrides)


def four_channels(weight, activation, lanes=1, **more):
    """One output of four channels: weights 1, 0, 3, 2; activations 4, 5, 0, 7."""
    trace = from_arrays(
        np.array([1, 0, 3, 2], np.int8).reshape(1, 1, 1, 4),
        np.array([4, 5, 0, 7], np.int8).reshape(1, 1, 1, 4),
    )
    box = tile_boxes(whole(trace.layer), trace.layer)[0]
    return tile_toggles(trace, box, one_pe(weight, activation, lanes, **more))


def test_a_dense_pe_loads_every_pair():
    """Weights 0 1 0 3 2: 1 + 1 + 2 + 1 bits; activations 0 4 5 0 7: 1 + 1 + 2 + 3.

    Sums 0 4 4 4 18 (100, 10010 in binary): 1 + 0 + 0 + 3 bits, and 2 to clear it.
    """
    found = four_channels("compute", "compute")
    assert (found["weight_register_toggles"], found["activation_register_toggles"]) == (5, 7)
    assert found["accumulator_toggles"] == 6
    assert found["weight_register_toggles_without_hold"] == 5
    # Each element has wires of its own: the bits of the words that are sent.
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (4, 6)
    assert found["mask_bus_toggles"] == 0


def test_gating_holds_both_registers():
    """Done pairs are (1, 4) and (2, 7): weights 0 1 2 take 1 + 2 bits, activations 0 4 7 take 1 + 2."""
    found = four_channels("gate", "gate")
    assert (found["weight_register_toggles"], found["activation_register_toggles"]) == (3, 3)
    assert found["weight_register_toggles_without_hold"] == 5
    assert found["activation_register_toggles_without_hold"] == 7
    assert found["mask_bus_toggles"] == 6


def test_gating_one_operand_loads_where_the_other_is_zero():
    """Activations gate: done are (1, 4), (0, 5), (2, 7); weights 0 1 0 2: 1 + 1 + 1, activations 0 4 5 7: 1 + 1 + 1."""
    found = four_channels("compute", "gate")
    assert (found["weight_register_toggles"], found["activation_register_toggles"]) == (3, 3)
    assert found["mask_bus_toggles"] == 3


def test_skipping_never_holds_what_it_never_sees():
    found = four_channels("skip", "skip")
    assert (found["weight_register_toggles"], found["activation_register_toggles"]) == (3, 3)
    assert found["weight_register_toggles_without_hold"] == 3


def test_pooled_lanes_take_slots_in_turn_and_fixed_lanes_their_own_channels():
    """Two lanes, all pairs. Weights: lane 0 sees 0 1 3 (1 + 1), lane 1 sees 0 0 2 (0 + 1)."""
    assert four_channels("compute", "compute", 2)["weight_register_toggles"] == 3
    # Skipping, pooled: (1, 4) on lane 0, (2, 7) on lane 1; fixed: channel 0 on lane 0, channel 3 on lane 1.
    assert four_channels("skip", "skip", 2)["weight_register_toggles"] == 2
    # Skipping weights alone: pooled slots 1 3 2 -> lane 0: 1 then 2, lane 1: 3; fixed: 1 then 3, and 2.
    assert four_channels("skip", "compute", 2)["weight_register_toggles"] == 1 + 2 + 2
    fixed = four_channels("skip", "compute", 2, lane_assignment="fixed")
    assert fixed["weight_register_toggles"] == 1 + 1 + 1


def test_packed_values_take_the_first_positions_of_a_bus():
    """Two filters one after the other on one bus: 1 0 3 2 then 0 0 5 0: packed, 1 3 2 then 5."""
    trace = from_arrays(
        np.array([[1, 0, 3, 2], [0, 0, 5, 0]], np.int8).reshape(2, 1, 1, 4), np.ones((1, 1, 1, 4), np.int8)
    )
    box = tile_boxes(whole(trace.layer), trace.layer)[0]
    found = tile_toggles(trace, box, one_pe("skip", "skip"))
    assert found["weight_bus_toggles"] == (1 + 2 + 1) + 1
    assert found["weight_bus_toggles_without_hold"] == (1 + 0 + 2 + 1) + (1 + 0 + 2 + 1)
    assert found["mask_bus_toggles"] == (3 + 2) + 4


def test_a_multicast_toggles_once_for_each_receiver():
    """2 x 3 PEs: a row's weights reach 3 PEs, a column's activations 2; without zeros all wires are driven."""
    weights = np.array([[1, 2, 3], [4, 5, 6]], np.int8).reshape(2, 1, 1, 3)
    activations = np.array([[1, 1, 1], [3, 3, 3], [7, 7, 7]], np.uint8).reshape(1, 1, 3, 3)
    trace = from_arrays(weights, activations)
    box = tile_boxes(whole(trace.layer), trace.layer)[0]
    sent = (1 + 1 + 2) + (1 + 2 + 2), 3 + 6 + 9
    found = tile_toggles(trace, box, one_pe("compute", "compute", rows=2, columns=3))
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == sent
    assert found["multicast_toggles"] == found["multicast_toggles_without_hold"] == 3 * sent[0] + 2 * sent[1]
    # A bus for each column: the weights are sent three times, each to one PE; masks of ones go along.
    one_column = {"rows": 2, "columns": 3, "broadcast_domain": "column"}
    found = tile_toggles(trace, box, one_pe("skip", "skip", **one_column))
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (3 * sent[0], sent[1])
    masks = 3 * 2 * 3 + 2 * 3 * 3
    assert found["mask_bus_toggles"] == 3 * 2 * 3 + 3 * 3
    assert found["multicast_toggles"] == 3 * sent[0] + 2 * sent[1] + masks


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_toggle(case):
    chip, trace, tile, spatial = case
    assert tile_toggles(trace, box_array(tile), chip, spatial) == stepped(trace, tile, chip, spatial)


@pytest.mark.small
@settings(max_examples=75, suppress_health_check=list(HealthCheck))
@given(cases())
def test_units_of_a_sample_partition_the_counts(case):
    chip, trace, tile, spatial = case
    units_add_up(trace, tile, chip, spatial)


@pytest.mark.parametrize("policy", ["compute", "gate", "skip"])
def test_samples_scatter_about_the_whole_as_their_standard_error_says(policy):
    trace = drawn_layer(1, 32, 32, 20)
    chip = one_pe(policy, policy, 2, rows=8, columns=8, chunk_elements=32)
    samples_scatter_as_they_say(trace, tile_boxes(whole(trace.layer), trace.layer), chip)


@pytest.mark.parametrize("groups", [2, 16])
def test_samples_of_layers_of_several_groups_scatter_likewise(groups):
    trace = drawn_layer(4, 32, 32, 28, groups=groups)
    chip = one_pe("compute", "gate", 2, rows=16, columns=16, chunk_elements=32)
    samples_scatter_as_they_say(trace, tile_boxes(whole(trace.layer), trace.layer), chip)


def test_hold_never_toggles_more_registers_than_loading_would_lose():
    """Hold saves: with half of the activations zero, gated registers toggle less than free ones."""
    trace = drawn_layer(2, 32, 32, 10)
    boxes = tile_boxes(whole(trace.layer), trace.layer)
    found = layer_toggles(trace, boxes, one_pe("gate", "gate", 2, rows=8, columns=8), exact=True).counts
    for operand in ("weight", "activation"):
        held, free = (found[f"{operand}_register_toggles{end}"] for end in ("", "_without_hold"))
        assert held < free


def test_tiles_add_up_to_the_exact_count_of_the_layer():
    trace = drawn_layer(3, 24, 16, 8)
    plan = whole(trace.layer)
    boxes = tile_boxes(plan.__class__(tile_n=1, tile_k=8, tile_c=16, tile_p=4, tile_q=8), trace.layer)
    chip = one_pe("skip", "gate", 2, rows=4, columns=4)
    total = layer_toggles(trace, boxes, chip, exact=True).counts
    by_tile = [tile_toggles(trace, box, chip) for box in boxes]
    assert total == {name: sum(tile[name] for tile in by_tile) for name in TOGGLES}


@pytest.mark.parametrize("policy", ["compute", "gate", "skip"])
def test_what_the_steps_before_leave_is_nearly_all(policy):
    trace = drawn_layer(5, 32, 32, 12)
    box = tile_boxes(whole(trace.layer), trace.layer)[0]
    units_alone_are_nearly_the_whole(
        trace, box, one_pe(policy, policy, 2, rows=8, columns=8, chunk_elements=32)
    )


@pytest.mark.parametrize("groups", [16, 32])
@pytest.mark.parametrize("weights", ["gate", "skip"])
def test_lanes_that_load_less_than_once_a_set_keep_what_older_sets_left(weights, groups):
    """Of two channels a group, or one: 40 % of the weights and half of the activations are not zero."""
    trace = drawn_layer(4, 32, 32, 14, groups=groups)
    box = tile_boxes(whole(trace.layer), trace.layer)[0]
    other = {"gate": "skip", "skip": "gate"}[weights]
    units_alone_are_nearly_the_whole(
        trace, box, one_pe(weights, other, 2, rows=8, columns=8, chunk_elements=32)
    )
