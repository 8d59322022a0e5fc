"""Layers with synthetic zeros, for speed only: their cycles say nothing about any real network.

A ReLU network's zeros are uneven: some channels are almost always zero, others almost never. So each
channel of an activation tensor, and each filter of a weight tensor, has a density of its own, drawn
from a beta distribution of the tensor's mean density; elements are then zero independently.
"""

import csv
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from accelsim.trace import LayerTrace, from_arrays
from accelsim.zoo import workloads_folder

WEIGHT_DENSITY = 0.45
ACTIVATION_DENSITY = 0.30
# alpha + beta: with 4, densities of mean 0.30 have a standard deviation of 0.2.
CONCENTRATION = 4.0
SEED = 20


def shapes() -> list[dict[str, int | str]]:
    """The rows of workloads/resnet50-shapes.csv."""
    path: Path = workloads_folder() / "resnet50-shapes.csv"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = csv.DictReader(lines)
    return [{key: value if key == "layer" else int(value) for key, value in row.items()} for row in rows]


def densities(generator: np.random.Generator, mean: float, count: int) -> npt.NDArray[np.float32]:
    """One density per channel, of the given mean: float32 [count]."""
    drawn = generator.beta(mean * CONCENTRATION, (1 - mean) * CONCENTRATION, count)
    return drawn.astype(np.float32)


def layer(
    name: str,
    height: int,
    width: int,
    channels: int,
    filters: int,
    kernel: tuple[int, int] = (1, 1),
    stride: int = 1,
    padding: int = 0,
    activation_density: float | None = ACTIVATION_DENSITY,
) -> LayerTrace:
    """A layer of one input with seeded values; an `activation_density` of None draws no zeros at all."""
    generator = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    weights = generator.integers(1, 128, (filters, *kernel, channels), np.int8)
    of_filter = densities(generator, WEIGHT_DENSITY, filters)[:, None, None, None]
    weights *= generator.random(weights.shape, np.float32) < of_filter
    weights *= generator.choice(np.array([-1, 1], np.int8), weights.shape)
    activations = generator.integers(1, 256, (1, height, width, channels), np.uint8)
    if activation_density is not None:
        of_channel = densities(generator, activation_density, channels)
        activations *= generator.random(activations.shape, np.float32) < of_channel
    return from_arrays(weights, activations, name=name, stride=stride, padding=padding)


def resnet50(layers: int | None = None) -> list[LayerTrace]:
    """The first `layers` layers of ResNet-50 (default: all 54); the photograph has no zeros."""
    found = []
    for index, row in enumerate(shapes()[:layers]):
        height, width, channels, filters, kernel_height, kernel_width, stride, padding = (
            int(value) for key, value in row.items() if key != "layer"
        )
        found.append(
            layer(
                str(row["layer"]),
                height,
                width,
                channels,
                filters,
                (kernel_height, kernel_width),
                stride,
                padding,
                ACTIVATION_DENSITY if index else None,
            )
        )
    return found
