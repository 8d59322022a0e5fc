"""Recurrent layers: unrolled they compute what onnxruntime's own operators do, and run step by step."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from accelsim.frontend.rewrite import rewritten

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
    changed = rewritten(model)
    kinds = {node.op_type for node in changed.graph.node}
    assert not kinds & GATES.keys()
    onnx.checker.check_model(changed)
    feeds = feeds_of(model)
    for expected, found in zip(run(model, feeds), run(changed, feeds), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
