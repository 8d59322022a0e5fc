"""The heap's order is that of a stable sort by both costs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.mapper._heap_kernel import heap_of, popped

COST = st.sampled_from([0.0, 1.0, 2.0, float("inf")])


@pytest.mark.small
@given(st.lists(st.tuples(COST, COST), max_size=40))
def test_tilings_come_in_the_order_of_a_stable_sort_but_those_that_cannot_fit(costs):
    costs = np.array(costs, float).reshape(-1, 2)
    heap = heap_of(costs)
    found = [popped(heap, size, costs) for size in range(heap.size, 0, -1)]
    expected = np.lexsort((costs[:, 1], costs[:, 0]))
    assert found == expected[np.isfinite(costs[expected, 0])].tolist()
