"""A whole network's trace: its graph, its parameters, and every activation as captured."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.network import Layer, LayerNode, Network, Operation, TensorInfo
from accelsim.trace.layer import LayerTrace, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerParameters:
    """What a layer is given once: weights [K, R, S, C], zero points and scales [K], bias [K] or None."""

    weights: Tensor
    weight_zero_points: npt.NDArray[np.int32]
    weight_scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.int32] | None = None


class NetworkTrace:
    """A network with real tensors; from a file they are read, and checked, when they are used.

    Parameters
    ----------
    network : the graph in execution order
    parameters : by layer name
    tensors : activations N,H,W,C by tensor name; outputs of layers may be missing
    checksums : sha256 by stored array, where a file already has them

    Raises
    ------
    TraceError
        If the graph does not hold together.
    """

    def __init__(
        self,
        network: Network,
        parameters: Mapping[str, LayerParameters],
        tensors: Mapping[str, Tensor],
        content_hash: str | None = None,
    ) -> None:
        self.network = network
        self.parameters = parameters
        self.tensors = tensors
        self._content_hash = content_hash
        _check_graph(network, parameters, tensors)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that run on the array, in order."""
        return tuple(node.layer.name for node in self.network.nodes if isinstance(node, LayerNode))

    @property
    def inputs_count(self) -> int:
        """N: how many inputs the trace holds."""
        return self.network.tensors[self.network.inputs[0]].shape[0]

    @property
    def content_hash(self) -> str:
        """sha256 of the graph and of every tensor; the same in memory and from a file."""
        if self._content_hash is None:
            self._content_hash = content_hash(self.network, checksums(self.parameters, self.tensors))
        return self._content_hash

    def layer(self, name: str) -> LayerTrace:
        """One layer with its tensors; raises TraceError if there is none of this name."""
        for node in self.network.nodes:
            if isinstance(node, LayerNode) and node.layer.name == name:
                break
        else:
            raise TraceError(f"{self.network.name}: no layer {name!r}; layers: {', '.join(self.layers)}")
        given = self.parameters[name]
        info, out = self.network.tensors[node.input], self.network.tensors[node.output]
        activations = self.tensors[node.input].reshape(node.layer.activation_shape)
        outputs = self.tensors.get(node.output)
        return LayerTrace(
            layer=node.layer,
            weights=given.weights,
            activations=activations,
            weight_zero_points=given.weight_zero_points,
            weight_scales=given.weight_scales,
            activation_zero_point=info.zero_point,
            activation_scale=info.scale,
            bias=given.bias,
            relu=node.relu,
            outputs=None if outputs is None else outputs.reshape(node.layer.output_shape),
            output_zero_point=out.zero_point,
            output_scale=out.scale,
        )

    def select_input(self, index: int) -> "NetworkTrace":
        """The trace of one input alone (N = 1)."""
        if not 0 <= index < self.inputs_count:
            raise TraceError(f"{self.network.name}: no input {index}; the trace has {self.inputs_count}")
        infos = {name: replace(t, shape=(1, *t.shape[1:])) for name, t in self.network.tensors.items()}
        nodes = tuple(
            replace(n, layer=replace(n.layer, batch=1)) if isinstance(n, LayerNode) else n
            for n in self.network.nodes
        )
        network = replace(self.network, tensors=infos, nodes=nodes)
        tensors = {name: self.tensors[name][index : index + 1] for name in self.tensors}
        return NetworkTrace(network, self.parameters, tensors)


def replace_parameters(
    trace: NetworkTrace, parameters: Mapping[str, LayerParameters], note: str
) -> NetworkTrace:
    """The trace with other parameters (pruned, say); `note` goes into its provenance.

    The captured activations stay those of the original parameters, and the note must say so.
    """
    network = replace(trace.network, provenance={**trace.network.provenance, "parameters": note})
    return NetworkTrace(network, parameters, trace.tensors)


