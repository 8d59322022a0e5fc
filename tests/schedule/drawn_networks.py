"""Small networks with tensors of seeded values: chains, residuals, branches."""

from typing import Any

import numpy as np

from accelsim.hardware import Accelerator, load_hardware
from accelsim.network import Layer, LayerNode, Network, Operation, TensorInfo
from accelsim.trace import NetworkTrace
from accelsim.trace.network import LayerParameters

SMALL = ["pe_array.rows=4", "pe_array.columns=4", "pe_array.chunk_elements=16"]


def chip(capacity: int, *overrides: str, name: str = "both-skip-16x16") -> Accelerator:
    return load_hardware(name, [*SMALL, f"scratchpad.capacity_bytes={capacity}", *overrides])


class Builder:
    """Adds nodes to a network, one after the other; tensors are named after the node that writes them."""

    def __init__(self, shape: tuple[int, int, int, int], seed: int = 0) -> None:
        self.generator = np.random.default_rng(seed)
        self.infos: dict[str, TensorInfo] = {}
        self.nodes: list[LayerNode | Operation] = []
        self.tensors: dict[str, Any] = {}
        self.parameters: dict[str, LayerParameters] = {}
        self._tensor("x", shape)

    def _tensor(self, name: str, shape: tuple[int, int, int, int]) -> None:
        info = TensorInfo(name=name, shape=shape, dtype="uint8", scale=1.0, zero_point=0)
        values = self.generator.integers(1, 256, shape)
        self.infos[name] = info
        self.tensors[name] = (values * (self.generator.random(shape) < 0.5)).astype(np.uint8)

    def convolution(
        self,
        name: str,
        read: str,
        filters: int,
        taps: int = 3,
        stride: int = 1,
        groups: int = 1,
        pad: int = -1,
    ) -> str:
        n, h, w, c = self.infos[read].shape
        pad = taps // 2 if pad < 0 else pad
        layer = Layer(
            name=name,
            batch=n,
            input_height=h,
            input_width=w,
            channels=c,
            filters=filters,
            kernel=(taps, taps),
            stride=(stride, stride),
            padding=(pad, pad, pad, pad),
            groups=groups,
        )
        weights = self.generator.integers(-4, 5, layer.weight_shape).astype(np.int8)
        self.parameters[name] = LayerParameters(
            weights=weights,
            weight_zero_points=np.zeros(filters, np.int32),
            weight_scales=np.ones(filters, np.float32),
        )
        self.nodes.append(LayerNode(layer=layer, input=read, output=name))
        self._tensor(name, layer.output_shape)
        return name

    def add(self, name: str, a: str, b: str) -> str:
        self.nodes.append(Operation(name=name, kind="add", inputs=(a, b), output=name))
        self._tensor(name, self.infos[a].shape)
        return name

    def pool(self, name: str, read: str) -> str:
        n, h, w, c = self.infos[read].shape
        self.nodes.append(
            Operation(name=name, kind="max_pool", inputs=(read,), output=name, kernel=(2, 2), stride=(2, 2))
        )
        self._tensor(name, (n, h // 2, w // 2, c))
        return name

    def concatenate(self, name: str, *read: str) -> str:
        shape = self.infos[read[0]].shape
        self.nodes.append(Operation(name=name, kind="concatenate", inputs=read, output=name))
        self._tensor(name, (*shape[:3], sum(self.infos[r].shape[3] for r in read)))
        return name

    def trace(self, *outputs: str) -> NetworkTrace:
        network = Network(
            name="drawn", tensors=self.infos, nodes=tuple(self.nodes), inputs=("x",), outputs=outputs
        )
        return NetworkTrace(network, self.parameters, self.tensors)


def residual(seed: int = 0, size: int = 8, channels: int = 16) -> NetworkTrace:
    """x - a - b - c - add(a, c) - pool - d: `a` lives over two layers."""
    b = Builder((1, size, size, 8), seed)
    a = b.convolution("a", "x", channels)
    c = b.convolution("c", b.convolution("b", a, channels), channels)
    b.convolution("d", b.pool("pool", b.add("sum", a, c)), 8)
    return b.trace("d")


def drawn(seed: int) -> NetworkTrace:
    """A graph of six to eight nodes, each reading what a draw says."""
    b = Builder((1, 6, 6, 8), seed)
    alike = ["x"]
    for i in range(int(b.generator.integers(5, 8))):
        reads = [str(name) for name in b.generator.choice(alike, 2)]
        kind = int(b.generator.integers(0, 4))
        if kind == 0 and len(alike) > 1:
            alike.append(b.add(f"n{i}", *reads))
        else:
            taps = int(b.generator.choice([1, 3]))
            alike.append(b.convolution(f"n{i}", reads[0], 8, taps))
    last = b.convolution("last", alike[-1], 8, 1)
    read = {
        name for node in b.nodes for name in ([node.input] if isinstance(node, LayerNode) else node.inputs)
    }
    return b.trace(last, *(name for name in alike[1:] if name not in read))
