"""One mask bit per element and the non-zero values: the encoding of skipping machines.

::

    mask    bit i of byte j of a run = element 8 j + i differs from the zero point   (metadata)
    values  the elements that differ, in order                                       (payload)

A run is the innermost (channel) dimension; its mask starts on a whole byte.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """`metadata` : uint8 [runs, ceil(C / 8)] mask; `payload` : the non-zero values, 1-D."""

    metadata: npt.NDArray[np.uint8]
    payload: Array

    @property
    def size_bits(self) -> int:
        """Bits of mask and values as stored."""
        return 8 * (self.metadata.nbytes + self.payload.nbytes)


def encode(dense: Array, zero_point: int | Array = 0) -> Stream:
    """Encode a tensor; `zero_point` is one number, or one per index of the first dimension."""
    kept = dense != _broadcast(zero_point, dense)
    runs = kept.reshape(-1, dense.shape[-1]) if dense.size else np.zeros((0, 0), np.bool_)
    return Stream(np.packbits(runs, axis=1, bitorder="little"), dense[kept])


def decode(
    stream: Stream, shape: tuple[int, ...], zero_point: int | Array = 0, *, name: str = "tensor"
) -> Array:
    """The dense tensor.

    Raises
    ------
    TraceError
        If the mask's length is wrong, it marks elements beyond the shape, or other values than there are.
    """
    channels = shape[-1]
    size = int(np.prod(shape))
    runs = size // channels if size else 0
    wanted = runs * ((channels + 7) // 8)
    if stream.metadata.size != wanted:
        raise TraceError(f"{name}: the mask has {stream.metadata.size} bytes, shape {shape} needs {wanted}")
    bits = np.unpackbits(
        np.ascontiguousarray(stream.metadata).reshape(runs, -1), axis=1, bitorder="little"
    ).view(np.bool_)
    if bits[:, channels:].any():
        raise TraceError(f"{name}: the mask marks elements beyond its {channels} channels")
    kept = bits[:, :channels].reshape(shape) if size else np.zeros(shape, np.bool_)
    marked = int(np.count_nonzero(kept))
    if marked != stream.payload.size:
        raise TraceError(f"{name}: the mask marks {marked} values, there are {stream.payload.size}")
    dense = np.empty(shape, stream.payload.dtype)
    dense[...] = _broadcast(zero_point, dense)
    dense[kept] = stream.payload
    return dense


def size_bits(dense: Array, zero_point: int | Array = 0, bits: int = 8) -> int:
    """Bits of mask (whole bytes per run) and values of `bits` each, without encoding."""
    if not dense.size:
        return 0
    runs = dense.size // dense.shape[-1]
    nonzero = int(np.count_nonzero(dense != _broadcast(zero_point, dense)))
    return runs * 8 * ((dense.shape[-1] + 7) // 8) + nonzero * bits


def _broadcast(zero_point: int | Array, dense: Array) -> Array:
    zeros = np.asarray(zero_point).astype(dense.dtype)
    return zeros.reshape(zeros.shape + (1,) * (dense.ndim - zeros.ndim)) if zeros.ndim else zeros
