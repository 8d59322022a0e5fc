"""Toggles of cartesian: the page's worked example, and laws."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_cases import counts, free, toggled, with_array
from toggle_draws import cartesian_cases, chip_of

from accelsim.reference import cartesian_toggles
from accelsim.reference.cartesian_toggles import tile_toggles

pytestmark = pytest.mark.small


def pes(rows=1, columns=1, vectors=(2, 2), **array):
    keys = {
        "weights_per_step": vectors[0],
        "activations_per_step": vectors[1],
        "banks": 32,
        "bank_entries": 30,
    }
    return chip_of("scnn-64", rows=rows, columns=columns, **(keys | array))


def run(chip, weights, activations, **geometry):
    return toggled(cartesian_toggles, chip, weights, activations, **geometry)


def test_the_worked_example_of_the_page():
    """A filter 1 3 across the row 2 0 1: two of the four products are surplus."""
    found = run(pes(), [[[[1], [3]]]], [[[[2], [0], [1]]]])
    assert found == counts(3, 2, 3, 2, 6, 3, 2, 3, 2, 1, 6, 6)


def test_shorter_vectors_hold_registers_and_every_sequence_begins_at_position_0():
    """Three filters of one weight 1 2 4, pixels 1 1 1, 2 x 2 a step: vectors (1 2) (4), (1 1) (1).

    ::

        weight registers   0: 1 4, then 1 4: 1 + 2 + 2 + 2;  1: 2 2: 1
        activations        0: 1 1; 1: 1                       2
        weight bus         0: 1 4; 1: 2                       1 + 2 + 1
        activation bus     0: 1 1; 1: 1                       2
        sums               9 of 1 bit, cleared                18
    """
    found = run(pes(), [[[[1]]], [[[2]]], [[[4]]]], [[[[1], [1], [1]]]])
    assert found == counts(8, 2, 8, 2, 18, 4, 2, 4, 2, 0, 6, 6)


def test_a_sequence_begins_anew_at_position_0():
    """Two channels of one weight each, 1 and 3: both on position 0; activations 1 and 2 likewise."""
    found = run(pes(), [[[[1, 3]]]], [[[[1, 2]]]])
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (1 + 1, 1 + 2)
    assert found["accumulator_toggles"] == 1 + 2 + 3  # 0>1>7>0


def test_halo_sums_are_added_at_the_owner_and_cleared_at_both():
    """A filter 1 2 across the row 1 3 on two PEs, a pixel each; one output: 1 x 1 + 3 x 2 = 7.

    PE 0 reaches output 0 with 1 (and -1, surplus), PE 1 with 6 (and output 1, surplus). With a reach of 2 no shift:
    PE 0 owns output 0: 0>1>7 and cleared; PE 1 gives 6.

    ::

        PE 0  1 + 2 + 3      PE 1  2 + 2
    """
    found = run(pes(1, 2), [[[[1], [2]]]], [[[[1], [3]]]])
    assert found["accumulator_toggles"] == 10
    # The weight bus is one, for both PEs.
    assert found["weight_bus_toggles"] == 2
    assert found["multicast_toggles"] == 2 * 2 + (1 + 2)


def test_padding_entries_are_words_of_the_zero_point_with_a_count_of_15():
    """17 pixels, the last 3, the others at zero point 1, one filter of weight 1 and F = I = 1.

    ::

        entries            (1, 15 zeros), (3, 0 zeros)
        activation         register and bus 0>1>3: 1 + 1; counts 0>15>0: 8
        sums               that of the last: 2: 1, cleared 1
    """
    row = np.ones((1, 1, 17, 1), np.int8)
    row[..., 16, 0] = 3
    found = run(pes(vectors=(1, 1)), [[[[1]]]], row, activation_zero_point=1)
    assert found == counts(1, 2, 1, 2, 2, 1, 2, 1, 2, 8, 11, 11)


def test_weights_without_a_taker_cross_no_bus():
    found = run(pes(), [[[[1, 3]]]], [[[[0, 2]]]])
    assert (found["weight_bus_toggles"], found["weight_register_toggles"]) == (2, 2)  # 3 of channel 1 alone


def test_constant_words_toggle_once():
    """All words 3 and 5, no zeros: counts of zeros are 0; 2 x 2 PEs, two channels, stride 2."""
    weights, activations = np.full((2, 2, 2, 2), 3, np.int8), np.full((1, 8, 8, 2), 5, np.int8)
    found = run(pes(2, 2), weights, activations, stride=2)
    assert found["weight_register_toggles"] == found["activation_register_toggles"] == 4 * 2 * 2
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (2 * 2, 4 * 2 * 2)
    assert found["multicast_toggles"] == 4 * 2 * 2 + 4 * 2 * 2


@settings(suppress_health_check=list(HealthCheck), max_examples=15)
@given(cartesian_cases())
def test_nothing_is_held_and_banks_do_not_matter(case):
    chip, trace, tile = case
    found = tile_toggles(trace, tile, chip)
    assert free(found) == {name: found[name] for name in free(found)}
    array = chip.pe_array
    swapped = with_array(chip, banks=1, bank_entries=array.banks * array.bank_entries, bank_queue_depth=128)
    assert tile_toggles(trace, tile, swapped) == found


@settings(suppress_health_check=list(HealthCheck), max_examples=10)
@given(cartesian_cases())
def test_activations_that_are_all_zero_toggle_nothing(case):
    chip, trace, tile = case
    trace.activations[...] = trace.activation_zero_point
    assert sum(tile_toggles(trace, tile, chip).values()) == 0
