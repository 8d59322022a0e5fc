"""Bytes of segments: what decodes alone (docs/traffic.md)."""

import numpy as np
import numpy.typing as npt

from accelsim.formats import FORMATS, RunLength
from accelsim.jit import kernel

Ints = npt.NDArray[np.int64]
_BITMASK, _RUN_LENGTH = 1, 2  # of a segment; 0: dense


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


def plane_bytes(
    tensor: npt.NDArray[np.generic], zero_points: int, bits: int, encoding: str
) -> tuple[Ints, Ints]:
    """Encoded bytes of the rows of planes, and of these the metadata: int64 [N, H, C] twice.

    Parameters
    ----------
    tensor : int8, uint8 or bool [N, H, W, C]
    """
    n, h, w, c = tensor.shape
    rows = np.ascontiguousarray(tensor.transpose(0, 1, 3, 2)).reshape(-1, w)
    size, metadata = segment_bytes(
        rows.view(np.uint8) if rows.dtype == bool else rows,
        zero_points,
        np.array([0, w], np.int64),
        bits,
        encoding,
    )
    return size.reshape(n, h, c), metadata.reshape(n, h, c)
