"""The pruned detector, tensor by tensor, against the interpreter of its own format."""

import warnings

import numpy as np
import pytest

from accelsim import zoo
from accelsim.frontend.quantise import captured
from accelsim.frontend.tflite_file import read_tflite
from accelsim.frontend.tflite_operators import translate

NAME = "pose-detection"


@pytest.mark.network
def test_every_output_and_every_layer_is_the_interpreters() -> None:
    """A wrong range of the input hardly changes the score, and changes these by far more than rounding."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    path, recipe = zoo.fetch(NAME)["model"], zoo.recipe(NAME)
    image = zoo.network_input(recipe.photographs[0], recipe.preprocessing)
    graph = read_tflite(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = interpreter.Interpreter(
            str(path),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    theirs.allocate_tensors()
    theirs.set_tensor(theirs.get_input_details()[0]["index"], image.transpose(0, 2, 3, 1))
    theirs.invoke()
    model, left_out = translate(graph)
    assert left_out == []
    ours = captured(model, [image], NAME)
    compared = 0
    for operator in graph.operators:
        index = operator.outputs[0]
        if operator.kind == "DENSIFY":
            # Sparse weights: ours were made dense without the interpreter.
            np.testing.assert_array_equal(
                graph.tensors[operator.inputs[0]].constant, theirs.get_tensor(index)
            )
        if operator.kind in ("DENSIFY", "DEQUANTIZE"):
            continue
        wanted = theirs.get_tensor(index)
        found = ours[zoo_name(graph.tensors, index)]
        found = found.transpose(0, 2, 3, 1) if found.ndim == 4 else found
        np.testing.assert_allclose(found, wanted, atol=1e-5 * max(np.abs(wanted).max(), 1), rtol=1e-4)
        compared += 1
    assert compared == 109
    outputs = {theirs.get_tensor(d["index"]).shape for d in theirs.get_output_details()}
    assert outputs == {(1, 2254, 12), (1, 2254, 1)}
    logits = theirs.get_tensor(next(i for i in graph.outputs if graph.tensors[i].shape[-1] == 1))
    assert zoo.float_answers(NAME) == pytest.approx([1 / (1 + np.exp(-float(logits.max())))], abs=1e-5)


def zoo_name(tensors: object, index: int) -> str:
    from accelsim.frontend.tflite_builder import unique_names

    return unique_names(tensors)[index]  # type: ignore[arg-type]


@pytest.mark.network
def test_the_files_sparse_layers_keep_their_zeros() -> None:
    trace = zoo.build(NAME)
    graph = read_tflite(zoo.fetch(NAME)["model"])
    sparse = [o.index for o in graph.operators if o.kind == "DENSIFY"]
    assert len(sparse) == 38
    densities = [float(np.mean(trace.layer(n).weights != 0)) for n in trace.layers]
    assert sum(abs(d - 0.25) < 0.01 for d in densities) >= 38
