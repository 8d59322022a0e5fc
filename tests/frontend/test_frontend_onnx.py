"""What an ONNX model becomes is what onnxruntime computes, or is refused by file and node."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_by_hand import Model, images
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from accelsim.audit.agreement import compare_with_captured
from accelsim.errors import ImportedModelError, InputError
from accelsim.frontend.onnx import import_onnx
from accelsim.frontend.quantise import onnxruntime_is_exact
from accelsim.network import LayerNode, Operation
from accelsim.report import notes
from accelsim.simulation import simulate


def plain(m: Model) -> None:
    m.conv(3, 8)
    m.conv(8, 8, strides=[2, 2])


def residual(m: Model) -> None:
    m.conv(3, 8)
    before = m.last
    m.conv(8, 8, relu=False)
    m.add("Add", before, m.last)
    m.add("Relu")
    m.conv(8, 4, size=1)


def grouped(m: Model) -> None:
    m.conv(3, 8)
    m.conv(8, 8, group=8)
    m.conv(8, 12, group=4)


def dilated(m: Model) -> None:
    m.conv(3, 8, dilations=[2, 2], pads=[2, 2, 2, 2])


def uneven(m: Model) -> None:
    m.conv(3, 8, pads=[0, 1, 2, 0], strides=[2, 1])


def same_upper(m: Model) -> None:
    m.conv(3, 8, auto_pad="SAME_UPPER", strides=[2, 2])


def same_lower(m: Model) -> None:
    m.conv(3, 8, auto_pad="SAME_LOWER", strides=[2, 2])


def valid(m: Model) -> None:
    m.conv(3, 8, auto_pad="VALID")


def pools(m: Model) -> None:
    m.conv(3, 8)
    m.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    m.conv(8, 8)
    m.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    m.conv(8, 8, size=1)


def flattened(m: Model) -> None:
    """The channel order of a flattened image is the model's, not ours."""
    m.conv(3, 4, strides=[4, 4])
    m.add("Flatten")
    m.add("Gemm", m.last, m.random(5, 16), m.random(5), transB=1)


def global_pool(m: Model) -> None:
    m.conv(3, 8)
    m.add("GlobalAveragePool")
    m.add("Flatten")
    m.add("Gemm", m.last, m.random(8, 5), m.random(5))
    m.add("Softmax", axis=1)


def matrix(m: Model) -> None:
    m.conv(3, 4)
    m.add("GlobalAveragePool")
    m.add("Reshape", m.last, m.constant(np.array([1, 4], np.int64)))
    m.add("MatMul", m.last, m.random(4, 6))


def concatenated(m: Model) -> None:
    m.conv(3, 8)
    before = m.last
    m.conv(8, 4)
    m.add("Concat", before, m.last, axis=1)
    m.conv(12, 4)


def normalised(m: Model) -> None:
    m.conv(3, 8, relu=False)
    m.add(
        "BatchNormalization", m.last, *(m.constant(np.full(8, v, np.float32)) for v in (1.5, 0.1, 0.2, 0.9))
    )
    m.add("Relu")
    m.conv(8, 4)


def clipped(m: Model) -> None:
    m.conv(3, 8, relu=False)
    m.add("Clip", m.last, m.constant(np.float32(0)), m.constant(np.float32(6)))
    m.conv(8, 4)


SUPPORTED: list[Callable[[Model], None]] = [
    plain, residual, grouped, dilated, uneven, same_upper, same_lower, valid, pools, flattened, global_pool,
    matrix, concatenated, normalised, clipped,
]  # fmt: skip


@pytest.mark.parametrize("build", SUPPORTED, ids=lambda build: build.__name__)
def test_the_datapath_computes_what_onnxruntime_computed(
    build: Callable[[Model], None], tmp_path: Path
) -> None:
    model = Model()
    build(model)
    trace = import_onnx(model.save(tmp_path / "small.onnx"), images(2), images(4, seed=1))
    macs = sum(isinstance(node, LayerNode) for node in trace.network.nodes)
    assert macs == sum(node.op_type in ("Conv", "Gemm", "MatMul") for node in model.nodes)
    rows = compare_with_captured(trace)
    assert len(rows) == len(trace.network.nodes)
    if onnxruntime_is_exact():
        assert {row.node: row.largest_difference for row in rows} == {row.node: 0 for row in rows}


