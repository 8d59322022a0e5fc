"""Operands of a tile as `systolic` streams them: by filter or position, and by index of the reduction."""

import numpy as np

from accelsim.jit import bare_kernel, inlined_kernel
from accelsim.kernels.windows import (
    DILATION_H,
    DILATION_W,
    GROUPS,
    HEIGHT,
    KERNEL_W,
    PAD_LEFT,
    PAD_TOP,
    STRIDE_H,
    STRIDE_W,
    WIDTH,
)

# Parameters of the array, and of a tile: filters and positions of a group, indices of the reduction.
ROWS, COLUMNS, STATIONARY, GATE_W, GATE_A, BITS_W, BITS_A, GROUP_FILTERS, FILTERS, POSITIONS, LENGTH = range(
    11
)
STATIONARY_WEIGHTS, STATIONARY_ACTIVATIONS, STATIONARY_OUTPUTS = range(3)


@inlined_kernel
def pixel_of(position, tap, box, geometry):
    """Input pixel (n*H + h)*W + w of an output position at a tap, or -1 for a padding tap."""
    rows, columns = box[7] - box[6], box[9] - box[8]
    line = position // columns
    n, p, q = box[0] + line // rows, box[6] + line % rows, box[8] + position % columns
    h = p * geometry[STRIDE_H] - geometry[PAD_TOP] + tap // geometry[KERNEL_W] * geometry[DILATION_H]
    w = q * geometry[STRIDE_W] - geometry[PAD_LEFT] + tap % geometry[KERNEL_W] * geometry[DILATION_W]
    if h < 0 or h >= geometry[HEIGHT] or w < 0 or w >= geometry[WIDTH]:
        return np.int64(-1)
    return (n * geometry[HEIGHT] + h) * geometry[WIDTH] + w


@bare_kernel
def operand_at(is_weight, number, index, reduction, box, geometry, p, tensors):
    """(word, value less its zero point) of a filter, or of an output position, of a group of the tile.

    Parameters
    ----------
    number : int, of the group in the tile
    index : int, filter of the group in the tile, or position
    """
    channels = box[5] - box[4]
    tap, c = reduction // channels, box[4] + reduction % channels
    k = box[2] + number * p[FILTERS]
    if is_weight:
        q = np.int64(tensors[1][k + index, tap, c])
        return q & ((np.int64(1) << p[BITS_W]) - 1), q - np.int64(tensors[2][k + index])
    mask = (np.int64(1) << p[BITS_A]) - 1
    pixel = pixel_of(index, tap, box, geometry)
    if pixel < 0:
        return tensors[0][0] & mask, np.int64(0)
    of_group = tensors[3].shape[1] // geometry[GROUPS]
    q = np.int64(tensors[3][pixel, k // p[GROUP_FILTERS] * of_group + c])
    return q & mask, q - tensors[0][0]


@bare_kernel
def fill_values(is_weight, number, index, box, geometry, p, tensors, values):
    """Values of a filter, or an output position, less the zero point: int16 [L], written; the zero point."""
    k, reduction = box[2] + number * p[FILTERS], 0
    if is_weight:
        zero = np.int64(tensors[2][k + index])
        for tap in range(tensors[1].shape[1]):
            for c in range(box[4], box[5]):
                values[reduction] = np.int64(tensors[1][k + index, tap, c]) - zero
                reduction += 1
        return zero
    zero = tensors[0][0]
    first = k // p[GROUP_FILTERS] * (tensors[3].shape[1] // geometry[GROUPS])
    for tap in range(tensors[1].shape[1]):
        pixel = pixel_of(index, tap, box, geometry)
        for c in range(first + box[4], first + box[5]):
            values[reduction] = np.int64(tensors[3][pixel, c]) - zero if pixel >= 0 else 0
            reduction += 1
    return zero
