"""Magnitude pruning keeps exactly the share that was asked for, and says what it is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelsim.compress.prune import prune_globally, prune_magnitude, prune_network
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


GENERATOR = np.random.default_rng(9)
WEIGHTS = GENERATOR.integers(-100, 100, (8, 3, 3, 16)).astype(np.int8)
ZEROS = np.zeros(8, np.int32)


def kept(structure: str, density: float, size: int = 4) -> Any:
    return prune_magnitude(WEIGHTS, ZEROS, density, structure, size) != 0  # type: ignore[arg-type]


@pytest.mark.small
def test_filters_and_channels_go_as_a_whole_the_weakest_first() -> None:
    norms = (WEIGHTS.astype(float) ** 2).sum(axis=(1, 2, 3))
    filters = kept("filter", 0.25)
    assert set(np.flatnonzero(filters.any(axis=(1, 2, 3)))) == set(np.argsort(-norms)[:2])
    channels = kept("channel", 0.5)
    assert channels.any(axis=(0, 1, 2)).sum() == 8


@pytest.mark.small
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_vectors_and_blocks_are_whole_and_as_many_as_asked_for(size: int) -> None:
    vectors = -(-16 // size) * 72
    starts = np.add.reduceat(kept("vector", 0.5, size), np.arange(0, 16, size), axis=3)
    lengths = np.diff([*range(0, 16, size), 16])
    nonzero = np.add.reduceat(WEIGHTS != 0, np.arange(0, 16, size), axis=3)
    assert set(
        np.unique(starts[nonzero == lengths] / np.broadcast_to(lengths, starts.shape)[nonzero == lengths])
    ) == {0, 1}
    assert abs((starts > 0).sum() - round(0.5 * vectors)) <= 2
    from accelsim.formats import Block

    pruned = prune_magnitude(WEIGHTS, ZEROS, 0.5, "block", size)
    stored = Block(size).encode(pruned.reshape(8, -1)).metadata
    blocks = -(-8 // size) * -(-144 // size)
    assert abs(int(np.bitwise_count(stored).sum()) - round(0.5 * blocks)) <= 2


@pytest.mark.small
@pytest.mark.parametrize(("n", "m"), [(1, 4), (2, 4), (4, 8), (3, 5)])
def test_n_of_m_keeps_the_largest_of_each_group_and_can_be_encoded_so(n: int, m: int) -> None:
    from accelsim.formats import NOfM

    pruned = prune_magnitude(WEIGHTS, ZEROS, n / m, "n_m", m)
    NOfM(n, m).encode(pruned)
    first, of = np.abs(pruned[..., :m].astype(int)), np.abs(WEIGHTS[..., :m].astype(int))
    np.testing.assert_array_equal(np.sort(first, axis=-1)[..., -n:], np.sort(of, axis=-1)[..., -n:])


@pytest.mark.small
def test_global_pruning_compares_layers_on_their_real_scales() -> None:
    layers = [
        from_arrays(
            np.full((1, 1, 1, 4), value, np.int8),
            np.ones((1, 1, 1, 4), np.uint8),
            name=name,
            weight_scales=scale,
        )
        for name, value, scale in (("fine", 100, 0.01), ("coarse", 3, 1.0))
    ]
    pruned = prune_globally(from_layers("net", layers), 0.5)
    assert pruned.network.name == "net-global50"
    assert not pruned.layer("fine").weights.any()  # 100 steps of 0.01 are less than 3 of 1.0
    assert pruned.layer("coarse").weights.all()


@pytest.mark.small
def test_layers_can_have_densities_of_their_own() -> None:
    layers = [
        from_arrays(
            np.arange(1, 11, dtype=np.int8).reshape(1, 1, 1, 10), np.ones((1, 1, 1, 10), np.uint8), name=n
        )
        for n in "abc"
    ]
    pruned = prune_network(from_layers("net", layers), {"a": 0.2, "c": 0.5})
    assert [(pruned.layer(n).weights != 0).sum() for n in "abc"] == [2, 10, 5]
    assert pruned.network.name == "net-pruned"
    with pytest.raises(InputError, match="net: no layer 'd'; layers: a, b, c"):
        prune_network(from_layers("net", layers), {"d": 0.2})


@pytest.mark.small
def test_unknown_structures_and_sizes_are_refused() -> None:
    with pytest.raises(
        InputError, match="structure must be one of element, vector, block, channel, filter, n_m, not 'row'"
    ):
        kept("row", 0.5)
    with pytest.raises(InputError, match="size must be at least 1, not 0"):
        kept("vector", 0.5, 0)
