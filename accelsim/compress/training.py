"""Small float networks, trained on a CPU; the only module that imports JAX, when something is trained or run.

::

    for epoch:  for examples of a step, in a seeded order:
        parameters = build(free, fixed)         # weights x mask, or codebook[index]
        loss       = cross entropy of logits(parameters) + penalty / 2 x sum of squared weights
        free      -= Adam's step along d loss / d free      # Kingma and Ba, ICLR 2015, algorithm 1
                                                # its size falls linearly, to zero after the last step

All in float32, in an order that depends on the seed alone: one machine gives the same bits each time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError

Floats = npt.NDArray[np.float32]
_MOMENTS = (0.9, 0.999, 1e-8)  # Adam's two decays, and what keeps its divisor from zero


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatLayer:
    """A layer with weights, then ReLU, then max pooling over `pool` x `pool`.

    Attributes
    ----------
    weight_shape : (K, C) of a fully connected layer, which flattens what it reads, channel first; or
        (K, C, R, S) of a convolution of stride 1 with `padding` zeros on each side
    """

    name: str
    weight_shape: tuple[int, ...]
    padding: int = 0
    relu: bool = True
    pool: int = 1


FloatNetwork = tuple[FloatLayer, ...]


class Parameters(NamedTuple):
    """One layer's weights, float32 of its `weight_shape`, and bias, float32 [K]."""

    weights: Floats
    bias: Floats


class Examples(NamedTuple):
    """Inputs, float32 [N, C, H, W] or [N, C], and their classes, int32 [N]."""

    inputs: Floats
    labels: npt.NDArray[np.int32]


class Settings(NamedTuple):
    """Passes over the examples, examples of a step, Adam's first step size, L2 penalty, seed of the order."""

    epochs: int
    batch: int = 32
    rate: float = 1e-3
    penalty: float = 5e-4
    seed: int = 0


Build = Callable[[Any, Any], dict[str, Parameters]]


def initial_parameters(network: FloatNetwork, seed: int = 0) -> dict[str, Parameters]:
    """Weights from a normal distribution of variance 2 / inputs (He et al., ICCV 2015), biases zero."""
    generator = np.random.default_rng(seed)
    made = {}
    for layer in network:
        deviation = np.sqrt(2 / np.prod(layer.weight_shape[1:]))
        weights = generator.normal(0, deviation, layer.weight_shape).astype(np.float32)
        made[layer.name] = Parameters(weights, np.zeros(layer.weight_shape[0], np.float32))
    return made


def logits(network: FloatNetwork, parameters: Mapping[str, Parameters], inputs: Floats) -> Floats:
    """The network's outputs: float32 [N, classes].

    Raises
    ------
    InputError
        If JAX is not installed.
    """
    _require_jax()
    outputs: Floats = np.asarray(_forward(network)(dict(parameters), inputs))
    return outputs


def accuracy(network: FloatNetwork, parameters: Mapping[str, Parameters], examples: Examples) -> float:
    """The share of examples whose largest output is that of their class; raises InputError as `logits`."""
    answers = np.argmax(logits(network, parameters, examples.inputs), axis=1)
    return float(np.mean(answers == examples.labels))


def fit(
    network: FloatNetwork, build: Build, free: Any, fixed: Any, examples: Examples, settings: Settings
) -> Any:
    """Train some arrays of a network.

    Parameters
    ----------
    build : a function at a module's level; the network's parameters are build(free, fixed)
    free : mappings and tuples of float32 arrays, where training starts
    fixed : the same of arrays that stay as they are

    Returns
    -------
    `free` as trained, numpy arrays.

    Raises
    ------
    InputError
        If JAX is not installed, or there are fewer examples than a step takes.
    """
    _require_jax()
    import jax

    count = len(examples.labels)
    steps = count // settings.batch
    if steps == 0:
        raise InputError(f"training: {count} examples, fewer than the {settings.batch} of a step")
    free = jax.tree.map(jax.numpy.asarray, free)
    nothing = jax.tree.map(jax.numpy.zeros_like, free)
    state = (free, nothing, nothing, jax.numpy.zeros(()))
    epoch = _epoch(network, build, settings.penalty)
    generator = np.random.default_rng(settings.seed)
    for rates in settings.rate * np.linspace(1, 0, settings.epochs * steps + 1)[:-1].reshape(-1, steps):
        order = generator.permutation(count)[: steps * settings.batch].reshape(steps, settings.batch)
        state = epoch(state, fixed, *examples, order, rates.astype(np.float32))
    return jax.tree.map(np.asarray, state[0])


