"""Encoded sizes of a layer's tensors as prefix sums, so that any tile's bytes are a few look-ups.

The unit of encoding is a segment: a chunk of channels of one pixel (n, h, w) or of one weight tap
(k, r, s); it decodes alone. Segments never cross a group whose channels fill whole mask bytes. In DRAM
weights may also be stored in cells (`mapper.cells`).
"""

from dataclasses import dataclass
from math import lcm

import numpy as np
import numpy.typing as npt

from accelsim.formats import FORMATS, RunLength
from accelsim.hardware import Accelerator
from accelsim.jit import kernel
from accelsim.mapper.cells import (
    INTERLEAVED,
    SEGMENTED,
    cell_filters,
    check_values_fit,
    in_dram,
    interleaved_cells,
    weight_cells,
)
from accelsim.network import Layer
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
_BITMASK, _RUN_LENGTH = 1, 2  # of a segment; 0: dense


@dataclass(frozen=True, slots=True)
class EncodedSizes:
    """Prefix sums of encoded bytes (values and metadata, without pointers).

    Attributes
    ----------
    weights : int64 [K + 1, segments + 1], bytes in DRAM of filters < k and segments < s
    weight_metadata : int64 [K + 1, segments + 1], of these the metadata
    held_weights : int64 [K + 1, segments + 1], bytes in the scratchpad
    activations, activation_metadata, held_activations : int64 [N, H + 1, W + 1, segments + 1]
    held_outputs : int64 [N, P + 1, Q + 1, blocks + 1], non-zero outputs in blocks of `output_block` filters
    outputs, output_metadata : of the same shape, bytes in DRAM where outputs are run-length coded there,
        else as `held_outputs`
    output_block : filters per column of the outputs' tables
    filter_block : tiles of filters are multiples of it: of a cell of weights too
    segment_of_channel : int64 [channels], segment of the activation tensor that holds a channel
    used_rows : int64 [H + 1], input rows < h that some window reads
    """

    weights: Ints
    weight_metadata: Ints
    held_weights: Ints
    activations: Ints
    activation_metadata: Ints
    held_activations: Ints
    held_outputs: Ints
    outputs: Ints
    output_metadata: Ints
    output_block: int
    filter_block: int
    segment_of_channel: Ints
    used_rows: Ints


@kernel
def _segment_bytes(values, zero_points, starts, bits, kind, run_bits):
    """(bytes, metadata bytes) of each segment of each row: int64 [rows, segments] twice."""
    rows = values.shape[0]
    segments = starts.size - 1
    sizes = np.zeros((rows, segments), np.int64)
    metadata = np.zeros((rows, segments), np.int64)
    longest = (np.int64(1) << run_bits) - 1
    for row in range(rows):
        zero = np.int64(zero_points[row])
        for segment in range(segments):
            elements = starts[segment + 1] - starts[segment]
            kept = np.int64(elements)
            if kind == _BITMASK:
                kept = np.int64(0)
                for channel in range(starts[segment], starts[segment + 1]):
                    kept += np.int64(np.int64(values[row, channel]) != zero)
                metadata[row, segment] = (elements + 7) // 8
            elif kind == _RUN_LENGTH:
                kept = np.int64(0)
                run = np.int64(0)
                for channel in range(starts[segment], starts[segment + 1]):
                    keep = np.int64(values[row, channel]) != zero or run == longest
                    run = np.int64(0) if keep else run + 1
                    kept += np.int64(keep)
                metadata[row, segment] = (kept * run_bits + 7) // 8
            sizes[row, segment] = (kept * bits + 7) // 8 + metadata[row, segment]
    return sizes, metadata


