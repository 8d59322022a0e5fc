"""Toggles of structured: the page's worked example, and laws."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_cases import counts, free, toggled, with_array
from toggle_draws import chip_of, structured_cases

from accelsim.reference import structured_toggles
from accelsim.reference.structured_toggles import tile_toggles

pytestmark = pytest.mark.small


def one_pe(**array):
    keys = {
        "rows": 1,
        "columns": 1,
        "lanes": 2,
        "kept_per_block": 2,
        "block_elements": 4,
        "chunk_elements": 8,
    }
    return chip_of("sparse-tensor-core", **(keys | array))


@pytest.mark.parametrize(("policy", "activation_registers"), [("compute", 9), ("gate", 7)])
def test_the_worked_example_of_the_page(policy, activation_registers):
    """One filter, weights 0 1 0 3; activations 4 5 0 7 and 4 0 6 1. `gate` holds at the zero of position 1."""
    found = toggled(
        structured_toggles,
        one_pe(activation_policy=policy),
        [[[[0, 1, 0, 3]]]],
        [[[[4, 5, 0, 7], [4, 0, 6, 1]]]],
    )
    assert found == counts(3, activation_registers, 3, 9, 10, 3, 12, 3, 12, 3, 18, 18)


def test_unfilled_slots_are_words_and_zero_points_are_stored():
    """Weights 2 2 2 5 at zero point 2: slots (0, 2) unfilled and (3, 5); activations 1 1 1 4 at zero point 1.

    ::

        weights      lane 0 0>2  1, lane 1 0>5  2;  the bus the same, places 0 and 3: 2
        activations  lane 0 0>1  1, lane 1 0>4  1;  bus 1 1 1 4: 4
        product      3 x 3 = 9: 2, cleared 2
    """
    given_zeros = {"weight_zero_points": 2, "activation_zero_point": 1}
    found = toggled(structured_toggles, one_pe(), [[[[2, 2, 2, 5]]]], [[[[1, 1, 1, 4]]]], **given_zeros)
    assert found == counts(3, 2, 3, 2, 4, 3, 4, 3, 4, 2, 9, 9)


def test_padding_taps_load_the_zero_point_and_hold_the_bus():
    """A 1 x 2 filter over one pixel, padded left, zero point 3: the first tap is padding. Dense, of one channel.

    ::

        weights      0>1>2  1+2      activation register  0>3>5  2+2      activation bus  0>5  2
        products     0, 2 x 2: 1, cleared 1
    """
    found = toggled(
        structured_toggles,
        one_pe(kept_per_block=1, block_elements=2, lanes=1),
        [[[[1], [2]]]],
        [[[[5]]]],
        padding=(0, 1, 0, 0),
        activation_zero_point=3,
    )
    assert found == counts(3, 4, 3, 4, 2, 3, 2, 3, 2, 0, 5, 5)


def test_a_multicast_reaches_all_used_rows_and_columns():
    """2 filters on 3 rows, 2 positions on 2 columns: weights and places go to 2 PEs, activations to 2."""
    found = toggled(
        structured_toggles, one_pe(rows=3, columns=2), [[[[0, 1]]], [[[0, 3]]]], [[[[0, 7], [0, 1]]]]
    )
    # Of each filter the slots are (0, q 0) and (1, q): weights 1 + 2, places 1 + 1; activations 3 + 1.
    sent = found["weight_bus_toggles"], found["mask_bus_toggles"], found["activation_bus_toggles"]
    assert sent == (3, 2, 4)
    assert found["multicast_toggles"] == 2 * (3 + 2) + 2 * 4


def test_constant_words_toggle_once():
    """Every word 3 or 5, all slots filled: each register and position sees its word once, 2 bits."""
    array = {"rows": 2, "columns": 2, "lanes": 3, "kept_per_block": 4, "block_elements": 4}
    weights, activations = np.full((4, 2, 2, 8), 3, np.int8), np.full((1, 4, 4, 8), 5, np.int8)
    found = toggled(structured_toggles, one_pe(**array), weights, activations)
    assert found["weight_register_toggles"] == found["activation_register_toggles"] == 2 * 3 * 4
    assert found["weight_bus_toggles"] == found["activation_bus_toggles"] == 2 * 8 * 2


@settings(suppress_health_check=list(HealthCheck), max_examples=30)
@given(structured_cases())
def test_gate_without_hold_is_compute_and_holds_registers_alone(case):
    chip, trace, tile = case
    gate, compute = (
        tile_toggles(trace, tile, with_array(chip, activation_policy=policy))
        for policy in ("gate", "compute")
    )
    assert free(gate) == free(compute)
    registers = "weight_register_toggles", "activation_register_toggles"
    assert {name: gate[name] for name in gate if name not in registers} == {
        name: compute[name] for name in compute if name not in registers
    }
    assert all(compute[name] == compute[f"{name}_without_hold"] for name in registers)


@settings(suppress_health_check=list(HealthCheck), max_examples=20)
@given(structured_cases())
def test_activations_that_are_all_zero_toggle_no_sum(case):
    chip, trace, tile = case
    trace.activations[...] = trace.activation_zero_point
    found = tile_toggles(trace, tile, with_array(chip, activation_policy="gate"))
    assert found["accumulator_toggles"] == 0
    assert found["weight_register_toggles"] == found["activation_register_toggles"] == 0