def float_model(network: FloatNetwork, parameters: Mapping[str, Parameters], shape: tuple[int, ...]) -> Any:
    """A float onnx.ModelProto for one input of `shape` (C, H, W or C) at a time; needs onnx, not JAX."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, last = [], [], "image"
    image = len(shape) == 3

    def add(kind: str, name: str, *constant: str, **attributes: Any) -> None:
        nonlocal last
        nodes.append(helper.make_node(kind, [last, *constant], [name], name=name, **attributes))
        last = name

    for layer in network:
        named = [f"{layer.name}/{part}" for part in Parameters._fields]
        for label, array in zip(named, parameters[layer.name], strict=True):
            constants.append(numpy_helper.from_array(np.ascontiguousarray(array), label))
        if len(layer.weight_shape) == 4:
            kernel, sides = list(layer.weight_shape[2:]), [layer.padding] * 4
            add("Conv", layer.name, *named, kernel_shape=kernel, pads=sides)
        else:
            if image:
                add("Flatten", f"{layer.name}/flat", axis=1)
            add("Gemm", layer.name, *named, transB=1)
            image = False
        if layer.relu:
            add("Relu", f"{layer.name}/relu")
        if layer.pool > 1:
            sides = [layer.pool] * 2
            add("MaxPool", f"{layer.name}/pool", kernel_shape=sides, strides=sides)
    values = [("image", (1, *shape)), (last, (1, network[-1].weight_shape[0]))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in values]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@cache
def _forward(network: FloatNetwork) -> Any:
    import jax

    return jax.jit(lambda parameters, inputs: _outputs(network, parameters, inputs))


def _outputs(network: FloatNetwork, parameters: Mapping[str, Sequence[Any]], inputs: Any) -> Any:
    import jax.numpy as jnp
    from jax import lax

    values = inputs
    for layer in network:
        weights, bias = parameters[layer.name]
        if len(layer.weight_shape) == 4:
            sides = [(layer.padding, layer.padding)] * 2
            values = lax.conv_general_dilated(values, weights, (1, 1), sides) + bias[:, None, None]
        else:
            values = values.reshape(len(values), -1) @ weights.T + bias
        if layer.relu:
            values = jnp.maximum(values, 0)
        if layer.pool > 1:
            n, c, h, w = values.shape
            windows = (n, c, h // layer.pool, layer.pool, w // layer.pool, layer.pool)
            values = values.reshape(windows).max(axis=(3, 5))
    return values


@cache
def _epoch(network: FloatNetwork, build: Build, penalty: float) -> Any:
    """A compiled pass over the examples, a step per row of `order`; the state is arrays, moments, steps."""
    import jax
    import jax.numpy as jnp

    first, second, little = _MOMENTS

    def loss(free: Any, fixed: Any, inputs: Any, labels: Any) -> Any:
        parameters = build(free, fixed)
        logs = jax.nn.log_softmax(_outputs(network, parameters, inputs))
        squares = sum((weights**2).sum() for weights, _ in parameters.values())
        return penalty / 2 * squares - jnp.mean(jnp.take_along_axis(logs, labels[:, None], axis=1))

    def epoch(state: Any, fixed: Any, inputs: Any, labels: Any, order: Any, rates: Any) -> Any:
        def step(state: Any, given: tuple[Any, Any]) -> tuple[Any, None]:
            free, means, squares, count = state
            rows, rate = given
            slopes = jax.grad(loss)(free, fixed, inputs[rows], labels[rows])
            count = count + 1
            means = jax.tree.map(lambda m, g: first * m + (1 - first) * g, means, slopes)
            squares = jax.tree.map(lambda v, g: second * v + (1 - second) * g * g, squares, slopes)
            size, grown = rate / (1 - first**count), 1 - second**count
            free = jax.tree.map(
                lambda p, m, v: p - size * m / (jnp.sqrt(v / grown) + little), free, means, squares
            )
            return (free, means, squares, count), None

        return jax.lax.scan(step, state, (order, rates))[0]

    return jax.jit(epoch)


def _require_jax() -> None:
    try:
        import jax  # noqa: F401
    except ImportError as error:
        raise InputError("jax is not installed: pip install 'accelsim[train]'") from error
