"""Does a network hold together? Names, order, geometry and shapes, without its arrays."""

from math import isfinite
from typing import get_args

import numpy as np

from accelsim.errors import TraceError
from accelsim.network import Layer, LayerKind, LayerNode, Network, Operation, TensorInfo

Shape = tuple[int, ...]


def node_name(node: LayerNode | Operation) -> str:
    """The name of a node of either kind."""
    return node.layer.name if isinstance(node, LayerNode) else node.name


def node_inputs(node: LayerNode | Operation) -> tuple[str, ...]:
    """The tensors that a node reads."""
    if isinstance(node, LayerNode):
        return (node.input,) if node.second is None else (node.input, node.second)
    return node.inputs


def check_network(network: Network) -> None:
    """Raise TraceError, which names the network and the node or tensor, unless all of this holds.

    - A tensor has the name of its key, sizes of at least 1, a positive scale, a zero point that its
      dtype holds; all tensors have one N.
    - Names of nodes are unique; a tensor is written once, before it is read, and inputs never.
    - The shapes of a node's tensors are those that its geometry gives.
    """
    try:
        if not network.inputs or not network.nodes:
            raise TraceError("a network needs an input and a node")
        for key, info in network.tensors.items():
            _check_tensor(key, info)
        counts = {info.shape[0]: name for name, info in network.tensors.items()}
        if len(counts) > 1:
            raise TraceError(f"all tensors must have one N, not {', '.join(_counts(counts))}")
        _check_order(network)
        for node in network.nodes:
            read = [network.tensors[name] for name in node_inputs(node)]
            written = network.tensors[node.output]
            if isinstance(node, LayerNode):
                _check_layer(node.layer, read[0], written)
                _check_weights(node, read, network)
            else:
                _check_operation(node, read, written)
    except TraceError as error:
        raise TraceError(f"{network.name}: {error}") from error


def _counts(counts: dict[int, str]) -> list[str]:
    return [f"{count} ({name!r})" for count, name in counts.items()]


def _check_tensor(key: str, info: TensorInfo) -> None:
    name = f"tensor {key!r}"
    if info.name != key:
        raise TraceError(f"{name} is described as {info.name!r}")
    if len(info.shape) != 4 or min(info.shape) < 1:
        raise TraceError(f"{name} must have 4 sizes of at least 1 (N,H,W,C), not {info.shape}")
    if info.dtype not in ("int8", "uint8"):
        raise TraceError(f"{name} must be int8 or uint8, not {info.dtype}")
    if not (isfinite(info.scale) and info.scale > 0):
        raise TraceError(f"{name} must have a positive scale, not {info.scale}")
    allowed = np.iinfo(info.dtype)
    if not allowed.min <= info.zero_point <= allowed.max:
        raise TraceError(f"{name} must have a zero point of {info.dtype}, not {info.zero_point}")


def _check_order(network: Network) -> None:
    names: set[str] = set()
    for name in (*network.inputs, *network.outputs):
        if name not in network.tensors:
            raise TraceError(f"{name!r} is an input or output, but not described")
    written = set(network.inputs)
    for node in network.nodes:
        label = node_name(node)
        if label in names:
            raise TraceError(f"two nodes are named {label!r}")
        names.add(label)
        for tensor in (*node_inputs(node), node.output):
            if tensor not in network.tensors:
                raise TraceError(f"{label}: tensor {tensor!r} is not described")
        for tensor in node_inputs(node):
            if tensor not in written:
                raise TraceError(f"{label} reads {tensor!r} before anything writes it")
        if node.output in written:
            raise TraceError(f"{label} writes {node.output!r}, which is an input or written before")
        written.add(node.output)
    if missing := [name for name in network.outputs if name not in written]:
        raise TraceError(f"output {missing[0]!r} is never written")


def _check_layer(layer: Layer, read: TensorInfo, written: TensorInfo) -> None:
    if layer.kind not in get_args(LayerKind):
        raise TraceError(f"{layer.name}: kind must be {', '.join(get_args(LayerKind))}, not {layer.kind!r}")
    sizes = (layer.batch, layer.input_height, layer.input_width, layer.channels, layer.filters, layer.groups)
    if min(*sizes, *layer.kernel, *layer.stride, *layer.dilation) < 1 or min(layer.padding) < 0:
        raise TraceError(f"{layer.name}: sizes must be at least 1 and padding at least 0, not {layer}")
    if layer.channels % layer.groups or layer.filters % layer.groups:
        raise TraceError(
            f"{layer.name}: {layer.groups} groups do not divide {layer.channels} channels and "
            f"{layer.filters} filters"
        )
    n, h, w, c = read.shape
    # A fully connected layer may read a whole image, flattened: (n, h, w, c) as (n, 1, 1, h*w*c).
    if layer.activation_shape not in (read.shape, (n, 1, 1, h * w * c)):
        raise _unfit(layer.name, "reads", read, layer.activation_shape)
    if written.shape != layer.output_shape:
        raise _unfit(layer.name, "writes", written, layer.output_shape)


