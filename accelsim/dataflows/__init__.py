"""Cycle kernels, one module per dataflow; each has a cycle-stepping twin in accelsim.reference."""

from types import ModuleType

from accelsim.dataflows import inner_join

DATAFLOWS: dict[str, ModuleType] = {"inner_join": inner_join}
