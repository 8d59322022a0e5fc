"""Fewer bits: grids and codebooks do what their formulas say, and their error is what it can be at most."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelsim.compress.changes import weight_changes
from accelsim.compress.quantise import BITS, quantise, quantise_weights
from accelsim.compress.share import INITIALISATIONS, share, share_weights
from accelsim.errors import InputError
from accelsim.trace import from_arrays, from_layers

VALUES = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=4, max_side=5), elements=st.floats(-1e3, 1e3, width=32)
)


@pytest.mark.small
@given(values=VALUES, bits=st.sampled_from(BITS), symmetric=st.booleans(), per_channel=st.booleans())
def test_a_quantised_value_is_at_most_half_a_step_away(
    values: Any, bits: int, symmetric: bool, per_channel: bool
) -> None:
    done = quantise(values, bits, symmetric=symmetric, per_channel=per_channel)
    steps = np.broadcast_to(done.scales.reshape(-1, *([1] * (values.ndim - 1))), values.shape)
    room = 0.5 if symmetric else 1.0  # an asymmetric zero point is rounded as well
    assert (np.abs(done.real() - values) <= room * steps * (1 + 1e-9) + 1e-12).all()
    assert np.unique(done.values).size <= 2**bits
    assert (done.real()[values == 0] == 0).all()


@pytest.mark.small
def test_the_grid_is_the_formulas() -> None:
    values = np.array([[-1.0, 0.5, 3.5], [0.0, 0.0, 0.0]])
    assert quantise(values, 4).values.tolist() == [[-2, 1, 7], [0, 0, 0]]
    own = quantise(values, 4, per_channel=True)
    assert own.scales.tolist() == [0.5, 1.0]
    asymmetric = quantise(values[:1], 8, symmetric=False)
    assert (asymmetric.scales[0], asymmetric.zero_points[0]) == (4.5 / 255, 57)
    assert asymmetric.values.tolist() == [[0, 85, 255]]


@pytest.mark.small
def test_bits_and_values_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="bits must be one of 16, 8, 4, 2, not 5"):
        quantise(np.zeros((1, 1)), 5)
    with pytest.raises(InputError, match="values must be finite"):
        quantise(np.array([[np.nan]]))
    with pytest.raises(InputError, match=r"bits of a codebook must be within 1\.\.8, not 9"):
        share(np.ones(3), 9)
    with pytest.raises(InputError, match="initialisation must be one of linear, density, random, not 'best'"):
        share(np.ones(3), 2, "best")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="there are no values to share"):
        share(np.zeros(0), 2)


@pytest.mark.parametrize("how", INITIALISATIONS)
def test_a_codebook_is_ascending_nearest_and_no_worse_than_its_start(how: Any) -> None:
    values = np.random.default_rng(0).normal(size=2000).round(2)
    done = share(values, 3, how)
    assert done.codebook.size == 8
    assert (np.diff(done.codebook) > 0).all()
    nearest = np.abs(values[:, None] - done.codebook[None]).min(axis=1)
    assert np.abs(values - done.real()) == pytest.approx(nearest, abs=1e-9)
    for cluster in range(8):
        assert done.codebook[cluster] == pytest.approx(values[done.index == cluster].mean(), abs=1e-3)
    again = share(values, 3, how)
    np.testing.assert_array_equal(again.index, done.index)


@pytest.mark.small
def test_few_values_keep_themselves() -> None:
    done = share(np.array([[3, -1], [3, 7]]), 4)
    assert done.codebook.tolist() == [-1, 3, 7]
    assert done.real().tolist() == [[3, -1], [3, 7]]


def test_a_networks_weights_lose_more_with_fewer_bits_and_zeros_stay() -> None:
    generator = np.random.default_rng(1)
    weights = (generator.normal(size=(8, 3, 3, 16)) * 40).clip(-127, 127).astype(np.int8)
    weights[generator.random(weights.shape) < 0.5] = 0
    bias = np.arange(-400, 400, 100)
    trace = from_layers(
        "net",
        [
            from_arrays(
                weights,
                np.ones((1, 5, 5, 16), np.uint8),
                weight_scales=np.linspace(0.01, 0.02, 8),
                bias=bias,
            )
        ],
    )
    for step, names in (
        (quantise_weights, {8: "net-8bit", 4: "net-4bit", 2: "net-2bit"}),
        (share_weights, {6: "net-shared6", 4: "net-shared4", 2: "net-shared2"}),
    ):
        errors = []
        for bits, name in names.items():
            done = step(trace, bits)
            assert done.network.name == name
            assert done.parameters_replaced
            assert not done.layer("layer").weights[weights == 0].any()
            errors.append(weight_changes(trace, done)[0]["relative_error_fraction"])
            assert np.unique(done.layer("layer").weights).size <= 2**bits + 1  # the codebook, and zero
            parameters = done.parameters["layer"]
            real = parameters.bias * parameters.weight_scales.astype(np.float64)
            np.testing.assert_allclose(
                real, bias * np.linspace(0.01, 0.02, 8), atol=parameters.weight_scales.max()
            )
        assert errors == sorted(errors)
        assert errors[0] < 0.06
    with pytest.raises(InputError, match="bits of weights must be one of 8, 4, 2, not 16"):
        quantise_weights(trace, 16)
