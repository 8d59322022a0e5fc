"""Toggles of systolic: the page's worked example, and laws."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_cases import counts, free, toggled, with_array
from toggle_draws import chip_of, systolic_cases

from accelsim.reference import systolic_toggles
from accelsim.reference.systolic_toggles import tile_toggles

pytestmark = pytest.mark.small


def pes(rows, columns, stationary, policy="compute", **array):
    policies = {"weight_policy": policy, "activation_policy": policy}
    keys = {"rows": rows, "columns": columns, "stationary": stationary, "overlap": False}
    return chip_of("systolic-weights-16x32", **(policies | keys | array))


def run(chip, weights, activations, **geometry):
    return toggled(systolic_toggles, chip, weights, activations, **geometry)


@pytest.mark.parametrize(
    ("stationary", "policy", "expected"),
    [
        ("weights", "compute", counts(3, 5, 3, 5, 16, 3, 5, 3, 5, 0, 10, 10)),
        ("weights", "gate", counts(3, 4, 3, 5, 16, 3, 4, 3, 5, 4, 14, 15)),
        ("outputs", "compute", counts(4, 4, 4, 4, 12, 2, 4, 2, 4, 0, 8, 8)),
    ],
)
def test_the_worked_example_of_the_page(stationary, policy, expected):
    """One filter 1 3, positions 1 2 and 0 1, on 2 x 1 PEs."""
    assert run(pes(2, 1, stationary, policy), [[[[1, 3]]]], [[[[1, 2], [0, 1]]]]) == expected


def test_stationary_activations_stay_and_weights_stream():
    """The same on 2 x 2 PEs: a position on each column, its channels on the rows; the one filter streams.

    ::

        activation registers  1, 2; 0, 1: 3       weight registers  row 0: 0>1 twice, row 1: 0>3 twice: 2 + 4
        sums    column 0: 1 and 1 + 6 = 7, column 1: 0 and 3: (1 + 3) + (0 + 2); foot 7, 3: 3 + 2, cleared 5
        top     column 0: 0>2>1  1+2, column 1: 0>1>0  1+1; each first word goes to 2 PEs: 2x1+2, 2x1+1
        left    row 0: 1, row 1: 2; each to 2 PEs
    """
    found = run(pes(2, 2, "activations"), [[[[1, 3]]]], [[[[1, 2], [0, 1]]]])
    assert found == counts(6, 3, 6, 3, 16, 3, 5, 3, 5, 0, 4 + 3 + 6, 4 + 3 + 6)


def test_a_block_across_is_cleared_after_its_last_fold_only():
    """Two channels on a 1 x 1 array of weights: two folds, weights 1 and 3, one position 1 2.

    ::

        register of sums  0>1>6   1 + 3
        below the foot    0>1>7, cleared   1 + 2 + 3
    """
    assert run(pes(1, 1, "weights"), [[[[1, 3]]]], [[[[1, 2]]]])["accumulator_toggles"] == 10


def test_groups_keep_registers_and_clear_what_is_below_the_foot():
    """Two groups of one channel and one filter, weights 1 and 1, activations 3 and 3; positions stay.

    ::

        activation register 0>3>3  2, sums 0>3>3  2; foot 0>3>0 twice  8
    """
    found = run(pes(1, 1, "activations"), [[[[1]]], [[[1]]]], [[[[3, 3]]]], groups=2)
    assert (found["activation_register_toggles"], found["accumulator_toggles"]) == (2, 2 + 8)


def test_padding_taps_are_injected_as_the_zero_point():
    """A 1 x 2 filter over one pixel 5, padded left, zero point 3, outputs stay: 0>3>5 on register and bus."""
    found = run(
        pes(1, 1, "outputs"), [[[[1], [1]]]], [[[[5]]]], padding=(0, 1, 0, 0), activation_zero_point=3
    )
    assert found["activation_register_toggles"] == found["activation_bus_toggles"] == 2 + 2


def test_constant_words_toggle_once():
    """All words 3 and 5 on 2 x 3 PEs, several folds: 2 bits in each register and at each port."""
    weights, activations = np.full((6, 2, 2, 2), 3, np.int8), np.full((1, 3, 3, 2), 5, np.int8)
    for stationary in ("weights", "activations", "outputs"):
        found = run(pes(2, 3, stationary), weights, activations)
        assert found["weight_register_toggles"] == found["activation_register_toggles"] == 2 * 6
        assert found["weight_bus_toggles"] + found["activation_bus_toggles"] == 2 * (2 + 3)


@settings(suppress_health_check=list(HealthCheck), max_examples=25)
@given(systolic_cases())
def test_gate_without_hold_is_compute_and_sums_are_the_same(case):
    chip, trace, tile = case
    policies = "weight_policy", "activation_policy"
    gate, compute = (
        tile_toggles(trace, tile, with_array(chip, **dict.fromkeys(policies, policy)))
        for policy in ("gate", "compute")
    )
    registers_and_buses = [name for name in free(gate) if name != "multicast_toggles"]
    assert [free(gate)[name] for name in registers_and_buses] == [
        compute[name] for name in registers_and_buses
    ]
    assert free(compute) == {name: compute[name] for name in free(compute)}
    assert gate["accumulator_toggles"] == compute["accumulator_toggles"]
    assert compute["mask_bus_toggles"] == 0


@settings(suppress_health_check=list(HealthCheck), max_examples=20)
@given(systolic_cases())
def test_an_operand_that_is_all_zero_and_gates_toggles_no_register_it_would_meet(case):
    chip, trace, tile = case
    zeros = np.broadcast_to(trace.weight_zero_points.reshape(-1, 1, 1, 1), trace.weights.shape)
    trace = replace(trace, weights=zeros.astype(trace.weights.dtype))
    found = tile_toggles(trace, tile, with_array(chip, weight_policy="gate"))
    assert (
        found["weight_register_toggles"] == found["accumulator_toggles"] == found["weight_bus_toggles"] == 0
    )
    if chip.pe_array.stationary != "activations":
        assert found["activation_register_toggles"] == 0
