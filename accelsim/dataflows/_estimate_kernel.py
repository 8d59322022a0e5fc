"""Compute cycles of a tile as the mapper estimates them, before anything is counted.

`layer` is the mapper's vector of a layer's geometry. `estimate` begins with the number of a dataflow;
what follows is its own.
"""

import numpy as np

from accelsim.jit import kernel

INNER_JOIN, SYSTOLIC, COLUMN_BROADCAST, CARTESIAN, STRUCTURED, ROWS_OF_FILTERS = range(6)
# Of `layer`: as accelsim.mapper.traffic.layer_vector has them.
KERNEL_H, KERNEL_W, STRIDE_H, STRIDE_W, DILATION_H, DILATION_W, GROUP_FILTERS, CHUNK = (
    0,
    1,
    2,
    3,
    6,
    7,
    11,
    13,
)
WEIGHTS, ACTIVATIONS, OUTPUTS = range(3)  # what stays in a systolic PE


@kernel
def estimated_cycles(boxes, layer, estimate, step_cycles):
    """Estimated compute cycles of tiles int64 [tiles, 10]: int64 [tiles]."""
    cycles = np.empty(boxes.shape[0], np.int64)
    for tile in range(boxes.shape[0]):
        if estimate[0] == SYSTOLIC:
            cycles[tile] = _systolic(boxes[tile], layer, estimate)
        elif estimate[0] == COLUMN_BROADCAST:
            cycles[tile] = _column_broadcast(boxes[tile], estimate, step_cycles)
        elif estimate[0] == CARTESIAN:
            cycles[tile] = _cartesian(boxes[tile], layer, estimate, step_cycles)
        elif estimate[0] == STRUCTURED:
            cycles[tile] = _structured(boxes[tile], layer, estimate, step_cycles)
        elif estimate[0] == ROWS_OF_FILTERS:
            cycles[tile] = _rows_of_filters(boxes[tile], layer, estimate, step_cycles)
        else:
            cycles[tile] = _inner_join(boxes[tile], layer, estimate, step_cycles)
    return cycles


@kernel
def _inner_join(box, layer, estimate, step_cycles):
    """Steps of the tile times the sampled cycles of a step, or its drain, if that is longer."""
    rows, columns, domains, tail, parts = estimate[1], estimate[2], estimate[3], estimate[4], estimate[5]
    of_group = layer[GROUP_FILTERS]
    filters = box[3] - box[2]  # whole groups, or a part of one
    together = max(rows // of_group, 1)  # groups of a block of filters
    blocks = (filters // of_group + together - 1) // together * ((of_group + rows - 1) // rows)
    blocks += (filters % of_group + rows - 1) // rows
    sets = blocks * ((_positions(box) + columns - 1) // columns)
    chunks = (box[5] - box[4] + layer[CHUNK] - 1) // layer[CHUNK]
    steps = sets * ((chunks * layer[KERNEL_H] * layer[KERNEL_W] + parts - 1) // parts)
    drained = (
        filters * _positions(box) / (domains * estimate[6])
    )  # a set's drain passes in the next set's steps
    return np.int64(np.ceil(max(steps * step_cycles * domains, drained))) + tail


@kernel
def _systolic(box, layer, estimate):
    """The cycles themselves: section 3 of the description."""
    rows, columns, stationary, overlap = estimate[1], estimate[2], estimate[3], estimate[4]
    positions = _positions(box)
    filters = min(box[3] - box[2], layer[GROUP_FILTERS])
    length = (box[5] - box[4]) * layer[KERNEL_H] * layer[KERNEL_W]
    if stationary == WEIGHTS:
        down, across, stream = length, filters, positions
    elif stationary == ACTIVATIONS:
        down, across, stream = length, positions, filters
    else:
        down, across, stream = positions, filters, length
    folds = (box[3] - box[2]) // filters * ((down + rows - 1) // rows) * ((across + columns - 1) // columns)
    moves = np.int64(1) if overlap else folds  # loads or shift-outs that take time
    return folds * (rows + columns + stream - 2) + rows * moves + estimate[5]


@kernel
def _column_broadcast(box, estimate, step_cycles):
    """Channels of every vector and cell times the sampled cycles of a channel."""
    cells = (box[3] - box[2] + estimate[1] - 1) // estimate[1]
    return np.int64(np.ceil(_positions(box) * cells * (box[5] - box[4]) * step_cycles)) + estimate[2]


@kernel
def _cartesian(box, layer, estimate, step_cycles):
    """Pixels that a tile's outputs reach, times filters and channels, times the sampled cycles of one."""
    reach_h = (layer[KERNEL_H] - 1) * layer[DILATION_H] // layer[STRIDE_H]
    reach_w = (layer[KERNEL_W] - 1) * layer[DILATION_W] // layer[STRIDE_W]
    pixels = (box[1] - box[0]) * (box[7] - box[6] + reach_h) * (box[9] - box[8] + reach_w)
    return np.int64(np.ceil(pixels * (box[3] - box[2]) * (box[5] - box[4]) * step_cycles)) + estimate[1]


@kernel
def _structured(box, layer, estimate, step_cycles):
    """Cycles of full feeds, times those that one took in a sample."""
    rows, columns, kept, block, lanes = estimate[1], estimate[2], estimate[3], estimate[4], estimate[5]
    filters = min(box[3] - box[2], layer[GROUP_FILTERS])
    sets = (box[3] - box[2]) // filters * ((filters + rows - 1) // rows)
    sets *= (_positions(box) + columns - 1) // columns
    work = (kept * ((box[5] - box[4] + block - 1) // block) + lanes - 1) // lanes
    steps = sets * layer[KERNEL_H] * layer[KERNEL_W]
    return np.int64(np.ceil(steps * work * step_cycles)) + estimate[6]


@kernel
def _rows_of_filters(box, layer, estimate, step_cycles):
    """The fold formula of docs/dataflows/row_stationary.md, or what delivery needs, if that is longer."""
    kernel_h, taps, stride_h, stride_w = layer[KERNEL_H], layer[KERNEL_W], layer[STRIDE_H], layer[STRIDE_W]
    filters = min(box[3] - box[2], layer[GROUP_FILTERS])
    channels, height = box[5] - box[4], box[7] - box[6]
    most = max(min(estimate[3], estimate[4]) // taps, 1)
    r = (channels + most - 1) // most
    q = (channels + r - 1) // r
    places = estimate[1] // kernel_h
    if height <= estimate[2]:
        places *= estimate[2] // height
    else:
        places //= (height + estimate[2] - 1) // estimate[2]
    t = max(places // r, 1)
    p = max(min(min(estimate[5], estimate[3] // (q * taps)), (filters + t - 1) // t), 1)
    passes = (filters + p * t - 1) // (p * t)
    windows = (box[1] - box[0]) * (box[9] - box[8])
    together = min(p * t, filters)
    sums = (together * height + estimate[8] - 1) // estimate[8]
    rows = kernel_h + (height - 1) * min(stride_h, kernel_h)
    values = (min(stride_w, taps) * rows * channels + estimate[7] - 1) // estimate[7]
    period = max(max(p * q * taps * step_cycles, sums), values)
    load = (together * channels * kernel_h * taps + estimate[6] - 1) // estimate[6]
    groups = (box[3] - box[2]) // filters
    return np.int64(np.ceil(groups * passes * (load + windows * period))) + estimate[9] * groups


@kernel
def _positions(box):
    return (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
