"""Operands of a tile as `systolic` streams them: by filter or position, and by index of the reduction."""

import numpy as np

from accelsim.jit import inlined_kernel, kernel
from accelsim.kernels.windows import GROUPS

# Parameters of the array.
ROWS, COLUMNS, STATIONARY, GATE_W, GATE_A, BITS_W, BITS_A, GROUP_FILTERS = range(8)
STATIONARY_WEIGHTS, STATIONARY_ACTIVATIONS, STATIONARY_OUTPUTS = range(3)


@inlined_kernel
def weight_at(filter_, reduction, box, tensors):
    """A weight, and the same less its zero point."""
    channels = box[5] - box[4]
    q = np.int64(tensors[1][filter_, reduction // channels, box[4] + reduction % channels])
    return q, q - np.int64(tensors[2][filter_])


@inlined_kernel
def activation_at(position, reduction, group, box, geometry, tensors, pixels):
    """An activation of an output position, and the same less its zero point."""
    channels = box[5] - box[4]
    zero, activations = tensors[0][0], tensors[3]
    pixel = pixels[reduction // channels, position]
    if pixel < 0:
        return zero, np.int64(0)
    channel = group * (activations.shape[1] // geometry[GROUPS]) + box[4] + reduction % channels
    q = np.int64(activations[pixel, channel])
    return q, q - zero


@kernel
def fill_filter(filter_, box, tensors, words, values):
    """Weights of a filter by index of the reduction: [L] each, written (may be one array: values)."""
    reduction = 0
    for tap in range(tensors[1].shape[1]):
        for c in range(box[4], box[5]):
            q = np.int64(tensors[1][filter_, tap, c])
            words[reduction] = q
            values[reduction] = q - np.int64(tensors[2][filter_])
            reduction += 1


@kernel
def fill_position(position, group, box, geometry, tensors, pixels, words, values):
    """Activations of an output position by index of the reduction: [L] each, written."""
    zero, activations = tensors[0][0], tensors[3]
    first = group * (activations.shape[1] // geometry[GROUPS])
    reduction = 0
    for tap in range(pixels.shape[0]):
        pixel = pixels[tap, position]
        for c in range(first + box[4], first + box[5]):
            q = np.int64(activations[pixel, c]) if pixel >= 0 else zero
            words[reduction] = q
            values[reduction] = q - zero
            reduction += 1


@kernel
def fill_streamed(weights_stream, first, k, group, box, geometry, tensors, pixels, row, values):
    """Values of the streamed operand, less their zero points, at the stream indices from `first` on.

    Parameters
    ----------
    row : int16 [L], scratch
    values : int16 [L, count], written
    """
    length, count = values.shape
    for t in range(count):
        if weights_stream:
            fill_filter(k + first + t, box, tensors, row, row)
        else:
            fill_position(first + t, group, box, geometry, tensors, pixels, row, row)
        for reduction in range(length):
            values[reduction, t] = row[reduction]
