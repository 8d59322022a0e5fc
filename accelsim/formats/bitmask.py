"""Bitmask: one bit per element, 1 where it differs from the zero point, and the other values apart.

::

    for run in runs:                  # a run: the elements along the last axis (channels)
        for i in elements:            #   bit i % 8 of byte i // 8 of the run's mask
            if value != zero_point:   #   a new run starts on a new byte; bits past its end are 0
                payload.append(value)
"""

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.formats.stream import (
    Integers,
    Stream,
    check_stream,
    runs_of,
    unsigned,
    words_of,
    zeros_of,
    zeros_of_rows,
)


def encode(dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
    """Mask and values of a tensor of any shape.

    Parameters
    ----------
    dense : int8, uint8 or int16
    zero_point : one for the tensor, or one per index of axis 0 (filters)
    name : what errors call the tensor

    Returns
    -------
    Stream of metadata uint8 [runs * ceil(elements of a run / 8)] and the values, ascending

    Raises
    ------
    TraceError
        If the dtype or the zero point does not fit.
    """
    # Only here, as numba takes half a second: tensors can be listed without it.
    from accelsim.formats._bitmask_kernel import encode_runs

    masks, values = encode_runs(*words_of(dense, runs_of(dense.shape), zero_point, name))
    return Stream(masks.reshape(-1), values.view(dense.dtype))


def decode(
    stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
) -> Integers:
    """The tensor of `shape` that `encode` was given with this `zero_point`.

    Raises
    ------
    TraceError
        If the mask has another length than `shape` needs, sets a bit past the end of a run, or does
        not set as many bits as there are values.
    """
    from accelsim.formats._bitmask_kernel import decode_runs

    check_stream(stream, shape, name)
    dtype, (runs, elements) = stream.payload.dtype, runs_of(shape)
    masks = _checked_masks(stream, shape, name)  # before anything of the size that a shape claims
    zeros = zeros_of_rows(zero_point, shape, runs, dtype, name)
    _check_stored(masks, stream.payload.view(unsigned(dtype)), zeros, name)
    words = decode_runs(masks, stream.payload.view(unsigned(dtype)), zeros, elements)
    dense: Integers = words.view(dtype).reshape(shape)
    return dense


def size_bits(dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
    """Bits of the mask (whole bytes per run) and of the values at `bits` each."""
    zeros = zeros_of(zero_point, dense.shape, dense.dtype, "tensor")
    return 8 * mask_bytes(dense.shape) + int(np.count_nonzero(dense != zeros)) * bits


def mask_bytes(shape: tuple[int, ...]) -> int:
    """Bytes of the mask of a tensor of `shape`."""
    runs, elements = runs_of(shape)
    return runs * ((elements + 7) // 8)


def _check_stored(masks: npt.NDArray[np.uint8], values: Integers, zeros: Integers, name: str) -> None:
    """Raise TraceError if one of the values is its run's zero."""
    of_values = zeros[:1]
    if (zeros != of_values).any():
        of_values = np.repeat(zeros, np.bitwise_count(masks).sum(axis=1, dtype=np.int64))
    if (values == of_values).any():
        raise TraceError(
            f"{name}: value {int(np.argmax(values == of_values))} is a zero, which no mask tells"
        )


def _checked_masks(stream: Stream, shape: tuple[int, ...], name: str) -> npt.NDArray[np.uint8]:
    masks, (runs, elements) = stream.metadata, runs_of(shape)
    if masks.dtype != np.uint8 or masks.shape != (mask_bytes(shape),):
        raise TraceError(
            f"{name}: the mask of shape {shape} is {mask_bytes(shape)} bytes, not {masks.dtype} {masks.shape}"
        )
    masks = masks.reshape(runs, (elements + 7) // 8)
    if elements % 8 and (masks[:, -1] >> (elements % 8)).any():
        raise TraceError(f"{name}: the mask sets bits past the last of {elements} elements of a run")
    ones = int(np.bitwise_count(masks).sum(dtype=np.int64))
    if stream.payload.shape != (ones,):
        raise TraceError(f"{name}: the mask sets {ones} bits for values of shape {stream.payload.shape}")
    return masks
