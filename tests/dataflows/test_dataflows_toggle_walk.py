"""Steps that are walked before a unit: as many as leave nothing of what was before them."""

import numpy as np
import pytest

from accelsim.dataflows._toggle_walk import sampled_densities, steps_before
from accelsim.trace import from_arrays


@pytest.mark.small
def test_where_all_pairs_load_two_steps_are_enough():
    assert steps_before(64, 4, 1.0, 1.0, fixed=False) == steps_before(1, 4, 1.0, 1.0, fixed=True) == 2


@pytest.mark.small
def test_the_last_lane_has_loaded_but_for_a_thousandth():
    """Two elements, two lanes: the second lane loads where both come to lanes, half of those done: 1 of 8."""
    assert steps_before(2, 2, 0.5, 0.5, fixed=False) == np.ceil(np.log(1000) / 0.125)
    assert steps_before(2, 2, 0.5, 0.5, fixed=True) == np.ceil(np.log(1000) / 0.25)


@pytest.mark.small
def test_sparse_operands_need_more_steps_up_to_a_bound():
    steps = [steps_before(4, 2, slots, 1.0, fixed=False) for slots in (1, 0.9, 0.5, 0.2, 0.0)]
    assert steps == sorted(steps)
    assert steps[-1] == 128


@pytest.mark.small
def test_densities_of_a_small_layer_are_its_own():
    weights = np.array([[0, 1, 2, 0], [1, 1, 1, 0]], np.int8).reshape(2, 1, 1, 4)
    trace = from_arrays(weights, np.array([0, 5, 0, 0], np.uint8).reshape(1, 1, 1, 4))
    assert sampled_densities(trace) == (5 / 8, 1 / 4)
