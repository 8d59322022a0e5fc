"""Chips: models of their parts, and the YAML files they are read from."""

from accelsim.hardware.model import (
    Accelerator,
    Dram,
    Encodings,
    Energy,
    PeArray,
    Postprocessor,
    Scratchpad,
)

__all__ = ["Accelerator", "Dram", "Encodings", "Energy", "PeArray", "Postprocessor", "Scratchpad"]
