"""TensorFlow Lite operators as ONNX nodes: one function an operator, and the walk over a graph."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from accelsim.errors import ImportedModelError
from accelsim.frontend.geometry import padding
from accelsim.frontend.tflite_builder import NCHW, NHWC, Builder
from accelsim.frontend.tflite_file import TfliteGraph, TfliteOperator

_OPSET = 17
_ONE_TO_ONE = {
    "LOGISTIC": "Sigmoid",
    "TANH": "Tanh",
    "HARD_SWISH": "HardSwish",
    "RELU": "Relu",
    "MUL": "Mul",
    "SUB": "Sub",
    "DIV": "Div",
    "ADD": "Add",
    "MAXIMUM": "Max",
    "MINIMUM": "Min",
}


def translate(graph: TfliteGraph) -> tuple[Any, list[str]]:
    """An onnx.ModelProto, and the operators that have no place in it: custom ones, and what reads those.

    Raises
    ------
    ImportedModelError
        At the first operator that is not supported.
    """
    build = Builder(graph)
    inputs = [build.input(index) for index in graph.inputs]
    available = {*graph.inputs, *build.constants, -1}
    left_out: list[TfliteOperator] = []
    for operator in graph.operators:
        if operator.kind.startswith("CUSTOM") or not available.issuperset(operator.inputs):
            left_out.append(operator)
            continue
        try:
            _translate(build, operator)
        except ImportedModelError:
            raise
        except Exception as error:  # options and shapes of a damaged file: any kind of error
            raise build.wrong(operator, f"does not fit its tensors: {error}") from error
        available.update(operator.outputs)
    ends = [*graph.outputs, *(i for operator in left_out for i in operator.inputs)]
    made = available - build.constants.keys() - {-1}
    model = _model(build, inputs, [i for i in dict.fromkeys(ends) if i in made])
    return model, [f"{operator.kind} (operator {operator.index})" for operator in left_out]


def _translate(build: Builder, operator: TfliteOperator) -> None:
    if operator.kind in _OPERATORS:
        _OPERATORS[operator.kind](build, operator)
    elif operator.kind in _ONE_TO_ONE:
        rank = len(build.tensor(operator.outputs[0]).shape)
        read = [build.read(i, rank) for i in operator.inputs]
        build.emit(operator, _ONE_TO_ONE[operator.kind], read)
    else:
        raise build.wrong(operator, "is not supported")


def _model(build: Builder, inputs: list[Any], ends: list[int]) -> Any:
    import onnx

    outputs = [
        onnx.helper.make_tensor_value_info(build.names[i], onnx.TensorProto.FLOAT, build.shape(i))
        for i in ends
    ]
    graph = onnx.helper.make_graph(build.nodes, "translated", inputs, outputs, build.initialisers)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", _OPSET)])
    model.ir_version = 10
    return model


def _window(build: Builder, operator: TfliteOperator, kernel: tuple[int, int]) -> dict[str, Any]:
    """Strides, dilations and pads of a convolution or a pool."""
    options, shape = operator.options, build.tensor(operator.inputs[0]).shape
    if len(shape) != 4:
        raise build.wrong(operator, f"input of shape {shape}")
    strides = (options.StrideH(), options.StrideW())
    dilations = (1, 1)
    if hasattr(options, "DilationHFactor"):
        dilations = (options.DilationHFactor(), options.DilationWFactor())
    if min(strides) < 1 or min(dilations) < 1:
        raise build.wrong(operator, f"strides {strides}, dilations {dilations}")
    how = {"auto_pad": b"SAME_UPPER" if options.Padding() == 0 else b"VALID"}
    pads = padding(how, (shape[1], shape[2]), kernel, strides, dilations, build.graph.label)
    window: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    return window if dilations == (1, 1) else window | {"dilations": dilations}


def _bias(build: Builder, operator: TfliteOperator) -> list[str]:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return []
    index = operator.inputs[2]
    return [build.parameter(index, build.value(operator, index), build.names[index], 0)]


def _convolution(build: Builder, operator: TfliteOperator) -> None:
    data, index = operator.inputs[:2]
    weights = build.value(operator, index)
    channels = build.tensor(data).shape[-1]
    if weights.ndim != 4 or channels % weights.shape[3]:
        raise build.wrong(operator, f"weights {weights.shape} on {channels} channels")
    kernel = (weights.shape[1], weights.shape[2])
    name = build.parameter(index, weights.transpose(NCHW), f"{build.names[index]}/channel_second", 0)
    window = _window(build, operator, kernel)
    read = [build.names[data], name, *_bias(build, operator)]
    build.emit(operator, "Conv", read, group=channels // weights.shape[3], **window)


def _depthwise(build: Builder, operator: TfliteOperator) -> None:
    data, index = operator.inputs[:2]
    weights = build.value(operator, index)
    channels = build.tensor(data).shape[-1]
    if weights.ndim != 4 or weights.shape[0] != 1 or weights.shape[3] % channels:
        raise build.wrong(operator, f"weights {weights.shape} on {channels} channels")
    kernel = (weights.shape[1], weights.shape[2])
    # 1,R,S,K becomes K,1,R,S: its channels are now its filters, axis 0.
    name = build.parameter(index, weights.transpose(3, 0, 1, 2), f"{build.names[index]}/depthwise", 0)
    window = _window(build, operator, kernel)
    build.emit(operator, "Conv", [build.names[data], name, *_bias(build, operator)], group=channels, **window)


def _fully_connected(build: Builder, operator: TfliteOperator) -> None:
    data, index = operator.inputs[:2]
    weights = build.value(operator, index)
    shape = build.tensor(data).shape
    name, read = f"{build.names[index]}/transposed", build.names[data]
    if weights.ndim != 2:
        raise build.wrong(operator, f"weights {weights.shape}")
    of_map = build.flattened.get(data) or (shape[1:] if len(shape) == 4 else None)
    if of_map:  # the input is kept channel first, so the weights follow it
        if prod(of_map) != weights.shape[1]:
            raise build.wrong(operator, f"weights {weights.shape} on a map {of_map}")
        weights = weights.reshape(-1, *of_map).transpose(NCHW).reshape(weights.shape)
        name += " from a map"
    if len(shape) == 4:
        flat = f"{read}/flat for {operator.index}"
        build.node("Flatten", [read], flat, f"{operator.index:03d}_flatten", axis=1)
        read = flat
    if len(shape) == 3 and len(build.tensor(operator.outputs[0]).shape) == 3:
        raise build.wrong(operator, f"input of shape {shape}")
    parameter = build.parameter(index, weights, name, 0)
    build.emit(operator, "Gemm", [read, parameter, *_bias(build, operator)], transB=1)


def _pool(build: Builder, operator: TfliteOperator) -> None:
    kernel = (operator.options.FilterHeight(), operator.options.FilterWidth())
    window = _window(build, operator, kernel)
    kind = "MaxPool" if operator.kind == "MAX_POOL_2D" else "AveragePool"
    build.emit(operator, kind, [build.names[operator.inputs[0]]], **window)


def _mean(build: Builder, operator: TfliteOperator) -> None:
    data, index = operator.inputs
    axes = sorted(int(a) % 4 for a in np.atleast_1d(build.value(operator, index)))
    if len(build.tensor(data).shape) != 4 or axes != [1, 2]:
        raise build.wrong(
            operator, f"over axes {axes} of {build.tensor(data).shape}; only images are averaged"
        )
    keeps = len(build.tensor(operator.outputs[0]).shape) == 4
    build.emit(operator, "ReduceMean", [build.names[data]], axes=[2, 3], keepdims=int(keeps))


def _pad(build: Builder, operator: TfliteOperator) -> None:
    data, index = operator.inputs[:2]
    sides = build.value(operator, index)
    rank = len(build.tensor(data).shape)
    if sides.shape != (rank, 2):
        raise build.wrong(operator, f"paddings {sides.shape} of {rank} dimensions")
    if rank == 4:
        sides = sides[list(NCHW)]
    pads = build.constant(f"{build.names[index]}/pads{rank}", sides.T.reshape(-1).astype(np.int64))
    fill = []
    if operator.kind == "PADV2":
        value = operator.inputs[2]
        fill = [build.parameter(value, build.value(operator, value).reshape(()), build.names[value], 0)]
    build.emit(operator, "Pad", [build.names[data], pads, *fill])


def _resize(build: Builder, operator: TfliteOperator) -> None:
    data, options = operator.inputs[0], operator.options
    bilinear = operator.kind == "RESIZE_BILINEAR"
    if options.AlignCorners():
        how = "align_corners"
    else:
        how = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
    sizes = build.constant(
        f"{build.names[operator.outputs[0]]}/sizes", np.array(build.shape(operator.outputs[0]), np.int64)
    )
    # Nearest with half pixel centres is floor((x + 0.5) scale), which ONNX calls rounding.
    rounding = {} if bilinear else {"nearest_mode": "floor" if how == "asymmetric" else "round_prefer_ceil"}
    build.emit(
        operator,
        "Resize",
        [build.names[data], "", "", sizes],
        mode="linear" if bilinear else "nearest",
        coordinate_transformation_mode=how,
        **rounding,
    )


def _depth_to_space(build: Builder, operator: TfliteOperator) -> None:
    block = operator.options.BlockSize()
    build.emit(operator, "DepthToSpace", [build.names[operator.inputs[0]]], blocksize=block, mode="DCR")


def _concatenate(build: Builder, operator: TfliteOperator) -> None:
    rank = len(build.tensor(operator.outputs[0]).shape)
    axis = operator.options.Axis() % rank
    axis = (0, 2, 3, 1)[axis] if rank == 4 else axis
    build.emit(operator, "Concat", [build.read(i, rank) for i in operator.inputs], axis=axis)


def _reshape(build: Builder, operator: TfliteOperator) -> None:
    """In the file's channel-last order, or without moving where only fully connected layers read it."""
    data, target = operator.inputs[0], operator.outputs[0]
    shape, wanted = build.tensor(data).shape, build.tensor(target).shape
    if prod(shape) != prod(wanted):
        raise build.wrong(operator, f"from {shape} to {wanted}")
    read, label = build.names[data], f"{operator.index:03d}_{operator.kind.lower()}"
    readers = build.readers.get(target, [])
    flat = len(shape) == 4 and wanted == (shape[0], prod(shape[1:]))
    if flat and readers and all(reader.kind == "FULLY_CONNECTED" for reader in readers):
        build.flattened[target] = (shape[1], shape[2], shape[3])
    elif len(shape) == 4 and shape[1:3] != (1, 1):
        moved = f"{read}/channel_last for {operator.index}"
        build.node("Transpose", [read], moved, f"{label}/channel_last", perm=NHWC)
        read = moved
    if len(wanted) == 4 and wanted[1:3] != (1, 1):
        sizes = build.constant(f"{build.names[target]}/shape", np.array(wanted, np.int64))
        made = f"{build.names[target]}/channel_last"
        build.node("Reshape", [read, sizes], made, f"{label}/reshape")
        build.emit(operator, "Transpose", [made], perm=NCHW)
        return
    sizes = build.constant(f"{build.names[target]}/shape", np.array(build.shape(target), np.int64))
    build.emit(operator, "Reshape", [read, sizes])


