"""Encodings of tensors: modules with `encode`, `decode` and `size_bits`, metadata and payload apart."""

from types import ModuleType

from accelsim.formats import bitmask, dense
from accelsim.formats.bitmask import Stream

FORMATS: dict[str, ModuleType] = {"bitmask": bitmask, "dense": dense}

__all__ = ["FORMATS", "Stream", "bitmask", "dense"]
