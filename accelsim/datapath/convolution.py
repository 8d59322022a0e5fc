"""Integer accumulators of a layer, multiplying only the pairs that its zero policies multiply.

::

    for n, p                                    # output rows, cut in blocks for threads
      for k                                     # filter
        for q
          for r, s, word of 64 channels         # channel-last masks
            pairs = weight mask & activation mask
            for each bit set in pairs           # a zero pair is not multiplied
              accumulator += (weight - its zero point) * (activation - zero point)

An operand that gates or skips takes part with its non-zero elements, one that computes with all of
them; padding taps are zero activations. So the pairs are the `done` pairs of
docs/dataflows/inner_join.md, section 2. The arithmetic is described in docs/datapath.md.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.datapath.pairs import accumulate_rows, accumulate_samples, fill_some_pixels
from accelsim.errors import DatapathError
from accelsim.hardware.arrays import ZeroPolicy
from accelsim.kernels.masks import pack_masks
from accelsim.network import Layer
from accelsim.tables import BOX
from accelsim.trace import LayerTrace
from accelsim.trace.layer import Tensor

Ints = npt.NDArray[np.int64]
_WORD = 64
_POSITIONS_AT_ONCE = 1024  # bounds the gathered windows of `accumulators_at`
_NO_ZERO = 1 << 16  # a zero point that no byte equals: every element takes part


@dataclass(frozen=True, slots=True)
class Accumulated:
    """Sums, and the multiplications that were executed to get them.

    Attributes
    ----------
    values : int32 [N, P, Q, K], or [M] for M sampled positions; without bias
    multiplications : int, done pairs
    """

    values: npt.NDArray[np.int32]
    multiplications: int


def accumulators(
    trace: LayerTrace,
    weight_policy: ZeroPolicy,
    activation_policy: ZeroPolicy,
    *,
    accumulator_bits: int = 32,
    threads: int = 1,
) -> Accumulated:
    """All accumulators of a layer: int32 [N, P, Q, K].

    Parameters
    ----------
    accumulator_bits : int, what a sum must fit in; above 32 counts as 32
    threads : int, output rows are computed on so many threads; the result does not depend on it

    Raises
    ------
    DatapathError
        If a sum does not fit in `accumulator_bits`; the message names layer and position.
    """
    layer = trace.layer
    n, p, q, k = layer.output_shape
    weights, weight_masks = _weight_rows(trace, weight_policy)
    activations, activation_masks = _activation_rows(trace, activation_policy)
    geometry, box = _geometry(layer), _whole_box(layer)
    sums = np.empty((n * p, q, k), np.int64)

    def rows(first: int, last: int) -> int:
        return int(
            accumulate_rows(
                first,
                last,
                geometry,
                box,
                weights,
                weight_masks,
                activations,
                activation_masks,
                layer.group_filters,
                sums,
            )
        )

    bounds = np.linspace(0, n * p, min(max(threads, 1), n * p) + 1).astype(int).tolist()
    if len(bounds) == 2:
        multiplications = rows(0, n * p)
    else:
        with ThreadPoolExecutor(len(bounds) - 1) as pool:
            multiplications = sum(pool.map(rows, bounds[:-1], bounds[1:]))
    values = sums.reshape(layer.output_shape)
    _check_overflow(layer, values, None, accumulator_bits)
    return Accumulated(values.astype(np.int32), multiplications)


def accumulators_at(
    trace: LayerTrace,
    positions: Ints,
    weight_policy: ZeroPolicy,
    activation_policy: ZeroPolicy,
    *,
    accumulator_bits: int = 32,
) -> Accumulated:
    """The accumulators at some output positions: int32 [M], at a cost that grows with M alone.

    Parameters
    ----------
    positions : int64 [M, 4], (n, p, q, k) of each

    Raises
    ------
    DatapathError
        If a position is outside the output, or a sum does not fit in `accumulator_bits`.
    """
    layer = trace.layer
    if positions.ndim != 2 or positions.shape[1] != 4:
        raise DatapathError(f"{layer.name}: positions must have shape [M, 4], not {positions.shape}")
    outside = ((positions < 0) | (positions >= np.array(layer.output_shape))).any(axis=1)
    if outside.any():
        raise DatapathError(
            f"{layer.name}: position (n, p, q, k) {tuple(positions[outside][0].tolist())} is outside the "
            f"output {layer.output_shape}"
        )
    sums = np.empty(len(positions), np.int64)
    multiplications = 0
    for first in range(0, len(positions), _POSITIONS_AT_ONCE):
        block = slice(first, first + _POSITIONS_AT_ONCE)
        multiplications += _accumulate_block(
            trace, positions[block], weight_policy, activation_policy, sums[block]
        )
    _check_overflow(layer, sums, positions, accumulator_bits)
    return Accumulated(sums.astype(np.int32), multiplications)


def _accumulate_block(
    trace: LayerTrace, positions: Ints, weight_policy: ZeroPolicy, activation_policy: ZeroPolicy, sums: Ints
) -> int:
    layer = trace.layer
    filters = positions[:, 3]
    channels = layer.group_channels
    values = trace.weights[filters].reshape(-1, channels)
    taps = layer.kernel[0] * layer.kernel[1]
    zeros = np.repeat(trace.weight_zero_points[filters], taps)
    weights, weight_masks = _rows(values, zeros, weight_policy)
    windows, zero = _windows(trace, positions), trace.activation_zero_point
    activations, activation_masks = _rows(windows, np.full(len(windows), zero, np.int32), activation_policy)
    shape = len(positions), taps, -1
    return int(
        accumulate_samples(
            weights.reshape(shape), weight_masks.reshape(shape), activations, activation_masks, sums
        )
    )


def _windows(trace: LayerTrace, positions: Ints) -> Tensor:
    """Activations under each position's filter: [M * R * S, C of a group]; padding is the zero point."""
    layer = trace.layer
    _, p, q, _ = layer.output_shape
    taps = layer.kernel[0] * layer.kernel[1]
    flat = (positions[:, 0] * p + positions[:, 1]) * q + positions[:, 2]
    tap_pixels = np.empty((taps, len(positions)), np.int64)
    fill_some_pixels(_geometry(layer), _whole_box(layer), flat, tap_pixels)
    pixels = tap_pixels.T.reshape(-1)
    groups = np.repeat(positions[:, 3] // layer.group_filters, taps)
    n, h, w, _ = layer.activation_shape
    rows = trace.activations.reshape(n * h * w, layer.groups, layer.group_channels)
    windows: Tensor = rows[np.maximum(pixels, 0), groups]
    windows[pixels < 0] = trace.activation_zero_point
    return windows


def _weight_rows(
    trace: LayerTrace, policy: ZeroPolicy
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint64]]:
    """Weights int16 [K, R * S, C] and their masks uint64 [K, R * S, words]."""
    layer = trace.layer
    taps = layer.kernel[0] * layer.kernel[1]
    values = trace.weights.reshape(-1, layer.group_channels)
    rows, masks = _rows(values, np.repeat(trace.weight_zero_points, taps), policy)
    return rows.reshape(layer.filters, taps, -1), masks.reshape(layer.filters, taps, -1)


