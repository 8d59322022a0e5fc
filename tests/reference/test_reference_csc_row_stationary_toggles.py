"""Toggles of csc_row_stationary: the page's worked example, and laws."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_cases import counts, free, toggled, with_array
from toggle_draws import chip_of, csc_row_stationary_cases

from accelsim.errors import UnsupportedLayerError
from accelsim.plan import Tile
from accelsim.reference import csc_row_stationary_toggles
from accelsim.reference.csc_row_stationary_toggles import tile_toggles

pytestmark = pytest.mark.small


def pes(rows=1, columns=1, lanes=2, **array):
    return chip_of("eyeriss-v2-192", rows=rows, columns=columns, lanes=lanes, **array)


def run(chip, weights, activations, **geometry):
    return toggled(csc_row_stationary_toggles, chip, weights, activations, **geometry)


def test_the_worked_example_of_the_page():
    """Filters 1 0 0, 0 0 2, 3 0 0; activations 1 3 2."""
    weights = [[[[1, 0, 0]]], [[[0, 0, 2]]], [[[3, 0, 0]]]]
    found = run(pes(), weights, [[[[1, 3, 2]]]])
    assert found == counts(5, 3, 5, 3, 8, 3, 3, 3, 3, 2, 8, 8)


def test_one_lane_takes_all_entries_of_a_column():
    """The same: the register sees 0 1 3 2."""
    weights = [[[[1, 0, 0]]], [[[0, 0, 2]]], [[[3, 0, 0]]]]
    assert run(pes(lanes=1), weights, [[[[1, 3, 2]]]])["weight_register_toggles"] == 1 + 1 + 1


def test_a_zero_loads_nothing_and_counts_beside_the_next():
    """Weights 1 1 of one filter, activations 4 (zero at point 4) and 5: register 0>5, count 0>1, pointers 0 1.

    ::

        activation register, bus  2        weight register 1 (channel 1); weight bus 0>1>1  1
        sum                       1 x 1: 1, cleared 1
        counts 1 (activation), pointers 0, 1 (weights): masks 2
    """
    found = run(pes(), [[[[1, 1]]]], [[[[4, 5]]]], activation_zero_point=4)
    assert found == counts(1, 2, 1, 2, 2, 1, 2, 1, 2, 2, 1 + 2 + 2, 1 + 2 + 2)


@pytest.mark.parametrize(("channels", "count"), [(16, 15), (17, 0), (18, 1)])
def test_counts_of_zero_activations_wrap_at_16(channels, count):
    """All zeros but the last."""
    activations = np.zeros((1, 1, 1, channels), np.int8)
    activations[..., -1] = 1
    found = run(pes(activation_spad_entries=18), np.zeros((1, 1, 1, channels), np.int8), activations)
    assert found["mask_bus_toggles"] == count.bit_count()
    assert found["activation_register_toggles"] == 1  # also where its column has no entry


def test_padding_entries_are_words_of_the_zero_point_with_a_count_of_15():
    """17 filters at zero point 1, the last 3; one lane: register and bus 0>1>3, counts 0>15>0."""
    weights = np.ones((17, 1, 1, 1), np.int8)
    weights[16] = 3
    found = run(pes(lanes=1), weights, [[[[1]]]], weight_zero_points=1)
    assert (found["weight_register_toggles"], found["weight_bus_toggles"]) == (2, 2)
    assert found["mask_bus_toggles"] == 8
    assert found["accumulator_toggles"] == 1 + 1


def test_sums_rise_from_the_lowest_filter_row():
    """A 2 x 1 filter 1 over 2, pixels 1 over 1: row 1 makes 2, row 0 makes 1 and adds 2: 3.

    ::

        made 1 + 1, rising 0 + 1, cleared 1 + 2
    """
    assert run(pes(2, 1), [[[[1]], [[2]]]], [[[[1]], [[1]]]])["accumulator_toggles"] == 6


def test_only_columns_that_windows_need_cross():
    """Stride 2, one tap, three pixels 1 2 1: the middle column is not sent, and has no pointer."""
    found = run(pes(), [[[[1]]]], [[[[1], [2], [1]]]], stride=2)
    assert found["activation_bus_toggles"] == 1
    assert found["mask_bus_toggles"] == 1  # pointers 0, 1 of the two columns


def test_words_go_to_all_pes_that_need_them():
    """Two set columns of one filter, 2 x 1, weights 1 0 and 0 1; two rows of outputs; pixels 0 1 0 of a column.

    ::

        weights      blocks (v 0, i 0): 1; (v 0, i 1), (v 1, i 0): none; (v 1, i 1): 1: one toggle, e = 2
        activations  row 1: 1, needed by 2 of 4 PEs of each set
    """
    found = run(pes(4, 2, sum_spad_entries=1), [[[[1]], [[0]]], [[[0]], [[1]]]], [[[[0]], [[1]], [[0]]]])
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (1, 1)
    assert found["mask_bus_toggles"] == 0
    assert found["multicast_toggles"] == 1 * 2 + 1 * 4


def test_groups_begin_with_zeros():
    """Two groups of one channel: the same words again, counted as twice one."""
    weights, activations = [[[[3]]], [[[3]]]], [[[[5, 5]]]]
    two = run(pes(), weights, activations, groups=2)
    one = toggled(
        csc_row_stationary_toggles, pes(), weights, activations, Tile(0, 1, 0, 1, 0, 1, 0, 1, 0, 1), groups=2
    )
    assert two == {name: 2 * count for name, count in one.items()}


def test_constant_words_toggle_once():
    """All words 3 and 5 in 2 x 2 PEs of two lanes, four filters."""
    weights, activations = np.full((4, 2, 2, 1), 3, np.int8), np.full((1, 3, 4, 1), 5, np.int8)
    found = run(pes(2, 2), weights, activations)
    assert (found["weight_register_toggles"], found["activation_register_toggles"]) == (2 * 8, 2 * 4)
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (2, 2)


def test_a_dilated_layer_is_refused():
    with pytest.raises(UnsupportedLayerError, match=r"layer: dilation must be 1 x 1, not \(2, 2\)"):
        run(pes(2, 2), np.ones((1, 2, 2, 1), np.int8), np.ones((1, 3, 3, 1), np.int8), dilation=2)


@settings(suppress_health_check=list(HealthCheck), max_examples=15)
@given(csc_row_stationary_cases())
def test_nothing_is_held_and_lanes_change_weight_registers_alone(case):
    chip, trace, tile = case
    one, two = (tile_toggles(trace, tile, with_array(chip, lanes=lanes)) for lanes in (1, 2))
    assert free(one) == {name: one[name] for name in free(one)}
    assert {name: one[name] for name in one if not name.startswith("weight_register")} == {
        name: two[name] for name in two if not name.startswith("weight_register")
    }


@settings(suppress_health_check=list(HealthCheck), max_examples=10)
@given(csc_row_stationary_cases())
def test_activations_that_are_all_zero_toggle_weight_wires_alone(case):
    chip, trace, tile = case
    trace.activations[...] = trace.activation_zero_point
    found = tile_toggles(trace, tile, chip)
    touched = {name for name, count in found.items() if count}
    wires = "weight_bus_toggles", "mask_bus_toggles", "multicast_toggles"
    assert touched <= {*wires, *(f"{name}_without_hold" for name in wires)}