@pytest.mark.parametrize("build", SUPPORTED, ids=lambda build: build.__name__)
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_models_that_came_quantised_keep_their_integers(
    build: Callable[[Model], None], form: str, tmp_path: Path
) -> None:
    model = Model()
    build(model)
    source, given = str(model.save(tmp_path / "float.onnx")), tmp_path / "quantised.onnx"

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(images(4, seed=1))

        def get_next(self) -> Any:
            image = next(self.left, None)
            return None if image is None else {"image": image}

    quant_pre_process(source, source, skip_symbolic_shape=True)
    settings = {"activation_type": quantization.QuantType.QUInt8, "weight_type": quantization.QuantType.QInt8}
    quantization.quantize_static(
        source,
        str(given),
        Reader(),
        quant_format=quantization.QuantFormat[form],
        per_channel=True,
        **settings,
    )
    trace = import_onnx(given, images(1), images(1))
    assert trace.network.provenance["quantised"].startswith("as the model came")
    floats = sum(node.op_type in ("Conv", "Gemm", "MatMul") for node in model.nodes)
    assert len(trace.layers) == floats
    integers = [
        onnx.numpy_helper.to_array(value)
        for value in onnx.load(str(given)).graph.initializer
        if value.data_type == onnx.TensorProto.INT8 and len(value.dims) in (2, 4)
    ]
    theirs = sorted(int(np.abs(array.astype(int)).sum()) for array in integers)
    ours = sorted(int(np.abs(trace.layer(name).weights.astype(int)).sum()) for name in trace.layers)
    assert ours == theirs
    if onnxruntime_is_exact():
        assert [row.node for row in compare_with_captured(trace) if row.largest_difference] == []


def test_two_inputs_are_captured_one_after_the_other(tmp_path: Path) -> None:
    model = Model()
    plain(model)
    path = model.save(tmp_path / "small.onnx")
    first, second = images(2)
    both, alone = (import_onnx(path, given, images(3, seed=1)) for given in ([first, second], [second]))
    assert both.inputs_count == 2
    for name, tensor in alone.tensors.items():
        np.testing.assert_array_equal(both.tensors[name][1:], tensor)


def test_what_is_left_out_is_told_by_name(tmp_path: Path) -> None:
    model = Model()
    global_pool(model)
    trace = import_onnx(model.save(tmp_path / "small.onnx"), images(1), images(2))
    assert any("Softmax" in text for text in trace.network.not_modelled)
    assert [n.kind for n in trace.network.nodes if isinstance(n, Operation)] == ["global_average_pool"]


def test_provenance_names_the_quantiser_and_the_cpu(tmp_path: Path) -> None:
    model = Model()
    plain(model)
    trace = import_onnx(model.save(tmp_path / "s.onnx"), images(1), images(2), provenance={"source": "here"})
    assert trace.network.provenance["source"] == "here"
    assert "min-max calibration by onnxruntime" in trace.network.provenance["quantised"]
    assert "16-bit saturation" in trace.network.provenance["captured"]


def test_an_older_opset_is_converted(tmp_path: Path) -> None:
    model = Model()
    plain(model)
    trace = import_onnx(model.save(tmp_path / "old.onnx", opset=11), images(1), images(2))
    assert len(trace.layers) == 2


def unsupported(m: Model) -> None:
    m.conv(3, 8)
    m.add("ConvTranspose", m.last, m.random(8, 4, 2, 2), name="up1", kernel_shape=[2, 2])


def broadcast(m: Model) -> None:
    m.conv(3, 8)
    before = m.last
    m.add("GlobalAveragePool")
    m.add("Add", before, m.last, name="sum1")
    m.conv(8, 4)


def gated(m: Model) -> None:
    m.conv(3, 8)
    before = m.last
    m.add("Sigmoid")
    m.add("Mul", before, m.last, name="swish1")
    m.conv(8, 4)


def ceiling(m: Model) -> None:
    m.conv(3, 8)
    m.add("MaxPool", name="pool1", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)


def rows_joined(m: Model) -> None:
    m.conv(3, 8)
    m.add("Concat", m.last, m.last, name="join1", axis=2)
    m.conv(8, 4)


