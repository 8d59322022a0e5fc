"""Encoded sizes of a layer's tensors as prefix sums, so that any tile's bytes are a few look-ups.

The unit of encoding is a segment: a chunk of channels of one pixel (n, h, w) or of one weight tap
(k, r, s); it decodes alone. Segments never cross a group whose channels fill whole mask bytes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.jit import kernel
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EncodedSizes:
    """Prefix sums of encoded bytes (values and masks, without pointers).

    Attributes
    ----------
    weights : int64 [K + 1, segments + 1], bytes of filters < k and segments < s
    weight_masks : int64 [K + 1, segments + 1], of these the mask bytes
    activations, activation_masks : int64 [N, H + 1, W + 1, segments + 1]
    outputs : int64 [N, P + 1, Q + 1, blocks + 1], non-zero outputs in blocks of `output_block` filters
    segment_of_channel : int64 [channels], segment of the activation tensor that holds a channel
    used_rows : int64 [H + 1], input rows < h that some window reads
    """

    weights: Ints
    weight_masks: Ints
    activations: Ints
    activation_masks: Ints
    outputs: Ints
    output_block: int
    segment_of_channel: Ints
    used_rows: Ints


@kernel
def _segment_bytes(values, zero_points, starts, bits, bitmask):
    """(bytes, mask bytes) of each segment of each row: int64 [rows, segments] twice."""
    rows = values.shape[0]
    segments = starts.size - 1
    sizes = np.zeros((rows, segments), np.int64)
    masks = np.zeros((rows, segments), np.int64)
    for row in range(rows):
        zero = np.int64(zero_points[row])
        for segment in range(segments):
            elements = starts[segment + 1] - starts[segment]
            kept = np.int64(elements)
            if bitmask:
                kept = np.int64(0)
                for channel in range(starts[segment], starts[segment + 1]):
                    kept += np.int64(np.int64(values[row, channel]) != zero)
                masks[row, segment] = (elements + 7) // 8
            sizes[row, segment] = (kept * bits + 7) // 8 + masks[row, segment]
    return sizes, masks


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


def encoded_sizes(
    trace: LayerTrace, chip: Accelerator, outputs: npt.NDArray[np.bool_], output_block: int = 8
) -> EncodedSizes:
    """Prefix sums for a layer on a chip.

    Parameters
    ----------
    outputs : bool [N, P, Q, K], the non-zero outputs
    output_block : filters per column of the outputs' table; tiles of filters are multiples of it
    """
    layer, array = trace.layer, chip.pe_array
    k, r, s, c = layer.weight_shape
    n, h, w, channels = layer.activation_shape
    chunk = array.chunk_elements
    weight_starts = segment_starts(c, c, chunk)
    size, mask = _segment_bytes(
        np.ascontiguousarray(trace.weights).reshape(-1, c),
        np.repeat(trace.weight_zero_points, r * s),
        weight_starts,
        array.weight_bits,
        chip.encodings.weights == "bitmask",
    )
    starts = segment_starts(channels, layer.group_channels, chunk)
    pixels = np.ascontiguousarray(trace.activations).reshape(-1, channels)
    a_size, a_mask = _segment_bytes(
        pixels,
        np.full(len(pixels), trace.activation_zero_point, np.int32),
        starts,
        array.activation_bits,
        chip.encodings.activations == "bitmask",
    )
    blocks = ceil_div(k, output_block)
    counted = np.add.reduceat(outputs, np.arange(blocks) * output_block, axis=3, dtype=np.int64)
    segment_of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return EncodedSizes(
        weights=_prefix(size.reshape(k, r * s, -1).sum(axis=1), (0, 1)),
        weight_masks=_prefix(mask.reshape(k, r * s, -1).sum(axis=1), (0, 1)),
        activations=_prefix(a_size.reshape(n, h, w, -1), (1, 2, 3)),
        activation_masks=_prefix(a_mask.reshape(n, h, w, -1), (1, 2, 3)),
        outputs=_prefix(counted, (1, 2, 3)),
        output_block=output_block,
        segment_of_channel=segment_of.astype(np.int64),
        used_rows=_used_rows(trace),
    )


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
