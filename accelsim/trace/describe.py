"""What a trace holds: a row per layer, and where each part of the network runs."""

from typing import Any

import numpy as np

from accelsim.formats import bitmask
from accelsim.network import LayerNode, Network
from accelsim.trace.network import NetworkTrace


def describe(trace: NetworkTrace) -> list[dict[str, Any]]:
    """One row per layer: shapes, MACs, densities, bytes of both operands dense and as bitmask.

    Of a trace with several inputs, products of two activations show the first one's.
    """
    rows = []
    first = trace.select_input(0)
    second = {n.layer.name for n in trace.network.nodes if isinstance(n, LayerNode) and n.second}
    for name in trace.layers:
        layer = (first if name in second else trace).layer(name)
        shape, weights, activations = layer.layer, layer.weights, layer.activations
        weight_zeros = layer.weight_zero_points[:, None, None, None]
        encoded_bits = bitmask.size_bits(weights, layer.weight_zero_points) + bitmask.size_bits(
            activations, layer.activation_zero_point
        )
        rows.append(
            {
                "layer": name,
                "kind": shape.kind,
                "weights": "x".join(map(str, shape.weight_shape)),
                "activations": "x".join(map(str, shape.activation_shape)),
                "macs": shape.dense_macs,
                "weight_density_fraction": round(float(np.mean(weights != weight_zeros)), 4),
                "activation_density_fraction": round(
                    float(np.mean(activations != layer.activation_zero_point)), 4
                ),
                "dense_bytes": weights.nbytes + activations.nbytes,
                "bitmask_bytes": encoded_bits // 8,
            }
        )
    return rows


def places(network: Network) -> dict[str, list[str]]:
    """Where the parts of a network run: names with their kind, in order.

    Returns
    -------
    `array`: layers of MACs; `postprocessor`: operations that the datapath computes; `timed only`: functions,
    whose values are captured ones; `not modelled`: what the source does besides
    """
    found: dict[str, list[str]] = {"array": [], "postprocessor": [], "timed only": []}
    for node in network.nodes:
        if isinstance(node, LayerNode):
            found["array"].append(f"{node.layer.kind} {node.layer.name!r}")
        elif node.kind == "function":
            found["timed only"].append(f"{node.function} {node.name!r}")
        else:
            found["postprocessor"].append(f"{node.kind} {node.name!r}")
    return found | {"not modelled": list(network.not_modelled)}
