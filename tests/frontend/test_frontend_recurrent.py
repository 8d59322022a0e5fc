"""Recurrent layers: unrolled they compute what onnxruntime's own operators do, and run step by step."""

from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from accelsim.audit.agreement import compare_with_captured
from accelsim.errors import ImportedModelError
from accelsim.frontend.onnx import import_model
from accelsim.frontend.quantise import onnxruntime_is_exact
from accelsim.frontend.rewrite import rewritten
from accelsim.network import LayerNode, Operation
from accelsim.simulation import simulate
from accelsim.trace import NetworkTrace

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FLOAT = TensorProto.FLOAT


def recurrent_model(
    kind: str,
    *,
    steps: int = 3,
    batch: int = 1,
    width: int = 4,
    hidden: int = 5,
    direction: str = "forward",
    biases: bool = True,
    first: tuple[str, ...] = (),
    wanted: tuple[str, ...] = ("Y",),
    lengths: int | None = None,
    seed: int = 0,
    **attributes: Any,
) -> Any:
    """One node; `first` names what it starts from: "h", "c" as inputs, "zero h" as a constant."""
    generator = np.random.default_rng(seed)
    count, gates = 2 if direction == "bidirectional" else 1, GATES[kind]
    state = [count, batch, hidden]

    def constant(name: str, *shape: int) -> str:
        array = generator.normal(size=shape).astype(np.float32) * 0.6
        constants.append(numpy_helper.from_array(array, name))
        return name

    constants: list[Any] = []
    inputs = [helper.make_tensor_value_info("X", FLOAT, [steps, batch, width])]
    read = ["X", constant("W", count, gates * hidden, width), constant("R", count, gates * hidden, hidden)]
    read.append(constant("B", count, 2 * gates * hidden) if biases else "")
    read.append("lengths" if lengths is not None else "")
    if lengths is not None:
        constants.append(numpy_helper.from_array(np.full(batch, lengths, np.int32), "lengths"))
    for part in ("h", "c"):
        if part in first:
            inputs.append(helper.make_tensor_value_info(part, FLOAT, state))
        if f"zero {part}" in first:
            constants.append(numpy_helper.from_array(np.zeros(state, np.float32), part))
        read.append(part if {part, f"zero {part}"} & set(first) else "")
    if kind != "LSTM":
        read.pop()
    outputs = ["Y", "Y_h", "Y_c"][: 3 if kind == "LSTM" else 2]
    node = helper.make_node(
        kind,
        read,
        [name if name in wanted else "" for name in outputs],
        name="cell",
        hidden_size=hidden,
        direction=direction,
        **attributes,
    )
    sizes = {"Y": [steps, *state[:1], *state[1:]], "Y_h": state, "Y_c": state}
    infos = [helper.make_tensor_value_info(name, FLOAT, sizes[name]) for name in wanted]
    graph = helper.make_graph([node], "recurrent", inputs, infos, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def copied(model: Any) -> Any:
    made = onnx.ModelProto()
    made.CopyFrom(model)
    return made


def run(model: Any, feeds: dict[str, Any]) -> list[Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return list(session.run(None, feeds))


def feeds_of(model: Any, seed: int = 1) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {
        value.name: generator.normal(size=[d.dim_value for d in value.type.tensor_type.shape.dim]).astype(
            np.float32
        )
        for value in model.graph.input
    }


@st.composite
def models(draw: Any) -> Any:
    kind = draw(st.sampled_from(sorted(GATES)))
    outputs = ["Y", "Y_h", "Y_c"][: 3 if kind == "LSTM" else 2]
    states = ["h", "zero h"] + (["c", "zero c"] if kind == "LSTM" else [])
    first = tuple(part for part in draw(st.sets(st.sampled_from(states))))
    first = tuple(part for part in first if not (part.startswith("zero") and part[-1] in first))
    steps = draw(st.integers(1, 4))
    reset = {"linear_before_reset": draw(st.integers(0, 1))} if kind == "GRU" else {}
    return recurrent_model(
        kind,
        steps=steps,
        batch=draw(st.integers(1, 3)),
        width=draw(st.integers(1, 5)),
        hidden=draw(st.integers(1, 5)),
        direction=draw(st.sampled_from(["forward", "reverse", "bidirectional"])),
        biases=draw(st.booleans()),
        first=first,
        wanted=tuple(sorted(draw(st.sets(st.sampled_from(outputs), min_size=1)))),
        lengths=draw(st.sampled_from([None, steps])),
        seed=draw(st.integers(0, 9)),
        **reset,
    )


@settings(max_examples=60)
@given(model=models())
def test_unrolled_it_computes_what_the_operator_does(model: Any) -> None:
    changed = rewritten(copied(model))
    kinds = {node.op_type for node in changed.graph.node}
    assert not kinds & GATES.keys()
    onnx.checker.check_model(changed)
    feeds = feeds_of(model)
    for expected, found in zip(run(model, feeds), run(changed, feeds), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def classifier(kind: str, **given: Any) -> Any:
    """The last H, flattened over directions, times a matrix."""
    model = recurrent_model(kind, steps=4, width=12, hidden=10, wanted=("Y_h",), **given)
    count = 2 if given.get("direction") == "bidirectional" else 1
    weights = np.random.default_rng(3).normal(size=(7, count * 10)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "V"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, -1], np.int64), "shape"))
    model.graph.node.extend(
        [
            helper.make_node("Transpose", ["Y_h"], ["turned"], name="turn", perm=[1, 0, 2]),
            helper.make_node("Reshape", ["turned", "shape"], ["flat"], name="flatten"),
            helper.make_node("Gemm", ["flat", "V"], ["classes"], name="classify", transB=1),
        ]
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("classes", FLOAT, [given.get("batch", 1), 7]))
    return model


