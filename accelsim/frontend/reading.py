"""What a tensor of the graph is in the trace: one there, by another name, one that is moved, or a function's.

A conversion reads its inputs here; what stands between them and the 8-bit tensors known so far becomes nodes.
"""

from typing import Any

import numpy as np

from accelsim.frontend.geometry import attributes_of
from accelsim.frontend.graph import Array, Graph
from accelsim.frontend.movements import moved
from accelsim.frontend.rows import rows_read
from accelsim.frontend.signatures import MOVEMENTS, QUANTISERS, REDUCTIONS
from accelsim.network import Operation, TensorInfo


class GraphReader(Graph):
    """A graph whose tensors are read in the order of its layers."""

    def read(self, tensor: str, label: str) -> str:
        """A tensor that a node reads, by its name in the trace; a function makes it if nothing else does."""
        name = self.resolve(tensor)
        if name in self.infos:
            return name
        info, view = self.described(name, label)
        chain, sources, state = self._chain(name)
        moves = all(node.op_type in MOVEMENTS for node in chain)
        if moves or not (sources or state):
            # Another name of its source, or of what a function made or the host gave for another reader.
            like = [t for t in sources or self.loose if self._same(info, view, name, t)]
            if like and len(sources) <= 1:
                self.within |= {id(node): like[0] for node in chain if sources}
                self.alias[name] = like[0]
                return like[0]
        self.infos[name], self.tensors[name] = info, view
        inputs = tuple(dict.fromkeys((*sources, *state)))
        if inputs and self._moved(chain, sources, name):
            return name
        self.loose.append(name)
        if inputs:
            self._function(chain, inputs, name)
        return name

    def read_first(self, tensor: str, layouts: tuple[str, ...], label: str) -> str:
        """As `read`, in the first of the layouts in which it is another tensor moved, or else the first."""
        for layout in layouts:
            self.layouts[tensor] = layout
            if self.resolve(tensor) in self.infos:
                break
            info, view = self.described(tensor, label)
            chain, sources, _ = self._chain(tensor)
            moves = len(sources) == 1 and all(node.op_type in MOVEMENTS for node in chain)
            if moves and self._same(info, view, tensor, sources[0]):
                break
        else:
            self.layouts[tensor] = layouts[0]
        return self.read(tensor, label)

    def _chain(self, tensor: str) -> tuple[list[Any], tuple[str, ...], tuple[str, ...]]:
        """Nodes from known 8-bit tensors to this one; these tensors; tensors of functions it goes on from."""
        chain: dict[int, Any] = {}
        sources: list[str] = []
        state: list[str] = []
        pending = [tensor]
        while pending:
            node = self.producers.get(pending.pop())
            if node is None or id(node) in chain:
                continue
            if id(node) in self.within and node.op_type not in (*MOVEMENTS, *QUANTISERS):
                state.append(self.within[id(node)])
                continue
            chain[id(node)] = node
            for name in node.input:
                if node.op_type == "QLinearConcat" and self._is_rows_of_batch(name):
                    self.read(name, node.name)  # a function of its own
                known = self.resolve(name)
                if known in self.infos:
                    sources.append(known)
                elif name and name not in self.constants:
                    pending.append(name)
        ordered = [node for node in self.model.graph.node if id(node) in chain]
        return ordered, tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(state))

    def _is_rows_of_batch(self, name: str) -> bool:
        return (
            self.quantised(name) and self.captured[name].ndim == 2 and len(self.captured[name]) == self.batch
        )

    def _same(self, info: TensorInfo, view: Array, name: str, source: str) -> bool:
        """Whether a moved tensor is its source in our layout, or an image flattened channel first."""
        if (info.scale, info.zero_point, info.dtype) != self.numbers(source):
            return False
        if np.array_equal(view, self.tensors[source]):
            return True
        flat = self.captured[name]
        image = self.tensors[source].transpose(0, 3, 1, 2)
        return flat.ndim == 2 and flat.size == image.size and np.array_equal(flat.ravel(), image.ravel())

    def _moved(self, chain: list[Any], sources: tuple[str, ...], output: str) -> bool:
        """One node that the datapath computes, between a pair of 8-bit tensors of one scale."""
        computing = [node for node in chain if node.op_type not in QUANTISERS]
        same = len(sources) == 1 and self.numbers(sources[0]) == self.numbers(output)
        if not same or len(computing) != 1 or computing[0].op_type not in ("DepthToSpace", "Pad"):
            return False
        node = computing[0]
        done = moved(self, node, attributes_of(node), node.name or output, sources[0], output)
        if done:
            self.within |= {id(node): output for node in chain}
        return done

    def _function(self, chain: list[Any], inputs: tuple[str, ...], output: str) -> None:
        self.within |= {id(node): output for node in chain}
        moves = [node.op_type for node in chain if node.op_type not in QUANTISERS]
        kinds = [kind for kind in moves if kind not in MOVEMENTS] or moves
        taken = {n.name for n in self.nodes if isinstance(n, Operation)}
        named = [node.name for node in chain if node.op_type not in (*QUANTISERS, *MOVEMENTS) and node.name]
        rows = tuple(rows_read(self, chain, source) for source in inputs)
        label = (named or [node.name for node in chain if node.name] or [output])[-1].removesuffix("_quant")
        self.add(
            "function",
            label if label not in taken else f"{label} to {output}",
            list(inputs),
            output,
            function=" ".join(dict.fromkeys(kinds)) or "Requantize",
            passes=1 + sum(REDUCTIONS.get(kind, 0) for kind in kinds),
            rows=rows if any(rows) else None,
        )
