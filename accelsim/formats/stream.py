"""What an encoding gives back: metadata and payload apart, as a chip would store them."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError

Integers = npt.NDArray[Any]  # int8, uint8 or int16
_DTYPES = ("int8", "uint8", "int16")
MOST_ELEMENTS = 1 << 30  # of one tensor: a damaged shape must not become an allocation of terabytes
_MOST_EMPTY = 1 << 20  # all but the zeros of a shape without elements, multiplied


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """An encoded tensor.

    Attributes
    ----------
    metadata : uint8 [bytes], what says where the values stand (empty for `dense`)
    payload : int8, uint8 or int16 [values], the stored values in order
    """

    metadata: npt.NDArray[np.uint8]
    payload: Integers


def check_values(values: object, name: str) -> None:
    """Raise TraceError unless `values` is an array of int8, uint8 or int16."""
    if not isinstance(values, np.ndarray) or values.dtype.name not in _DTYPES:
        given = getattr(values, "dtype", type(values).__name__)
        raise TraceError(f"{name}: values must be {', '.join(_DTYPES[:-1])} or {_DTYPES[-1]}, not {given}")


def zeros_of(zero_point: npt.ArrayLike, shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> Integers:
    """The zero point as an array of `dtype`: shape () if it is one, else [shape[0], 1, ..., 1].

    Raises
    ------
    TraceError
        If there is neither one zero point nor one per index of axis 0 of several, or `dtype` cannot hold one.
    """
    zeros = np.asarray(zero_point)
    if zeros.ndim and (len(shape) < 2 or zeros.shape != shape[:1]):
        wanted = f"one or {shape[0]}" if len(shape) > 1 else "one"
        raise TraceError(f"{name}: zero_point must be {wanted}, not shape {zeros.shape}")
    if zeros.dtype.kind not in "iu":
        raise TraceError(f"{name}: zero_point must be an integer, not {zeros.dtype}")
    allowed = np.iinfo(dtype)
    wrong = (zeros < allowed.min) | (zeros > allowed.max)
    if wrong.any():
        raise TraceError(f"{name}: zero_point must be a value of {dtype}, not {zeros[wrong].flat[0]}")
    return zeros.astype(dtype).reshape(zeros.shape + (1,) * (len(shape) - 1) if zeros.ndim else ())


def packed_bytes(count: int, bits: int) -> int:
    """Bytes of `count` fields of `bits`, packed without gaps."""
    return (count * bits + 7) // 8


def runs_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Number of runs and elements of one: a run is the last axis; a bare number is a run of one."""
    return prod(shape[:-1]), shape[-1] if shape else 1


def matrix_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a tensor as a matrix: axis 0 (filters), and the others; a vector is one row."""
    return (shape[0], prod(shape[1:])) if len(shape) > 1 else (1, prod(shape))


def unsigned(dtype: np.dtype[Any]) -> str:
    """Values are only compared and moved, so that kernels need to know their bits, not their sign."""
    return f"u{dtype.itemsize}"


def words_of(
    dense: Integers, rows: tuple[int, int], zero_point: npt.ArrayLike, name: str
) -> tuple[Integers, Integers]:
    """A tensor as unsigned words [rows, columns], and the zero of each row [rows]; raises TraceError."""
    check_values(dense, name)
    words = np.ascontiguousarray(dense).reshape(rows).view(unsigned(dense.dtype))
    return words, zeros_of_rows(zero_point, dense.shape, rows[0], dense.dtype, name)


def zeros_of_rows(
    zero_point: npt.ArrayLike, shape: tuple[int, ...], rows: int, dtype: np.dtype[Any], name: str
) -> Integers:
    """The zero of each of `rows` equal parts of a tensor, as unsigned words; raises TraceError."""
    zeros = zeros_of(zero_point, shape, dtype, name).reshape(-1)
    if zeros.size == 0 or rows == 0:
        return np.zeros(rows, unsigned(dtype))
    repeated = np.repeat(zeros, rows // zeros.size)
    return np.ascontiguousarray(repeated).view(unsigned(dtype))


def check_stream(stream: Stream, shape: tuple[int, ...], name: str) -> None:
    """Raise TraceError unless a stream has arrays of the right kind, and the shape can be allocated."""
    check_values(stream.payload, name)
    most = MOST_ELEMENTS if all(shape) else _MOST_EMPTY
    if min(shape, default=0) < 0 or prod(max(size, 1) for size in shape) > most:
        raise TraceError(f"{name}: shape {shape} claims {prod(shape)} elements; at most {MOST_ELEMENTS}")
    for part, array in (("metadata", stream.metadata), ("payload", stream.payload)):
        if array.ndim != 1:
            raise TraceError(f"{name}: {part} must have one dimension, not shape {array.shape}")
    if stream.metadata.dtype != np.uint8:
        raise TraceError(f"{name}: metadata must be uint8, not {stream.metadata.dtype}")


def check_canonical(stream: Stream, again: Stream, name: str) -> None:
    """Raise TraceError if the tensor that a stream was decoded to encodes to another one."""
    for part in ("metadata", "payload"):
        given, back = getattr(stream, part), getattr(again, part)
        if given.dtype != back.dtype or not np.array_equal(given, back):
            raise not_canonical(name, part)


def not_canonical(name: str, part: str) -> TraceError:
    """The error of a stream that decodes, though no tensor encodes to it."""
    why = "a zero is stored that need not be, or an unused bit is set"
    return TraceError(f"{name}: no tensor encodes to this {part}: {why}")