def segment_bytes(
    values: npt.NDArray[np.generic], zero_points: npt.ArrayLike, starts: Ints, bits: int, encoding: str
) -> tuple[Ints, Ints]:
    """Encoded bytes of segments, and of these the metadata.

    Parameters
    ----------
    values : int8 or uint8 [rows, channels]
    zero_points : one for all rows, or int32 [rows]
    starts : int64 [segments + 1], first channel of each segment, and the end
    bits : of a stored value
    encoding : `dense`, `bitmask` or a run-length format

    Returns
    -------
    int64 [rows, segments] twice
    """
    zeros = np.ascontiguousarray(np.broadcast_to(np.asarray(zero_points, np.int32), (len(values),)))
    format_ = FORMATS[encoding]
    run_bits = format_.run_bits if isinstance(format_, RunLength) else 0
    kind = _RUN_LENGTH if run_bits else (_BITMASK if encoding == "bitmask" else 0)
    sizes, metadata = _segment_bytes(np.ascontiguousarray(values), zeros, starts, bits, kind, run_bits)
    return sizes, metadata


def _prefix(table: Ints, axes: tuple[int, ...]) -> Ints:
    for axis in axes:
        table = np.cumsum(table, axis=axis, dtype=np.int64)
        pad = [(1, 0) if a == axis else (0, 0) for a in range(table.ndim)]
        table = np.pad(table, pad)
    return table


def segment_starts(channels: int, group_channels: int, chunk_elements: int) -> Ints:
    """First channel of each segment, and the end: int64 [segments + 1]."""
    span = group_channels if group_channels % 8 == 0 else channels
    starts = [g + c for g in range(0, channels, span) for c in range(0, span, chunk_elements)]
    return np.array([*starts, channels], np.int64)


def filter_block(layer: Layer, chip: Accelerator, tile_k: int | None = None) -> int:
    """Filters that a tile cannot cut: those of a cell of weights, or of a block of `output_block`."""
    stored, held = in_dram(layer, chip).weights, chip.encodings.weights
    return lcm(cell_filters(stored, chip), cell_filters(held, chip), output_block(layer, chip, tile_k))


def output_block(layer: Layer, chip: Accelerator, tile_k: int | None = None) -> int:
    """Filters per column of the outputs' tables: a run-length coded segment, or whole mask bytes.

    Parameters
    ----------
    tile_k : of a plan that a user fixed; it may be no whole bytes
    """
    if in_dram(layer, chip).outputs not in SEGMENTED:
        return chip.pe_array.chunk_elements
    return 8 if tile_k is None or tile_k % 8 == 0 else 1


def encoded_sizes(
    trace: LayerTrace, chip: Accelerator, outputs: npt.NDArray[np.bool_], tile_k: int | None = None
) -> EncodedSizes:
    """Prefix sums for a layer on a chip.

    Parameters
    ----------
    outputs : bool [N, P, Q, K], the non-zero outputs
    tile_k : as `filter_block`

    Raises
    ------
    InputError
        If weights do not fit in `encodings.dram_weight_bits`, or more differ than a codebook holds.
    TraceError
        If the encoding in DRAM cannot hold the weights (more than N of M).
    """
    layer, array, stored = trace.layer, chip.pe_array, in_dram(trace.layer, chip)
    channels = layer.activation_shape[3]
    starts = segment_starts(channels, layer.group_channels, array.chunk_elements)
    pixels = trace.activations.reshape(-1, channels)
    plane = layer.activation_shape[:3]
    a_size, a_metadata, a_held = (
        _prefix(table.reshape(*plane, -1), (1, 2, 3))
        for table in _in_dram_and_held(
            pixels,
            trace.activation_zero_point,
            starts,
            array.activation_bits,
            stored.activations,
            chip.encodings.activations,
            array.activation_bits,
        )
    )
    w_size, w_metadata, w_held = (_prefix(table, (0, 1)) for table in _weight_bytes(trace, chip))
    block = output_block(layer, chip, tile_k)
    held_outputs, o_size, o_metadata = (
        _prefix(t, (1, 2, 3)) for t in _output_tables(outputs, stored.outputs, chip, block)
    )
    return EncodedSizes(
        weights=w_size,
        weight_metadata=w_metadata,
        held_weights=w_held,
        activations=a_size,
        activation_metadata=a_metadata,
        held_activations=a_held,
        held_outputs=held_outputs,
        outputs=o_size,
        output_metadata=o_metadata,
        output_block=block,
        filter_block=filter_block(layer, chip, tile_k),
        segment_of_channel=np.repeat(np.arange(len(starts) - 1, dtype=np.int64), np.diff(starts)),
        used_rows=_used_rows(trace),
    )


