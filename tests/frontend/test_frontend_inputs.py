"""Models with several inputs, dynamic sizes, and weights that are no initialisers."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_by_hand import Model, images

from accelsim.audit.agreement import compare_with_captured
from accelsim.errors import ImportedModelError
from accelsim.frontend.onnx import import_onnx
from accelsim.frontend.quantise import onnxruntime_is_exact


def token_model(path: Path) -> Path:
    """Token numbers and an image, both with sizes of their own, meet in an addition."""
    g = np.random.default_rng(4)
    held = {
        "table": g.normal(size=(10, 8)).astype(np.float32),
        "w0": g.normal(size=(8, 6)).astype(np.float32),
        "w1": g.normal(size=(5, 6)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["embedded"], name="embed"),
        helper.make_node("MatMul", ["embedded", "w0"], ["a"], name="words"),
        helper.make_node("MatMul", ["features", "w1"], ["b"], name="image"),
        helper.make_node("Add", ["a", "b"], ["c"], name="both"),
        helper.make_node("Relu", ["c"], ["y"], name="end"),
    ]
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "length"]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", "length", 5]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "length", 6])
    graph = helper.make_graph(
        nodes, "two", inputs, [output], [numpy_helper.from_array(v, k) for k, v in held.items()]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def samples(count: int, seed: int) -> list[dict[str, Any]]:
    g = np.random.default_rng(seed)
    return [{"tokens": g.integers(0, 10, (1, 7)), "features": g.normal(size=(1, 7, 5))} for _ in range(count)]


def test_inputs_are_given_by_name_and_sizes_by_theirs(tmp_path: Path) -> None:
    path = token_model(tmp_path / "two.onnx")
    trace = import_onnx(path, samples(2, 0), samples(3, 1), batch=1, sizes={"length": 7})
    assert sorted(trace.layers) == ["image", "words"]
    assert trace.inputs_count == 2
    assert trace.layer("words").layer.input_height == 7
    if onnxruntime_is_exact():
        assert all(row.largest_difference == 0 for row in compare_with_captured(trace))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"sizes": {"length": 7}},
            r"'tokens' has a dynamic dimension 0 \(batch\); fix it with batch=1 \(--batch 1\)",
        ),
        ({"batch": 1}, r"dynamic dimension 1 \(length\); fix it with .* \(--size length=128\)"),
        ({"batch": 1, "sizes": {"length": 7, "width": 3}}, "no dynamic dimension is named width"),
    ],
)
def test_what_stays_dynamic_is_refused_with_what_fixes_it(
    tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ImportedModelError, match=rf"two\.onnx: .*{words}"):
        import_onnx(token_model(tmp_path / "two.onnx"), samples(1, 0), samples(1, 1), **given)


def test_inputs_without_or_with_another_name_are_refused(tmp_path: Path) -> None:
    path = token_model(tmp_path / "two.onnx")
    given = {"batch": 1, "sizes": {"length": 7}}
    with pytest.raises(ImportedModelError, match=r"has 2 inputs \(tokens, features\): give each by its name"):
        import_onnx(path, [np.zeros((1, 7))], samples(1, 1), **given)
    wrong = [{"tokens": np.zeros((1, 7)), "pixels": np.zeros((1, 7, 5))}]
    with pytest.raises(ImportedModelError, match="inputs are tokens, features, not tokens, pixels"):
        import_onnx(path, samples(1, 0), wrong, **given)


def test_weights_that_are_constant_nodes_or_computed_from_constants_are_weights(tmp_path: Path) -> None:
    m = Model()
    g = np.random.default_rng(3)
    weights = g.normal(size=(8, 3, 3, 3)).astype(np.float32)
    held = m.add("Constant", "", value=numpy_helper.from_array(weights))
    m.nodes[-1].ClearField("input")
    m.add("Conv", "image", held, name="plain", kernel_shape=[3, 3])
    before = m.last
    halves = m.add(
        "Mul", m.constant(g.normal(size=(4, 8, 1, 1)).astype(np.float32)), m.constant(np.float32(0.5))
    )
    renamed = m.add("Identity", halves)
    m.add("Conv", before, renamed, name="computed", kernel_shape=[1, 1])
    trace = import_onnx(m.save(tmp_path / "m.onnx"), images(1), images(2))
    assert trace.layers == ("plain", "computed")
    if onnxruntime_is_exact():
        assert all(row.largest_difference == 0 for row in compare_with_captured(trace))


def test_shapes_and_opsets_are_those_of_onnx_though_large_tensors_stay_out(tmp_path: Path) -> None:
    from accelsim.frontend.light import convert_version, infer_shapes

    m = Model(channels=40)
    m.conv(40, 48)
    m.add("Reshape", m.last, m.constant(np.array([1, 48, 64], np.int64)))
    m.add("Squeeze", m.last, axes=[0])
    path = m.save(tmp_path / "m.onnx", opset=11)
    ours, theirs = onnx.load(path), onnx.load(path)
    convert_version(ours, 13)
    infer_shapes(ours)
    theirs = onnx.shape_inference.infer_shapes(onnx.version_converter.convert_version(theirs, 13))
    onnx.checker.check_model(ours, full_check=True)
    assert ours.opset_import == theirs.opset_import
    assert [n.op_type for n in ours.graph.node] == [n.op_type for n in theirs.graph.node]

    def shapes(model: Any) -> dict[str, list[int]]:
        values = (*model.graph.value_info, *model.graph.output)
        return {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}

    assert shapes(ours) == shapes(theirs)
    assert len(ours.graph.initializer) == len(theirs.graph.initializer)
