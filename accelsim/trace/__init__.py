"""Compressed layer traces: a network's real int8 tensors, in memory and in files."""

from accelsim.trace.describe import describe, places
from accelsim.trace.file import read, write
from accelsim.trace.folder import from_folder
from accelsim.trace.graph import node_name
from accelsim.trace.layer import LayerTrace, from_arrays
from accelsim.trace.network import (
    LayerParameters,
    NetworkTrace,
    replace_parameters,
)
from accelsim.trace.npz import from_npz
from accelsim.trace.separate import from_layers, network_of

__all__ = [
    "LayerParameters",
    "LayerTrace",
    "NetworkTrace",
    "describe",
    "from_arrays",
    "from_folder",
    "from_layers",
    "from_npz",
    "network_of",
    "node_name",
    "places",
    "read",
    "replace_parameters",
    "write",
]
