"""Magnitude pruning keeps exactly the share that was asked for, and says what it is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelsim.compress.prune import prune_magnitude, prune_network
from accelsim.errors import InputError
from accelsim.trace import from_arrays, from_layers

SHAPES = hnp.array_shapes(min_dims=4, max_dims=4, max_side=5)


@pytest.mark.small
@given(weights=hnp.arrays(np.int8, SHAPES), density=st.floats(0, 1), data=st.data())
def test_the_largest_stay_and_as_many_as_asked_for(weights: Any, density: float, data: st.DataObject) -> None:
    zeros = data.draw(hnp.arrays(np.int32, weights.shape[:1], elements=st.integers(-5, 5)))
    distance = np.abs(weights.astype(int) - zeros[:, None, None, None])
    pruned = prune_magnitude(weights, zeros, density)
    kept = pruned != zeros[:, None, None, None]
    nonzero = int((distance > 0).sum())
    assert pruned.dtype == weights.dtype
    assert kept.sum() == min(round(density * weights.size), nonzero)
    np.testing.assert_array_equal(pruned[kept], weights[kept])
    dropped = distance[~kept]
    assert not kept.any() or not dropped.size or dropped.max() <= distance[kept].min()


@pytest.mark.small
def test_of_equal_weights_the_first_stay() -> None:
    weights = np.full((1, 1, 1, 4), 3, np.int8)
    assert prune_magnitude(weights, np.zeros(1, np.int32), 0.5).ravel().tolist() == [3, 3, 0, 0]


@pytest.mark.small
@pytest.mark.parametrize("density", [-0.1, 1.5, float("nan")])
def test_a_density_that_is_no_share_is_refused(density: float) -> None:
    with pytest.raises(InputError, match=r"density must be within 0\.\.1, not"):
        prune_magnitude(np.zeros((1, 1, 1, 1), np.int8), np.zeros(1, np.int32), density)


@pytest.mark.small
def test_a_pruned_network_says_that_it_is_a_pattern_only() -> None:
    weights = np.arange(1, 41, dtype=np.int8).reshape(4, 1, 1, 10)
    whole = from_layers("net", [from_arrays(weights, np.ones((1, 2, 2, 10), np.uint8))])
    pruned = prune_network(whole, 0.3)
    assert pruned.network.name == "net-weights30"
    assert "pattern only, accuracy not claimed" in pruned.network.provenance["parameters"]
    assert (pruned.layer("layer").weights != 0).sum() == 12
    assert (whole.layer("layer").weights != 0).all()
