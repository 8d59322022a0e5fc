"""The version of this package, and those of what its results depend on."""

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

VERSION = "0.1.0"


def versions() -> dict[str, str]:
    """Versions by name, for the provenance of a result."""
    return {"accelsim": VERSION, "python": platform.python_version(), **_of_others()}


@cache
def _of_others() -> dict[str, str]:
    return {name: version(name) for name in ("numpy", "numba", "simpy")}


@cache
def code_version() -> str:
    """sha256 of this package's version and sources."""
    package = Path(__file__).parent
    digest = hashlib.sha256(VERSION.encode())
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()
