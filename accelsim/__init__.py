"""Cycle-level simulator of a sparse 8-bit MAC inference accelerator without caches.

``simulate(traces, hardware)`` runs compressed layer traces on a chip and returns a result whose
``.layers`` is a pandas DataFrame; ``accelsim.plots`` draws results; ``accelsim.trace`` reads and
writes traces; ``accelsim.hardware`` reads chips. Heavy libraries are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from accelsim.version import VERSION

__version__ = VERSION
__all__ = ["__version__", "hardware", "load_hardware", "plots", "simulate", "trace", "unsupported_layers"]

if TYPE_CHECKING:
    from accelsim import hardware, plots, trace
    from accelsim.dataflows import unsupported_layers
    from accelsim.hardware import load_hardware
    from accelsim.simulation import simulate

_ATTRIBUTES = {
    "simulate": "accelsim.simulation",
    "load_hardware": "accelsim.hardware",
    "unsupported_layers": "accelsim.dataflows",
}
_MODULES = ("hardware", "plots", "trace")


def __getattr__(name: str) -> Any:
    if name in _ATTRIBUTES:
        return getattr(import_module(_ATTRIBUTES[name]), name)
    if name in _MODULES:
        return import_module(f"accelsim.{name}")
    raise AttributeError(f"module 'accelsim' has no attribute {name!r}")
