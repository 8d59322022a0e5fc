import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers_by_hand import entries

from accelsim.study.pes.operands import folded, stored


@pytest.mark.small
@pytest.mark.parametrize(("zeros", "wanted"), [(14, 1), (15, 1), (16, 2), (31, 2), (32, 3)])
def test_zeros_before_a_weight_take_an_entry_for_each_sixteenth(zeros, wanted):
    assert stored(np.array([False] * zeros + [True])).sum() == wanted


@pytest.mark.small
def test_nothing_is_stored_after_the_last_value_nor_of_zeros_alone():
    assert not stored(np.zeros(40, bool)).any()
    assert stored(np.array([True] + [False] * 40)).tolist() == [True] + [False] * 40
    assert stored(np.zeros((0, 3), bool)).shape == (0, 3)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 20))
def test_entries_stand_where_one_by_one_they_do(gaps, tail):
    column = [here for gap in gaps for here in (*[False] * gap, True)] + [False] * tail
    both = np.stack([column, column[::-1]], axis=1)
    assert stored(both)[:, 0].tolist() == entries(column)
    assert stored(both)[:, 1].tolist() == entries(column[::-1])


@given(st.integers(0, 20), st.integers(1, 7))
def test_what_is_folded_keeps_its_sum_and_goes_round(length, size):
    values = np.arange(length * 2).reshape(length, 2)
    sums = folded(values, size)
    assert sums.shape == (size, 2)
    for i in range(size):
        np.testing.assert_array_equal(sums[i], values[i::size].sum(axis=0))
