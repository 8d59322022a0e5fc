"""onnx's converter and shape inference on a model without its large tensors, which they copy several times.

A large initialiser stands among the inputs of the light model: its type and shape are all that they need.
"""

from collections.abc import Iterator
from typing import Any

_SMALL_ELEMENTS = 1024  # shapes, axes, scalars: constants whose values decide shapes


def infer_shapes(model: Any) -> None:
    """Fill in the shapes of a model's tensors, in place."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(_light(model))
    for part in ("value_info", "output"):
        _replace(getattr(model.graph, part), getattr(inferred.graph, part))


def convert_version(model: Any, opset: int) -> None:
    """Make a model one of another opset, in place."""
    import onnx

    converted = onnx.version_converter.convert_version(_light(model), opset)
    had = {value.name for value in model.graph.initializer}
    model.graph.initializer.extend(v for v in converted.graph.initializer if v.name not in had)
    for part in ("node", "value_info", "output"):
        _replace(getattr(model.graph, part), getattr(converted.graph, part))
    _replace(model.opset_import, converted.opset_import)


def _light(model: Any) -> Any:
    """A copy of a model whose large initialisers are inputs."""
    import onnx

    graph, light = model.graph, onnx.ModelProto()
    for part in ("ir_version", "producer_name", "model_version"):
        setattr(light, part, getattr(model, part))
    light.opset_import.extend(model.opset_import)
    light.functions.extend(model.functions)
    light.graph.name = graph.name
    for part in ("node", "input", "output", "value_info"):
        getattr(light.graph, part).extend(getattr(graph, part))
    light.graph.initializer.extend(v for v in graph.initializer if not _is_large(v))
    known = {value.name for value in graph.input}
    light.graph.input.extend(
        onnx.helper.make_tensor_value_info(v.name, v.data_type, list(v.dims))
        for v in _large(graph)
        if v.name not in known
    )
    return light


def _large(graph: Any) -> Iterator[Any]:
    return (value for value in graph.initializer if _is_large(value))


def _is_large(value: Any) -> bool:
    elements = 1
    for size in value.dims:
        elements *= size
    return elements > _SMALL_ELEMENTS


def _replace(old: Any, new: Any) -> None:
    del old[:]
    old.extend(new)
