"""Chips: models of their parts, and the YAML files they are read from."""

from accelsim.hardware.arrays import ARRAYS, InnerJoinArray, PeArray, SystolicArray
from accelsim.hardware.loader import load_hardware, presets
from accelsim.hardware.model import (
    Accelerator,
    Dram,
    Encodings,
    Energy,
    Postprocessor,
    Scratchpad,
)
from accelsim.hardware.render import hardware_hash, schema, to_yaml

__all__ = [
    "ARRAYS",
    "Accelerator",
    "Dram",
    "Encodings",
    "Energy",
    "InnerJoinArray",
    "PeArray",
    "Postprocessor",
    "Scratchpad",
    "SystolicArray",
    "hardware_hash",
    "load_hardware",
    "presets",
    "schema",
    "to_yaml",
]
