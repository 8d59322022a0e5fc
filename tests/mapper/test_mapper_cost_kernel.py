"""How many cycles a plan may take: the cost itself is the judge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.mapper import _cost_kernel as at
from accelsim.mapper._walk_kernel import NEVER

pytestmark = pytest.mark.small
MACHINE = np.array([1000, 7, 3, 20, 16], np.int64)  # 7 bytes in 3 cycles, latency 20, words of 16 bytes


@given(
    st.sampled_from([at.DRAM, at.CYCLES, at.ENERGY, at.EDP]),
    st.lists(st.integers(1, 10**6), min_size=6, max_size=6),
    st.lists(st.sampled_from([0.0, 0.3, 1.7, 40.0]), min_size=7, max_size=7),
    st.integers(1, 10**5),
)
def test_one_cycle_more_than_affordable_is_no_better(objective, numbers, prices, spare):
    figures, prices = np.array(numbers, np.int64), np.array(prices)
    dearer = figures.copy()
    dearer[at.F_CYCLES] += spare
    best = at.cost_of(objective, dearer, prices, MACHINE)
    if not at.better(at.cost_of(objective, figures, prices, MACHINE), best):
        return  # so much energy that a cycle's is rounded away
    most = at.affordable_cycles(objective, figures, prices, MACHINE, best)
    assert figures.tolist() == numbers
    assert numbers[at.F_CYCLES] <= most < dearer[at.F_CYCLES]
    for cycles, wins in ((most, True), (most + 1, False)):
        dearer[at.F_CYCLES] = cycles
        assert bool(at.better(at.cost_of(objective, dearer, prices, MACHINE), best)) is wins


def test_of_fewer_bytes_any_cycles_will_do():
    figures = np.array([10, 50, 50, 0, 0, 5], np.int64)
    assert at.affordable_cycles(at.DRAM, figures, np.zeros(7), MACHINE, (101.0, 3.0)) == NEVER
