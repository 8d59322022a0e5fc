"""Chips: models of their parts, and the YAML files they are read from."""

from accelsim.hardware.arrays import ARRAYS, InnerJoinArray, PeArray, SystolicArray
from accelsim.hardware.devices import DramDevice, devices, load_device
from accelsim.hardware.dram_model import DRAMS, BandwidthDram, BankedDram
from accelsim.hardware.loader import load_hardware, presets
from accelsim.hardware.memory import Dma, Scratchpad
from accelsim.hardware.model import Accelerator, Encodings, Energy, Postprocessor
from accelsim.hardware.render import hardware_hash, schema, to_yaml

__all__ = [
    "ARRAYS",
    "DRAMS",
    "Accelerator",
    "BandwidthDram",
    "BankedDram",
    "Dma",
    "DramDevice",
    "Encodings",
    "Energy",
    "InnerJoinArray",
    "PeArray",
    "Postprocessor",
    "Scratchpad",
    "SystolicArray",
    "devices",
    "hardware_hash",
    "load_device",
    "load_hardware",
    "presets",
    "schema",
    "to_yaml",
]
