"""A quantised ONNX graph (QOperator) and its captured tensors become a Network and its parameters.

Tensors turn from N,C,H,W into N,H,W,C; weights from K,C,R,S into K,R,S,C. A fully connected layer on a
flattened H x W map is a convolution whose kernel is the map, so nothing is reordered behind a user's back.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import ImportedModelError
from accelsim.frontend.geometry import attributes_of, padding, pair, pool_window
from accelsim.network import Layer, LayerNode, Network, Operation, OperationKind, TensorInfo
from accelsim.trace import LayerParameters, NetworkTrace

Array = npt.NDArray[Any]
_ALIASES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout")
_OUTSIDE = ("QuantizeLinear", "DequantizeLinear", "QLinearSoftmax", "Softmax", "Transpose", "QLinearSigmoid")


class GraphReader:
    """Walks the nodes in order and collects what they become."""

    def __init__(self, model: Any, captured: Mapping[str, Array], label: str) -> None:
        import onnx

        self.model = model
        self.captured = captured
        self.label = label
        self.constants: dict[str, Array] = {
            value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer
        }
        self.alias: dict[str, str] = {}
        self.infos: dict[str, TensorInfo] = {}
        self.tensors: dict[str, Array] = {}
        self.parameters: dict[str, LayerParameters] = {}
        self.nodes: list[LayerNode | Operation] = []
        self.outside: list[str] = []

    def trace(self, name: str, provenance: dict[str, str]) -> NetworkTrace:
        """The network's trace; raises ImportedModelError at the first node that is not supported."""
        convert: dict[str, Callable[[Any, dict[str, Any], str], None]] = {
            "QLinearConv": self._convolution,
            "QGemm": self._fully_connected,
            "QLinearMatMul": self._fully_connected,
            "QLinearAdd": self._add,
            "QLinearConcat": self._concatenate,
            "MaxPool": self._max_pool,
            "QLinearAveragePool": self._average_pool,
            "QLinearGlobalAveragePool": self._global_average_pool,
        }
        for index, node in enumerate(self.model.graph.node):
            label = node.name or f"node{index}"
            if self._is_alias(node):
                self.alias[node.output[0]] = self._resolve(node.input[0])
            elif node.op_type in convert:
                convert[node.op_type](node, attributes_of(node), label.removesuffix("_quant"))
            elif node.op_type in (*_OUTSIDE, *_ALIASES):
                self.outside.append(f"{node.op_type} {label!r}")
            else:
                raise self._wrong(label, f"operator {node.op_type} is not supported")
        if not self.nodes:
            raise ImportedModelError(f"{self.label}: no layer that runs on the array")
        written = {n.output for n in self.nodes}
        read = {t for n in self.nodes for t in ((n.input,) if isinstance(n, LayerNode) else n.inputs)}
        network = Network(
            name=name,
            tensors=self.infos,
            nodes=tuple(self.nodes),
            inputs=tuple(t for t in self.infos if t not in written),
            outputs=tuple(t for t in self.infos if t not in read),
            not_modelled=tuple(self.outside),
            provenance=provenance,
        )
        return NetworkTrace(network, self.parameters, self.tensors)

    def _where(self, node: str) -> str:
        return f"{self.label}: node {node!r}"

    def _wrong(self, node: str, why: str) -> ImportedModelError:
        return ImportedModelError(f"{self._where(node)}: {why}")

    def _quantised(self, tensor: str) -> bool:
        array = self.captured.get(tensor)
        return array is not None and array.dtype in (np.uint8, np.int8)

    def _is_alias(self, node: Any) -> bool:
        """Whether the node only renames its tensor, or flattens an image to N,C as our layers read it."""
        if node.op_type not in _ALIASES or not self._quantised(node.input[0]):
            return False
        read, written = self.captured[node.input[0]].shape, self.captured[node.output[0]].shape
        flat = written[: len(read)] + (1,) * (len(read) - len(written))
        return read in (written, flat) or written == (read[0], int(np.prod(read[1:])))

    def _resolve(self, tensor: str) -> str:
        while tensor in self.alias:
            tensor = self.alias[tensor]
        return tensor

    def _constant(self, tensor: str, node: str) -> Array:
        if tensor not in self.constants:
            raise self._wrong(node, f"{tensor!r} must be a constant")
        return self.constants[tensor]

    def _tensor(self, tensor: str, scale: str, zero: str, node: str) -> str:
        """Describe a tensor of the graph once; returns its name in the trace."""
        name = self._resolve(tensor)
        if name in self.infos:
            return name
        if not self._quantised(name):
            raise self._wrong(node, f"{tensor!r} is not an 8-bit tensor")
        array = self.captured[name]
        if array.ndim not in (2, 4):
            raise self._wrong(node, f"{tensor!r} has shape {array.shape}, not N,C,H,W or N,C")
        dense = array.transpose(0, 2, 3, 1) if array.ndim == 4 else array[:, None, None, :]
        n, h, w, c = dense.shape
        self.tensors[name] = np.ascontiguousarray(dense)
        self.infos[name] = TensorInfo(
            name=name,
            shape=(n, h, w, c),
            dtype="int8" if dense.dtype == np.int8 else "uint8",
            scale=float(self._constant(scale, node)),
            zero_point=int(self._constant(zero, node)),
        )
        return name

    def _convolution(self, node: Any, attributes: dict[str, Any], label: str) -> None:
        x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, *bias = node.input
        source = self._tensor(x, x_scale, x_zero, label)
        target = self._tensor(node.output[0], y_scale, y_zero, label)
        filters = self._constant(w, label)
        if filters.ndim != 4:
            raise self._wrong(label, f"only 2-D convolutions are supported, not weights {filters.shape}")
        weights = filters.transpose(0, 2, 3, 1)
        n, h, width, c = self.infos[source].shape
        kernel = (weights.shape[1], weights.shape[2])
        where = self._where(label)
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
        self._layer(layer, source, target, weights, w_scale, w_zero, bias, label)

    def _fully_connected(self, node: Any, attributes: dict[str, Any], label: str) -> None:
        if node.op_type == "QGemm":
            a, a_scale, a_zero, b, b_scale, b_zero, *rest = node.input
            bias, (y_scale, y_zero) = rest[:1], rest[1:3] if len(rest) >= 3 else ("", "")
            if attributes.get("transA", 0) or attributes.get("alpha", 1.0) != 1.0 or not y_scale:
                raise self._wrong(label, "Gemm must be y = x B + c with an 8-bit y")
            matrix = self._constant(b, label)
            matrix = matrix if attributes.get("transB", 0) else matrix.T
        else:
            a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.input
            bias = []
            matrix = self._constant(b, label).T
        source = self._tensor(a, a_scale, a_zero, label)
        target = self._tensor(node.output[0], y_scale, y_zero, label)
        n, h, w, c = self.infos[source].shape
        if matrix.ndim != 2 or matrix.shape[1] != h * w * c:
            raise self._wrong(label, f"weights {matrix.T.shape} do not fit the input {(n, h, w, c)}")
        weights = matrix.reshape(-1, c, h, w).transpose(0, 2, 3, 1)
        layer = Layer(
            name=label,
            kind="fully_connected",
            batch=n,
            input_height=h,
            input_width=w,
            channels=c,
            filters=weights.shape[0],
            kernel=(h, w),
        )
        self._layer(layer, source, target, weights, b_scale, b_zero, bias, label)

    def _layer(
        self,
        layer: Layer,
        source: str,
        target: str,
        weights: Array,
        scale: str,
        zero: str,
        bias: list[str],
        label: str,
    ) -> None:
        filters = layer.filters
        self.parameters[label] = LayerParameters(
            weights=np.ascontiguousarray(weights),
            weight_zero_points=np.broadcast_to(self._constant(zero, label).astype(np.int32), filters).copy(),
            weight_scales=np.broadcast_to(self._constant(scale, label).astype(np.float32), filters).copy(),
            bias=self._constant(bias[0], label).astype(np.int32).ravel() if bias and bias[0] else None,
        )
        # onnxruntime fuses a ReLU into the saturation of an output whose zero point is its lowest value.
        info = self.infos[target]
        relu = info.zero_point == np.iinfo(info.dtype).min
        self.nodes.append(LayerNode(layer=layer, input=source, output=target, relu=relu))

    def _operation(
        self, kind: OperationKind, label: str, inputs: list[str], output: str, **given: Any
    ) -> None:
        self.nodes.append(Operation(name=label, kind=kind, inputs=tuple(inputs), output=output, **given))

    def _add(self, node: Any, _: dict[str, Any], label: str) -> None:
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.input
        read = [self._tensor(a, a_scale, a_zero, label), self._tensor(b, b_scale, b_zero, label)]
        if self.infos[read[0]].shape != self.infos[read[1]].shape:
            raise self._wrong(label, "additions of unequal shapes are not supported")
        self._operation("add", label, read, self._tensor(node.output[0], y_scale, y_zero, label))

    def _concatenate(self, node: Any, attributes: dict[str, Any], label: str) -> None:
        if attributes.get("axis") != 1:
            raise self._wrong(label, "only channels (axis 1) are concatenated")
        y_scale, y_zero, *parts = node.input
        read = [
            self._tensor(*triple, label) for triple in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        ]
        self._operation("concatenate", label, read, self._tensor(node.output[0], y_scale, y_zero, label))

    def _max_pool(self, node: Any, attributes: dict[str, Any], label: str) -> None:
        source = self._resolve(node.input[0])
        if source not in self.infos:
            raise self._wrong(label, "MaxPool of a tensor that is not 8-bit")
        dense = np.ascontiguousarray(self.captured[node.output[0]].transpose(0, 2, 3, 1))
        info = self.infos[source]
        n, h, w, c = dense.shape
        self.tensors[node.output[0]] = dense
        self.infos[node.output[0]] = TensorInfo(
            name=node.output[0],
            shape=(n, h, w, c),
            dtype=info.dtype,
            scale=info.scale,
            zero_point=info.zero_point,
        )
        self._operation(
            "max_pool", label, [source], node.output[0], **self._window(attributes, source, label)
        )

    def _average_pool(self, node: Any, attributes: dict[str, Any], label: str) -> None:
        x, x_scale, x_zero, y_scale, y_zero = node.input
        source = self._tensor(x, x_scale, x_zero, label)
        window = self._window(attributes, source, label)
        if attributes.get("count_include_pad", 0) and any(window["padding"]):
            raise self._wrong(label, "count_include_pad is not supported")
        target = self._tensor(node.output[0], y_scale, y_zero, label)
        self._operation("average_pool", label, [source], target, **window)

    def _global_average_pool(self, node: Any, _: dict[str, Any], label: str) -> None:
        x, x_scale, x_zero, y_scale, y_zero = node.input
        source = self._tensor(x, x_scale, x_zero, label)
        target = self._tensor(node.output[0], y_scale, y_zero, label)
        self._operation("global_average_pool", label, [source], target)

    def _window(self, attributes: dict[str, Any], source: str, label: str) -> dict[str, Any]:
        _, h, w, _ = self.infos[source].shape
        return pool_window(attributes, (h, w), self._where(label))
