"""A network by shape as a graph: where shapes say that a layer reads the layer before it, it does.

Layers of a table stand in order of execution. A layer reads the output of the one before it if it has as
many elements, or after a pooling over 2 x 2 (as between the blocks of VGG), which is then an operation.
"""

from typing import Any

import numpy as np

from accelsim.errors import InputError
from accelsim.network import LayerNode, Network, Operation, TensorInfo
from accelsim.trace import NetworkTrace
from accelsim.trace.layer import LayerTrace, Tensor


def chained(trace: NetworkTrace) -> NetworkTrace:
    """Join the layers of `synthetic_trace` to one chain; raises InputError where shapes do not continue.

    What a layer writes is what the next one reads: its synthetic zeros are those of that input. The values
    of a pooled map are each repeated over 2 x 2 of the larger one, so that the pooling gives them.
    """
    layers = [trace.layer(name) for name in trace.layers]
    nodes: list[LayerNode | Operation] = []
    infos: dict[str, TensorInfo] = {}
    tensors: dict[str, Tensor] = {}
    read = _add("input", layers[0].activations, layers[0].layer.activation_shape, infos, tensors)
    first = read
    for here, after in zip(layers, [*layers[1:], None], strict=True):
        name = here.layer.name
        nodes.append(LayerNode(layer=here.layer, input=read, output=name, relu=here.relu))
        shape = here.layer.output_shape
        if after is None:
            _describe(name, shape, infos)
            continue
        read = _joined(name, shape, after, nodes, infos, tensors)
    network = Network(
        name=trace.network.name,
        tensors=infos,
        nodes=tuple(nodes),
        inputs=(first,),
        outputs=(layers[-1].layer.name,),
        provenance=trace.network.provenance | {"graph": "a chain, joined by shapes"},
    )
    return NetworkTrace(network, dict(trace.parameters), tensors)


def _joined(
    name: str,
    shape: tuple[int, int, int, int],
    after: LayerTrace,
    nodes: list[LayerNode | Operation],
    infos: dict[str, TensorInfo],
    tensors: dict[str, Tensor],
) -> str:
    """The tensor that the next layer reads: this layer's output, or the pooled one."""
    n, h, w, c = shape
    pooled = (n, h // 2, w // 2, c)
    wanted = after.activations
    if wanted.size == np.prod(shape):
        return _add(name, wanted, shape, infos, tensors)
    if wanted.size != np.prod(pooled):
        raise InputError(f"{after.layer.name} cannot read {name}: {wanted.shape} after {shape}")
    small = wanted.reshape(pooled)
    large = np.zeros(shape, small.dtype)
    large[:, : 2 * pooled[1], : 2 * pooled[2]] = small.repeat(2, 1).repeat(2, 2)
    _add(name, large, shape, infos, tensors)
    pool = f"{name}_pool"
    nodes.append(
        Operation(name=pool, kind="max_pool", inputs=(name,), output=pool, kernel=(2, 2), stride=(2, 2))
    )
    return _add(pool, small, pooled, infos, tensors)


def _add(
    name: str,
    values: Any,
    shape: tuple[int, int, int, int],
    infos: dict[str, TensorInfo],
    tensors: dict[str, Tensor],
) -> str:
    _describe(name, shape, infos)
    tensors[name] = np.ascontiguousarray(values.reshape(shape))
    return name


def _describe(name: str, shape: tuple[int, int, int, int], infos: dict[str, TensorInfo]) -> None:
    infos[name] = TensorInfo(name=name, shape=shape, dtype="uint8", scale=1.0, zero_point=0)
