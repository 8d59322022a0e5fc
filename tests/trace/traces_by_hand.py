"""A small network with a layer, an addition and a fully connected layer, all tensors seeded."""

import numpy as np

from accelsim.network import Layer, LayerNode, Network, Operation, TensorInfo
from accelsim.trace import LayerParameters, NetworkTrace


def info(name: str, shape: tuple[int, int, int, int], zero_point: int = 3) -> TensorInfo:
    return TensorInfo(name=name, shape=shape, dtype="uint8", scale=0.5, zero_point=zero_point)


def parameters(layer: Layer, seed: int) -> LayerParameters:
    generator = np.random.default_rng(seed)
    weights = generator.integers(-3, 4, layer.weight_shape).astype(np.int8)
    return LayerParameters(
        weights=weights,
        weight_zero_points=np.zeros(layer.filters, np.int32),
        weight_scales=np.full(layer.filters, 0.25, np.float32),
        bias=np.arange(layer.filters, dtype=np.int32),
    )


def network(inputs: int = 1) -> Network:
    conv = Layer(
        name="conv/a",
        batch=inputs,
        input_height=4,
        input_width=5,
        channels=3,
        filters=3,
        kernel=(3, 3),
        padding=(1, 1, 1, 1),
    )
    connected = Layer(name="fc", kind="fully_connected", batch=inputs, channels=60, filters=2)
    image = (inputs, 4, 5, 3)
    return Network(
        name="small",
        tensors={
            t.name: t
            for t in (info("x", image), info("y", image), info("s", image), info("z", (inputs, 1, 1, 2)))
        },
        nodes=(
            LayerNode(layer=conv, input="x", output="y", relu=True),
            Operation(name="sum", kind="add", inputs=("x", "y"), output="s"),
            LayerNode(layer=connected, input="s", output="z"),
        ),
        inputs=("x",),
        outputs=("z",),
        not_modelled=("Softmax 'out'",),
        provenance={"source": "by hand"},
    )


def trace(inputs: int = 1, seed: int = 0) -> NetworkTrace:
    described = network(inputs)
    generator = np.random.default_rng(seed)
    tensors = {
        name: (generator.integers(0, 9, t.shape)).astype(np.uint8) for name, t in described.tensors.items()
    }
    layers = [n.layer for n in described.nodes if isinstance(n, LayerNode)]
    return NetworkTrace(
        described, {layer.name: parameters(layer, i) for i, layer in enumerate(layers)}, tensors
    )
