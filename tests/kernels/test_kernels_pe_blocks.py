"""Blocks of PEs of output sets: every mapped PE of every set in one of them, in order."""

import numpy as np
import pytest

from accelsim.kernels.pe_blocks import PES, SET, units_of_sets, walked_before


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


def walked(number, needed, filters=((0, 4),), chunks=2):
    """Of 3 x 3 taps with padding over 1 x 12 positions, on 4 columns: three sets, whose upper and lower taps are
    padding; in the first and the last also those of one side.
    """
    geometry = np.array([1, 12, 1, 1, 1, 1, 1, 1, 3, 3, 1], np.int64)
    box = np.array([0, 1, 0, 4, 0, 1, 0, 1, 0, 12], np.int64)
    blocks, pixels = np.array(filters, np.int64), np.empty((9, 4), np.int64)
    found = walked_before(number, needed, chunks, (0, 0), (4, 4), 4, blocks, box, geometry, pixels)
    return tuple(int(place) for place in found)


@pytest.mark.small
def test_steps_that_read_padding_leave_nothing():
    """The middle set has three taps inside, 3 to 5, of two steps each; the first set taps 4 and 5."""
    assert walked(2, 1) == (1, 11)
    assert walked(2, 6) == (1, 6)
    assert walked(2, 7) == (0, 11)
    assert walked(1, 4) == (0, 8)


@pytest.mark.small
def test_nothing_is_before_the_first_set_and_no_more_than_there_is():
    assert walked(0, 1) == (0, 0)
    assert walked(1, 5) == (0, 0)
    assert walked(2, 1000) == (0, 0)
