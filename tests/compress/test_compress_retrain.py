"""Pruning in rounds and sharing with training: masks hold, shared values stay shared, rounds end where they must."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelsim.compress import retrain as module
from accelsim.compress.retrain import (
    magnitude_masks,
    masked,
    prune_rounds,
    retrain,
    share_parameters,
    train,
    tune,
)
from accelsim.compress.training import Examples, FloatLayer, Parameters, Settings, accuracy
from accelsim.errors import InputError

NETWORK = (
    FloatLayer(name="a", weight_shape=(12, 6)),
    FloatLayer(name="b", weight_shape=(3, 12), relu=False),
)
QUICK = Settings(epochs=12, batch=16, rate=1e-2)


def clouds(count: int, seed: int) -> Examples:
    """Points around three corners of a cube of six dimensions: easy to tell apart."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count).astype(np.int32)
    centres = np.eye(6, dtype=np.float32)[:3] * 2
    return Examples((centres[labels] + 0.3 * generator.normal(size=(count, 6))).astype(np.float32), labels)


@pytest.mark.small
@given(
    weights=hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=4, max_side=4), elements=st.floats(-2, 2, width=32)),
    density=st.floats(0, 1),
)  # fmt: skip
def test_a_mask_keeps_the_share_asked_for_and_nothing_smaller_than_what_it_drops(
    weights: Any, density: float
) -> None:
    mask = magnitude_masks({"a": Parameters(weights, np.zeros(1))}, {"a": density})["a"]
    assert mask.sum() == round(density * weights.size)
    if mask.any() and not mask.all():
        assert np.abs(weights[mask]).min() >= np.abs(weights[~mask]).max()


@pytest.mark.small
def test_of_equal_weights_the_first_is_kept() -> None:
    equal = {"a": Parameters(np.full((2, 2), -3, np.float32), np.zeros(2))}
    assert magnitude_masks(equal, {"a": 0.5})["a"].tolist() == [[True, True], [False, False]]


@pytest.mark.small
@pytest.mark.parametrize("densities", [{}, {"a": -0.1}, {"a": 1.5}, {"a": float("nan")}])
def test_densities_that_cannot_be_are_refused(densities: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"a: density must be within 0\.\.1"):
        magnitude_masks({"a": Parameters(np.ones((2, 2)), np.zeros(2))}, densities)


@pytest.mark.small
def test_sharing_keeps_zeros_and_takes_few_values() -> None:
    weights = np.array([[0, 1.0, 1.1, 0], [-2.0, 0, 0, -2.1]], np.float32)
    book = share_parameters({"a": Parameters(weights, np.ones(2, np.float32))}, 1)["a"]
    assert (book.indices == 0).tolist() == (weights == 0).tolist()
    assert sorted(book.values.tolist()) == pytest.approx([-2.05, 1.05])
    np.testing.assert_allclose(book.parameters().weights, [[0, 1.05, 1.05, 0], [-2.05, 0, 0, -2.05]])
    assert book.parameters().bias.tolist() == [1, 1]


@pytest.mark.small
def test_what_cannot_be_shared_is_refused() -> None:
    with pytest.raises(InputError, match=r"must be within 1\.\.7, not 8"):
        share_parameters({}, 8)
    with pytest.raises(InputError, match="a: all weights are zero"):
        share_parameters({"a": Parameters(np.zeros((2, 2), np.float32), np.zeros(2))}, 4)


@pytest.mark.small
@pytest.mark.parametrize("tolerance", [0.01, 0.0])  # 0.9 is as good as 0.9
def test_rounds_end_before_the_accuracy_would_fall(monkeypatch: pytest.MonkeyPatch, tolerance: float) -> None:
    reached = iter([0.9, 0.8, 0.91, 0.7, 0.9, 0.6, 0.88])  # dense; then pruned and retrained by turns
    monkeypatch.setattr(module, "accuracy", lambda *_: next(reached))
    monkeypatch.setattr(module, "retrain", lambda _network, parameters, masks, *_: masked(parameters, masks))
    nothing = Examples(np.zeros((0, 6), np.float32), np.zeros(0, np.int32))
    weights = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
    kept, rounds = prune_rounds(
        NETWORK,
        {"a": Parameters(weights, np.zeros(4))},
        {"a": 0.5},
        nothing,
        nothing,
        QUICK,
        tolerance=tolerance,
    )
    assert [r.kept for r in rounds] == [True, True, False]
    assert [r.densities["a"] for r in rounds] == [0.5, 0.25, 0.125]
    assert kept["a"].weights.ravel()[-4:].tolist() == [13, 14, 15, 16]
    assert np.count_nonzero(kept["a"].weights) == 4


def test_training_learns_pruning_keeps_zeros_and_tuning_keeps_shares() -> None:
    pytest.importorskip("jax")
    examples, unseen = clouds(160, 0), clouds(60, 1)
    dense = train(NETWORK, examples, QUICK)
    assert accuracy(NETWORK, dense, unseen) > 0.9
    again = train(NETWORK, examples, QUICK)
    assert all(np.array_equal(dense[k].weights, again[k].weights) for k in dense)
    masks = magnitude_masks(dense, {"a": 0.3, "b": 0.5})
    pruned = retrain(NETWORK, dense, masks, examples, QUICK)
    for name, mask in masks.items():
        assert not pruned[name].weights[~mask].any()
        assert (pruned[name].weights[mask] != dense[name].weights[mask]).any()
    books = share_parameters(pruned, 2)
    tuned = tune(NETWORK, books, examples, QUICK)
    for name, book in tuned.items():
        assert np.array_equal(book.indices, books[name].indices)
        assert (book.values != books[name].values).any()
        assert np.unique(book.parameters().weights).size <= 4 + 1
    done = {name: book.parameters() for name, book in tuned.items()}
    assert accuracy(NETWORK, done, unseen) > 0.9
