"""Published networks as data: the shape of every layer, and its densities with their source.

`workloads/networks.csv` has a row per layer, `networks_totals.csv` the totals that others published for
the same shapes, `sources.csv` what the short names of sources mean.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import get_args

from accelsim.errors import InputError
from accelsim.network import Layer, LayerKind
from accelsim.zoo.workloads import workloads_folder


@dataclass(frozen=True, slots=True)
class ShapeLayer:
    """A layer's geometry, its densities (shares of elements that are no zeros) and where they are from.

    A recurrent layer runs `steps` times, with the same weights and new activations. A product of two
    activations has no weights: its weight density is that of the second one.
    """

    layer: Layer
    weight_density_fraction: float
    activation_density_fraction: float
    weight_source: str
    activation_source: str
    steps: int = 1


@dataclass(frozen=True, slots=True)
class ShapeNetwork:
    """A network by shape; `weights` and `macs` are the published totals, without biases."""

    name: str
    description: str
    layers: tuple[ShapeLayer, ...]
    weights: int
    macs: int
    shapes_source: str

    @property
    def density_sources(self) -> tuple[str, ...]:
        """What its densities come from, in words, each once."""
        keys = dict.fromkeys(s for row in self.layers for s in (row.weight_source, row.activation_source))
        return tuple(sources()[key] for key in keys)


def shape_networks() -> dict[str, ShapeNetwork]:
    """Every published network by name."""
    layers: dict[str, list[ShapeLayer]] = {}
    for row in _rows("networks.csv"):
        layers.setdefault(row["network"], []).append(_layer(row))
    return {
        row["network"]: ShapeNetwork(
            name=row["network"],
            description=row["description"],
            layers=tuple(layers[row["network"]]),
            weights=int(row["weights"]),
            macs=int(row["macs"]),
            shapes_source=row["shapes_source"],
        )
        for row in _rows("networks_totals.csv")
    }


def shape_network_of(
    name: str, layers: Sequence[Layer], weight_density: float, activation_density: float, source: str
) -> ShapeNetwork:
    """A network of a user's own layers, all with these densities."""
    rows = tuple(ShapeLayer(layer, weight_density, activation_density, "given", "given") for layer in layers)
    weights = sum(prod(layer.weight_shape) for layer in layers if layer.kind != "matrix_product")
    return ShapeNetwork(name, source, rows, weights, sum(layer.dense_macs for layer in layers), source)


def shape_network(name: str) -> ShapeNetwork:
    """One network; raises InputError, which lists the names, if there is none."""
    known = shape_networks()
    if name not in known:
        raise InputError(f"no network {name!r}; by shape there are: {', '.join(known)}")
    return known[name]


@cache
def sources() -> dict[str, str]:
    """Sources of densities by their short name."""
    return {row["key"]: row["source"] for row in _rows("sources.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    with (workloads_folder() / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _layer(row: dict[str, str]) -> ShapeLayer:
    kinds = {kind: kind for kind in get_args(LayerKind)}
    stride, padding = int(row["stride"]), int(row["padding"])
    return ShapeLayer(
        layer=Layer(
            name=row["layer"],
            kind=kinds[row["kind"]],
            kernel=(int(row["kernel_height"]), int(row["kernel_width"])),
            stride=(stride, stride),
            padding=(padding, padding, padding, padding),
            channels=int(row["channels"]),
            filters=int(row["filters"]),
            input_height=int(row["input_height"]),
            input_width=int(row["input_width"]),
            groups=int(row["groups"]),
        ),
        weight_density_fraction=float(row["weight_density_fraction"]),
        activation_density_fraction=float(row["activation_density_fraction"]),
        weight_source=row["weight_source"],
        activation_source=row["activation_source"],
        steps=int(row["steps"]),
    )
