"""Blocks of PEs of output sets: every mapped PE of every set in one of them, in order."""

import numpy as np
import pytest

from accelsim.kernels.pe_blocks import PES, SET, steps_before, units_of_sets


@pytest.mark.small
def test_blocks_of_five_filters_and_seven_positions():
    """On 4 columns: two sets of 4 and 3 positions; 5 rows in blocks of 2, columns in blocks of 3."""
    units = units_of_sets(np.array([5], np.int64), 7, 4, 2, 3)
    first = [[0, 0, 0, 6], [0, 0, 1, 2], [0, 1, 0, 6], [0, 1, 1, 2], [0, 2, 0, 3], [0, 2, 1, 1]]
    assert units.tolist() == [*first, [1, 0, 0, 6], [1, 1, 0, 6], [1, 2, 0, 3]]


@pytest.mark.small
def test_blocks_hold_every_pe_once():
    filters = np.array([4, 4, 3], np.int64)
    for rows, columns in ((1, 1), (3, 2), (4, 5), (8, 8)):
        units = units_of_sets(filters, 13, 5, rows, columns)
        assert units[:, PES].sum() == 11 * 13
        assert (np.diff(units[:, SET]) >= 0).all()
        assert units[-1, SET] == 3 * 3 - 1


@pytest.mark.small
def test_short_steps_are_more():
    assert [steps_before(elements, 4) for elements in (64, 16, 8, 1)] == [2, 2, 4, 32]
