"""Dense: every value, in C order, without metadata; the baseline of every compression ratio."""

from math import prod

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.formats.stream import Integers, Stream, check_stream, check_values


def encode(dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
    """The values as they stand; `zero_point` plays no part. Raises TraceError for another dtype."""
    check_values(dense, name)
    return Stream(np.zeros(0, np.uint8), np.ascontiguousarray(dense).reshape(-1))


def decode(
    stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
) -> Integers:
    """The tensor of `shape`.

    Raises
    ------
    TraceError
        If the stream does not hold exactly the values of `shape`, or holds metadata.
    """
    check_stream(stream, shape, name)
    if stream.metadata.size:
        raise TraceError(f"{name}: a dense stream has no metadata, not {stream.metadata.size} bytes")
    if stream.payload.shape != (prod(shape),):
        raise TraceError(f"{name}: shape {shape} has {prod(shape)} values, not {stream.payload.size}")
    return stream.payload.reshape(shape)


def size_bits(dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
    """Bits of all values at `bits` each."""
    return dense.size * bits
