"""The version of this package, and those of what its results depend on."""

import platform
from importlib.metadata import version

VERSION = "0.1.0"


def versions() -> dict[str, str]:
    """Versions by name, for the provenance of a result."""
    others = {name: version(name) for name in ("numpy", "numba", "simpy")}
    return {"accelsim": VERSION, "python": platform.python_version(), **others}