REFUSED: list[tuple[Callable[[Model], None], str]] = [
    (unsupported, "node 'up1': operator ConvTranspose is not supported"),
]
FUNCTIONS: list[tuple[Callable[[Model], None], list[str]]] = [
    (broadcast, ["QLinearAdd"]),
    (gated, ["Sigmoid Mul"]),
    (rows_joined, ["QLinearConcat"]),
]


@pytest.mark.parametrize(("build", "functions"), FUNCTIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_what_the_datapath_does_not_compute_is_a_timed_function_of_captured_values(
    build: Callable[[Model], None], functions: list[str], tmp_path: Path
) -> None:
    model = Model()
    build(model)
    trace = import_onnx(model.save(tmp_path / "small.onnx"), images(1), images(2))
    timed = [n for n in trace.network.nodes if isinstance(n, Operation) and n.kind == "function"]
    assert [n.function for n in timed] == functions
    result = simulate(trace, "both-skip-16x16")
    assert {r.kind for r in result.layer_results} >= {"convolution", "function"}
    assert any(f"{timed[0].name}" in note and "not recomputed" in note for note in notes(result))


def test_a_pool_whose_size_is_rounded_up_is_left_to_functions(tmp_path: Path) -> None:
    model = Model()
    ceiling(model)
    model.conv(8, 4)
    trace = import_onnx(model.save(tmp_path / "small.onnx"), images(1), images(2))
    assert [n.function for n in trace.network.nodes if isinstance(n, Operation)] == ["MaxPool"]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_not_supported_is_refused_with_file_and_node(
    build: Callable[[Model], None], message: str, tmp_path: Path
) -> None:
    model = Model()
    build(model)
    with pytest.raises(ImportedModelError, match=rf"small\.onnx: {message}"):
        import_onnx(model.save(tmp_path / "small.onnx"), images(1), images(2))


def test_a_dynamic_batch_is_refused_with_what_fixes_it_and_fixed_on_request(tmp_path: Path) -> None:
    model = Model(batch="batch")
    plain(model)
    path = model.save(tmp_path / "dynamic.onnx")
    with pytest.raises(
        ImportedModelError,
        match=r"input 'image' has a dynamic dimension 0 \(batch\); fix it with batch=1 \(--batch 1\)",
    ):
        import_onnx(path, images(1), images(2))
    assert len(import_onnx(path, images(1), images(2), batch=1).layers) == 2


def test_a_dynamic_height_is_refused(tmp_path: Path) -> None:
    model = Model(size="height")  # type: ignore[arg-type]
    plain(model)
    with pytest.raises(ImportedModelError, match=r"has a dynamic dimension 2 \(height\)"):
        import_onnx(model.save(tmp_path / "dynamic.onnx"), images(1), images(2), batch=1)


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_file_that_is_no_model_is_refused_by_name(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    if content is None:
        model = Model()
        plain(model)
        content = model.save(path).read_bytes()[:-200]
    path.write_bytes(content)
    with pytest.raises(ImportedModelError, match=r"model\.onnx: "):
        import_onnx(path, images(1), images(2))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportedModelError, match=r"none\.onnx: no such file"):
        import_onnx(tmp_path / "none.onnx", images(1), images(2))


def test_inputs_of_another_shape_are_refused_by_name(tmp_path: Path) -> None:
    model = Model()
    plain(model)
    with pytest.raises(ImportedModelError, match=r"small\.onnx: "):
        import_onnx(model.save(tmp_path / "small.onnx"), images(1, size=9), images(2))


def test_without_inputs_nothing_can_be_captured(tmp_path: Path) -> None:
    model = Model()
    plain(model)
    path = model.save(tmp_path / "small.onnx")
    with pytest.raises(InputError, match="at least one"):
        import_onnx(path, [], images(2))
    with pytest.raises(InputError, match="at least one"):
        import_onnx(path, images(1), [])


def test_a_missing_extra_is_named_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError("no", name="onnxruntime")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        InputError, match=r"onnxruntime is not installed: pip install 'accelsim\[onnx,images\]'"
    ):
        import_onnx(tmp_path / "m.onnx", images(1), images(1))
