"""Toggles of `systolic`'s partial sums, where weights or activations stay (section 2 of its page of toggles).

A gated product is 0, so sums are the same under every policy.
"""

import numpy as np

from accelsim.dataflows._systolic_toggles_operands import (
    COLUMNS,
    GROUP_FILTERS,
    ROWS,
    STATIONARY,
    STATIONARY_WEIGHTS,
    activation_at,
    fill_filter,
    fill_position,
    fill_streamed,
    weight_at,
)
from accelsim.jit import inlined_kernel, kernel, popcount
from accelsim.kernels.toggles import ACCUMULATOR, COUNTS
from accelsim.kernels.windows import KERNEL_H, KERNEL_W, fill_pixels

STRETCH = 32  # stream indices of a unit


@inlined_kernel
def advance(stays, streamed, sums, count):
    """Add a row's products to the sums that pass it."""
    for x in range(count):
        sums[x] += stays * np.int64(streamed[x])


@inlined_kernel
def changes(sums, before, count, accumulator):
    """Toggles of a register that takes `count` sums one after the other, after `before`."""
    toggles = popcount(np.uint64((sums[0] ^ before) & accumulator))
    for x in range(1, count):
        toggles += popcount(np.uint64((sums[x] ^ sums[x - 1]) & accumulator))
    return toggles


@kernel
def unit_toggles(column, values, first, count, edges, begins, rows, accumulator, before):
    """Toggles of one column through all folds of a block, at `count` stream indices.

    Parameters
    ----------
    column : int16 [L], stationary values
    values : int16 [L, >= first + count], streamed values, those of the unit from `first` on
    edges : int16 [L], streamed values at the stream index before the unit's; where it begins the stream, at
        the last one
    begins : bool, whether it begins the stream
    before : int64 [rows], what the registers hold where it does, and then what they are left with
    """
    sums, below = np.empty(STRETCH, np.int64), np.zeros(STRETCH, np.int64)
    toggles = np.int64(0)
    for fold in range(0, column.size, rows):
        sums[:] = 0
        at_edge = np.int64(0)
        for i in range(min(rows, column.size - fold)):
            stays, streamed = np.int64(column[fold + i]), values[fold + i]
            at_edge += stays * np.int64(edges[fold + i])
            advance(stays, streamed[first : first + count], sums, count)
            toggles += changes(sums, before[i] if begins else at_edge, count, accumulator)
            before[i] = at_edge
        for x in range(count):
            new = below[x] + sums[x]
            toggles += popcount(np.uint64((new ^ below[x]) & accumulator))
            below[x] = new
    for x in range(count):
        toggles += popcount(np.uint64(below[x] & accumulator))
    return toggles


@kernel
def leave(column, at_last, rows, before):
    """What the registers of a column hold after a block: its last stream index' sums, int64 [rows]."""
    for fold in range(0, column.size, rows):
        sum_ = np.int64(0)
        for i in range(min(rows, column.size - fold)):
            sum_ += np.int64(column[fold + i]) * np.int64(at_last[fold + i])
            before[i] = sum_


@kernel
def begin(
    index, k, weights_stay, box, geometry, p, tensors, filters, positions, pixels, column, edges, before
):
    """What the registers of an index' column hold as its block begins: `before`, written.

    Parameters
    ----------
    index : int, of the block across; k : int, first filter of its group in the tile
    column, edges : scratch
    """
    across = filters if weights_stay else positions
    before[:] = 0
    earlier = index - p[COLUMNS]
    if earlier < 0:  # the group before's last index on this column of the array
        earlier = index + (across - index - 1) // p[COLUMNS] * p[COLUMNS]
        k -= filters
    if k < box[2]:
        return
    w, v = (earlier, positions - 1) if weights_stay else (filters - 1, earlier)
    for reduction in range(column.size):
        weight = weight_at(k + w, reduction, box, tensors)[1]
        group = k // p[GROUP_FILTERS]
        activation = activation_at(v, reduction, group, box, geometry, tensors, pixels)[1]
        stays, last = (weight, activation) if weights_stay else (activation, weight)
        column[reduction], edges[reduction, 0] = stays, last
    leave(column, edges[:, 0], p[ROWS], before)


@kernel
def walk_sums(box, numbers, geometry, p, tensors, filters, positions):
    """Toggles of units of a tile: int64 [units, COUNTS].

    Parameters
    ----------
    numbers : int64 [units], ascending: (group, index across, stretch), the last fastest
    tensors : (zero point of activations and mask of an accumulator's bits, weights, their zero points,
        activations)
    filters, positions : int, of one group of the tile
    """
    found = np.zeros((numbers.size, COUNTS), np.int64)
    taps = geometry[KERNEL_H] * geometry[KERNEL_W]
    length, rows, accumulator = taps * (box[5] - box[4]), p[ROWS], tensors[0][1]
    pixels = np.empty((taps, positions), np.int64)
    fill_pixels(geometry, box, 0, positions, pixels)
    weights_stay = p[STATIONARY] == STATIONARY_WEIGHTS
    across, stream = (filters, positions) if weights_stay else (positions, filters)
    stretches = (stream + STRETCH - 1) // STRETCH
    # Whole where most of it is needed, else the stretch of each unit alone.
    whole = numbers.size * STRETCH >= (box[3] - box[2]) // filters * stream
    values = np.empty((length, stream if whole else min(STRETCH, stream)), np.int16)
    column, edges, row = (
        np.empty(length, np.int16),
        np.empty((length, 1), np.int16),
        np.empty(length, np.int16),
    )
    before = np.zeros(rows, np.int64)
    filled = filled_column = -1
    for i in range(numbers.size):
        stretch, place = numbers[i] % stretches, numbers[i] // stretches
        index, number = place % across, place // across
        k = box[2] + number * filters
        group = k // p[GROUP_FILTERS]
        first = stretch * STRETCH
        count = min(STRETCH, stream - first)
        if whole and filled != number:
            fill_streamed(not weights_stay, 0, k, group, box, geometry, tensors, pixels, row, values)
            filled = number
        elif not whole:
            own = values[:, :count]
            fill_streamed(not weights_stay, first, k, group, box, geometry, tensors, pixels, row, own)
        if stretch == 0:
            begin(
                index, k, weights_stay, box, geometry, p, tensors, filters, positions, pixels, column, edges,
                before,
            )  # fmt: skip
            filled_column = -1
        if filled_column != place:
            if weights_stay:
                fill_filter(k + index, box, tensors, column, column)
            else:
                fill_position(index, group, box, geometry, tensors, pixels, column, column)
            filled_column = place
        edge = first - 1 if first else stream - 1
        fill_streamed(not weights_stay, edge, k, group, box, geometry, tensors, pixels, row, edges)
        found[i, ACCUMULATOR] = unit_toggles(
            column, values, first if whole else 0, count, edges[:, 0], first == 0, rows, accumulator, before
        )
    return found
