"""Encoded sizes of a layer's tensors as prefix sums, so that any tile's bytes are a few look-ups.

The unit of encoding is a segment: a chunk of channels of one pixel (n, h, w) or of one weight tap
(k, r, s); it decodes alone. Segments never cross a group whose channels fill whole mask bytes. In DRAM
weights may also be stored in cells (`mapper.cells`). Where chunks are of one channel, activations lie in
DRAM channel by channel, and a segment is a row of one: its bytes stand in the tables at its first column.
"""

from dataclasses import dataclass
from math import lcm

import numpy as np
import numpy.typing as npt

from accelsim.dataflows.structured import most_in_a_block
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import StructuredArray, of_kind
from accelsim.mapper.cells import (
    INTERLEAVED,
    N_OF_M,
    SEGMENTED,
    cell_filters,
    check_values_fit,
    in_dram,
    interleaved_cells,
    weight_cells,
)
from accelsim.mapper.segments import plane_bytes, segment_bytes
from accelsim.network import Layer
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]


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
    kept_activations, kept_outputs : the input is in the scratchpad already, the outputs stay there
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
    kept_activations: bool = False
    kept_outputs: bool = False


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
    a_size, a_metadata, a_held = (
        _prefix(table, (1, 2, 3)) for table in _activation_tables(trace, stored.activations, chip, starts)
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


def _activation_tables(
    trace: LayerTrace, stored: str, chip: Accelerator, starts: Ints
) -> tuple[Ints, Ints, Ints]:
    """Bytes and metadata in DRAM, bytes in the scratchpad: int64 [N, H, W, segments] each."""
    bits, held = chip.pe_array.activation_bits, chip.encodings.activations
    tensor, zero = trace.activations, trace.activation_zero_point
    of_segments = tensor.reshape(-1, tensor.shape[3]), zero, starts, bits
    shape = (*tensor.shape[:3], -1)
    if stored != "dense" and chip.pe_array.chunk_elements == 1:
        in_dram = _at_first_column(plane_bytes(tensor, zero, bits, stored), tensor.shape[2])
    else:
        size, metadata = segment_bytes(*of_segments, stored)
        in_dram = size.reshape(shape), metadata.reshape(shape)
    if stored == held:
        return *in_dram, in_dram[0]
    return *in_dram, segment_bytes(*of_segments, held)[0].reshape(shape)


def _at_first_column(rows: tuple[Ints, Ints], width: int) -> tuple[Ints, Ints]:
    """Tables [N, H, W, C] of what is known of rows [N, H, C]: rows are never cut."""
    size, metadata = (np.zeros((*table.shape[:2], width, table.shape[2]), np.int64) for table in rows)
    size[:, :, 0], metadata[:, :, 0] = rows
    return size, metadata


def _weight_bytes(trace: LayerTrace, chip: Accelerator) -> tuple[Ints, Ints, Ints]:
    """Bytes and metadata in DRAM, bytes in the scratchpad: int64 [K, segments] each."""
    k, r, s, c = trace.layer.weight_shape
    starts = segment_starts(c, c, chip.pe_array.chunk_elements)
    held, bits, stored = chip.encodings.weights, chip.pe_array.weight_bits, in_dram(trace.layer, chip)
    if stored.weights == INTERLEAVED:
        cells = interleaved_cells(trace, chip, starts)
        return cells.size, cells.metadata, cells.size
    check_values_fit(trace, stored)

    def of_filters(bits: int, name: str) -> tuple[Ints, Ints]:
        if name == N_OF_M:
            return _n_of_m_bytes(trace, chip, starts, bits)
        taps, zeros = trace.weights.reshape(-1, c), np.repeat(trace.weight_zero_points, r * s)
        size, metadata = (
            table.reshape(k, r * s, -1).sum(axis=1)
            for table in segment_bytes(taps, zeros, starts, bits, name)
        )
        return size, metadata

    if stored.weights in SEGMENTED:
        size, metadata = of_filters(stored.weight_bits, stored.weights)
    else:
        size, metadata = weight_cells(trace, stored, starts, ceil_div(chip.encodings.pointer_bits, 8))
    if held == INTERLEAVED:
        return size, metadata, interleaved_cells(trace, chip, starts).size
    if (stored.weights, stored.weight_bits) == (held, bits):
        return size, metadata, size
    return size, metadata, of_filters(bits, held)[0]


def _n_of_m_bytes(trace: LayerTrace, chip: Accelerator, starts: Ints, bits: int) -> tuple[Ints, Ints]:
    """Bytes and metadata of weights stored N of M, or dense in a layer that breaks it: [K, segments]."""
    array = of_kind(chip.pe_array, StructuredArray)
    k, r, s, _ = trace.layer.weight_shape
    channels = np.diff(starts)
    if most_in_a_block(trace, array) > array.kept_per_block:
        entries, places = channels, np.zeros_like(channels)
    else:
        entries = array.kept_per_block * -(-channels // array.block_elements)
        places = -(-entries * array.place_bits // 8)
    size = r * s * (-(-entries * bits // 8) + places)
    return np.tile(size, (k, 1)), np.tile(r * s * places, (k, 1))


def _output_tables(
    outputs: npt.NDArray[np.bool_], stored: str, chip: Accelerator, block: int
) -> tuple[Ints, Ints, Ints]:
    """Non-zero outputs of each block; bytes and metadata in DRAM if they are run-length coded there."""
    filters = outputs.shape[3]
    starts = np.array([*range(0, filters, block), filters], np.int64)
    counted = np.add.reduceat(outputs, starts[:-1], axis=3, dtype=np.int64)
    if stored in SEGMENTED:
        return counted, counted, counted
    bits = chip.pe_array.activation_bits
    if chip.pe_array.chunk_elements == 1:
        return counted, *_at_first_column(plane_bytes(outputs, 0, bits, stored), outputs.shape[2])
    rows = outputs.reshape(-1, filters).view(np.uint8)
    size, metadata = segment_bytes(rows, 0, starts, bits, stored)
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
