"""Toggles of row_stationary: the page's worked example, and laws."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_cases import counts, free, toggled, with_array
from toggle_draws import chip_of, row_stationary_cases

from accelsim.errors import UnsupportedLayerError
from accelsim.plan import Tile
from accelsim.reference import row_stationary_toggles
from accelsim.reference.row_stationary_toggles import tile_toggles

pytestmark = pytest.mark.small


def pes(rows, columns, **array):
    keys = {"weights_per_cycle": 4, "activations_per_cycle": 1}
    return chip_of("eyeriss-168", rows=rows, columns=columns, **(keys | array))


def run(chip, weights, activations, **geometry):
    return toggled(row_stationary_toggles, chip, weights, activations, **geometry)


@pytest.mark.parametrize(("policy", "weight_registers"), [("compute", 8), ("gate", 5)])
def test_the_worked_example_of_the_page(policy, weight_registers):
    """A filter 1 3 over 2 0; the input 2 0 1 over 1 1 0; two outputs on 2 x 1 PEs."""
    weights, activations = [[[[1], [3]], [[2], [0]]]], [[[[2], [0], [1]], [[1], [1], [0]]]]
    found = run(pes(2, 1, activation_policy=policy), weights, activations)
    assert found == counts(weight_registers, 5, 8, 5, 14, 4, 4, 4, 4, 0, 8, 8)


def test_filters_are_inner_and_their_sums_apart():
    """Two filters 1 and 2 of one tap in a PE, pixels 3 and 1.

    ::

        weight register      0>1>2>1>2  1 + 2 + 2 + 2
        activation register  0>3>3>1>1  2 + 1
        sums                 3, 6, cleared, 1, 2, cleared: 2+2 + 2+2 + 1+1 + 1+1
    """
    found = run(pes(1, 1, sum_spad_entries=4), [[[[1]]], [[[2]]]], [[[[3], [1]]]])
    assert found == counts(7, 3, 7, 3, 12, 2, 3, 2, 3, 0, 5, 5)


def test_sums_rise_through_set_rows_and_in_each_from_the_lowest_filter_row():
    """2 x 1 filter of two channels, one channel a PE: sets u = 0, 1; weights 1 4 (channel 0) and 2 8, pixels 1.

    ::

        order  u 0 row 1: 4;  u 0 row 0: 1, + 4 = 5;  u 1 row 1: 8, + 5 = 13;  u 1 row 0: 2, + 13 = 15
        made   4 of 1 bit; rising 0 + 1 + 2 + 3; cleared 1 + 2 + 3 + 4
    """
    chip = pes(4, 1, activation_spad_entries=1, weight_spad_entries=1)
    found = run(chip, [[[[1, 2]], [[4, 8]]]], [[[[1, 1]], [[1, 1]]]])
    assert found["accumulator_toggles"] == 4 + 6 + 10


@pytest.mark.parametrize(("width", "bus"), [(1, 3), (2, 5)])
def test_padding_keeps_its_turn_and_its_position_holds(width, bus):
    """A 1 x 2 filter over pixels 5 7, padded left, zero point 3: two windows.

    ::

        activation register  0>3>5>5>7               2 + 2 + 1
        one position         0>(padding)>5>7         2 + 1
        two positions        0: (padding), 7; 1: 5   3 + 2
    """
    chip = pes(1, 1, activations_per_cycle=width)
    found = run(chip, [[[[1], [1]]]], [[[[5], [7]]]], padding=(0, 1, 0, 0), activation_zero_point=3)
    assert (found["activation_register_toggles"], found["activation_bus_toggles"]) == (5, bus)


def test_words_go_to_all_pes_that_need_them():
    """Two filters of 2 x 1 in two set columns, two rows of outputs, so e = 2; pixels 0 1 0 of a column.

    The middle row is needed by (0, 1) and (1, 0), in both set columns: 4. A weight goes to 2 PEs of its row.
    """
    chip = pes(4, 2, sum_spad_entries=1, weight_spad_entries=1)
    found = run(chip, [[[[1]], [[0]]], [[[3]], [[0]]]], [[[[0]], [[1]], [[0]]]])
    # Weight positions 0 .. 3 take 1 0 3 0; the activations' one wire 0>1>0.
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (3, 2)
    assert found["multicast_toggles"] == 3 * 2 + 1 * 4 + 1 * 2  # the last 0 goes to (1, 1) in two set columns


def test_groups_begin_with_zeros():
    """Two groups of one channel: the same words again, counted as twice one."""
    weights, activations = [[[[3]]], [[[3]]]], [[[[5, 5]]]]
    two = run(pes(1, 1), weights, activations, groups=2)
    one = toggled(
        row_stationary_toggles, pes(1, 1), weights, activations, Tile(0, 1, 0, 1, 0, 1, 0, 1, 0, 1), groups=2
    )
    assert two == {name: 2 * count for name, count in one.items()}


def test_constant_words_toggle_once():
    """All words 3 and 5 in 2 x 2 PEs, two rows of outputs; the weight bus is 4 wide, the activation bus 1."""
    weights, activations = np.full((1, 2, 2, 1), 3, np.int8), np.full((1, 3, 4, 1), 5, np.int8)
    found = run(pes(2, 2), weights, activations)
    assert found["weight_register_toggles"] == found["activation_register_toggles"] == 2 * 4
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (2 * 4, 2)


def test_a_dilated_layer_is_refused():
    with pytest.raises(UnsupportedLayerError, match=r"layer: dilation must be 1 x 1, not \(2, 2\)"):
        run(pes(2, 2), np.ones((1, 2, 2, 1), np.int8), np.ones((1, 3, 3, 1), np.int8), dilation=2)


@settings(suppress_health_check=list(HealthCheck), max_examples=15)
@given(row_stationary_cases())
def test_gate_without_hold_is_compute_and_holds_weight_registers_alone(case):
    chip, trace, tile = case
    gate, compute = (
        tile_toggles(trace, tile, with_array(chip, activation_policy=policy))
        for policy in ("gate", "compute")
    )
    assert free(gate) == free(compute) == {name: compute[name] for name in free(compute)}
    held = "weight_register_toggles"
    assert {name: gate[name] for name in gate if name != held} == {
        name: compute[name] for name in compute if name != held
    }


@settings(suppress_health_check=list(HealthCheck), max_examples=15)
@given(row_stationary_cases())
def test_activations_that_are_all_zero_toggle_no_sum_and_no_weight_register_that_gates(case):
    chip, trace, tile = case
    trace.activations[...] = trace.activation_zero_point
    found = tile_toggles(trace, tile, with_array(chip, activation_policy="gate"))
    assert found["accumulator_toggles"] == found["weight_register_toggles"] == 0
