"""A whole network's trace: its graph, its parameters, and every activation as captured."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.network import Layer, LayerNode, Network
from accelsim.trace.canonical import checksum, content_hash
from accelsim.trace.graph import check_network, node_inputs
from accelsim.trace.layer import LayerTrace, Tensor

_PARTS = ("weights", "weight_zero_points", "weight_scales", "bias")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerParameters:
    """What a layer is given once.

    Attributes
    ----------
    weights : int8 or uint8 [K, R, S, C], C = channels of one group
    weight_zero_points : int32 [K]
    weight_scales : float32 [K]
    bias : int32 [K] or None, in units of activation scale * weight scale
    """

    weights: Tensor
    weight_zero_points: npt.NDArray[np.int32]
    weight_scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.int32] | None = None

    def arrays(self, layer: str) -> dict[str, npt.NDArray[Any]]:
        """The arrays by the names that a file and the checksums give them."""
        named = {f"layer/{layer}/{part}": getattr(self, part) for part in _PARTS}
        return {name: array for name, array in named.items() if array is not None}


class NetworkTrace:
    """A network with real tensors; from a file they are read, and checked, when they are used.

    Parameters
    ----------
    network : the graph in execution order
    parameters : by layer name
    tensors : int8 or uint8 [N, H, W, C] by tensor name; what no layer reads may be missing
    checksums : sha256 by array name (`tensor/<name>`, `layer/<name>/weights`) of arrays that their mapping
        checks by itself; the others are checked here. Arrays are not to be changed afterwards.

    Raises
    ------
    TraceError
        If the graph does not hold together, or an array is missing or has another shape or dtype.
    """

    def __init__(
        self,
        network: Network,
        parameters: Mapping[str, LayerParameters],
        tensors: Mapping[str, Tensor],
        *,
        checksums: Mapping[str, str] | None = None,
    ) -> None:
        check_network(network)
        self.network = network
        self.parameters = MappingProxyType(dict(parameters)) if isinstance(parameters, dict) else parameters
        self.tensors = MappingProxyType(dict(tensors)) if isinstance(tensors, dict) else tensors
        self._checksums = dict(checksums or {})
        self._content_hash: str | None = None
        self._nodes = {n.layer.name: n for n in network.nodes if isinstance(n, LayerNode)}
        self._check_names()
        for name in self.tensors:
            if f"tensor/{name}" not in self._checksums:
                _check_tensor(network, name, self.tensors[name])
        for name in self.weighted_layers:
            if f"layer/{name}/weights" not in self._checksums:
                check_parameters(network.name, self._nodes[name].layer, self.parameters[name])

    def _check_names(self) -> None:
        network = self.network.name
        if unknown := [name for name in self.tensors if name not in self.network.tensors]:
            raise TraceError(f"{network}: tensor {unknown[0]!r} is not described")
        own = self.weighted_layers
        if unknown := [name for name in self.parameters if name not in own]:
            raise TraceError(f"{network}: parameters of {unknown[0]!r}; layers: {', '.join(own)}")
        if missing := [name for name in own if name not in self.parameters]:
            raise TraceError(f"{network}: layer {missing[0]} has no weights")
        for name, node in self._nodes.items():
            for tensor in node_inputs(node):
                if tensor not in self.tensors:
                    raise TraceError(f"{network}: layer {name} has no activations ({tensor!r})")

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that run on the array, in order."""
        return tuple(self._nodes)

    @property
    def weighted_layers(self) -> tuple[str, ...]:
        """Of these, the layers with parameters of their own: not shared ones, not products of activations."""
        return tuple(k for k, n in self._nodes.items() if n.parameters_of is None and n.second is None)

    @property
    def inputs_count(self) -> int:
        """N: how many inputs the trace holds."""
        return self.network.tensors[self.network.inputs[0]].shape[0]

    @property
    def checksums(self) -> dict[str, str]:
        """sha256 of every array by its name; reads those that no file has checksums of."""
        for name in self.tensors:
            if (key := f"tensor/{name}") not in self._checksums:
                self._checksums[key] = checksum(self.tensors[name])
        for name in self.weighted_layers:
            if f"layer/{name}/weights" not in self._checksums:
                for key, array in self.parameters[name].arrays(name).items():
                    self._checksums[key] = checksum(array)
        return dict(self._checksums)

    @property
    def content_hash(self) -> str:
        """sha256 of the graph and of every array; the same in memory and from a file."""
        if self._content_hash is None:
            self._content_hash = content_hash(self.network, self.checksums)
        return self._content_hash

    @property
    def parameters_replaced(self) -> bool:
        """Whether activations were captured with other parameters than these: see `replace_parameters`."""
        return "parameters" in self.network.provenance

    def layer(self, name: str, tensors: Mapping[str, Tensor] | None = None) -> LayerTrace:
        """One layer with its tensors.

        Parameters
        ----------
        tensors : read in place of the captured ones; then the layer has no captured outputs

        Raises
        ------
        TraceError
            If there is none of this name, or it is a product of two activations and the trace has several
            inputs: `select_input` first, as each has weights of its own.
        """
        node = self._nodes.get(name)
        if node is None:
            raise TraceError(f"{self.network.name}: no layer {name!r}; layers: {', '.join(self.layers)}")
        held = self.tensors if tensors is None else tensors
        given = self._second(node, held) if node.second else self.parameters[node.parameters_of or name]
        read, written = self.network.tensors[node.input], self.network.tensors[node.output]
        return LayerTrace(
            layer=node.layer,
            weights=given.weights,
            activations=held[node.input].reshape(node.layer.activation_shape),
            weight_zero_points=given.weight_zero_points,
            weight_scales=given.weight_scales,
            activation_zero_point=read.zero_point,
            activation_scale=read.scale,
            bias=given.bias,
            relu=node.relu,
            outputs=held.get(node.output),
            output_zero_point=written.zero_point,
            output_scale=written.scale,
        )

    def _second(self, node: LayerNode, tensors: Mapping[str, Tensor]) -> LayerParameters:
        """A tensor N,L,1,heads*D as weights heads*L,1,1,D, or by columns as heads*D,1,1,L."""
        name = str(node.second)
        info, tensor, layer = self.network.tensors[name], tensors[name], node.layer
        if self.inputs_count > 1:
            raise TraceError(f"{self.network.name}: layer {layer.name}: select one of the inputs first")
        matrix = tensor.reshape(tensor.shape[1], layer.groups, -1)
        axes = (1, 2, 0) if node.second_by_columns else (1, 0, 2)
        weights: Any = np.ascontiguousarray(matrix.transpose(axes)).reshape(layer.weight_shape)
        return LayerParameters(
            weights=weights,
            weight_zero_points=np.full(layer.filters, info.zero_point, np.int32),
            weight_scales=np.full(layer.filters, info.scale, np.float32),
        )

    def select_input(self, index: int) -> "NetworkTrace":
        """The trace of one input alone (N = 1), its tensors views of these; raises TraceError."""
        if not 0 <= index < self.inputs_count:
            raise TraceError(f"{self.network.name}: no input {index}; the trace has {self.inputs_count}")
        if self.inputs_count == 1:
            return self
        infos = {name: replace(t, shape=(1, *t.shape[1:])) for name, t in self.network.tensors.items()}
        nodes = tuple(
            replace(n, layer=replace(n.layer, batch=1)) if isinstance(n, LayerNode) else n
            for n in self.network.nodes
        )
        network = replace(self.network, tensors=infos, nodes=nodes)
        tensors = {name: self.tensors[name][index : index + 1] for name in self.tensors}
        known = {name: sha256 for name, sha256 in self._checksums.items() if name.startswith("layer/")}
        return NetworkTrace(network, self.parameters, tensors, checksums=known)


