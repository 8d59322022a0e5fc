"""A quantised ONNX graph (QOperator) and its captured tensors become a Network and its parameters.

Layers of MACs and the operations that the datapath computes have nodes of their own. Whatever else stands
between two 8-bit tensors (softmax, normalisation, transposes, chains of them in float) is one `function` of
the postprocessor: timed, its values those captured. What only renames or reorders a tensor without changing
it in our layout is no work at all; what stands before the first layer or after the last is not modelled.

Layouts: N,C,H,W becomes N,H,W,C; rows N,T,C become N,T,1,C; the heads of an attention, N,heads,T,D, become
N,T,1,heads*D; weights K,C,R,S become K,R,S,C.
"""

from collections.abc import Mapping
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import ImportedModelError
from accelsim.frontend.geometry import attributes_of
from accelsim.frontend.rows import rows_read
from accelsim.frontend.signatures import MACS, MOVEMENTS, QUANTISERS, REDUCTIONS, scales_of
from accelsim.network import LayerNode, Network, Operation, OperationKind, TensorInfo
from accelsim.trace import LayerParameters, NetworkTrace

Array = npt.NDArray[Any]


class GraphReader:
    """Walks the nodes in order and collects what they become."""

    def __init__(self, model: Any, captured: Mapping[str, Array], label: str) -> None:
        import onnx

        self.model = model
        self.captured = captured
        self.label = label
        self.constants: dict[str, Array] = {
            value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer
        }
        self.producers = {output: node for node in model.graph.node for output in node.output}
        self.scales = scales_of(model)
        self.alias: dict[str, str] = {}
        self.infos: dict[str, TensorInfo] = {}
        self.tensors: dict[str, Array] = {}
        self.parameters: dict[str, LayerParameters] = {}
        self.nodes: list[LayerNode | Operation] = []
        # How tensors of four dimensions are laid out that are no images: "heads" or "heads transposed".
        self.layouts: dict[str, str] = {}
        # Nodes that are part of a function or an alias, by id, with the 8-bit tensor it makes.
        self.within: dict[int, str] = {}
        # The layer that has the parameters of these constants and this shape.
        self.shared: dict[tuple[Any, ...], str] = {}
        self.loose: list[str] = []  # tensors that functions made or the host gives
        self.batch = 1

    def trace(self, name: str, provenance: dict[str, str]) -> NetworkTrace:
        """The network's trace; raises ImportedModelError at the first layer that is not supported."""
        from accelsim.frontend.conversions import CONVERSIONS, find_heads

        find_heads(self)
        self.batch = self._batch()
        rest = []
        for index, node in enumerate(self.model.graph.node):
            label = (node.name or f"node{index}").removesuffix("_quant")
            convert = CONVERSIONS.get(node.op_type)
            if convert is not None and convert(self, node, attributes_of(node), label):
                continue
            if node.op_type in MACS:
                raise self.wrong(label, f"operator {node.op_type} is not supported")
            rest.append((node, label))
        if not any(isinstance(node, LayerNode) for node in self.nodes):
            raise ImportedModelError(f"{self.label}: no layer that runs on the array")
        written = {n.output for n in self.nodes}
        read = {t for n in self.nodes for t in _inputs(n)}
        network = Network(
            name=name,
            tensors=self.infos,
            nodes=tuple(self.nodes),
            inputs=tuple(t for t in self.infos if t not in written),
            outputs=tuple(t for t in self.infos if t not in read),
            not_modelled=tuple(f"{n.op_type} {label!r}" for n, label in rest if id(n) not in self.within),
            provenance=provenance,
        )
        return NetworkTrace(network, self.parameters, self.tensors)

    def _batch(self) -> int:
        """N: what divides the first dimension of every 8-bit tensor that a layer reads."""
        read = [n.input[0] for n in self.model.graph.node if n.op_type.startswith(("QLinear", "QGemm"))]
        sizes = [self.captured[name].shape[0] for name in read if self.quantised(name)]
        return gcd(*sizes) if sizes else 1

    def where(self, node: str) -> str:
        """The file and the node, for errors."""
        return f"{self.label}: node {node!r}"

    def wrong(self, node: str, why: str) -> ImportedModelError:
        """An error that names the file and the node."""
        return ImportedModelError(f"{self.where(node)}: {why}")

    def quantised(self, tensor: str) -> bool:
        """Whether a tensor was captured with 8 bits."""
        array = self.captured.get(tensor)
        return array is not None and array.dtype in (np.uint8, np.int8)

    def resolve(self, tensor: str) -> str:
        """The tensor that this one is another name of."""
        while tensor in self.alias:
            tensor = self.alias[tensor]
        return tensor

    def constant(self, tensor: str, node: str) -> Array:
        """A constant; raises ImportedModelError if the tensor is none."""
        if tensor not in self.constants:
            raise self.wrong(node, f"{tensor!r} must be a constant")
        return self.constants[tensor]

    def add(self, kind: OperationKind, label: str, inputs: list[str], output: str, **given: Any) -> None:
        """An operation of the postprocessor."""
        self.nodes.append(Operation(name=label, kind=kind, inputs=tuple(inputs), output=output, **given))

    def read(self, tensor: str, label: str) -> str:
        """A tensor that a node reads, by its name in the trace; a function makes it if nothing else does."""
        name = self.resolve(tensor)
        if name in self.infos:
            return name
        info, view = self._described(name, label)
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
            info, view = self._described(tensor, label)
            chain, sources, _ = self._chain(tensor)
            moves = len(sources) == 1 and all(node.op_type in MOVEMENTS for node in chain)
            if moves and self._same(info, view, tensor, sources[0]):
                break
        else:
            self.layouts[tensor] = layouts[0]
        return self.read(tensor, label)

    def write(self, tensor: str, label: str) -> str:
        """A tensor that a node writes."""
        self.infos[tensor], self.tensors[tensor] = self._described(tensor, label)
        return tensor

    def _described(self, name: str, label: str) -> tuple[TensorInfo, Array]:
        if not self.quantised(name) or name not in self.scales:
            raise self.wrong(label, f"{name!r} is not an 8-bit tensor")
        scale, zero = (self.constant(part, label) for part in self.scales[name])
        view = self.view(name, label)
        n, h, w, c = view.shape
        info = TensorInfo(
            name=name,
            shape=(n, h, w, c),
            dtype="int8" if view.dtype == np.int8 else "uint8",
            scale=float(scale),
            zero_point=int(zero),
        )
        return info, view

    def view(self, name: str, label: str) -> Array:
        """A captured tensor in our layout, [N, H, W, C]."""
        array = self.captured[name]
        layout = self.layouts.get(name)
        if layout:
            by_head = array if array.ndim == 4 else array[:, None]
            axes = (0, 2, 1, 3) if layout == "heads" else (0, 3, 1, 2)
            rows = by_head.transpose(axes)
            dense = rows.reshape(*rows.shape[:2], 1, -1)
        elif array.ndim == 4:
            dense = array.transpose(0, 2, 3, 1)
        elif array.ndim == 3:
            dense = array[:, :, None, :]
        elif array.ndim in (1, 2):
            dense = array.reshape(self.batch, -1, 1, array.shape[-1])
        else:
            raise self.wrong(label, f"{name!r} has shape {array.shape}")
        return np.ascontiguousarray(dense)

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
        if (info.scale, info.zero_point, info.dtype) != self._numbers(source):
            return False
        if np.array_equal(view, self.tensors[source]):
            return True
        flat = self.captured[name]
        image = self.tensors[source].transpose(0, 3, 1, 2)
        return flat.ndim == 2 and flat.size == image.size and np.array_equal(flat.ravel(), image.ravel())

    def _moved(self, chain: list[Any], sources: tuple[str, ...], output: str) -> bool:
        """One node that the datapath computes, between a pair of 8-bit tensors of one scale."""
        from accelsim.frontend.conversions import moved

        computing = [node for node in chain if node.op_type not in QUANTISERS]
        same = len(sources) == 1 and self._numbers(sources[0]) == self._numbers(output)
        if not same or len(computing) != 1 or computing[0].op_type not in ("DepthToSpace", "Pad"):
            return False
        node = computing[0]
        done = moved(self, node, attributes_of(node), node.name or output, sources[0], output)
        if done:
            self.within |= {id(node): output for node in chain}
        return done

    def _numbers(self, name: str) -> tuple[float, int, str]:
        info = self.infos[name]
        return info.scale, info.zero_point, info.dtype

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


def _inputs(node: LayerNode | Operation) -> tuple[str, ...]:
    if isinstance(node, LayerNode):
        return (node.input, *([node.second] if node.second else []))
    return node.inputs
