"""Non-zero masks of channel-last tensors, cut in chunks of whole 64-bit words."""

import numpy as np
import numpy.typing as npt

from accelsim.jit import kernel, popcount

Masks = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]


@kernel
def pack_masks(values, zero_points, chunk_elements):
    """Mask bit i of chunk c = element c * chunk_elements + i differs from its row's zero point.

    Parameters
    ----------
    values : int8 or uint8 [rows, channels]
    zero_points : int32 [rows]
    chunk_elements : int

    Returns
    -------
    uint64 [rows, chunks, words], words = ceil(chunk_elements / 64)
    """
    rows, channels = values.shape
    chunks = (channels + chunk_elements - 1) // chunk_elements
    words = (chunk_elements + 63) // 64
    masks = np.zeros((rows, chunks, words), np.uint64)
    for row in range(rows):
        zero = np.int64(zero_points[row])
        for chunk in range(chunks):
            first = chunk * chunk_elements
            for word in range(words):
                start = first + 64 * word
                stop = min(start + 64, first + chunk_elements, channels)
                bits = np.uint64(0)
                for channel in range(start, stop):
                    bit = np.uint64(np.int64(values[row, channel]) != zero)
                    bits |= bit << np.uint64(channel - start)
                masks[row, chunk, word] = bits
    return masks


@kernel
def count_masks(masks):
    """Non-zero elements of each chunk: int64 [rows, chunks] from uint64 [rows, chunks, words]."""
    rows, chunks, words = masks.shape
    counts = np.zeros((rows, chunks), np.int64)
    for row in range(rows):
        for chunk in range(chunks):
            for word in range(words):
                counts[row, chunk] += popcount(masks[row, chunk, word])
    return counts
