"""An independent check of the datapath: the same sums in plain numpy, which multiplies every pair.

Nothing here knows masks, zero policies or kernels. Small layers are computed whole, tap by tap;
of large ones a seeded sample of output positions is computed, each from its gathered window.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.datapath.convolution import accumulators, accumulators_at
from accelsim.errors import AuditError
from accelsim.hardware.arrays import ZeroPolicy
from accelsim.trace import LayerTrace
from accelsim.trace.layer import Tensor

Ints = npt.NDArray[np.int64]
# Both keep a layer's check within a few milliseconds.
_WHOLE_MACS = 1_500_000
_SAMPLED_MACS = 400_000
_LEAST_POSITIONS = 8


@dataclass(frozen=True, slots=True)
class OutputCheck:
    """What was compared: accumulators checked, of how many, whether all, and how many agreed."""

    checked: int
    total: int
    whole: bool
    equal: int


def check_outputs(
    trace: LayerTrace,
    weight_policy: ZeroPolicy,
    activation_policy: ZeroPolicy,
    *,
    positions_limit: int = 1024,
    seed: int = 0,
    accumulator_bits: int = 32,
) -> OutputCheck:
    """Compare the datapath's accumulators under the chip's policies with plain numpy.

    Parameters
    ----------
    positions_limit : int, most output positions (n, p, q, k) sampled of a large layer; at least 1
    seed : int, of the sample
    accumulator_bits : int, as the chip's

    Raises
    ------
    AuditError
        If a sum differs; the message names layer and position and shows both numbers.
    DatapathError
        If a sum overflows the accumulator.
    """
    layer = trace.layer
    total = int(np.prod(layer.output_shape))
    whole = layer.dense_macs <= _WHOLE_MACS
    if whole:
        positions = np.stack(np.unravel_index(np.arange(total), layer.output_shape), axis=1)
        plain = _all_sums(trace).ravel()
        ours = accumulators(trace, weight_policy, activation_policy, accumulator_bits=accumulator_bits)
    else:
        positions = _sample(trace, positions_limit, seed)
        plain = _sums_at(trace, positions)
        ours = accumulators_at(
            trace, positions, weight_policy, activation_policy, accumulator_bits=accumulator_bits
        )
    equal = ours.values.ravel() == plain
    if not equal.all():
        wrong = int(np.argmin(equal))
        raise AuditError(
            f"{layer.name}: the accumulator at (n, p, q, k) {tuple(positions[wrong].tolist())} is "
            f"{int(ours.values.ravel()[wrong])} in the datapath and {int(plain[wrong])} in plain numpy"
        )
    return OutputCheck(checked=len(positions), total=total, whole=whole, equal=int(equal.sum()))


def compare_tensors(ours: Tensor, theirs: Tensor) -> tuple[float, int]:
    """Fraction of equal elements, and the largest absolute difference in steps.

    Raises
    ------
    AuditError
        If the shapes differ, or there is nothing to compare.
    """
    if ours.shape != theirs.shape or ours.size == 0:
        raise AuditError(f"cannot compare tensors of shapes {ours.shape} and {theirs.shape}")
    differences = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
    return float(np.mean(differences == 0)), int(differences.max())


def _sample(trace: LayerTrace, positions_limit: int, seed: int) -> Ints:
    """Distinct positions (n, p, q, k), fewer where a window is long: int64 [M, 4]."""
    shape = trace.layer.output_shape
    total, window = int(np.prod(shape)), int(np.prod(trace.weights.shape[1:]))
    count = min(total, positions_limit, max(_SAMPLED_MACS // window, _LEAST_POSITIONS))
    flat = np.random.default_rng(seed).choice(total, size=count, replace=False)
    return np.stack(np.unravel_index(flat, shape), axis=1)


def _all_sums(trace: LayerTrace) -> Ints:
    """Every sum, int64 [N, P, Q, K]: for each tap, a product of matrices in each group."""
    layer = trace.layer
    n, p, q, _ = layer.output_shape
    top, left, bottom, right = layer.padding
    values = trace.activations.astype(np.int64) - trace.activation_zero_point
    values = np.pad(values, ((0, 0), (top, bottom), (left, right), (0, 0)))
    weights = trace.weights.astype(np.int64) - trace.weight_zero_points[:, None, None, None]
    sums = np.zeros((layer.groups, n * p * q, layer.group_filters), np.int64)
    for r in range(layer.kernel[0]):
        for s in range(layer.kernel[1]):
            rows = r * layer.dilation[0] + np.arange(p) * layer.stride[0]
            columns = s * layer.dilation[1] + np.arange(q) * layer.stride[1]
            tap = values[:, rows[:, None], columns].reshape(n * p * q, layer.groups, -1)
            tap_weights = weights[:, r, s].reshape(layer.groups, layer.group_filters, -1)
            sums += np.einsum("xgc,gkc->gxk", tap, tap_weights)
    return sums.transpose(1, 0, 2).reshape(layer.output_shape)


def _sums_at(trace: LayerTrace, positions: Ints) -> Ints:
    """The sums at some positions, int64 [M], each from its own window."""
    layer = trace.layer
    n, p, q, k = positions.T
    rows = p[:, None] * layer.stride[0] - layer.padding[0] + np.arange(layer.kernel[0]) * layer.dilation[0]
    columns = q[:, None] * layer.stride[1] - layer.padding[1] + np.arange(layer.kernel[1]) * layer.dilation[1]
    inside = ((rows >= 0) & (rows < layer.input_height))[:, :, None] & (
        (columns >= 0) & (columns < layer.input_width)
    )[:, None, :]
    pixels = (
        n[:, None, None],
        np.clip(rows, 0, layer.input_height - 1)[:, :, None],
        np.clip(columns, 0, layer.input_width - 1)[:, None, :],
    )
    groups = (k // layer.group_filters)[:, None, None]
    by_group = trace.activations.reshape(*layer.activation_shape[:3], layer.groups, layer.group_channels)
    windows = by_group[(*pixels, groups)].astype(np.int64) - trace.activation_zero_point
    windows *= inside[:, :, :, None]
    weights = trace.weights[k].astype(np.int64) - trace.weight_zero_points[k][:, None, None, None]
    sums: Ints = np.einsum("mrsc,mrsc->m", windows, weights)
    return sums
