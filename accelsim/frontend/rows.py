"""Which rows of a tensor a function reads, where it picks some: a time step of a layer over all of them."""

from typing import Any

import numpy as np

from accelsim.frontend.geometry import attributes_of
from accelsim.frontend.graph import Graph

_KEEPING = ("DequantizeLinear", "Squeeze", "Transpose")


def rows_read(graph: Graph, chain: list[Any], source: str) -> tuple[int, int] | None:
    """The rows H of a tensor N,H,1,C of the trace that these nodes read: first, and how many.

    None if they read all of them, or not by picking rows.
    """
    picked: list[int] = []
    pending = list(dict.fromkeys(k for n in chain for k in n.input if graph.resolve(k) == source))
    while pending:
        name = pending.pop()
        for node in (node for node in chain if name in node.input):
            if node.op_type in _KEEPING:
                pending.append(node.output[0])
                continue
            index = graph.constants.get(node.input[1]) if node.op_type == "Gather" else None
            if index is None or not _are_rows(graph, name, int(attributes_of(node).get("axis", 0)), source):
                return None
            picked += [int(row) % graph.infos[source].shape[1] for row in index.ravel()]
    return (min(picked), max(picked) + 1 - min(picked)) if picked else None


def _are_rows(graph: Graph, name: str, axis: int, source: str) -> bool:
    """Whether an axis of a tensor of the graph is the rows of one of the trace, perhaps dequantised."""
    info, values, array = graph.infos[source], graph.tensors[source], graph.captured[name]
    if info.shape[2] != 1 or array.ndim != 3 or axis % 3 == 0:
        return False
    if not graph.quantised(name):
        values = (values.astype(np.int32) - info.zero_point).astype(np.float32) * np.float32(info.scale)
    return np.array_equal(np.moveaxis(array, axis, 1), values[:, :, 0])
