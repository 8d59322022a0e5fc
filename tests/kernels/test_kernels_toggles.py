"""Bits that change, and accumulators that wrap."""

import numpy as np
import pytest

from accelsim.kernels import toggles as at
from accelsim.tables import TOGGLES


@pytest.mark.small
def test_columns_of_kernels_are_those_of_the_table():
    assert len(TOGGLES) == at.COUNTS
    for i, name in enumerate(TOGGLES):
        assert getattr(at, name.upper().replace("_TOGGLES", "")) == i


@pytest.mark.small
def test_an_accumulator_wraps_at_its_bits_and_counts_those_that_change():
    """Of 4 bits: 7, + 12 = 19 is 3: one bit changes; - 4 is 15: two."""
    sums = np.array([0, 7], np.int64)
    assert at.add(sums, 1, 12, np.int64(15)) == 1
    assert sums.tolist() == [0, 3]
    assert at.add(sums, 1, -4, np.int64(15)) == 2
    assert sums.tolist() == [0, 15]