def _check_weights(node: LayerNode, read: list[TensorInfo], network: Network) -> None:
    """Where the weights come from: an earlier layer of the same shape, or a tensor with a group per head."""
    layer = node.layer
    if node.parameters_of is not None:
        givers = [n for n in network.nodes if isinstance(n, LayerNode) and n.layer.name == node.parameters_of]
        own = givers and givers[0].parameters_of is None and givers[0].second is None
        if not own or node.second is not None or givers[0].layer.weight_shape != layer.weight_shape:
            raise TraceError(f"{layer.name}: cannot share the parameters of {node.parameters_of!r}")
    if (node.second is None) == (layer.kind == "matrix_product"):
        raise TraceError(f"{layer.name}: a matrix product, and nothing else, has a second tensor")
    if node.second is not None:
        _, rows, _, columns = read[1].shape
        rows, columns = (
            (columns // layer.groups, rows) if node.second_by_columns else (rows, columns // layer.groups)
        )
        if layer.weight_shape != (rows * layer.groups, 1, 1, columns) or read[1].shape[2] != 1:
            raise _unfit(layer.name, "takes as weights", read[1], layer.weight_shape)


def _check_operation(operation: Operation, read: list[TensorInfo], written: TensorInfo) -> None:
    if operation.rows is not None and len(operation.rows) != len(read):
        raise TraceError(f"{operation.name}: rows of {len(operation.rows)} inputs, it reads {len(read)}")
    if operation.kind == "function":
        if (operation.passes or 0) < 1 or not operation.function or not read:
            raise TraceError(f"{operation.name}: a function has a name, inputs, and passes of at least 1")
        for info, rows in zip(read, operation.rows or (None,) * len(read), strict=True):
            if rows and not 0 <= rows[0] < rows[0] + rows[1] <= info.shape[1]:
                raise TraceError(f"{operation.name}: {info.name!r} has {info.shape[1]} rows, not {rows}")
        return
    wanted = {"add": 2, "concatenate": max(1, len(read))}.get(operation.kind, 1)
    if len(read) != wanted:
        raise TraceError(f"{operation.name}: {operation.kind} cannot take {len(read)} inputs")
    for info in read[1:]:
        same = 4 if operation.kind == "add" else 3
        if info.shape[:same] != read[0].shape[:same]:
            raise _unfit(operation.name, "reads", info, read[0].shape)
    shape = _operation_shape(operation, read)
    if operation.kind == "resize" and _is_resized(operation, read[0].shape, written.shape):
        shape = written.shape
    if written.shape != shape:
        raise _unfit(operation.name, "writes", written, shape)


def _operation_shape(operation: Operation, read: list[TensorInfo]) -> Shape:
    n, h, w, c = read[0].shape
    if operation.kind == "add":
        return n, h, w, c
    if operation.kind == "concatenate":
        return n, h, w, sum(info.shape[3] for info in read)
    if operation.kind == "global_average_pool":
        return n, 1, 1, c
    top, left, bottom, right = operation.padding
    (r, s), (down, across) = operation.kernel, operation.stride
    if min(r, s, down, across) < 1 or min(*operation.padding, *(operation.channel_padding or (0, 0))) < 0:
        raise TraceError(f"{operation.name}: sizes must be at least 1 and padding at least 0: {operation}")
    if operation.kind == "resize":
        rows, columns = operation.resize.scales if operation.resize else (1.0, 1.0)
        return n, int(h * rows), int(w * columns), c
    if operation.kind == "depth_to_space":
        if operation.order not in ("DCR", "CRD") or c % (r * s):
            raise TraceError(
                f"{operation.name}: needs an order (DCR or CRD) and channels of whole blocks, "
                f"not {operation.order} and {c} channels for blocks of {r} x {s}"
            )
        return n, h * r, w * s, c // (r * s)
    if operation.kind == "pad":
        if operation.fill is None:
            raise TraceError(f"{operation.name}: pad needs a value to fill with")
        return n, h + top + bottom, w + left + right, c + sum(operation.channel_padding or (0, 0))
    if operation.kind not in ("max_pool", "average_pool"):
        raise TraceError(f"{operation.name}: unknown kind {operation.kind!r}")
    return n, (h + top + bottom - r) // down + 1, (w + left + right - s) // across + 1, c


def _is_resized(operation: Operation, read: Shape, written: Shape) -> bool:
    """Whether both sizes are within a pixel of the scales' (a scale may be the rounded ratio of sizes)."""
    how = operation.resize
    if how is None or min(how.scales) <= 0:
        raise TraceError(f"{operation.name}: resize needs a mode and scales above 0, not {how}")
    sizes = zip(read[1:3], written[1:3], how.scales, strict=True)
    return (read[0], read[3]) == (written[0], written[3]) and all(abs(a * s - b) < 1 for a, b, s in sizes)


def _unfit(node: str, verb: str, info: TensorInfo, shape: Shape) -> TraceError:
    return TraceError(f"{node} {verb} {info.name!r} of shape {info.shape}, its geometry gives {shape}")
