"""Linear quantisation to 16, 8, 4 or 2 bits.

::

    real = scale * (q - zero_point)
    symmetric:  most = 2**(bits - 1) - 1,  scale = max |real| / most,  zero_point = 0,  q in -most .. most
    asymmetric: scale = (max - min) / (2**bits - 1) over a range that includes 0,  q in 0 .. 2**bits - 1,
                zero_point = round(-min / scale)

Rounding is half to even. 4 and 2 bits are kept in int8 (uint8), 16 in int16 (asymmetric: int32).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.compress.changes import bias_at
from accelsim.errors import InputError
from accelsim.trace import LayerParameters, NetworkTrace, replace_parameters

BITS = (16, 8, 4, 2)
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """Integers of `bits`, with one scale and zero point, or one per index of axis 0."""

    values: npt.NDArray[Any]
    scales: npt.NDArray[np.float64]
    zero_points: npt.NDArray[np.int32]
    bits: int

    def real(self) -> npt.NDArray[np.float64]:
        """The values in real units."""
        shape = (-1, *([1] * (self.values.ndim - 1)))
        real: npt.NDArray[np.float64] = self.scales.reshape(shape) * (
            self.values.astype(np.float64) - self.zero_points.reshape(shape)
        )
        return real


def quantise(
    values: Floats, bits: int = 8, *, symmetric: bool = True, per_channel: bool = False
) -> Quantised:
    """Quantise a tensor; a tensor (or channel) of zeros alone has scale 1.

    Parameters
    ----------
    values : float [...], at least one dimension
    bits : 16, 8, 4 or 2
    symmetric : zero point 0, or one that puts the range's ends on the first and last step
    per_channel : a scale per index of axis 0 (filters of weights)

    Raises
    ------
    InputError
        If bits are others, or a value is not finite.
    """
    if bits not in BITS:
        raise InputError(f"bits must be one of {', '.join(map(str, BITS))}, not {bits}")
    if not np.isfinite(values).all():
        raise InputError("values must be finite: there are NaN or infinite ones")
    lines = values.reshape(values.shape[0] if per_channel else 1, -1).astype(np.float64)
    if symmetric:
        most = 2 ** (bits - 1) - 1
        scales = np.abs(lines).max(axis=1, initial=0.0) / most
        low, high, zeros = -most, most, np.zeros(len(lines))
    else:
        low, high = 0, 2**bits - 1
        least = np.minimum(lines.min(axis=1, initial=0.0), 0.0)
        scales = (np.maximum(lines.max(axis=1, initial=0.0), 0.0) - least) / high
        zeros = np.rint(np.divide(-least, scales, out=np.zeros_like(least), where=scales > 0))
    scales = np.where(scales > 0, scales, 1.0)
    steps = np.clip(np.rint(lines / scales[:, None]) + zeros[:, None], low, high)
    kind: type[Any] = (
        (np.int8 if symmetric else np.uint8) if bits <= 8 else np.int16 if symmetric else np.int32
    )
    return Quantised(steps.reshape(values.shape).astype(kind), scales, zeros.astype(np.int32), bits)


def quantise_weights(trace: NetworkTrace, bits: int) -> NetworkTrace:
    """Every layer's weights on a symmetric grid of `bits` per filter (8 at most), kept in int8.

    A network `n` is then called `n-4bit`. Activations stay as captured.

    Raises
    ------
    InputError
        If bits are not 8, 4 or 2.
    """
    if bits not in BITS[1:]:
        raise InputError(f"bits of weights must be one of {', '.join(map(str, BITS[1:]))}, not {bits}")
    parameters = {}
    for name in trace.weighted_layers:
        given = trace.parameters[name]
        steps = given.weights.astype(np.float64) - given.weight_zero_points[:, None, None, None]
        done = quantise(steps * given.weight_scales[:, None, None, None], bits, per_channel=True)
        weight_scales = done.scales.astype(np.float32)
        parameters[name] = LayerParameters(
            weights=done.values,
            weight_zero_points=done.zero_points,
            weight_scales=weight_scales,
            bias=bias_at(given, weight_scales),
        )
    note = (
        f"weights quantised to {bits} bits per filter, symmetric; activations are those of the 8-bit network"
    )
    return replace_parameters(trace, parameters, note, name=f"{trace.network.name}-{bits}bit")