def from_layers(name: str, layers: Sequence[LayerTrace]) -> NetworkTrace:
    """Layers without a graph between them: each has an input and an output tensor of its own.

    Raises
    ------
    TraceError
        If two layers have one name, or their batches differ.
    """
    tensors: dict[str, Tensor] = {}
    infos: dict[str, TensorInfo] = {}
    nodes: list[LayerNode] = []
    parameters: dict[str, LayerParameters] = {}
    for trace in layers:
        layer = trace.layer
        if layer.name in parameters:
            raise TraceError(f"{name}: two layers are named {layer.name!r}")
        if layer.batch != layers[0].layer.batch:
            raise TraceError(f"{name}: {layer.name} has {layer.batch} inputs, others {layers[0].layer.batch}")
        source, target = f"{layer.name}.input", f"{layer.name}.output"
        tensors[source] = trace.activations
        infos[source] = _info(source, trace.activations, trace.activation_scale, trace.activation_zero_point)
        outputs = trace.outputs
        if outputs is not None:
            tensors[target] = outputs
        infos[target] = TensorInfo(
            name=target,
            shape=layer.output_shape,
            dtype=_dtype(outputs if outputs is not None else trace.activations),
            scale=trace.output_scale,
            zero_point=trace.output_zero_point,
        )
        nodes.append(LayerNode(layer=layer, input=source, output=target, relu=trace.relu))
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
    )
    return NetworkTrace(network, parameters, tensors)


def describe(trace: NetworkTrace) -> list[dict[str, Any]]:
    """One row per layer: shape, MACs, densities, bytes dense and as bitmask."""
    from accelsim.formats import bitmask

    rows = []
    for name in trace.layers:
        layer = trace.layer(name)
        shape, weights, activations = layer.layer, layer.weights, layer.activations
        weight_zeros = layer.weight_zero_points[:, None, None, None]
        rows.append(
            {
                "layer": name,
                "kind": shape.kind,
                "weights": "x".join(map(str, shape.weight_shape)),
                "activations": "x".join(map(str, shape.activation_shape)),
                "macs": shape.dense_macs,
                "weight_density_fraction": round(float((weights != weight_zeros).mean()), 4),
                "activation_density_fraction": round(
                    float((activations != layer.activation_zero_point).mean()), 4
                ),
                "dense_bytes": weights.nbytes + activations.nbytes,
                "bitmask_bytes": (
                    bitmask.size_bits(weights, layer.weight_zero_points)
                    + bitmask.size_bits(activations, layer.activation_zero_point)
                )
                // 8,
            }
        )
    return rows


def checksum(array: npt.NDArray[Any]) -> str:
    """sha256 of an array's bytes, dtype and shape."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def checksums(parameters: Mapping[str, LayerParameters], tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Checksum of every dense array, by the name it has in a file."""
    found = {f"tensor/{name}": checksum(tensors[name]) for name in tensors}
    for layer, given in parameters.items():
        for part in ("weights", "weight_zero_points", "weight_scales", "bias"):
            array = getattr(given, part)
            if array is not None:
                found[f"layer/{layer}/{part}"] = checksum(array)
    return found


def content_hash(network: Network, sums: Mapping[str, str]) -> str:
    """sha256 over the graph and the checksums."""
    text = json.dumps([asdict(network), dict(sorted(sums.items()))], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _info(name: str, tensor: Tensor, scale: float, zero_point: int) -> TensorInfo:
    n, h, w, c = tensor.shape
    return TensorInfo(name=name, shape=(n, h, w, c), dtype=_dtype(tensor), scale=scale, zero_point=zero_point)


def _dtype(tensor: Tensor) -> Any:
    return tensor.dtype.name


def _check_graph(
    network: Network, parameters: Mapping[str, LayerParameters], tensors: Mapping[str, Tensor]
) -> None:
    name = network.name
    if not network.inputs or not network.nodes:
        raise TraceError(f"{name}: a network needs an input and a node")
    known = set(network.inputs)
    for node in network.nodes:
        label = node.layer.name if isinstance(node, LayerNode) else node.name
        read = (node.input,) if isinstance(node, LayerNode) else node.inputs
        for tensor in (*read, node.output):
            if tensor not in network.tensors:
                raise TraceError(f"{name}: {label} names tensor {tensor!r}, which is not described")
        if missing := [tensor for tensor in read if tensor not in known]:
            raise TraceError(f"{name}: {label} reads {missing[0]!r} before anything writes it")
        known.add(node.output)
        if isinstance(node, LayerNode):
            if node.layer.name not in parameters:
                raise TraceError(f"{name}: layer {label} has no weights")
            if node.input not in tensors:
                raise TraceError(f"{name}: layer {label} has no activations ({node.input!r})")
            _check_sizes(node.layer, network.tensors[node.input], network.tensors[node.output])


def _check_sizes(layer: Layer, read: TensorInfo, written: TensorInfo) -> None:
    for info, shape in ((read, layer.activation_shape), (written, layer.output_shape)):
        if np.prod(info.shape) != np.prod(shape):
            raise TraceError(f"{layer.name}: tensor {info.name!r} has shape {info.shape}, expected {shape}")


def node_name(node: LayerNode | Operation) -> str:
    """The name of a node of either kind."""
    return node.layer.name if isinstance(node, LayerNode) else node.name
