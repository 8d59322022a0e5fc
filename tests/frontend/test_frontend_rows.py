"""Transformers: rows, heads, products of activations, normalisations as timed functions."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_by_hand import Model

from accelsim.audit.agreement import compare_with_captured
from accelsim.audit.chain import network_outputs
from accelsim.frontend.onnx import import_onnx
from accelsim.frontend.quantise import onnxruntime_is_exact
from accelsim.frontend.rewrite import rewritten
from accelsim.network import LayerNode, Operation
from accelsim.simulation import simulate
from accelsim.trace import NetworkTrace, read, write

ROWS, WIDTH, HEADS = 6, 16, 2


def rows_model(rows: int = ROWS, width: int = WIDTH) -> Model:
    m = Model()
    m.input = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, rows, width])
    return m


def linear(m: Model, source: str, width: int, out: int, name: str) -> str:
    m.add("MatMul", source, m.random(width, out), name=name)
    return m.add("Add", m.last, m.random(out), name=f"{name}_bias")


def normalised(m: Model, source: str, width: int, name: str) -> str:
    """Layer normalisation as exporters write it out."""
    mean = m.add("ReduceMean", source, axes=[-1])
    centred = m.add("Sub", source, mean)
    square = m.add("Mul", centred, centred)
    variance = m.add("ReduceMean", square, axes=[-1])
    m.add("Add", variance, m.constant(np.float32(1e-5)))
    m.add("Sqrt")
    m.add("Div", centred, m.last)
    m.add("Mul", m.last, m.random(width))
    return m.add("Add", m.last, m.random(width), name=name)


def by_head(m: Model, source: str, perm: list[int]) -> str:
    shape = m.constant(np.array([1, ROWS, HEADS, WIDTH // HEADS], np.int64))
    m.add("Reshape", source, shape)
    return m.add("Transpose", perm=perm)


def block(m: Model) -> None:
    """One encoder layer: attention with two heads, and a feed-forward of two layers."""
    x = normalised(m, "image", WIDTH, "norm0")
    q, k, v = (
        by_head(m, linear(m, x, WIDTH, WIDTH, n), p)
        for n, p in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3]))
    )
    m.add("MatMul", q, k, name="scores")
    m.add("Mul", m.last, m.constant(np.float32(0.35)))
    m.add("Softmax", axis=-1, name="attention")
    m.add("MatMul", m.last, v, name="mixed")
    m.add("Transpose", perm=[0, 2, 1, 3])
    m.add("Reshape", m.last, m.constant(np.array([1, ROWS, WIDTH], np.int64)))
    y = m.add("Add", linear(m, m.last, WIDTH, WIDTH, "out"), x, name="residual")
    y = normalised(m, y, WIDTH, "norm1")
    linear(m, y, WIDTH, 32, "up")
    m.add("Relu")
    linear(m, m.last, 32, WIDTH, "down")


def rows(count: int, seed: int = 0) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(1, ROWS, WIDTH)).astype(np.float32) for _ in range(count)]


def traced(tmp_path: Path, inputs: int = 1) -> NetworkTrace:
    m = rows_model()
    block(m)
    return import_onnx(m.save(tmp_path / "block.onnx"), rows(inputs), rows(4, seed=1))


def test_an_encoder_layer_is_layers_products_and_functions(tmp_path: Path) -> None:
    trace = traced(tmp_path)
    layers = {n.layer.name: n for n in trace.network.nodes if isinstance(n, LayerNode)}
    assert sorted(list(layers)[:3]) == ["k", "q", "v"]
    assert list(layers)[3:] == ["scores", "mixed", "out", "up", "down"]
    assert layers["q"].layer.activation_shape == (1, ROWS, 1, WIDTH)
    scores, mixed = layers["scores"], layers["mixed"]
    assert (scores.layer.kind, scores.layer.groups, scores.layer.filters) == (
        "matrix_product",
        HEADS,
        HEADS * ROWS,
    )
    # Splitting into heads moves nothing in our layout: operands are what the layers before wrote.
    assert (scores.input, scores.second) == (layers["q"].output, layers["k"].output)
    assert (mixed.second, mixed.second_by_columns) == (layers["v"].output, True)
    assert layers["out"].input == mixed.output
    functions = [n for n in trace.network.nodes if isinstance(n, Operation) and n.kind == "function"]
    assert [(f.function, f.passes) for f in functions] == [
        ("Mul Softmax", 3),
        ("ReduceMean Sub Mul Add Sqrt Div", 3),
    ]
    # The first normalisation stands before every layer: the host's.
    assert len(trace.network.inputs) == 1
    assert sum(n.layer.dense_macs for n in layers.values()) == ROWS * (
        4 * WIDTH**2 + 2 * WIDTH * 32 + 2 * ROWS * WIDTH
    )


@pytest.mark.parametrize("inputs", [1, 3])
def test_products_of_activations_are_those_of_onnxruntime(tmp_path: Path, inputs: int) -> None:
    trace = traced(tmp_path, inputs)
    found = compare_with_captured(trace)
    assert Counter(row.kind for row in found)["matrix_product"] == 2
    if onnxruntime_is_exact():
        assert [row for row in found if row.largest_difference] == []
    write(trace, tmp_path / "t.safetensors")
    result = simulate(read(tmp_path / "t.safetensors"), "both-skip-16x16")
    assert len(result.layer_results) == inputs * len(trace.network.nodes)


def test_a_product_whose_second_operand_was_not_moved_is_read_by_rows_or_columns(tmp_path: Path) -> None:
    m = rows_model()
    x = linear(m, "image", WIDTH, WIDTH, "x")
    turned = m.add("Transpose", x, perm=[0, 2, 1])
    m.add("MatMul", x, turned, name="gram")
    trace = import_onnx(m.save(tmp_path / "m.onnx"), rows(1), rows(2, seed=1))
    gram = next(n for n in trace.network.nodes if isinstance(n, LayerNode) and n.second)
    assert gram.input == gram.second
    assert gram.second_by_columns is None
    if onnxruntime_is_exact():
        assert all(row.largest_difference == 0 for row in compare_with_captured(trace))


def test_rewriting_keeps_the_function(tmp_path: Path) -> None:
    import onnxruntime

    m = rows_model()
    block(m)
    model = onnx.load(m.save(tmp_path / "m.onnx"))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    outputs = [
        onnxruntime.InferenceSession(made.SerializeToString(), options).run(None, {"image": rows(1)[0]})[0]
        for made in (model, rewritten(onnx.load(tmp_path / "m.onnx")))
    ]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4, atol=1e-5)


def padded(mode: str = "constant", value: float = 0.0, extra: bool = False, channels: int = 0) -> Model:
    m = Model()
    sides = m.constant(np.array([0, 0, 1, 2, 0, channels, 2, 1], np.int64))
    m.conv(3, 8)
    before = m.add(
        "Pad", m.last, sides, *([m.constant(np.float32(value))] if mode == "constant" else []), mode=mode
    )
    m.conv(8 + channels, 4, name="a")
    first = m.last
    m.last = before
    m.conv(8 + channels, 4, name="b")
    m.add("Add", first, m.last)
    if extra:
        m.add("Relu", before)
    return m


def test_padding_that_only_convolutions_read_becomes_theirs(tmp_path: Path) -> None:
    from onnx_by_hand import images

    trace = import_onnx(padded().save(tmp_path / "m.onnx"), images(1), images(2))
    assert [n.kind for n in trace.network.nodes if isinstance(n, Operation)] == ["add"]
    assert [n.layer.padding for n in trace.network.nodes if isinstance(n, LayerNode)][1:] == [
        (2, 3, 3, 2)
    ] * 2
    if onnxruntime_is_exact():
        assert all(row.largest_difference == 0 for row in compare_with_captured(trace))


@pytest.mark.parametrize(
    ("given", "kinds"), [({"channels": 2}, ["pad", "add"]), ({"mode": "reflect"}, ["function", "add"])]
)
def test_other_padding_is_an_operation_or_a_function(
    tmp_path: Path, given: dict[str, Any], kinds: list[str]
) -> None:
    from onnx_by_hand import images

    trace = import_onnx(padded(**given).save(tmp_path / "m.onnx"), images(1), images(2))
    assert [n.kind for n in trace.network.nodes if isinstance(n, Operation)] == kinds
    if onnxruntime_is_exact():
        assert all(row.largest_difference == 0 for row in compare_with_captured(trace))


@pytest.mark.skipif(not onnxruntime_is_exact(), reason="this CPU's onnxruntime may saturate to 16 bits")
def test_the_network_computed_from_its_inputs_alone_is_what_was_captured(tmp_path: Path) -> None:
    trace = traced(tmp_path, inputs=2)
    computed = network_outputs(trace)
    for name, tensor in trace.tensors.items():
        np.testing.assert_array_equal(computed[name], tensor, err_msg=name)
