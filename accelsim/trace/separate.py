"""A trace of layers without a graph between them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from accelsim.errors import TraceError
from accelsim.network import LayerNode, Network, TensorInfo
from accelsim.trace.graph import node_inputs
from accelsim.trace.layer import LayerTrace, Tensor
from accelsim.trace.network import LayerParameters, NetworkTrace


def from_layers(
    name: str,
    layers: Sequence[LayerTrace],
    *,
    provenance: Mapping[str, str] | None = None,
    shared: Mapping[str, str] | None = None,
) -> NetworkTrace:
    """Layers without a graph between them: each has an input and an output tensor of its own.

    Parameters
    ----------
    shared : layers whose weights are those of another, by name: the time steps of a recurrent layer

    Raises
    ------
    TraceError
        If there is none, two have one name, or their batches differ.
    """
    tensors: dict[str, Tensor] = {}
    infos: dict[str, TensorInfo] = {}
    nodes: list[LayerNode] = []
    parameters: dict[str, LayerParameters] = {}
    for trace in layers:
        layer = trace.layer
        product = layer.kind == "matrix_product"
        giver = (shared or {}).get(layer.name)
        node = LayerNode(
            layer=layer,
            input=f"{layer.name}.input",
            output=f"{layer.name}.output",
            relu=trace.relu,
            parameters_of=giver,
            second=f"{layer.name}.second" if product else None,
        )
        read, written = _infos(node, trace)
        nodes.append(node)
        infos |= {read.name: read, written.name: written}
        tensors[read.name] = trace.activations
        if trace.outputs is not None:
            tensors[written.name] = trace.outputs
        if product:
            second, tensor = _second(trace)
            infos[second.name], tensors[second.name] = second, tensor
        if product or giver:
            continue
        parameters[layer.name] = LayerParameters(
            weights=trace.weights,
            weight_zero_points=trace.weight_zero_points,
            weight_scales=trace.weight_scales,
            bias=trace.bias,
        )
    network = Network(
        name=name,
        tensors=infos,
        nodes=tuple(nodes),
        inputs=tuple(t for node in nodes for t in node_inputs(node)),
        outputs=tuple(node.output for node in nodes),
        provenance=dict(provenance or {}),
    )
    return NetworkTrace(network, parameters, tensors)


def _second(trace: LayerTrace) -> tuple[TensorInfo, Tensor]:
    """Weights heads*L,1,1,D as the tensor 1,L,1,heads*D whose place they take."""
    layer = trace.layer
    rows, depth = layer.group_filters, layer.group_channels
    matrix = trace.weights.reshape(layer.groups, rows, depth).transpose(1, 0, 2)
    tensor: Any = np.ascontiguousarray(matrix.reshape(1, rows, 1, layer.groups * depth))
    info = TensorInfo(
        name=f"{layer.name}.second",
        shape=(1, rows, 1, layer.groups * depth),
        dtype="int8" if tensor.dtype == np.int8 else "uint8",
        scale=float(trace.weight_scales[0]),
        zero_point=int(trace.weight_zero_points[0]),
    )
    return info, tensor


def _infos(node: LayerNode, trace: LayerTrace) -> tuple[TensorInfo, TensorInfo]:
    read = TensorInfo(
        name=node.input,
        shape=trace.layer.activation_shape,
        dtype="int8" if trace.activations.dtype == np.int8 else "uint8",
        scale=trace.activation_scale,
        zero_point=trace.activation_zero_point,
    )
    like = trace.activations if trace.outputs is None else trace.outputs
    written = TensorInfo(
        name=node.output,
        shape=trace.layer.output_shape,
        dtype="int8" if like.dtype == np.int8 else "uint8",
        scale=trace.output_scale,
        zero_point=trace.output_zero_point,
    )
    return read, written


def network_of(traces: LayerTrace | Sequence[LayerTrace] | NetworkTrace) -> NetworkTrace:
    """One layer, several, or a network, as a network; raises TraceError if there is none."""
    if isinstance(traces, NetworkTrace):
        return traces
    layers = [traces] if isinstance(traces, LayerTrace) else list(traces)
    if not layers:
        raise TraceError("simulate: no layers given")
    return from_layers("layers" if len(layers) > 1 else layers[0].layer.name, layers)
