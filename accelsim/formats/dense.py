"""All elements, one after the other: no metadata."""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.formats.bitmask import Stream

Array = npt.NDArray[Any]


def encode(dense: Array, zero_point: int | Array = 0) -> Stream:
    """Encode a tensor; the zero point plays no part."""
    del zero_point
    return Stream(np.zeros((0, 0), np.uint8), np.ascontiguousarray(dense).ravel())


def decode(
    stream: Stream, shape: tuple[int, ...], zero_point: int | Array = 0, *, name: str = "tensor"
) -> Array:
    """The dense tensor; raises TraceError if the payload has another length."""
    del zero_point
    if stream.payload.size != np.prod(shape):
        raise TraceError(f"{name}: {stream.payload.size} values do not fill shape {shape}")
    return stream.payload.reshape(shape)


def size_bits(dense: Array, zero_point: int | Array = 0, bits: int = 8) -> int:
    """Bits of all elements."""
    del zero_point
    return int(dense.size) * bits
