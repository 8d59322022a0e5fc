"""A trace of layers without a graph between them."""

from collections.abc import Mapping, Sequence

import numpy as np

from accelsim.network import LayerNode, Network, TensorInfo
from accelsim.trace.layer import LayerTrace, Tensor
from accelsim.trace.network import LayerParameters, NetworkTrace


def from_layers(
    name: str, layers: Sequence[LayerTrace], *, provenance: Mapping[str, str] | None = None
) -> NetworkTrace:
    """Layers without a graph between them: each has an input and an output tensor of its own.

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
        node = LayerNode(
            layer=layer, input=f"{layer.name}.input", output=f"{layer.name}.output", relu=trace.relu
        )
        read, written = _infos(node, trace)
        nodes.append(node)
        infos |= {read.name: read, written.name: written}
        tensors[read.name] = trace.activations
        if trace.outputs is not None:
            tensors[written.name] = trace.outputs
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
        inputs=tuple(node.input for node in nodes),
        outputs=tuple(node.output for node in nodes),
        provenance=dict(provenance or {}),
    )
    return NetworkTrace(network, parameters, tensors)


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
