"""Kernels of the bitmask, without branches on values: random zeros would be mispredicted."""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.jit import kernel

Words = npt.NDArray[Any]  # uint8 or uint16: values as bits


@kernel
def encode_runs(words: Words, zeros: Words) -> tuple[npt.NDArray[np.uint8], Words]:
    """Masks uint8 [runs, ceil(elements / 8)] and kept values of words [runs, elements], zeros [runs]."""
    runs, elements = words.shape
    masks = np.zeros((runs, (elements + 7) // 8), np.uint8)
    values = np.empty(words.size + 1, words.dtype)  # a dropped value is written too, then overwritten
    kept = np.int64(0)
    for run in range(runs):
        zero = np.int64(zeros[run])
        bits = np.int64(0)
        for i in range(elements):
            word = words[run, i]
            bit = np.int64(np.int64(word) != zero)
            values[kept] = word
            kept += bit
            bits |= bit << (i & 7)
            if i & 7 == 7 or i == elements - 1:
                masks[run, i >> 3] = bits
                bits = np.int64(0)
    return masks, values[:kept].copy()


@kernel
def decode_runs(masks: npt.NDArray[np.uint8], values: Words, zeros: Words, elements: int) -> Words:
    """Words [runs, elements] of masks that set exactly as many bits as there are values."""
    runs = masks.shape[0]
    words = np.empty((runs, elements), values.dtype)
    if values.size == 0:
        for run in range(runs):
            for i in range(elements):
                words[run, i] = zeros[run]
        return words
    used = np.int64(0)
    for run in range(runs):
        zero = np.int64(zeros[run])
        for i in range(elements):
            bit = (np.int64(masks[run, i >> 3]) >> (i & 7)) & 1
            value = np.int64(values[used & -bit])  # index 0 for a zero: always there
            words[run, i] = zero + ((value - zero) & -bit)
            used += bit
    return words