def _in_dram_and_held(
    values: npt.NDArray[np.generic],
    zero_points: npt.ArrayLike,
    starts: Ints,
    bits: int,
    in_dram: str,
    held: str,
    dram_bits: int,
) -> tuple[Ints, Ints, Ints]:
    """Bytes and metadata in DRAM, bytes in the scratchpad: int64 [rows, segments] each."""
    size, metadata = segment_bytes(values, zero_points, starts, dram_bits, in_dram)
    if (in_dram, dram_bits) == (held, bits):
        return size, metadata, size
    return size, metadata, segment_bytes(values, zero_points, starts, bits, held)[0]


def _weight_bytes(trace: LayerTrace, chip: Accelerator) -> tuple[Ints, Ints, Ints]:
    """Bytes and metadata in DRAM, bytes in the scratchpad: int64 [K, segments] each."""
    k, r, s, c = trace.layer.weight_shape
    starts = segment_starts(c, c, chip.pe_array.chunk_elements)
    taps, zeros = trace.weights.reshape(-1, c), np.repeat(trace.weight_zero_points, r * s)
    held, bits, stored = chip.encodings.weights, chip.pe_array.weight_bits, in_dram(trace.layer, chip)
    if stored.weights == INTERLEAVED:
        cells = interleaved_cells(trace, chip, starts)
        return cells.size, cells.metadata, cells.size
    check_values_fit(trace, stored)

    def of_filters(table: Ints) -> Ints:
        found: Ints = table.reshape(k, r * s, -1).sum(axis=1)
        return found

    if stored.weights in SEGMENTED:
        tables = segment_bytes(taps, zeros, starts, stored.weight_bits, stored.weights)
        size, metadata = of_filters(tables[0]), of_filters(tables[1])
    else:
        size, metadata = weight_cells(trace, stored, starts, ceil_div(chip.encodings.pointer_bits, 8))
    if held == INTERLEAVED:
        return size, metadata, interleaved_cells(trace, chip, starts).size
    if (stored.weights, stored.weight_bits) == (held, bits):
        return size, metadata, size
    return size, metadata, of_filters(segment_bytes(taps, zeros, starts, bits, held)[0])


def _output_tables(
    outputs: npt.NDArray[np.bool_], stored: str, chip: Accelerator, block: int
) -> tuple[Ints, Ints, Ints]:
    """Non-zero outputs of each block; bytes and metadata in DRAM if they are run-length coded there."""
    filters = outputs.shape[3]
    starts = np.array([*range(0, filters, block), filters], np.int64)
    counted = np.add.reduceat(outputs, starts[:-1], axis=3, dtype=np.int64)
    if stored in SEGMENTED:
        return counted, counted, counted
    rows = outputs.reshape(-1, filters).view(np.uint8)
    size, metadata = segment_bytes(rows, 0, starts, chip.pe_array.activation_bits, stored)
    return counted, size.reshape(counted.shape), metadata.reshape(counted.shape)


def _used_rows(trace: LayerTrace) -> Ints:
    layer = trace.layer
    used = np.zeros(layer.input_height, np.int64)
    rows = (
        np.arange(layer.output_height)[:, None] * layer.stride[0]
        - layer.padding[0]
        + np.arange(layer.kernel[0])[None, :] * layer.dilation[0]
    )
    used[rows[(rows >= 0) & (rows < layer.input_height)]] = 1
    return np.concatenate([[0], np.cumsum(used)]).astype(np.int64)
