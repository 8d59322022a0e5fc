"""Cycle kernels, one module per dataflow; each has a cycle-stepping twin in accelsim.reference.

A module gives `refusal`, `prepare`, `tile_counters`, and what the mapper asks for before anything is
counted: `plan_refusal` (which looks at the tile sizes of PLAN_REFUSAL_LOOPS alone), `unrollings`,
`step_cycles`, `estimate_vector`, `filters_at_once`. A plan's `spatial` is one of its `unrollings`; a
dataflow with one mapping has None for it, and takes nothing else.
"""

from functools import partial
from types import ModuleType
from typing import Protocol

from accelsim.dataflows import (
    cartesian,
    column_broadcast,
    csc_row_stationary,
    inner_join,
    row_stationary,
    structured,
    systolic,
)
from accelsim.hardware import Accelerator
from accelsim.network import Layer, LayerNode
from accelsim.reuse import OFF, Off
from accelsim.trace import NetworkTrace

DATAFLOWS: dict[str, ModuleType] = {
    "inner_join": inner_join,
    "systolic": systolic,
    "column_broadcast": column_broadcast,
    "cartesian": cartesian,
    "structured": structured,
    "row_stationary": row_stationary,
    "csc_row_stationary": csc_row_stationary,
}


def unsupported_layers(trace: NetworkTrace, chip: Accelerator, reuse: Off = OFF) -> dict[str, str]:
    """Layers of a network that a chip cannot run, with the machine and its limit."""
    one = reuse.same(trace, 0, partial(trace.select_input, 0)) if trace.inputs_count > 1 else trace
    found = {}
    for node in one.network.nodes:
        if isinstance(node, LayerNode):
            name = node.layer.name
            reason = DATAFLOWS[chip.dataflow].refusal(reuse.same(one, name, partial(one.layer, name)), chip)
            if reason is not None:
                found[name] = f"{chip.name}: {reason}"
    return found


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
