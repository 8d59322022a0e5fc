"""Chips: models of their parts, and the YAML files they are read from."""

from accelsim.hardware.loader import load_hardware, presets
from accelsim.hardware.model import (
    Accelerator,
    Dram,
    Encodings,
    Energy,
    PeArray,
    Postprocessor,
    Scratchpad,
)
from accelsim.hardware.render import hardware_hash, schema, to_yaml

__all__ = [
    "Accelerator",
    "Dram",
    "Encodings",
    "Energy",
    "PeArray",
    "Postprocessor",
    "Scratchpad",
    "hardware_hash",
    "load_hardware",
    "presets",
    "schema",
    "to_yaml",
]
