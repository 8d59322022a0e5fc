"""Translated operators compute what the reference interpreter computes."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tflite_by_hand import File

from accelsim.errors import ImportedModelError
from accelsim.frontend.tflite_file import read_tflite
from accelsim.frontend.tflite_operators import translate

interpreter = pytest.importorskip("ai_edge_litert.interpreter")


def interpreted(path: Path, image: Any) -> list[Any]:
    plain = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = interpreter.Interpreter(str(path), experimental_op_resolver_type=plain)
    model.allocate_tensors()
    model.set_tensor(model.get_input_details()[0]["index"], image)
    model.invoke()
    return [model.get_tensor(d["index"]) for d in model.get_output_details()]


def translated(path: Path, image: Any) -> list[Any]:
    model, left_out = translate(read_tflite(path))
    assert not left_out
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    given = image.transpose(0, 3, 1, 2) if image.ndim == 4 else image
    outputs = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(given)})
    return [o.transpose(0, 2, 3, 1) if o.ndim == 4 else o for o in outputs]


def agree(path: Path, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(3).normal(size=shape).astype(np.float32) * 3
    wanted, found = interpreted(path, image), translated(path, image)
    assert [w.shape for w in wanted] == [f.shape for f in found]
    for w, f in zip(wanted, found, strict=True):
        np.testing.assert_allclose(f, w, atol=2e-5, rtol=1e-5)


WINDOW = {
    "StrideH": 1,
    "StrideW": 1,
    "DilationHFactor": 1,
    "DilationWFactor": 1,
    "Padding": 1,
    "FusedActivationFunction": 0,
}


@pytest.mark.parametrize(
    ("given", "out"),
    [
        ({}, (5, 4)),
        ({"Padding": 0}, (7, 6)),
        ({"Padding": 0, "StrideH": 2, "StrideW": 2}, (4, 3)),
        ({"Padding": 0, "StrideH": 3, "StrideW": 2, "FusedActivationFunction": 3}, (3, 3)),
        ({"DilationHFactor": 2, "DilationWFactor": 2, "FusedActivationFunction": 1}, (3, 2)),
        ({"Padding": 0, "DilationHFactor": 2, "DilationWFactor": 2, "FusedActivationFunction": 2}, (7, 6)),
    ],
)
@pytest.mark.parametrize("groups", [1, 2])
def test_convolution(tmp_path: Path, given: dict[str, int], out: tuple[int, int], groups: int) -> None:
    file = File()
    x, w, bias = file.tensor((1, 7, 6, 4)), file.normal(6, 3, 3, 4 // groups), file.normal(6)
    y = file.add("CONV_2D", [x, w, bias], file.tensor((1, *out, 6)), "Conv2DOptions", **(WINDOW | given))
    agree(file.save(tmp_path / "m.tflite", [x], [y]), (1, 7, 6, 4))


@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_convolution_with_a_channel_multiplier(tmp_path: Path, multiplier: int) -> None:
    file = File()
    x, w, bias = file.tensor((1, 7, 7, 4)), file.normal(1, 3, 3, 4 * multiplier), file.normal(4 * multiplier)
    given = WINDOW | {"Padding": 0, "StrideH": 2, "StrideW": 2, "DepthMultiplier": multiplier}
    y = file.add(
        "DEPTHWISE_CONV_2D",
        [x, w, bias],
        file.tensor((1, 4, 4, 4 * multiplier)),
        "DepthwiseConv2DOptions",
        **given,
    )
    agree(file.save(tmp_path / "m.tflite", [x], [y]), (1, 7, 7, 4))


@pytest.mark.parametrize("how", ["map", "reshaped", "reshaped and read twice"])
def test_fully_connected_reads_a_map_channel_last(tmp_path: Path, how: str) -> None:
    file = File()
    x, w = file.tensor((1, 3, 2, 4)), file.normal(5, 24)
    read = x
    outputs = []
    if how != "map":
        read = file.add(
            "RESHAPE", [x, file.constant(np.array([1, 24], np.int32))], file.tensor((1, 24)), "ReshapeOptions"
        )
    if how == "reshaped and read twice":
        outputs.append(file.add("LOGISTIC", [read], file.tensor((1, 24))))
    y = file.add(
        "FULLY_CONNECTED",
        [read, w, file.normal(5)],
        file.tensor((1, 5)),
        "FullyConnectedOptions",
        FusedActivationFunction=1,
    )
    agree(file.save(tmp_path / "m.tflite", [x], [y, *outputs]), (1, 3, 2, 4))


@pytest.mark.parametrize("kind", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
@pytest.mark.parametrize(("padding", "out"), [(0, (3, 3)), (1, (2, 2))])
def test_pool(tmp_path: Path, kind: str, padding: int, out: tuple[int, int]) -> None:
    file = File()
    x = file.tensor((1, 5, 6, 3))
    y = file.add(
        kind,
        [x],
        file.tensor((1, *out, 3)),
        "Pool2DOptions",
        Padding=padding,
        StrideH=2,
        StrideW=2,
        FilterHeight=3,
        FilterWidth=3,
    )
    agree(file.save(tmp_path / "m.tflite", [x], [y]), (1, 5, 6, 3))


@pytest.mark.parametrize(("keeps", "shape"), [(True, (1, 1, 1, 3)), (False, (1, 3))])
def test_mean_over_an_image(tmp_path: Path, keeps: bool, shape: tuple[int, ...]) -> None:
    file = File()
    x, axes = file.tensor((1, 5, 6, 3)), file.constant(np.array([1, 2], np.int32))
    y = file.add("MEAN", [x, axes], file.tensor(shape), "ReducerOptions", KeepDims=keeps)
    agree(file.save(tmp_path / "m.tflite", [x], [y]), (1, 5, 6, 3))


@pytest.mark.parametrize("kind", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
@pytest.mark.parametrize("how", [{}, {"AlignCorners": True}, {"HalfPixelCenters": True}])
def test_resize(tmp_path: Path, kind: str, how: dict[str, bool]) -> None:
    file = File()
    x, size = file.tensor((1, 4, 3, 2)), file.constant(np.array([8, 6], np.int32))
    table = "ResizeBilinearOptions" if kind == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"
    y = file.add(kind, [x, size], file.tensor((1, 8, 6, 2)), table, **how)
    agree(file.save(tmp_path / "m.tflite", [x], [y]), (1, 4, 3, 2))


def test_movements_of_data(tmp_path: Path) -> None:
    file = File()
    x = file.tensor((1, 4, 3, 8))
    sides = file.constant(np.array([[0, 0], [1, 2], [0, 1], [0, 4]], np.int32))
    padded = file.add("PAD", [x, sides], file.tensor((1, 7, 4, 12)), "PadOptions")
    spread = file.add(
        "DEPTH_TO_SPACE", [padded], file.tensor((1, 14, 8, 3)), "DepthToSpaceOptions", BlockSize=2
    )
    rows = file.add(
        "RESHAPE",
        [spread, file.constant(np.array([1, 112, 3], np.int32))],
        file.tensor((1, 112, 3)),
        "ReshapeOptions",
    )
    joined = file.add("CONCATENATION", [rows, rows], file.tensor((1, 224, 3)), "ConcatenationOptions", Axis=1)
    back = file.add(
        "RESHAPE",
        [joined, file.constant(np.array([1, 14, 16, 3], np.int32))],
        file.tensor((1, 14, 16, 3)),
        "ReshapeOptions",
    )
    wide = file.add(
        "CONCATENATION", [back, back], file.tensor((1, 14, 16, 6)), "ConcatenationOptions", Axis=3
    )
    agree(file.save(tmp_path / "m.tflite", [x], [wide, joined]), (1, 4, 3, 8))


def test_elementwise_with_constants_counted_from_the_channels(tmp_path: Path) -> None:
    file = File()
    x = file.tensor((1, 4, 3, 5))
    y = file.add(
        "ADD", [x, file.normal(5)], file.tensor((1, 4, 3, 5)), "AddOptions", FusedActivationFunction=1
    )
    y = file.add("MUL", [y, file.normal(3, 1)], file.tensor((1, 4, 3, 5)), "MulOptions")
    y = file.add("SUB", [y, file.normal(1)], file.tensor((1, 4, 3, 5)), "SubOptions")
    y = file.add("PRELU", [y, file.normal(1, 1, 5)], file.tensor((1, 4, 3, 5)))
    for kind in ("HARD_SWISH", "TANH", "LOGISTIC", "RELU6"):
        y = file.add(kind, [y], file.tensor((1, 4, 3, 5)))
    y = file.add("SOFTMAX", [y], file.tensor((1, 4, 3, 5)), "SoftmaxOptions", Beta=1.0)
    agree(file.save(tmp_path / "m.tflite", [x], [y]), (1, 4, 3, 5))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantised_model_differs_by_one_step_at_most(tmp_path: Path, dtype: str) -> None:
    file, zero = File(), 128 if dtype == "uint8" else 0
    g = file.generator
    x = file.tensor((1, 6, 6, 4), dtype, scales=[0.05], zeros=[zero + 3])
    per_channel = (
        {"scales": [0.01], "zeros": [zero]}
        if zero
        else {"scales": list(np.linspace(0.01, 0.03, 5)), "axis": 0}
    )
    w = file.constant(
        g.integers(-100, 100, (5, 3, 3, 4)).astype(np.int16).__add__(zero).astype(dtype), **per_channel
    )
    bias = file.constant(
        g.integers(-500, 500, 5).astype(np.int32), scales=np.multiply(per_channel["scales"], 0.05), axis=0
    )
    c = file.tensor((1, 6, 6, 5), dtype, scales=[6 / 255], zeros=[zero - 128])
    file.add(
        "CONV_2D", [x, w, bias], c, "Conv2DOptions", **(WINDOW | {"Padding": 0, "FusedActivationFunction": 3})
    )
    m = file.add(
        "MAX_POOL_2D",
        [c],
        file.tensor((1, 3, 3, 5), dtype, scales=[6 / 255], zeros=[zero - 128]),
        "Pool2DOptions",
        Padding=1,
        StrideH=2,
        StrideW=2,
        FilterHeight=2,
        FilterWidth=2,
    )
    v = file.constant(
        g.integers(-100, 100, (3, 45)).astype(np.int16).__add__(zero).astype(dtype),
        scales=[0.02],
        zeros=[zero],
    )
    y = file.tensor((1, 3), dtype, scales=[0.3], zeros=[zero])
    file.add("FULLY_CONNECTED", [m, v, -1], y, "FullyConnectedOptions")
    path = file.save(tmp_path / "m.tflite", [x], [y])
    stored = g.integers(0, 256, (1, 6, 6, 4)).astype(np.uint8).view(dtype)
    real = (stored.astype(np.float32) - (zero + 3)) * np.float32(0.05)
    wanted = interpreted(path, stored)[0].astype(int)
    found = translated(path, real)[0] / 0.3 + zero
    assert np.abs(found - wanted).max() <= 1.01
    assert len(np.unique(wanted)) > 1


def test_custom_operator_ends_the_network_and_is_named(tmp_path: Path) -> None:
    file = File()
    x = file.tensor((1, 4, 4, 2))
    y = file.add("RELU", [x], file.tensor((1, 4, 4, 2)))
    z = file.add("CUSTOM", [y], file.tensor((1, 10)), custom="Boxes")
    last = file.add("RELU", [z], file.tensor((1, 10)))
    model, left_out = translate(read_tflite(file.save(tmp_path / "m.tflite", [x], [last])))
    assert left_out == ["CUSTOM Boxes (operator 1)", "RELU (operator 2)"]
    assert [o.name for o in model.graph.output] == ["t1"]


@pytest.mark.parametrize(
    ("kind", "table", "given", "words"),
    [
        ("TRANSPOSE_CONV", "", {}, "operator 0, TRANSPOSE_CONV: is not supported"),
        ("CONV_2D", "Conv2DOptions", WINDOW | {"FusedActivationFunction": 5}, "fused activation 5"),
        ("CONV_2D", "Conv2DOptions", WINDOW | {"StrideH": 0}, "strides"),
        ("SOFTMAX", "SoftmaxOptions", {"Beta": 2.0}, "beta 2.0"),
    ],
)
def test_what_is_not_supported_is_named(
    tmp_path: Path, kind: str, table: str, given: Any, words: str
) -> None:
    file = File()
    x = file.tensor((1, 4, 4, 2))
    y = file.add(kind, [x, file.normal(3, 3, 3, 2)], file.tensor((1, 2, 2, 3)), table, **given)
    with pytest.raises(ImportedModelError, match=words):
        translate(read_tflite(file.save(tmp_path / "m.tflite", [x], [y])))
