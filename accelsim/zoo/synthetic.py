"""Tensors with synthetic zeros for networks of which only shapes and densities are published.

Zeros of real tensors are uneven: some channels are almost always zero, others almost never, and the MACs
that remain are not those of the product of two densities. So each channel of the activations and each
filter of the weights has a density of its own, drawn from a beta distribution around the layer's; elements
are then zero independently. `correlated=False` gives every channel the layer's density.
"""

import zlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.network import Layer
from accelsim.trace import LayerTrace, NetworkTrace, from_layers
from accelsim.trace.layer import Tensor
from accelsim.zoo.shapes import ShapeNetwork

# alpha + beta of the beta distribution, from the spread over channels in resnet50-thin on a photograph:
# median of its 52 layers with a map of at least 7 x 7, and of its 26 layers with zero weights.
ACTIVATION_CONCENTRATION = 3.05
WEIGHT_CONCENTRATION = 174.0


def synthetic_trace(
    network: ShapeNetwork,
    seed: int = 0,
    *,
    correlated: bool = True,
    weight_density: float | None = None,
    activation_density: float | None = None,
) -> NetworkTrace:
    """One input of a network with seeded values; layers are not connected, each has an input of its own.

    Parameters
    ----------
    weight_density, activation_density : of every layer, in place of the published ones

    Raises
    ------
    InputError
        If a density is not within 0..1.
    """
    traces = []
    shared: dict[str, str] = {}
    for row in network.layers:
        densities = (
            row.weight_density_fraction if weight_density is None else weight_density,
            row.activation_density_fraction if activation_density is None else activation_density,
        )
        first = synthetic_layer(row.layer, *densities, seed, correlated=correlated)
        traces.append(first)
        for step in range(1, row.steps):
            layer = replace(row.layer, name=f"{row.layer.name}{step}")
            activations = synthetic_layer(layer, *densities, seed, correlated=correlated).activations
            traces.append(replace(first, layer=layer, activations=activations))
            shared[layer.name] = row.layer.name
    kind = "channel-correlated" if correlated else "independent"
    given = weight_density is None and activation_density is None
    provenance = {
        "zeros": f"synthetic, {kind}, seed {seed}: cycles are exact for these, not for the network's own",
        "shapes": network.shapes_source,
        "densities": "; ".join(network.density_sources) if given else "given by the user",
    }
    return from_layers(network.name, traces, provenance=provenance, shared=shared)


def synthetic_layer(
    layer: Layer,
    weight_density: float,
    activation_density: float,
    seed: int = 0,
    *,
    correlated: bool = True,
) -> LayerTrace:
    """A layer with seeded int8 weights and uint8 activations of these mean densities.

    Raises
    ------
    InputError
        If a density is not within 0..1.
    """
    for what, density in (("weight", weight_density), ("activation", activation_density)):
        if not 0 <= density <= 1:
            raise InputError(f"{layer.name}: {what} density must be within 0..1, not {density}")
    generator = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
    if layer.kind == "matrix_product":
        second = generator.integers(1, 256, layer.weight_shape, np.uint8)
        second *= generator.random(layer.weight_shape, np.float32) < weight_density
        return _layer(layer, second, _activations(generator, layer, activation_density, correlated))
    weights = generator.integers(1, 128, layer.weight_shape, np.int8)
    weights *= generator.choice(np.array([-1, 1], np.int8), layer.weight_shape)
    of_filter = _densities(
        generator, weight_density, layer.filters, WEIGHT_CONCENTRATION if correlated else np.inf
    )
    weights *= generator.random(layer.weight_shape, np.float32) < of_filter[:, None, None, None]
    return _layer(layer, weights, _activations(generator, layer, activation_density, correlated))


def _activations(
    generator: np.random.Generator, layer: Layer, density: float, correlated: bool
) -> npt.NDArray[np.uint8]:
    activations = generator.integers(1, 256, layer.activation_shape, np.uint8)
    concentration = ACTIVATION_CONCENTRATION if correlated else np.inf
    of_channel = _densities(generator, density, layer.channels, concentration)
    activations *= generator.random(layer.activation_shape, np.float32) < of_channel
    return activations


def _layer(layer: Layer, weights: Tensor, activations: Tensor) -> LayerTrace:
    return LayerTrace(
        layer=layer,
        weights=weights,
        activations=activations,
        weight_zero_points=np.zeros(layer.filters, np.int32),
        weight_scales=np.ones(layer.filters, np.float32),
        relu=True,
    )


def _densities(
    generator: np.random.Generator, mean: float, count: int, concentration: float
) -> npt.NDArray[np.float32]:
    """One density per channel around `mean`: float32 [count]."""
    if mean in (0.0, 1.0) or np.isinf(concentration):
        return np.full(count, mean, np.float32)
    drawn = generator.beta(mean * concentration, (1 - mean) * concentration, count)
    return drawn.astype(np.float32)
