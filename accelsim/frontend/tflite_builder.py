"""An ONNX graph under construction from a TensorFlow Lite graph: names, constants, activations, scales.

Tensors of four dimensions turn from N,H,W,C into N,C,H,W; others keep their layout.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from accelsim.errors import ImportedModelError
from accelsim.frontend.tflite_file import Array, TfliteGraph, TfliteOperator, TfliteTensor

NCHW = (0, 3, 1, 2)
NHWC = (0, 2, 3, 1)
# The schema's ActivationFunctionType: RELU, RELU_N1_TO_1, RELU6, and what they clip to.
ACTIVATIONS: dict[int, tuple[float, float | None]] = {1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}


class Builder:
    """Collects nodes and initialisers; each float tensor of the graph has one name."""

    def __init__(self, graph: TfliteGraph) -> None:
        self.graph = graph
        self.nodes: list[Any] = []
        self.initialisers: list[Any] = []
        self.constants: dict[int, Array] = {
            i: t.constant for i, t in enumerate(graph.tensors) if t.constant is not None
        }
        self.names = unique_names(graph.tensors)
        # Tensors that were an H,W,C map and are kept flattened channel first.
        self.flattened: dict[int, tuple[int, int, int]] = {}
        self.readers: dict[int, list[TfliteOperator]] = {}
        for operator in graph.operators:
            for tensor in operator.inputs:
                self.readers.setdefault(tensor, []).append(operator)
        self._known: set[str] = set()

    def wrong(self, operator: TfliteOperator, why: str) -> ImportedModelError:
        """An error that names the file and the operator."""
        return ImportedModelError(f"{self.graph.label}: operator {operator.index}, {operator.kind}: {why}")

    def tensor(self, index: int) -> TfliteTensor:
        """The file's tensor."""
        return self.graph.tensors[index]

    def shape(self, index: int) -> tuple[int, ...]:
        """A tensor's shape in the ONNX graph."""
        shape = self.tensor(index).shape
        if index in self.flattened or len(shape) != 4:
            return shape
        return tuple(shape[axis] for axis in NCHW)

    def value(self, operator: TfliteOperator, index: int) -> Array:
        """A constant in its own layout; raises ImportedModelError if the tensor is none."""
        if index not in self.constants:
            raise self.wrong(operator, f"{self.tensor(index).name!r} must be a constant")
        return self.constants[index]

    def constant(self, name: str, values: Array) -> str:
        """An initialiser, written once."""
        import onnx

        if name not in self._known:
            self._known.add(name)
            self.initialisers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def parameter(self, index: int, values: Array, name: str, axis: int) -> str:
        """A constant as float: float values, or integers behind a DequantizeLinear along `axis`."""
        tensor = self.tensor(index)
        if not len(tensor.scales):
            return self.constant(name, values.astype(np.float32))
        if name not in self._known:
            scale, zero = tensor.scales, tensor.zero_points.astype(values.dtype)
            one = len(scale) == 1
            parts = [
                self.constant(f"{name}/q", values),
                self.constant(f"{name}/scale", scale.reshape(()) if one else scale),
                self.constant(f"{name}/zero", zero.reshape(()) if one else zero),
            ]
            self.node(
                "DequantizeLinear", parts, name, f"{name}/dequantize", **({} if one else {"axis": axis})
            )
            self._known.add(name)
        return name

    def read(self, index: int, rank: int) -> str:
        """An input of an elementwise operator whose result has `rank` dimensions."""
        if index not in self.constants:
            return self.names[index]
        values = self.constants[index]
        if rank == 4:  # dimensions are counted from the last, which is the channels
            values = values.reshape((1,) * (4 - values.ndim) + values.shape).transpose(NCHW)
        return self.parameter(index, values, f"{self.names[index]}/as{rank}", 0)

    def node(self, kind: str, inputs: Sequence[str], output: str, name: str, **attributes: Any) -> None:
        """One ONNX node."""
        import onnx

        self.nodes.append(onnx.helper.make_node(kind, list(inputs), [output], name=name, **attributes))

    def input(self, index: int) -> Any:
        """A graph input, always given in float; returns its onnx.ValueInfoProto."""
        import onnx

        tensor, name = self.tensor(index), self.names[index]
        given = f"{name}/given" if len(tensor.scales) else name
        if len(tensor.scales):
            self.quantised(index, given)
        return onnx.helper.make_tensor_value_info(given, onnx.TensorProto.FLOAT, self.shape(index))

    def emit(self, operator: TfliteOperator, kind: str, inputs: Sequence[str], **attributes: Any) -> None:
        """A node, its fused activation, and the quantisation of what it writes."""
        index = operator.outputs[0]
        name, label = self.names[index], f"{operator.index:03d}_{operator.kind.lower()}"
        fused = getattr(operator.options, "FusedActivationFunction", lambda: 0)()
        if fused and fused not in ACTIVATIONS:
            raise self.wrong(operator, f"fused activation {fused} is not supported")
        bounds = ACTIVATIONS[fused] if fused and not self._saturates(index, fused) else None
        quantised = bool(len(self.tensor(index).scales))
        written = f"{name}/real" if quantised else name
        first = f"{name}/before_activation" if bounds else written
        self.node(kind, inputs, first, label, **attributes)
        if bounds:
            self._bounded(first, written, bounds, f"{label}/activation")
        if quantised:
            self.quantised(index, written)

    def _saturates(self, index: int, fused: int) -> bool:
        """Whether the 8-bit range of a tensor lies within its activation's bounds already."""
        tensor = self.tensor(index)
        if len(tensor.scales) != 1 or tensor.dtype not in ("int8", "uint8"):
            return False
        low, high = ACTIVATIONS[fused]
        limits = np.iinfo(tensor.dtype)
        scale, zero = float(tensor.scales[0]), int(tensor.zero_points[0])
        least, most = (limits.min - zero) * scale, (limits.max - zero) * scale
        return least >= low - scale / 2 and (high is None or most <= high + scale / 2)

    def _bounded(self, read: str, written: str, bounds: tuple[float, float | None], label: str) -> None:
        low, high = bounds
        if high is None:
            self.node("Relu", [read], written, label)
            return
        limits = [self.constant(f"bound {value:g}", np.array(value, np.float32)) for value in (low, high)]
        self.node("Clip", [read, *limits], written, label)

    def quantised(self, index: int, real: str) -> None:
        """From the float tensor `real` to the quantised tensor of this index and back."""
        tensor, name = self.tensor(index), self.names[index]
        if len(tensor.scales) != 1 or tensor.dtype not in ("int8", "uint8"):
            raise ImportedModelError(
                f"{self.graph.label}: tensor {index} {tensor.name!r}: activations must be int8 or uint8 with "
                f"one scale, not {tensor.dtype} with {len(tensor.scales)}"
            )
        parts = [
            self.constant(f"{name}/scale", tensor.scales.reshape(())),
            self.constant(f"{name}/zero", tensor.zero_points.astype(tensor.dtype).reshape(())),
        ]
        self.node("QuantizeLinear", [real, *parts], f"{name}/q", f"{name}/quantize")
        self.node("DequantizeLinear", [f"{name}/q", *parts], name, f"{name}/dequantize")


def unique_names(tensors: Sequence[TfliteTensor]) -> list[str]:
    """The first of the names that a converter joined by semicolons, numbered where it is not the only one."""
    names: list[str] = []
    taken: set[str] = set()
    for index, tensor in enumerate(tensors):
        short = tensor.name.split(";")[0]
        name = short if short not in taken else f"{short}#{index}"
        taken.add(name)
        names.append(name)
    return names