def replace_parameters(
    trace: NetworkTrace,
    parameters: Mapping[str, LayerParameters],
    note: str = "replaced",
    *,
    name: str | None = None,
) -> NetworkTrace:
    """The trace with other parameters of some or all layers (pruned, say).

    Activations and outputs stay as captured: they are not what the new parameters compute. `note` says so
    in the provenance of every result, under `parameters`, after the notes of earlier replacements. The
    network is called `name`, or as before.

    Raises
    ------
    TraceError
        If a layer is unknown or its arrays do not fit.
    """
    earlier = trace.network.provenance.get("parameters")
    provenance = trace.network.provenance | {"parameters": f"{earlier}; {note}" if earlier else note}
    old = tuple(f"layer/{name}/" for name in parameters)
    known = {name: sha256 for name, sha256 in trace._checksums.items() if not name.startswith(old)}
    return NetworkTrace(
        replace(trace.network, name=name or trace.network.name, provenance=provenance),
        {**trace.parameters, **parameters},
        trace.tensors,
        checksums=known,
    )


def _check_tensor(network: Network, name: str, tensor: Tensor) -> None:
    info = network.tensors[name]
    if not isinstance(tensor, np.ndarray) or tensor.dtype.name != info.dtype or tensor.shape != info.shape:
        given = f"{getattr(tensor, 'dtype', type(tensor).__name__)} {np.shape(tensor)}"
        raise TraceError(f"{network.name}: tensor {name!r} must be {info.dtype} {info.shape}, not {given}")


def check_parameters(label: str, layer: Layer, given: LayerParameters) -> None:
    """Raise TraceError, which begins with `label`, unless arrays have the dtypes and shapes of the layer."""
    k = (layer.filters,)
    wanted: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
        "weights": (("int8", "uint8"), layer.weight_shape),
        "weight_zero_points": (("int32",), k),
        "weight_scales": (("float32",), k),
        "bias": (("int32",), k),
    }
    for part, (dtypes, shape) in wanted.items():
        array = getattr(given, part)
        if array is None and part == "bias":
            continue
        if not isinstance(array, np.ndarray) or array.dtype.name not in dtypes or array.shape != shape:
            dtype = getattr(array, "dtype", type(array).__name__)
            raise TraceError(
                f"{label}: {layer.name}: {part} must be {' or '.join(dtypes)} {shape}, "
                f"not {dtype} {np.shape(array)}"
            )
    zeros, allowed = given.weight_zero_points, np.iinfo(given.weights.dtype)
    if zeros.min() < allowed.min or zeros.max() > allowed.max:
        raise TraceError(
            f"{label}: {layer.name}: weight_zero_points must be values of {given.weights.dtype}, "
            f"not {zeros.min()} to {zeros.max()}"
        )