def _activation_rows(
    trace: LayerTrace, policy: ZeroPolicy
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint64]]:
    """Activations int16 [(N*H*W + 1) * groups, C of a group] and their masks; the last pixel is padding."""
    layer = trace.layer
    values = trace.activations.reshape(-1, layer.channels)
    padding = np.full((1, layer.channels), trace.activation_zero_point, values.dtype)
    rows: Tensor = np.concatenate([values, padding]).reshape(-1, layer.group_channels)
    return _rows(rows, np.full(len(rows), trace.activation_zero_point, np.int32), policy)


def _rows(
    values: Tensor, zero_points: npt.NDArray[np.int32], policy: ZeroPolicy
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint64]]:
    """``q - zero_point`` as int16 and the mask of the elements that take part: uint64 [rows, words]."""
    zeros = np.full_like(zero_points, _NO_ZERO) if policy == "compute" else zero_points
    masks = pack_masks(values, zeros, _WORD)
    differences = np.subtract(values, zero_points[:, None].astype(np.int16), dtype=np.int16)
    return differences, masks.reshape(len(values), -1)


def _geometry(layer: Layer) -> Ints:
    """The vector of `kernels.windows`."""
    return np.array(
        [
            layer.input_height,
            layer.input_width,
            *layer.stride,
            *layer.padding[:2],
            *layer.dilation,
            *layer.kernel,
            layer.groups,
        ],
        np.int64,
    )


def _whole_box(layer: Layer) -> Ints:
    n, p, q, k = layer.output_shape
    ends = {"n1": n, "k1": k, "c1": layer.group_channels, "p1": p, "q1": q}
    return np.array([ends.get(column, 0) for column in BOX], np.int64)


def _check_overflow(layer: Layer, sums: Ints, positions: Ints | None, accumulator_bits: int) -> None:
    """Raise if a sum does not fit; sums are [N, P, Q, K], or [M] at `positions`."""
    bits = min(accumulator_bits, 32)
    limit = 1 << (bits - 1)
    if sums.size == 0 or (sums.min() >= -limit and sums.max() < limit):
        return
    wrong = int(np.argmax((sums < -limit) | (sums >= limit)))
    index = np.unravel_index(wrong, sums.shape) if positions is None else positions[wrong]
    raise DatapathError(
        f"{layer.name}: the accumulator at (n, p, q, k) {tuple(int(i) for i in index)} overflows "
        f"{bits} bits with {int(sums.flat[wrong])}"
    )
