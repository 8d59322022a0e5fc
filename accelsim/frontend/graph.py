"""A quantised ONNX graph (QOperator), its captured tensors in our layout, and what they become in the trace.

Layouts: N,C,H,W becomes N,H,W,C; rows N,T,C become N,T,1,C; the heads of an attention, N,heads,T,D, become
N,T,1,heads*D; weights K,C,R,S become K,R,S,C.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import ImportedModelError
from accelsim.frontend.signatures import scales_of
from accelsim.network import LayerNode, Operation, OperationKind, TensorInfo
from accelsim.trace import LayerParameters

Array = npt.NDArray[Any]


class Graph:
    """The model, the captured tensors, and what they have become so far."""

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

    def write(self, tensor: str, label: str) -> str:
        """A tensor that a node writes."""
        self.infos[tensor], self.tensors[tensor] = self.described(tensor, label)
        return tensor

    def described(self, name: str, label: str) -> tuple[TensorInfo, Array]:
        """A captured tensor as the trace names it, and its values in our layout."""
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

    def numbers(self, name: str) -> tuple[float, int, str]:
        """Scale, zero point and dtype of a tensor of the trace."""
        info = self.infos[name]
        return info.scale, info.zero_point, info.dtype
