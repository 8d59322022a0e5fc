"""Cycle kernels, one module per dataflow; each has a cycle-stepping twin in accelsim.reference.

A module gives `prepare`, `tile_counters`, and what the mapper asks for before anything is counted:
`step_cycles`, `estimate_vector`, `filters_at_once`.
"""

from types import ModuleType
from typing import Protocol

from accelsim.dataflows import inner_join, systolic
from accelsim.network import Layer

DATAFLOWS: dict[str, ModuleType] = {"inner_join": inner_join, "systolic": systolic}


class Prepared(Protocol):
    """What every dataflow makes of a layer's tensors, once."""

    @property
    def layer(self) -> Layer:
        """Its geometry."""

    @property
    def nonzero_weights(self) -> int:
        """Weights that are not zero."""

    @property
    def nonzero_activations(self) -> int:
        """Activations of the input that are not zero."""
