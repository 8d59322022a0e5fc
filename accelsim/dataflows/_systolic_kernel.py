"""Sums over a systolic tile that depend on the tensors: pairs by which operand is zero, padding taps."""

import numpy as np

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


@kernel
def pair_sums(box, geometry, group_filters, group_channels, weights, activations):
    """Pairs of a tile, int64 [SUMS], and the positions that are no padding by tap, int64 [R * S].

    BOTH non-zero; WEIGHT non-zero, whatever the activation; ACTIVATION likewise; PADDING: those at padding
    taps; PADDING_WEIGHT: of these with a weight that is not zero.

    Parameters
    ----------
    geometry : int64 [11], as accelsim.kernels.windows has it
    weights : uint8 [K, R * S, C of a group], 1 where not zero
    activations : uint8 [N, H, W, C], the same
    """
    sums = np.zeros(SUMS, np.int64)
    inside = np.zeros(geometry[KERNEL_H] * geometry[KERNEL_W], np.int64)
    k0, k1, c0, c1 = box[2], box[3], box[4], box[5]
    filters = min(k1 - k0, group_filters)
    of_weights = np.empty(c1 - c0, np.int64)
    of_activations = np.empty(c1 - c0, np.int64)
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    for first in range(k0, k1, filters):
        channel = first // group_filters * group_channels + c0
        for tap in range(inside.size):
            of_weights[:] = 0
            for k in range(first, first + filters):
                for c in range(c1 - c0):
                    of_weights[c] += np.int64(weights[k, tap, c0 + c])
            of_activations[:] = 0
            inside[tap] = _count_inputs(box, geometry, tap, channel, activations, of_activations)
            nonzero = of_weights.sum()
            for c in range(c1 - c0):
                sums[BOTH] += of_weights[c] * of_activations[c]
            sums[WEIGHT] += nonzero * positions
            sums[ACTIVATION] += of_activations.sum() * filters
            sums[PADDING] += (positions - inside[tap]) * filters * (c1 - c0)
            sums[PADDING_WEIGHT] += (positions - inside[tap]) * nonzero
    return sums, inside


@kernel
def _count_inputs(box, geometry, tap, channel, activations, counts):
    """Add up the non-zero activations of a tap by channel; returns the positions that are no padding."""
    down = tap // geometry[KERNEL_W] * geometry[DILATION_H] - geometry[PAD_TOP]
    across = tap % geometry[KERNEL_W] * geometry[DILATION_W] - geometry[PAD_LEFT]
    inside = np.int64(0)
    for n in range(box[0], box[1]):
        for p in range(box[6], box[7]):
            h = p * geometry[STRIDE_H] + down
            if h < 0 or h >= geometry[HEIGHT]:
                continue
            for q in range(box[8], box[9]):
                w = q * geometry[STRIDE_W] + across
                if w < 0 or w >= geometry[WIDTH]:
                    continue
                inside += 1
                pixel = activations[n, h, w]
                for c in range(counts.size):
                    counts[c] += np.int64(pixel[channel + c])
    return inside
