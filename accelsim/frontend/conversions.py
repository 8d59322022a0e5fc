"""ONNX nodes as layers of the array and as operations that the datapath computes.

A conversion returns False if its node is none of these; it may then be part of a function.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from accelsim.errors import ImportedModelError
from accelsim.frontend.geometry import padding, pair, pool_window
from accelsim.frontend.graph import Array
from accelsim.frontend.movements import moved
from accelsim.frontend.reading import GraphReader
from accelsim.network import Layer, LayerNode
from accelsim.trace import LayerParameters

Attributes = dict[str, Any]


def find_heads(reader: GraphReader) -> None:
    """Products of two activations lay their tensors out by head."""
    for node in reader.model.graph.node:
        if node.op_type == "QLinearMatMul" and node.input[3] not in reader.constants:
            for tensor in (node.input[0], node.input[3], node.output[0]):
                if tensor in reader.captured and reader.captured[tensor].ndim in (3, 4):
                    reader.layouts[tensor] = "heads"


def _convolution(reader: GraphReader, node: Any, attributes: Attributes, label: str) -> bool:
    filters = reader.constant(node.input[3], label)
    if filters.ndim != 4:
        raise reader.wrong(label, f"only 2-D convolutions are supported, not weights {filters.shape}")
    source, target = reader.read(node.input[0], label), reader.write(node.output[0], label)
    weights = filters.transpose(0, 2, 3, 1)
    n, h, width, c = reader.infos[source].shape
    kernel = (weights.shape[1], weights.shape[2])
    where = reader.where(label)
    stride, dilation = pair(attributes, "strides", where), pair(attributes, "dilations", where)
    layer = Layer(
        name=label,
        batch=n,
        input_height=h,
        input_width=width,
        channels=c,
        filters=weights.shape[0],
        kernel=kernel,
        stride=stride,
        padding=padding(attributes, (h, width), kernel, stride, dilation, where),
        dilation=dilation,
        groups=int(attributes.get("group", 1)),
    )
    _layer(reader, layer, source, target, weights, node, node.input[8:9])
    return True


def _fully_connected(reader: GraphReader, node: Any, attributes: Attributes, label: str) -> bool:
    bias: list[str] = []
    if node.op_type == "QGemm":
        bias = list(node.input[6:7])
        scaled = attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0
        if attributes.get("transA", 0) or scaled or len(node.input) < 9:
            raise reader.wrong(label, "Gemm must be y = x B + c with an 8-bit y")
    elif node.input[3] not in reader.constants:
        return _product(reader, node, label)
    matrix = reader.constant(node.input[3], label)
    if matrix.ndim != 2:
        raise reader.wrong(label, f"weights {matrix.shape} are no matrix")
    matrix = matrix if attributes.get("transB", 0) else matrix.T
    source, target = reader.read(node.input[0], label), reader.write(node.output[0], label)
    n, h, w, c = reader.infos[source].shape
    rows = reader.captured[node.input[0]].ndim == 3 or reader.infos[target].shape[1] == h > 1
    size = (1, 1) if rows else (h, w)
    if matrix.shape[1] != size[0] * size[1] * c:
        raise reader.wrong(label, f"weights {matrix.T.shape} do not fit the input {(n, h, w, c)}")
    # An image is flattened channel first: its kernel is the image, so that nothing is reordered.
    weights = matrix.reshape(-1, c, *size).transpose(0, 2, 3, 1)
    layer = Layer(
        name=label,
        kind="fully_connected",
        batch=n,
        input_height=h,
        input_width=w,
        channels=c,
        filters=weights.shape[0],
        kernel=size,
    )
    _layer(reader, layer, source, target, weights, node, bias)
    return True


def _product(reader: GraphReader, node: Any, label: str) -> bool:
    """A product of two activations, a group per head: the second takes the weights' place."""
    a, b = reader.captured[node.input[0]], reader.captured[node.input[3]]
    if a.ndim != b.ndim or a.ndim not in (3, 4) or a.shape[:-2] != b.shape[:-2]:
        raise reader.wrong(label, f"a product of activations {a.shape} and {b.shape} is not supported")
    heads = a.shape[1] if a.ndim == 4 else 1
    source = reader.read(node.input[0], label)
    # Either layout of the second is right; one of them may be a tensor that is there already.
    second = reader.read_first(node.input[3], ("heads", "heads transposed"), label)
    by_columns = reader.layouts.get(node.input[3]) == "heads"
    target = reader.write(node.output[0], label)
    n, rows, _, channels = reader.infos[source].shape
    layer = Layer(
        name=label,
        kind="matrix_product",
        batch=n,
        input_height=rows,
        channels=channels,
        filters=heads * b.shape[-1],
        groups=heads,
    )
    reader.nodes.append(
        LayerNode(
            layer=layer,
            input=source,
            output=target,
            relu=_saturates(reader, target),
            second=second,
            second_by_columns=by_columns or None,
        )
    )
    return True


