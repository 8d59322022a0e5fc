"""Compressed layer traces: a network's real int8 tensors, in memory and in files."""

from accelsim.trace.layer import LayerTrace, from_arrays

__all__ = ["LayerTrace", "from_arrays"]
