"""A resize, depth to space or padding between two 8-bit images: operations that the datapath computes."""

from typing import Any

import numpy as np

from accelsim.errors import ImportedModelError
from accelsim.frontend.geometry import resize_of
from accelsim.frontend.graph import Graph
from accelsim.network import OperationKind


def moved(graph: Graph, node: Any, attributes: dict[str, Any], label: str, source: str, output: str) -> bool:
    """A resize, depth to space or padding from one 8-bit image to another; False if it is no such."""
    _, h, w, _ = graph.infos[source].shape
    given: dict[str, Any]
    if graph.captured[output].ndim != 4:
        return False
    if node.op_type == "DepthToSpace":
        block = int(attributes["blocksize"])
        given = {"kernel": (block, block), "order": attributes.get("mode", b"DCR").decode()}
        kind: OperationKind = "depth_to_space"
    elif node.op_type == "Resize":
        kind, rows, columns = "resize", *graph.captured[output].shape[2:]
        scales = graph.constants.get(node.input[2]) if len(node.input) < 4 else None
        try:
            given = {"resize": resize_of(attributes, (h, w), (rows, columns), scales, graph.where(label))}
        except ImportedModelError:
            return False
    else:
        sides, kind = graph.constants.get(node.input[1]), "pad"
        constant = attributes.get("mode", b"constant") == b"constant"
        if sides is None or sides.size != 8 or not constant or sides.min() < 0 or sides[0] or sides[4]:
            return False
        _, channel, top, left, _, channel_after, bottom, right = (int(side) for side in sides)
        given = {"padding": (top, left, bottom, right), "channel_padding": (channel, channel_after)}
        given["fill"] = _fill(graph, node, source)
    if given.get("fill", 0) is None:
        return False
    graph.add(kind, label, [source], graph.write(output, label), **given)
    return True


def _fill(graph: Graph, node: Any, source: str) -> int | None:
    """The stored value that a Pad adds; None if it is none."""
    info = graph.infos[source]
    value = graph.constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(())
    if value is None:
        return None
    if graph.quantised(node.input[0]):
        return int(value) if len(node.input) > 2 and node.input[2] else 0
    step = float(value) / info.scale + info.zero_point
    return round(step) if step == round(step) else None
