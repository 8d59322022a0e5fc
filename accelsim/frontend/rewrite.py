"""A float ONNX graph made ready for quantisation, its function unchanged.

- Constants that nodes compute or hold become initialisers.
- LSTM, GRU and RNN nodes are unrolled over their time steps (`accelsim.frontend.recurrent`).
- A layer of rows (N,T,C times a constant matrix) becomes a 1 x 1 convolution, so that its bias is an int32
  and its weights have a scale per output, as every other layer's.
- Padding of an image that only convolutions read becomes theirs.
"""

from typing import Any

import numpy as np

from accelsim.frontend.geometry import attributes_of
from accelsim.frontend.light import infer_shapes
from accelsim.frontend.recurrent import unroll

# What a network does to the outputs of a recurrent layer without leaving its order.
_KEEP_TIME = (
    "Add",
    "Dropout",
    "Identity",
    "Mul",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Squeeze",
    "Tanh",
    "Transpose",
)


def rewritten(model: Any, label: str = "model") -> Any:
    """A float model, changed in place; raises ImportedModelError if a recurrent node is not supported."""
    _hold_constants(model)
    infer_shapes(model)
    if recurrent := unroll(model, _shapes(model), label):
        infer_shapes(model)
    _rows_as_convolutions(model, _time_first(model, recurrent))
    _fold_padding(model)
    _drop_unread(model)
    return model


def stays_float(model: Any) -> list[str]:
    """Names of additions of constants (of a normalisation, say): they are parts of functions."""
    constants = {value.name for value in model.graph.initializer}
    return [
        node.name for node in model.graph.node if node.op_type == "Add" and constants.intersection(node.input)
    ]


def _hold_constants(model: Any) -> None:
    import onnx

    graph = model.graph
    held = {value.name: value for value in graph.initializer}
    for node in list(graph.node):
        tensor = None
        if node.op_type == "Constant":
            value = attributes_of(node).get("value")
            tensor = value if isinstance(value, onnx.TensorProto) else None
        elif node.op_type == "Identity" and node.input[0] in held:
            tensor = held[node.input[0]]
        if tensor is not None:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = node.output[0]
            graph.initializer.append(copy)
            held[copy.name] = copy
            graph.node.remove(node)


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    graph = model.graph
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.input, *graph.output)
    }


def _readers(model: Any) -> dict[str, list[Any]]:
    readers: dict[str, list[Any]] = {output.name: [None] for output in model.graph.output}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def _time_first(model: Any, recurrent: list[str]) -> set[str]:
    """Tensors T,N,C whose axis 0 is still the time of these T,directions,N,C."""
    shapes, found = _shapes(model), set(recurrent) - {""}
    for node in model.graph.node:
        given = found.intersection(node.input)
        stays = node.op_type != "Transpose" or attributes_of(node).get("perm", [1])[0] == 0
        if given and node.op_type in _KEEP_TIME and stays:
            length = shapes[given.pop()][0]
            found |= {name for name in node.output if shapes.get(name, (0,))[0] == length}
    return found


def _rows_as_convolutions(model: Any, time_first: set[str]) -> None:
    import onnx

    graph, shapes, readers = model.graph, _shapes(model), _readers(model)
    held = {value.name: value for value in graph.initializer}
    for index, node in enumerate(list(graph.node)):
        rows = node.op_type == "MatMul" and len(shapes.get(node.input[0], ())) == 3
        if not rows or node.input[1] not in held or len(held[node.input[1]].dims) != 2:
            continue
        label, last, bias = node.name or f"node{index}", node, None
        after = readers.get(node.output[0], [])
        if len(after) == 1 and after[0] is not None and after[0].op_type == "Add":
            other = [name for name in after[0].input if name != node.output[0]]
            if len(other) == 1 and other[0] in held and len(held[other[0]].dims) == 1:
                last, bias = after[0], other[0]
        matrix = onnx.numpy_helper.to_array(held[node.input[1]])
        weights = np.ascontiguousarray(matrix.T)[:, :, None, None]
        graph.initializer.append(onnx.numpy_helper.from_array(weights, f"{label}/weights"))
        graph.initializer.append(onnx.numpy_helper.from_array(np.array([3], np.int64), f"{label}/axis"))
        make = onnx.helper.make_node
        read, written = [f"{label}/{part}" for part in ("columns", "image")], f"{label}/made"
        turn, back = ([1, 2, 0], [2, 0, 1]) if node.input[0] in time_first else ([0, 2, 1], [0, 2, 1])
        convolved = [read[1], f"{label}/weights", *([bias] if bias else [])]
        nodes = [
            make("Transpose", [node.input[0]], [read[0]], name=f"{label}/turn", perm=turn),
            make("Unsqueeze", [read[0], f"{label}/axis"], [read[1]], name=f"{label}/widen"),
            make("Conv", convolved, [written], name=label, kernel_shape=[1, 1]),
            make("Squeeze", [written, f"{label}/axis"], [f"{written}/thin"], name=f"{label}/thin"),
            make("Transpose", [f"{written}/thin"], [last.output[0]], name=f"{label}/back", perm=back),
        ]
        place = list(graph.node).index(node)
        for offset, new in enumerate(nodes):
            graph.node.insert(place + offset, new)
        graph.node.remove(node)
        if last is not node:
            graph.node.remove(last)


def _fold_padding(model: Any) -> None:
    import onnx

    graph, readers = model.graph, _readers(model)
    held = {value.name: onnx.numpy_helper.to_array(value) for value in graph.initializer}
    for pad in [node for node in graph.node if node.op_type == "Pad"]:
        after = readers.get(pad.output[0], [])
        sides = held.get(pad.input[1]) if len(pad.input) > 1 else None
        fill = held.get(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
        constant = attributes_of(pad).get("mode", b"constant") == b"constant"
        if sides is None or sides.size != 8 or sides.min() < 0 or sides[[0, 1, 4, 5]].any():
            continue
        if not constant or fill is None or fill.any():
            continue
        if not after or any(node is None or not _is_plain_convolution(node, pad) for node in after):
            continue
        for node in after:
            attribute = next((a for a in node.attribute if a.name == "pads"), None)
            before = list(attribute.ints) if attribute else [0, 0, 0, 0]
            if attribute:
                node.attribute.remove(attribute)
            more = [int(side) for side in sides[[2, 3, 6, 7]]]
            node.attribute.append(
                onnx.helper.make_attribute("pads", [a + b for a, b in zip(before, more, strict=True)])
            )
            node.input[0] = pad.input[0]
        graph.node.remove(pad)


def _is_plain_convolution(node: Any, pad: Any) -> bool:
    explicit = attributes_of(node).get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    return bool(node.op_type == "Conv" and explicit and list(node.input).count(pad.output[0]) == 1)


def _drop_unread(model: Any) -> None:
    read = {name for node in model.graph.node for name in node.input}
    for value in list(model.graph.initializer):
        if value.name not in read:
            model.graph.initializer.remove(value)
