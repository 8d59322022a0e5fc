"""A whole network computed by the datapath, each node from what the nodes before it computed."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from accelsim.datapath.operations import run_operation
from accelsim.datapath.requantise import layer_outputs
from accelsim.hardware.arrays import ZeroPolicy
from accelsim.network import LayerNode
from accelsim.trace import NetworkTrace
from accelsim.trace.layer import Tensor


def network_outputs(
    trace: NetworkTrace, weight_policy: ZeroPolicy = "skip", activation_policy: ZeroPolicy = "skip"
) -> Mapping[str, Tensor]:
    """Every tensor of the network, by name, computed from its inputs and parameters alone.

    The values of functions, which the datapath does not compute, are the captured ones.

    Parameters
    ----------
    weight_policy, activation_policy : which pairs the datapath multiplies; no policy changes a result

    Raises
    ------
    DatapathError
        If a sum overflows 32 bits.
    TraceError
        If a function's output was not captured.
    """
    parts = [trace.select_input(i) for i in range(trace.inputs_count)]
    computed = [_one(part, weight_policy, activation_policy) for part in parts]
    joined = {name: np.concatenate([tensors[name] for tensors in computed]) for name in computed[0]}
    return MappingProxyType(joined)


def _one(trace: NetworkTrace, weights: ZeroPolicy, activations: ZeroPolicy) -> dict[str, Tensor]:
    infos = trace.network.tensors
    tensors: dict[str, Tensor] = {name: trace.tensors[name] for name in trace.network.inputs}
    for node in trace.network.nodes:
        if isinstance(node, LayerNode):
            layer = trace.layer(node.layer.name, tensors)
            tensors[node.output] = layer_outputs(layer, weights, activations)
        elif node.kind == "function":
            tensors[node.output] = trace.tensors[node.output]
        else:
            read = [tensors[name] for name in node.inputs]
            tensors[node.output] = run_operation(
                node, read, [infos[name] for name in node.inputs], infos[node.output]
            )
    return tensors
