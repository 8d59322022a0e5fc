"""Small float networks: what JAX computes is what numpy and onnxruntime compute, and Adam steps as published."""

import builtins
from typing import Any

import numpy as np
import pytest

from accelsim.compress.training import (
    Examples,
    FloatLayer,
    Parameters,
    Settings,
    accuracy,
    fit,
    float_model,
    initial_parameters,
    logits,
)
from accelsim.errors import InputError

CNN = (
    FloatLayer(name="conv1", weight_shape=(4, 2, 3, 3), padding=1, pool=2),
    FloatLayer(name="fc1", weight_shape=(5, 36)),
    FloatLayer(name="fc2", weight_shape=(3, 5), relu=False),
)
LINE = (FloatLayer(name="a", weight_shape=(2, 3), relu=False),)


def as_given(parameters: Any, _: Any) -> Any:
    return parameters


@pytest.mark.small
def test_first_weights_are_seeded_and_spread_by_the_inputs_of_a_filter() -> None:
    wide = (FloatLayer(name="a", weight_shape=(400, 50)),)
    first = initial_parameters(wide, 3)["a"]
    assert np.array_equal(first.weights, initial_parameters(wide, 3)["a"].weights)
    assert not np.array_equal(first.weights, initial_parameters(wide, 4)["a"].weights)
    assert first.weights.std() == pytest.approx(np.sqrt(2 / 50), rel=0.02)
    assert not first.bias.any()


@pytest.mark.small
def test_without_jax_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refusing(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "jax":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(InputError, match=r"pip install 'accelsim\[train\]'"):
        logits(LINE, initial_parameters(LINE), np.zeros((1, 3), np.float32))


def test_the_exported_model_computes_the_same_logits() -> None:
    pytest.importorskip("jax")
    import onnxruntime

    inputs = np.random.default_rng(0).normal(size=(3, 2, 6, 6)).astype(np.float32)
    parameters = initial_parameters(CNN, 1)
    model = float_model(CNN, parameters, inputs.shape[1:])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = np.concatenate([session.run(None, {"image": one[None]})[0] for one in inputs])
    np.testing.assert_allclose(logits(CNN, parameters, inputs), expected, rtol=1e-5, atol=1e-5)


def test_accuracy_counts_right_answers() -> None:
    pytest.importorskip("jax")
    identity = {"a": Parameters(np.eye(2, 3, dtype=np.float32), np.zeros(2, np.float32))}
    inputs = np.array([[1, 0, 9], [0, 1, 9], [2, 1, 0], [1, 2, 0]], np.float32)
    assert accuracy(LINE, identity, Examples(inputs, np.array([0, 1, 1, 1], np.int32))) == 0.75


def test_one_step_is_adams_of_the_papers_formulas() -> None:
    pytest.importorskip("jax")
    generator = np.random.default_rng(5)
    inputs = generator.normal(size=(4, 3)).astype(np.float32)
    labels = np.array([0, 1, 1, 0], np.int32)
    start = initial_parameters(LINE, 2)
    settings = Settings(epochs=1, batch=4, rate=1e-2, penalty=0.1)
    done = fit(LINE, as_given, start, (), Examples(inputs, labels), settings)["a"]
    # d loss / d logits of a mean cross entropy is (softmax - one hot) / N; the penalty adds penalty * weight.
    weights = start["a"].weights.astype(np.float64)
    scores = np.exp(inputs @ weights.T)
    slopes = (scores / scores.sum(axis=1, keepdims=True) - np.eye(2)[labels]) / 4
    for got, before, slope in (
        (done.weights, weights, slopes.T @ inputs + 0.1 * weights),
        (done.bias, np.zeros(2), slopes.sum(axis=0)),
    ):
        # After one step both corrected moments are the slope and its square.
        np.testing.assert_allclose(got, before - 1e-2 * slope / (np.abs(slope) + 1e-8), rtol=1e-4, atol=1e-6)


def test_fewer_examples_than_a_step_takes_are_refused() -> None:
    pytest.importorskip("jax")
    few = Examples(np.zeros((3, 3), np.float32), np.zeros(3, np.int32))
    with pytest.raises(InputError, match="3 examples, fewer than the 32 of a step"):
        fit(LINE, as_given, initial_parameters(LINE), (), few, Settings(epochs=1))