def tagger(kind: str, *, batch: int = 1, bidirectional: bool = False) -> Any:
    """Two recurrent layers and a matrix over all time steps, time first, as PyTorch exports them."""
    generator, steps, width, hidden = np.random.default_rng(0), 5, 12, 8
    count = 2 if bidirectional else 1
    constants: list[Any] = []
    nodes: list[Any] = []

    def constant(name: str, array: Any) -> str:
        constants.append(numpy_helper.from_array(array, name))
        return name

    def drawn(name: str, *shape: int) -> str:
        return constant(name, (generator.normal(size=shape) * 0.5).astype(np.float32))

    last = "X"
    for layer in ("a", "b"):
        gates = GATES[kind] * hidden
        read = [drawn(f"{layer}W", count, gates, width), drawn(f"{layer}R", count, gates, hidden)]
        read.append(drawn(f"{layer}B", count, 2 * gates))
        direction = "bidirectional" if bidirectional else "forward"
        node = helper.make_node(
            kind, [last, *read], [f"{layer}Y"], name=layer, hidden_size=hidden, direction=direction
        )
        shape = constant(f"{layer}shape", np.array([0, 0, -1], np.int64))
        nodes += [
            node,
            helper.make_node("Transpose", [f"{layer}Y"], [f"{layer}T"], name=f"{layer}t", perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"{layer}T", shape], [f"{layer}Z"], name=f"{layer}z"),
        ]
        last, width = f"{layer}Z", count * hidden
    nodes.append(helper.make_node("MatMul", [last, drawn("V", width, 6)], ["tags"], name="tag"))
    inputs, outputs = (
        helper.make_tensor_value_info(name, FLOAT, [steps, batch, size])
        for name, size in (("X", 12), ("tags", 6))
    )
    graph = helper.make_graph(nodes, "tagger", [inputs], [outputs], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def imported(model: Any, inputs: int = 2) -> NetworkTrace:
    calibration = [feeds_of(model, seed) for seed in range(10, 16)]
    given = [feeds_of(model, seed) for seed in range(inputs)]
    return import_model(model, given, calibration, name="net", label="net.onnx")


KINDS = [
    ("LSTM", {}),
    ("LSTM", {"direction": "bidirectional"}),
    ("LSTM", {"batch": 2}),
    ("GRU", {}),
    ("GRU", {"linear_before_reset": 1, "direction": "reverse"}),
    ("RNN", {}),
]


@pytest.mark.parametrize(("kind", "given"), KINDS)
def test_products_are_those_of_onnxruntime_and_simulate(kind: str, given: dict[str, Any]) -> None:
    trace = imported(classifier(kind, **given))
    assert trace.inputs_count == 2 * given.get("batch", 1)
    if onnxruntime_is_exact():
        assert [row for row in compare_with_captured(trace) if row.largest_difference] == []
    result = simulate(trace, "both-skip-16x16")
    assert len(result.layer_results) == trace.inputs_count * len(trace.network.nodes)


def test_steps_share_their_weights_and_inputs_are_rows_of_one_product() -> None:
    trace = imported(classifier("LSTM"))
    layers = {n.layer.name: n for n in trace.network.nodes if isinstance(n, LayerNode)}
    assert trace.weighted_layers == ("cell/x", "cell/step1/h", "classify")
    assert [layers[f"cell/step{t}/h"].parameters_of for t in (2, 3)] == ["cell/step1/h"] * 2
    assert layers["cell/x"].layer.activation_shape == (2, 4, 1, 12)
    # The first step starts from zeros: it has no product.
    assert sum(n.layer.dense_macs for n in layers.values()) == 2 * (4 * 12 * 40 + 3 * 10 * 40 + 10 * 7)


def test_a_step_reads_its_own_row_and_the_state_of_the_step_before() -> None:
    trace = imported(classifier("LSTM"))
    steps = [n for n in trace.network.nodes if isinstance(n, Operation)]
    rows = layer_output(trace, "cell/x")
    assert [n.name for n in steps] == [f"cell/step{t}/hidden" for t in range(4)]
    assert [dict(zip(n.inputs, n.rows or (), strict=True))[rows] for n in steps] == [(t, 1) for t in range(4)]
    for before, step in pairwise(steps):
        assert before.output in step.inputs
        assert len(step.inputs) == 3
    # 40 gates of the inputs, 40 of the state, 10 of C: not the 160 of all rows.
    found = {r.name: r for r in simulate(trace, "dense-16x16").layer_results}
    assert found["cell/step2/hidden"].totals["activation_fetch_bytes"] == 90


def layer_output(trace: NetworkTrace, name: str) -> str:
    return next(n.output for n in trace.network.nodes if isinstance(n, LayerNode) and n.layer.name == name)


@pytest.mark.parametrize(
    ("kind", "given"), [("LSTM", {}), ("LSTM", {"bidirectional": True}), ("GRU", {"batch": 2})]
)
def test_layers_above_read_time_first_tensors_as_rows_of_a_batch(kind: str, given: dict[str, Any]) -> None:
    model = tagger(kind, **given)
    feeds = feeds_of(model)
    np.testing.assert_allclose(run(rewritten(copied(model)), feeds)[0], run(model, feeds)[0], atol=1e-5)
    trace = imported(model)
    tag = trace.layer("tag").layer
    assert tag.activation_shape == (2 * given.get("batch", 1), 5, 1, 16 if given.get("bidirectional") else 8)
    if onnxruntime_is_exact():
        assert [row for row in compare_with_captured(trace) if row.largest_difference] == []
    gathered = [n for n in trace.network.nodes if isinstance(n, Operation) and n.function == "QLinearConcat"]
    assert [len(n.inputs) for n in gathered] == [10 if given.get("bidirectional") else 5] * 2


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("LSTM", {"clip": 1.0}, "LSTM with clip"),
    ("LSTM", {"input_forget": 1}, "LSTM with input_forget"),
    ("LSTM", {"layout": 1}, "LSTM with layout 1"),
    ("GRU", {"activations": ["Sigmoid", "Relu"]}, "GRU with activations sigmoid, relu"),
    ("RNN", {"activation_alpha": [0.5]}, "RNN with activation_alpha"),
    ("LSTM", {"lengths": 2}, "LSTM with sequence lengths other than the 3 steps"),
]


