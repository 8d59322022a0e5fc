"""Sums over all multiplications of a tile: pairs by which operand is zero, padding taps.

Both operands come as sums of what is not zero before an index, so that a tile costs a few look-ups per tap
and channel, whatever its size.
"""

import numpy as np
import numpy.typing as npt

from accelsim.jit import kernel
from accelsim.kernels.windows import (
    DILATION_H,
    DILATION_W,
    HEIGHT,
    KERNEL_H,
    KERNEL_W,
    PAD_LEFT,
    PAD_TOP,
    STRIDE_H,
    STRIDE_W,
    WIDTH,
)

# Columns of the sums.
BOTH, WEIGHT, ACTIVATION, PADDING, PADDING_WEIGHT = range(5)
SUMS = 5


def sums_of_weights(nonzero: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Of uint8 [K, taps, C] those of filters before k: int32 [K + 1, taps, C]."""
    sums = np.zeros((nonzero.shape[0] + 1, *nonzero.shape[1:]), np.int32)
    np.cumsum(nonzero, axis=0, dtype=np.int32, out=sums[1:])
    return sums


def sums_of_activations(nonzero: npt.NDArray[np.uint8], stride: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Of uint8 [N, H, W, C] those above and left: int32 [stride_h, stride_w, N, rows + 1, columns + 1, C].

    Rows and columns are those of one phase of the stride: the outputs of a tap read all of one phase.
    """
    n, h, w, c = nonzero.shape
    rows, columns = -(-h // stride[0]), -(-w // stride[1])
    phases = np.zeros((*stride, n, rows + 1, columns + 1, c), np.int32)
    for down in range(stride[0]):
        for across in range(stride[1]):
            part = nonzero[:, down :: stride[0], across :: stride[1]]
            summed = phases[down, across, :, 1 : part.shape[1] + 1, 1 : part.shape[2] + 1]
            np.cumsum(part, axis=1, dtype=np.int32, out=summed)
            np.cumsum(summed, axis=2, out=summed)
    return phases


@kernel
def span_inside(first, stop, shift, stride, extent):
    """Outputs of first..stop whose input at `shift` is inside: (first, stop) of input rows of the phase."""
    low = max(first, -(shift // stride))
    high = min(stop, (extent - 1 - shift) // stride + 1)
    return low + shift // stride, max(low, high) + shift // stride


@kernel
def pair_sums(box, geometry, group_filters, group_channels, weights, activations):
    """Pairs of a tile, int64 [SUMS], and the positions that are no padding by tap, int64 [R * S].

    BOTH non-zero; WEIGHT non-zero, whatever the activation; ACTIVATION likewise; PADDING: those at padding
    taps; PADDING_WEIGHT: of these with a weight that is not zero.

    Parameters
    ----------
    geometry : int64 [11], as accelsim.kernels.windows has it
    weights : int32 [K + 1, R * S, C of a group], of `sums_of_weights`
    activations : int32 [stride_h, stride_w, N, rows + 1, columns + 1, C], of `sums_of_activations`
    """
    sums = np.zeros(SUMS, np.int64)
    inside = np.zeros(geometry[KERNEL_H] * geometry[KERNEL_W], np.int64)
    k0, k1, c0, c1 = box[2], box[3], box[4], box[5]
    filters = min(k1 - k0, group_filters)
    images = box[1] - box[0]
    positions = images * (box[7] - box[6]) * (box[9] - box[8])
    for first in range(k0, k1, filters):
        channel = first // group_filters * group_channels
        for tap in range(inside.size):
            down = tap // geometry[KERNEL_W] * geometry[DILATION_H] - geometry[PAD_TOP]
            across = tap % geometry[KERNEL_W] * geometry[DILATION_W] - geometry[PAD_LEFT]
            h0, h1 = span_inside(box[6], box[7], down, geometry[STRIDE_H], geometry[HEIGHT])
            w0, w1 = span_inside(box[8], box[9], across, geometry[STRIDE_W], geometry[WIDTH])
            inside[tap] = images * (h1 - h0) * (w1 - w0)
            phase = activations[down % geometry[STRIDE_H], across % geometry[STRIDE_W]]
            nonzero = np.int64(0)
            for c in range(c0, c1):
                of_weights = np.int64(weights[first + filters, tap, c]) - np.int64(weights[first, tap, c])
                of_activations = np.int64(0)
                if inside[tap]:
                    for n in range(box[0], box[1]):
                        of_activations += np.int64(
                            phase[n, h1, w1, channel + c]
                            - phase[n, h0, w1, channel + c]
                            - phase[n, h1, w0, channel + c]
                            + phase[n, h0, w0, channel + c]
                        )
                nonzero += of_weights
                sums[BOTH] += of_weights * of_activations
                sums[ACTIVATION] += of_activations * filters
            sums[WEIGHT] += nonzero * positions
            sums[PADDING] += (positions - inside[tap]) * filters * (c1 - c0)
            sums[PADDING_WEIGHT] += (positions - inside[tap]) * nonzero
    return sums, inside
