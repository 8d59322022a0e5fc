"""A quantised ONNX graph (QOperator) and its captured tensors become a trace.

Layers of MACs and the operations that the datapath computes have nodes of their own. Whatever else stands
between two 8-bit tensors (softmax, normalisation, transposes, chains of them in float) is one `function` of
the postprocessor: timed, its values those captured. What only renames or reorders a tensor without changing
it in our layout is no work at all; what stands before the first layer or after the last is not modelled.
"""

from collections.abc import Mapping
from math import gcd
from typing import Any

from accelsim.errors import ImportedModelError
from accelsim.frontend.conversions import CONVERSIONS, find_heads
from accelsim.frontend.geometry import attributes_of
from accelsim.frontend.graph import Array
from accelsim.frontend.reading import GraphReader
from accelsim.frontend.signatures import MACS
from accelsim.network import LayerNode, Network, Operation
from accelsim.trace import NetworkTrace


def graph_trace(
    model: Any, captured: Mapping[str, Array], label: str, name: str, provenance: dict[str, str]
) -> NetworkTrace:
    """A network's trace.

    Parameters
    ----------
    model : ONNX model whose layers are quantised operators
    captured : values of its tensors by name, all inputs of the trace joined along the first dimension
    label : what errors call the model
    name : of the network

    Raises
    ------
    ImportedModelError
        At the first layer that is not supported.
    """
    reader = GraphReader(model, captured, label)
    find_heads(reader)
    reader.batch = _batch(reader)
    rest = []
    for index, node in enumerate(model.graph.node):
        title = (node.name or f"node{index}").removesuffix("_quant")
        convert = CONVERSIONS.get(node.op_type)
        if convert is not None and convert(reader, node, attributes_of(node), title):
            continue
        if node.op_type in MACS:
            raise reader.wrong(title, f"operator {node.op_type} is not supported")
        rest.append((node, title))
    if not any(isinstance(node, LayerNode) for node in reader.nodes):
        raise ImportedModelError(f"{label}: no layer that runs on the array")
    written = {node.output for node in reader.nodes}
    read = {tensor for node in reader.nodes for tensor in _inputs(node)}
    outside = [(node, title) for node, title in rest if id(node) not in reader.within]
    network = Network(
        name=name,
        tensors=reader.infos,
        nodes=tuple(reader.nodes),
        inputs=tuple(tensor for tensor in reader.infos if tensor not in written),
        outputs=tuple(tensor for tensor in reader.infos if tensor not in read),
        not_modelled=tuple(f"{node.op_type} {title!r}" for node, title in outside),
        provenance=provenance,
    )
    return NetworkTrace(network, reader.parameters, reader.tensors)


def _batch(reader: GraphReader) -> int:
    """N: what divides the first dimension of every 8-bit tensor that a layer reads."""
    nodes = reader.model.graph.node
    read = [node.input[0] for node in nodes if node.op_type.startswith(("QLinear", "QGemm"))]
    sizes = [reader.captured[name].shape[0] for name in read if reader.quantised(name)]
    return gcd(*sizes) if sizes else 1


def _inputs(node: LayerNode | Operation) -> tuple[str, ...]:
    if isinstance(node, LayerNode):
        return (node.input, *([node.second] if node.second else []))
    return node.inputs