def _softmax(build: Builder, operator: TfliteOperator) -> None:
    if operator.options.Beta() != 1.0:
        raise build.wrong(operator, f"beta {operator.options.Beta()}")
    rank = len(build.tensor(operator.inputs[0]).shape)
    build.emit(operator, "Softmax", [build.names[operator.inputs[0]]], axis=1 if rank == 4 else -1)


def _prelu(build: Builder, operator: TfliteOperator) -> None:
    rank = len(build.tensor(operator.outputs[0]).shape)
    build.emit(operator, "PRelu", [build.read(i, rank) for i in operator.inputs])


def _clip(build: Builder, operator: TfliteOperator) -> None:
    low, high = (0.0, 6.0) if operator.kind == "RELU6" else (-1.0, 1.0)
    bounds = [build.constant(f"bound {value:g}", np.array(value, np.float32)) for value in (low, high)]
    build.emit(operator, "Clip", [build.names[operator.inputs[0]], *bounds])


def _copy(build: Builder, operator: TfliteOperator) -> None:
    """To float, from float, or from sparse: nothing is computed; constants stay constants."""
    data, target = operator.inputs[0], operator.outputs[0]
    if data not in build.constants:
        build.emit(operator, "Identity", [build.names[data]])
        return
    if len(build.tensor(data).scales):
        raise build.wrong(operator, "of a quantised constant")
    build.constants[target] = build.constants[data]


_OPERATORS: dict[str, Callable[[Builder, TfliteOperator], None]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "MEAN": _mean,
    "PAD": _pad,
    "PADV2": _pad,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "DEPTH_TO_SPACE": _depth_to_space,
    "CONCATENATION": _concatenate,
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "EXPAND_DIMS": _reshape,
    "SOFTMAX": _softmax,
    "PRELU": _prelu,
    "RELU6": _clip,
    "RELU_N1_TO_1": _clip,
    "QUANTIZE": _copy,
    "DEQUANTIZE": _copy,
    "DENSIFY": _copy,
}
