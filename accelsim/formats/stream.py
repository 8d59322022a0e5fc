"""What an encoding gives back: metadata and payload apart, as a chip would store them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError

Integers = npt.NDArray[Any]  # int8, uint8 or int16
_DTYPES = ("int8", "uint8", "int16")


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
