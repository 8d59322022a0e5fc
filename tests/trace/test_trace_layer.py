"""The two doors for people without ONNX: plain arrays and .npz files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import TraceError
from accelsim.trace import from_arrays, from_npz

WEIGHTS = np.ones((4, 3, 3, 2), np.int8)
ACTIVATIONS = np.ones((1, 5, 6, 2), np.uint8)


@pytest.mark.small
def test_the_geometry_follows_from_the_shapes() -> None:
    layer = from_arrays(WEIGHTS, ACTIVATIONS, stride=2, padding=(1, 0)).layer
    assert layer.output_shape == (1, 3, 2, 4)
    assert from_arrays(WEIGHTS, ACTIVATIONS, padding=(0, 1, 2, 3)).layer.output_shape == (1, 5, 8, 4)
    assert from_arrays(WEIGHTS, ACTIVATIONS, dilation=2).layer.output_shape == (1, 1, 2, 4)
    assert from_arrays(WEIGHTS[..., :1], ACTIVATIONS, groups=2).layer.group_filters == 2
    assert from_arrays(np.ones((7, 9), np.int8), np.ones((2, 9), np.uint8)).layer.output_shape == (2, 1, 1, 7)


WRONG: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "floats": ((WEIGHTS.astype(np.float32), ACTIVATIONS), {}, "weights must be int8 or uint8, not float32"),
    "lists": ((WEIGHTS, ACTIVATIONS.tolist()), {}, "activations must be"),
    "ranks": ((WEIGHTS, ACTIVATIONS[0]), {}, r"must both have 4 dimensions .* not \(4, 3, 3, 2\) and \(5, 6, 2\)"),
    "channels": ((WEIGHTS, ACTIVATIONS[..., :1]), {}, "1 groups of 2 weight channels do not make 1 activation"),
    "groups": ((WEIGHTS, ACTIVATIONS), {"groups": 3}, "3 groups of 2"),
    "stride": ((WEIGHTS, ACTIVATIONS), {"stride": 0}, "stride must be one or two integers of at least 1, not 0"),
    "three paddings": ((WEIGHTS, ACTIVATIONS), {"padding": (1, 1, 1)}, r"one, two or four integers, not \(1, 1, 1\)"),
    "padding": ((WEIGHTS, ACTIVATIONS), {"padding": (1, 1, 1, -1)}, "padding must not be negative"),
    "too large a kernel": ((WEIGHTS, ACTIVATIONS), {"dilation": 3}, "no output"),
    "zero point": ((WEIGHTS, ACTIVATIONS), {"activation_zero_point": 256}, "must be a value of uint8, not 256"),
    "weight zero point": ((WEIGHTS, ACTIVATIONS), {"weight_zero_points": 128}, "must be a value of int8, not 128"),
    "bias": ((WEIGHTS, ACTIVATIONS), {"bias": [1, 2]}, r"bias must be one or 4, not shape \(2,\)"),
    "bias of floats": ((WEIGHTS, ACTIVATIONS), {"bias": [0.5] * 4}, "bias must be int32, not float64"),
    "zero points": ((WEIGHTS, ACTIVATIONS), {"weight_zero_points": [1] * 3}, r"must be one or 4, not shape \(3,\)"),
    "scales": ((WEIGHTS, ACTIVATIONS), {"weight_scales": ["a"] * 4}, "weight_scales must be float32"),
    "outputs": ((WEIGHTS, ACTIVATIONS), {"outputs": ACTIVATIONS}, r"outputs must have shape \(1, 3, 4, 4\)"),
}  # fmt: skip


@pytest.mark.small
@pytest.mark.parametrize("case", WRONG)
def test_arrays_that_do_not_fit_are_refused_with_the_layers_name(case: str) -> None:
    arrays, options, message = WRONG[case]
    with pytest.raises(TraceError, match=f"conv7: .*{message}"):
        from_arrays(*arrays, name="conv7", **options)


@pytest.mark.small
def test_an_npz_of_one_or_several_layers_is_a_trace(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", weights=WEIGHTS, activations=ACTIVATIONS, stride=2, relu=True)
    one = from_npz(tmp_path / "one.npz")
    assert one.layers == ("one",)
    assert one.layer("one").layer.stride == (2, 2)
    assert one.layer("one").relu
    arrays = {
        f"{name}/{key}": array
        for name in "ba"
        for key, array in (("weights", WEIGHTS), ("activations", ACTIVATIONS))
    }
    np.savez(tmp_path / "two.npz", **arrays, **{"a/padding": np.array([1, 1])})
    two = from_npz(tmp_path / "two.npz")
    assert two.layers == ("b", "a")
    assert two.layer("a").layer.padding == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"weights": WEIGHTS}, "layer 'bad' has no 'activations'"),
        (
            {"weights": WEIGHTS, "activations": ACTIVATIONS, "strides": 2},
            "unknown array 'strides'; known: weights",
        ),
        ({}, "no arrays"),
        ({"weights": WEIGHTS, "activations": ACTIVATIONS, "stride": 0}, "stride must be"),
        ({"weights": np.array([{}]), "activations": ACTIVATIONS}, "not a .npz file of plain arrays"),
    ],
)
def test_an_npz_that_is_no_trace_is_refused_by_name(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(TraceError, match=rf"bad\.npz: .*{message}"):
        from_npz(tmp_path / "bad.npz")


def test_a_file_that_is_no_npz_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(TraceError, match=r"text\.npz: not a \.npz file"):
        from_npz(tmp_path / "text.npz")
    with pytest.raises(TraceError, match="no such file"):
        from_npz(tmp_path / "none.npz")
