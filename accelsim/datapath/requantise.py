"""From int32 accumulators to 8-bit outputs: bias, scale, rounding, zero point, saturation.

The arithmetic is onnxruntime's QLinearConv, operation by operation (docs/datapath.md).
"""

import numpy as np
import numpy.typing as npt

from accelsim.datapath.convolution import accumulators
from accelsim.errors import DatapathError
from accelsim.hardware.arrays import ZeroPolicy
from accelsim.trace import LayerTrace
from accelsim.trace.layer import Tensor

_INT32 = np.iinfo(np.int32)


def multipliers(trace: LayerTrace) -> npt.NDArray[np.float32]:
    """Output steps of one accumulator unit, by filter: float32 [K], two float32 roundings."""
    return np.float32(trace.activation_scale) * trace.weight_scales / np.float32(trace.output_scale)


def requantise(sums: npt.NDArray[np.int32], trace: LayerTrace, dtype: npt.DTypeLike | None = None) -> Tensor:
    """Outputs from accumulators.

    Parameters
    ----------
    sums : int32 [N, P, Q, K], without bias
    trace : LayerTrace, its bias, scales, output zero point and relu
    dtype : int8 or uint8, of the outputs; by default that of `trace.outputs`, else of the activations

    Returns
    -------
    int8 or uint8 [N, P, Q, K]

    Raises
    ------
    DatapathError
        If a sum with its bias does not fit in int32, the shape is not the layer's, or the output's
        zero point is no value of its dtype.
    """
    name, given = trace.layer.name, np.asarray(sums)
    if given.dtype != np.int32 or given.shape != trace.layer.output_shape:
        raise DatapathError(
            f"{name}: accumulators must be int32 {trace.layer.output_shape}, not {given.dtype} {given.shape}"
        )
    if dtype is None:
        dtype = (trace.activations if trace.outputs is None else trace.outputs).dtype
    scaled = _biased(given, trace).astype(np.float32)
    scaled *= multipliers(trace)
    least = trace.output_zero_point if trace.relu else int(np.iinfo(dtype).min)
    return saturate(name, np.rint(scaled, out=scaled), trace.output_zero_point, dtype, least)


def layer_outputs(
    trace: LayerTrace,
    weight_policy: ZeroPolicy,
    activation_policy: ZeroPolicy,
    *,
    dtype: npt.DTypeLike | None = None,
    accumulator_bits: int = 32,
    threads: int = 1,
) -> Tensor:
    """A layer's outputs, int8 or uint8 [N, P, Q, K], from its tensors.

    Parameters and errors are those of `convolution.accumulators` and `requantise`.
    """
    sums = accumulators(
        trace, weight_policy, activation_policy, accumulator_bits=accumulator_bits, threads=threads
    )
    return requantise(sums.values, trace, dtype)


def saturate(
    name: str, steps: npt.NDArray[np.float32], zero_point: int, dtype: npt.DTypeLike, least: int
) -> Tensor:
    """Whole float32 steps plus `zero_point`, clamped to `least` and the largest value of `dtype`."""
    allowed = np.iinfo(dtype)
    if not allowed.min <= zero_point <= allowed.max:
        raise DatapathError(
            f"{name}: the output's zero point must be a value of {allowed.dtype}, not {zero_point}"
        )
    # Clamped before the addition: bounds and steps are whole, so no rounding can differ.
    clamped = np.clip(steps, least - zero_point, allowed.max - zero_point)
    outputs: Tensor = (clamped.astype(np.int32) + zero_point).astype(dtype)
    return outputs


def _biased(sums: npt.NDArray[np.int32], trace: LayerTrace) -> npt.NDArray[np.int32]:
    if trace.bias is None:
        return sums
    biased = sums + trace.bias.astype(np.int64)
    if biased.size and (biased.min() < _INT32.min or biased.max() > _INT32.max):
        wrong = np.argmax((biased < _INT32.min) | (biased > _INT32.max))
        position = tuple(int(i) for i in np.unravel_index(wrong, biased.shape))
        raise DatapathError(
            f"{trace.layer.name}: the accumulator at (n, p, q, k) {position} overflows 32 bits "
            f"with its bias: {int(biased[position])}"
        )
    return biased.astype(np.int32)