def _layer(
    reader: GraphReader, layer: Layer, source: str, target: str, weights: Array, node: Any, bias: list[str]
) -> None:
    named = (*node.input[3:6], *bias)
    shared = reader.shared.setdefault((*named, layer.weight_shape), layer.name)
    if shared == layer.name:
        _, scale, zero = (reader.constant(part, layer.name) for part in node.input[3:6])
        reader.parameters[layer.name] = LayerParameters(
            weights=np.ascontiguousarray(weights),
            weight_zero_points=np.broadcast_to(zero.astype(np.int32), layer.filters).copy(),
            weight_scales=np.broadcast_to(scale.astype(np.float32), layer.filters).copy(),
            bias=reader.constant(bias[0], layer.name).astype(np.int32).ravel() if bias and bias[0] else None,
        )
    reader.nodes.append(
        LayerNode(
            layer=layer,
            input=source,
            output=target,
            relu=_saturates(reader, target),
            parameters_of=shared if shared != layer.name else None,
        )
    )


def _saturates(reader: GraphReader, target: str) -> bool:
    """onnxruntime fuses a ReLU into the saturation of an output whose zero point is its lowest value."""
    info = reader.infos[target]
    return bool(info.zero_point == np.iinfo(info.dtype).min)


def _addition(reader: GraphReader, node: Any, _: Attributes, label: str) -> bool:
    a, b = node.input[0], node.input[3]
    if {a, b} & reader.constants.keys() or reader.captured[a].shape != reader.captured[b].shape:
        return False
    if (reader.resolve(a) in reader.layouts) != (reader.resolve(b) in reader.layouts):
        return False
    reader.add(
        "add", label, [reader.read(a, label), reader.read(b, label)], reader.write(node.output[0], label)
    )
    return True


def _concatenation(reader: GraphReader, node: Any, attributes: Attributes, label: str) -> bool:
    parts = list(node.input[2::3])
    image = reader.captured[node.output[0]].ndim == 4
    if set(parts) & reader.constants.keys() or not image or attributes.get("axis") != 1:
        return False
    read = [reader.read(part, label) for part in parts]
    reader.add("concatenate", label, read, reader.write(node.output[0], label))
    return True


def _max_pool(reader: GraphReader, node: Any, attributes: Attributes, label: str) -> bool:
    return _pool(reader, "max_pool", node, attributes, label)


def _average_pool(reader: GraphReader, node: Any, attributes: Attributes, label: str) -> bool:
    if attributes.get("count_include_pad", 0) and any(attributes.get("pads", ())):
        return False
    return _pool(reader, "average_pool", node, attributes, label)


def _pool(reader: GraphReader, kind: Any, node: Any, attributes: Attributes, label: str) -> bool:
    if not reader.quantised(node.input[0]) or reader.captured[node.input[0]].ndim != 4:
        return False
    rows, columns = reader.captured[node.input[0]].shape[2:]
    try:
        window = pool_window(attributes, (rows, columns), reader.where(label))
    except ImportedModelError:
        return False
    source = reader.read(node.input[0], label)
    reader.add(kind, label, [source], reader.write(node.output[0], label), **window)
    return True


def _global_average_pool(reader: GraphReader, node: Any, _: Attributes, label: str) -> bool:
    source = reader.read(node.input[0], label)
    reader.add("global_average_pool", label, [source], reader.write(node.output[0], label))
    return True


def _move(reader: GraphReader, node: Any, attributes: Attributes, label: str) -> bool:
    if not reader.quantised(node.input[0]) or reader.captured[node.input[0]].ndim != 4:
        return False
    source = reader.resolve(node.input[0])
    return source in reader.infos and moved(reader, node, attributes, label, source, node.output[0])


CONVERSIONS: dict[str, Callable[[GraphReader, Any, Attributes, str], bool]] = {
    "QLinearConv": _convolution,
    "QGemm": _fully_connected,
    "QLinearMatMul": _fully_connected,
    "QLinearAdd": _addition,
    "QLinearConcat": _concatenation,
    "MaxPool": _max_pool,
    "DepthToSpace": _move,
    "Resize": _move,
    "Pad": _move,
    "QLinearAveragePool": _average_pool,
    "QLinearGlobalAveragePool": _global_average_pool,
}