@pytest.mark.parametrize(("kind", "given", "words"), REFUSED)
def test_what_is_not_supported_is_refused_by_name(kind: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ImportedModelError, match=rf"net\.onnx: node 'cell': {words}"):
        rewritten(recurrent_model(kind, **given), "net.onnx")


def test_peepholes_and_weights_that_are_computed_are_refused() -> None:
    model = recurrent_model("LSTM")
    model.graph.node[0].input.append("P")
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 15), np.float32), "P"))
    with pytest.raises(ImportedModelError, match="peepholes"):
        rewritten(model)
    model = recurrent_model("LSTM")
    model.graph.node.insert(0, helper.make_node("Neg", ["W"], ["negative"]))
    model.graph.node[1].input[1] = "negative"
    with pytest.raises(ImportedModelError, match="weights or biases that are no constants"):
        rewritten(model)


def test_a_length_of_time_that_is_not_known_is_refused() -> None:
    model = recurrent_model("LSTM")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "time"
    with pytest.raises(ImportedModelError, match="LSTM with an input whose sizes are not fixed"):
        rewritten(model)


def test_samples_may_have_a_leading_one_that_the_model_has_not() -> None:
    model = tagger("RNN")
    given = [feeds_of(model, seed)["X"] for seed in range(4)]
    bare, counted = (
        import_model(copied(model), samples, samples, name="net", label="net.onnx")
        for samples in (given, [array[None] for array in given])
    )
    assert bare.content_hash == counted.content_hash
