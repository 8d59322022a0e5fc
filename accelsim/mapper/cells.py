"""Weights as DRAM holds them in cells, each encoded alone, so that any tile of whole cells can be fetched.

::

    for filters of a cell, for chunk of channels:     # all taps
        cell  = weights[filters, :, :, chunk]
        bytes = encoded length in pointer_bits + metadata + values x bits / 8   # each in whole bytes
    huffman_*: one code table for runs and one for values per layer, fetched ahead of the first cell
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.formats import FORMATS, HuffmanRunLength, NOfM, RunLength
from accelsim.formats.huffman import code_lengths
from accelsim.formats.relative_csc import column_entries
from accelsim.formats.stream import packed_bytes
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ColumnBroadcastArray, of_kind
from accelsim.network import Layer
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
N_OF_M = "n_of_m"  # of a structured array
SEGMENTED = ("dense", "bitmask", N_OF_M)  # formats of single segments: `encoded` counts them
INTERLEAVED = "csc_interleaved"
_COLUMN_FILTERS = 64  # of a cell whose pointers are one per column
_FILTERS = 8
# A codebook needs no entry for zero where none is stored, or padding zeros have a code of their own.
_ZERO_APART = ("bitmask", "csr", "csc", "huffman_run_length5")


class Cells(NamedTuple):
    """Bytes of each cell at its first filter, 0 at its others; of these the metadata: int64 [K, chunks]."""

    size: Ints
    metadata: Ints


class InDram(NamedTuple):
    """How a layer's operands are stored in DRAM.

    `weight_bits` is what a weight takes there; `table_bytes` what is read to decode weights: the lengths of
    a Huffman code, the values of a codebook.
    """

    weights: str
    activations: str
    outputs: str
    weight_bits: int
    codebook: bool
    table_bytes: int


def in_dram(layer: Layer, chip: Accelerator) -> InDram:
    """The encodings of a chip's file, resolved; a product's second operand is stored as in the scratchpad."""
    e, array, whole_bits = chip.encodings, chip.pe_array, chip.pe_array.weight_bits
    product = layer.kind == "matrix_product"
    weights = e.weights if product or e.dram_weights == "same" else e.dram_weights
    bits = whole_bits if product else e.dram_weight_bits or whole_bits
    codebook = e.dram_weight_codebook and not product
    if weights == INTERLEAVED and isinstance(array, ColumnBroadcastArray):
        bits, codebook = array.stored_weight_bits, array.codebook
    tables = (1 << bits) * ceil_div(whole_bits, 8) if codebook else 0
    format_ = FORMATS.get(weights)
    if isinstance(format_, HuffmanRunLength):
        tables += (1 << format_.run_bits) + min((1 << bits) + codebook, 256)  # weights are int8 or uint8
    return InDram(
        weights=weights,
        activations=e.activations if e.dram_activations == "same" else e.dram_activations,
        outputs=e.outputs if e.dram_outputs == "same" else e.dram_outputs,
        weight_bits=bits,
        codebook=codebook,
        table_bytes=tables,
    )


def held_weight_bits(chip: Accelerator) -> int:
    """Bits of a weight in the scratchpad, without what tells its place."""
    array = chip.pe_array
    return array.stored_weight_bits if isinstance(array, ColumnBroadcastArray) else array.weight_bits


def cell_filters(name: str, chip: Accelerator) -> int:
    """Filters of one cell of a format; tiles of filters are multiples of it. 1: segments, not cells."""
    if name in SEGMENTED:
        return 1
    if name == INTERLEAVED:
        return of_kind(chip.pe_array, ColumnBroadcastArray).cell_filters
    return _format_filters(name)


def _format_filters(name: str) -> int:
    return _COLUMN_FILTERS if name.startswith("csc") else _FILTERS


def check_values_fit(trace: LayerTrace, stored: InDram) -> None:
    """Raise InputError if weights are no numbers of their bits in DRAM, or more than a codebook holds."""
    if stored.weight_bits >= 8 * trace.weights.itemsize:
        return
    weights = trace.weights.astype(np.int16) - trace.weight_zero_points.astype(np.int16)[:, None, None, None]
    entries = 1 << stored.weight_bits
    if stored.codebook:
        distinct = np.unique(weights)
        count = distinct.size - int(stored.weights in _ZERO_APART and 0 in distinct)
        if count > entries:
            raise InputError(
                f"{trace.layer.name}: {count} different weights are stored as {stored.weights}; "
                f"a codebook of {stored.weight_bits} bits has {entries} (encodings.dram_weight_bits)"
            )
        return
    low, high, half = int(weights.min()), int(weights.max()), entries // 2
    if low < -half or high >= half:
        raise InputError(
            f"{trace.layer.name}: weights are {low} to {high} above their zero points; "
            f"{stored.weight_bits} bits hold {-half} to {half - 1} (encodings.dram_weight_bits)"
        )


def weight_cells(trace: LayerTrace, stored: InDram, starts: Ints, pointer_bytes: int) -> Cells:
    """Bytes of all cells of a layer's weights.

    Parameters
    ----------
    stored : its weights are in a format that is not in SEGMENTED
    starts : int64 [chunks + 1], first channel of each chunk, and the end
    pointer_bytes : of the length before each cell of variable size

    Raises
    ------
    TraceError
        If the format cannot hold the weights (more than N of M).
    """
    cells = Cells(*(np.zeros((len(trace.weights), starts.size - 1), np.int64) for _ in Cells._fields))
    name = stored.weights
    format_ = FORMATS[name]
    if isinstance(format_, HuffmanRunLength):
        _huffman_cells(trace, format_, name, starts, pointer_bytes, cells)
        return cells
    lengths = 0 if isinstance(format_, NOfM) else pointer_bytes  # the others' length is that of their shape
    for k, chunk, cell, zeros in _cells(trace, name, starts):
        stream = format_.encode(cell, zeros, f"{trace.layer.name}: weights")
        cells.metadata[k, chunk] = stream.metadata.size + lengths
        cells.size[k, chunk] = cells.metadata[k, chunk] + packed_bytes(
            stream.payload.size, stored.weight_bits
        )
    return cells


def interleaved_cells(trace: LayerTrace, chip: Accelerator, starts: Ints) -> Cells:
    """Cells of compressed columns whose rows lie over the PEs, as the scratchpad of such a chip has them."""
    array = of_kind(chip.pe_array, ColumnBroadcastArray)
    entries, _ = column_entries(
        trace.weights, trace.weight_zero_points, array.multipliers, array.cell_filters
    )
    counts = np.add.reduceat(entries, starts[:-1], axis=2)  # [cells, PEs, chunks]
    sizes = Cells(*(np.zeros((len(trace.weights), starts.size - 1), np.int64) for _ in Cells._fields))
    first = slice(None, None, array.cell_filters)
    mapped = np.minimum(len(trace.weights) - np.arange(len(trace.weights))[first], array.multipliers)
    pointers = mapped[:, None] * ((np.diff(starts) * chip.encodings.pointer_bits + 7) // 8)
    sizes.metadata[first] = pointers + (
        (counts * (array.entry_bits - array.stored_weight_bits) + 7) // 8
    ).sum(1)
    sizes.size[first] = pointers + ((counts * array.entry_bits + 7) // 8).sum(1)
    return sizes


def _cells(
    trace: LayerTrace, name: str, starts: Ints
) -> Iterator[tuple[int, int, npt.NDArray[Any], npt.NDArray[np.int32]]]:
    """First filter, chunk, weights and zero points of each cell."""
    filters, weights, zeros = _format_filters(name), trace.weights, trace.weight_zero_points
    for k in range(0, len(weights), filters):
        for chunk, (c0, c1) in enumerate(pairwise(starts.tolist())):
            cell = np.ascontiguousarray(weights[k : k + filters, :, :, c0:c1])
            yield k, chunk, cell, zeros[k : k + filters]


def _huffman_cells(
    trace: LayerTrace, format_: HuffmanRunLength, name: str, starts: Ints, pointer_bytes: int, cells: Cells
) -> None:
    """Cells of `format_`'s codes, their lengths by the frequencies of the whole layer."""
    plain = RunLength(format_.run_bits)
    places, found = [], []
    for k, chunk, cell, zeros in _cells(trace, name, starts):
        places.append((k, chunk))
        found.append(plain.entries(cell, zeros))
    for i, of_values in enumerate((False, True)):
        symbols = [entries[i].view(np.uint8) for entries in found]
        lengths = code_lengths(np.bincount(np.concatenate(symbols), minlength=256).astype(np.int64))
        for (k, chunk), part in zip(places, symbols, strict=True):
            coded = packed_bytes(int(lengths[part].sum(dtype=np.int64)), 1)
            cells.size[k, chunk] += coded
            cells.metadata[k, chunk] += 0 if of_values else coded
    for place in places:
        cells.size[place] += pointer_bytes
        cells.metadata[place] += pointer_bytes
