"""Toggles of `row_stationary`'s PEs, window by window (docs/dataflows/row_stationary_toggles.md).

::

    for pass, for image, for output column       # a window
      for PE: activations pass; weights pass under those that are not gated
      for output row: sums of all PEs and filters; they rise and are cleared

Activations are the same in all sets of filters, weights in all output rows: only their ends are looked at in
each PE. Its twin is accelsim/reference/row_stationary_toggles.py.
"""

import numpy as np

from accelsim.dataflows._row_stationary_toggles_buses import (
    BITS_A,
    BITS_W,
    GATES,
    GROUP_FILTERS,
    PE_CHANNELS,
    PE_FILTERS,
    SETS_U,
    SETS_V,
)
from accelsim.jit import inlined_kernel, kernel, popcount
from accelsim.kernels.toggles import (
    ACCUMULATOR,
    ACTIVATION_REGISTER,
    COUNTS,
    WEIGHT_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
    differing,
)
from accelsim.kernels.windows import (
    GROUPS,
    HEIGHT,
    KERNEL_H,
    KERNEL_W,
    PAD_LEFT,
    PAD_TOP,
    STRIDE_H,
    STRIDE_W,
    WIDTH,
)

# Words of the filters of a PE at one (tap, channel): the first and last one, and toggles between them.
FIRST, LAST, INNER = range(3)


@kernel
def fill_pass(k, filters, box, geometry, p, tensors, values, ends):
    """Weights of a pass.

    Parameters
    ----------
    values : int32 [R, S x channels, >= filters], less their zero points, written
    ends : int64 [3, R, sets of filters, S x channels], words, written
    """
    mask, channels = (np.int64(1) << p[BITS_W]) - 1, box[5] - box[4]
    for i in range(geometry[KERNEL_H]):
        for s in range(geometry[KERNEL_W]):
            for f in range(filters):
                v, row = f // p[PE_FILTERS], tensors[1][k + f, i * geometry[KERNEL_W] + s]
                zero = np.int64(tensors[2][k + f])
                for c in range(channels):
                    place = s * channels + c
                    q = np.int64(row[box[4] + c])
                    word = q & mask
                    values[i, place, f] = q - zero
                    if f % p[PE_FILTERS] == 0:
                        ends[FIRST, i, v, place] = word
                        ends[INNER, i, v, place] = 0
                    else:
                        ends[INNER, i, v, place] += differing(word, ends[LAST, i, v, place])
                    ends[LAST, i, v, place] = word


@kernel
def fill_window(n, q, group, box, geometry, p, tensors, words, values):
    """Activations of a window's PEs: int64 [R, e, S x channels] each, written."""
    zero, channels = tensors[0][0], box[5] - box[4]
    mask = (np.int64(1) << p[BITS_A]) - 1
    first = group * (tensors[3].shape[1] // geometry[GROUPS]) + box[4]
    left = q * geometry[STRIDE_W] - geometry[PAD_LEFT]
    for i in range(geometry[KERNEL_H]):
        for j in range(box[7] - box[6]):
            h = (box[6] + j) * geometry[STRIDE_H] - geometry[PAD_TOP] + i
            for s in range(geometry[KERNEL_W]):
                w = left + s
                inside = 0 <= h < geometry[HEIGHT] and 0 <= w < geometry[WIDTH]
                pixel = (n * geometry[HEIGHT] + h) * geometry[WIDTH] + w if inside else 0
                for c in range(channels):
                    value = np.int64(tensors[3][pixel, first + c]) if inside else zero
                    words[i, j, s * channels + c] = value & mask
                    values[i, j, s * channels + c] = value - zero


@inlined_kernel
def pass_words(words, first, stop, channels, taps):
    """Toggles inside the activations of a PE, its channels first..stop of each tap."""
    toggles, last = np.int64(0), words[first]
    for s in range(taps):
        for place in range(s * channels + first, s * channels + stop):
            toggles += differing(words[place], last)
            last = words[place]
    return toggles


@inlined_kernel
def pass_weights(values, ends, i, v, first, stop, channels, taps, gates, held):
    """(toggles, last word) of a PE's weight register in a window, after the word that it held."""
    toggles = np.int64(0)
    for s in range(taps):
        for place in range(s * channels + first, s * channels + stop):
            if values[place] != 0 or not gates:
                toggles += differing(ends[FIRST, i, v, place], held) + ends[INNER, i, v, place]
                held = ends[LAST, i, v, place]
    return toggles, held


@kernel
def load_registers(filters, box, geometry, p, words, values, ends, registers, totals):
    """Registers of all PEs in a window.

    Parameters
    ----------
    registers : int64 [3, sets of channels, of filters, R, e]: activation, weight, weight without hold
    """
    channels, taps = box[5] - box[4], geometry[KERNEL_W]
    rows, sets = box[7] - box[6], (filters + p[PE_FILTERS] - 1) // p[PE_FILTERS]
    for u in range(p[SETS_U]):
        first, stop = u * p[PE_CHANNELS], min((u + 1) * p[PE_CHANNELS], channels)
        if first >= stop:
            continue
        last = (taps - 1) * channels + stop - 1
        for i in range(geometry[KERNEL_H]):
            for j in range(rows):
                inner = pass_words(words[i, j], first, stop, channels, taps)
                for v in range(sets):
                    change = differing(words[i, j, first], registers[0, u, v, i, j])
                    totals[ACTIVATION_REGISTER] += inner + change
                    registers[0, u, v, i, j] = words[i, j, last]
                    if p[GATES]:
                        toggles, held = pass_weights(
                            values[i, j], ends, i, v, first, stop, channels, taps, True,
                            registers[1, u, v, i, j],
                        )  # fmt: skip
                        totals[WEIGHT_REGISTER] += toggles
                        registers[1, u, v, i, j] = held
            for v in range(sets):  # all pairs: the same words in all rows
                toggles, held = pass_weights(
                    values[i, 0], ends, i, v, first, stop, channels, taps, False, registers[2, u, v, i, 0]
                )
                totals[WEIGHT_REGISTER_WITHOUT_HOLD] += toggles * rows
                registers[2, u, v, i, 0] = held


@inlined_kernel
def add_products(activation, weights, filters, accumulator, sums):
    """Toggles of the sums of all filters as one activation meets their weights."""
    toggles = np.int64(0)
    for f in range(filters):
        new = sums[f] + activation * np.int64(weights[f])
        toggles += popcount(np.uint64((new ^ sums[f]) & accumulator))
        sums[f] = new
    return toggles


@inlined_kernel
def rise(pes, filters, accumulator, sums):
    """Toggles of sums int64 [PEs, filters] as each takes what comes from the PE before it, and is cleared."""
    toggles = np.int64(0)
    for x in range(pes):
        for f in range(filters):
            new = sums[x, f] + sums[x - 1, f] if x else sums[x, f]
            toggles += popcount(np.uint64((new ^ sums[x, f]) & accumulator))
            toggles += popcount(np.uint64(new & accumulator))
            sums[x, f] = new
    return toggles


@kernel
def add_sums(filters, box, geometry, p, values, weights, accumulator, sums):
    """Toggles of the sums of a window: they grow, rise, and are cleared.

    Parameters
    ----------
    weights : int32 [R, S x channels, >= filters]
    sums : int64 [sets of channels x R, >= filters], in the order in which they rise
    """
    channels, toggles = box[5] - box[4], np.int64(0)
    for j in range(box[7] - box[6]):
        count = 0
        for u in range(p[SETS_U]):
            first, stop = u * p[PE_CHANNELS], min((u + 1) * p[PE_CHANNELS], channels)
            if first >= stop:
                continue
            for i in range(geometry[KERNEL_H] - 1, -1, -1):
                sums[count, :filters] = 0
                for s in range(geometry[KERNEL_W]):
                    for place in range(s * channels + first, s * channels + stop):
                        if values[i, j, place] != 0:
                            toggles += add_products(
                                values[i, j, place], weights[i, place], filters, accumulator, sums[count]
                            )
                count += 1
        toggles += rise(count, filters, accumulator, sums)
    return toggles


@kernel
def walk_windows(box, numbers, geometry, p, tensors, filters):
    """Toggles of units of a tile, without buses: int64 [units, COUNTS].

    Parameters
    ----------
    numbers : int64 [units], ascending: (group, pass, image, column), the last fastest
    tensors : (zero point of activations and mask of an accumulator's bits, weights, their zero points,
        activations)
    filters : int, of one group of the tile
    """
    found = np.zeros((numbers.size, COUNTS), np.int64)
    unheeded = np.zeros(COUNTS, np.int64)
    kernel_rows, length = geometry[KERNEL_H], geometry[KERNEL_W] * (box[5] - box[4])
    together, rows = p[PE_FILTERS] * p[SETS_V], box[7] - box[6]
    columns = box[9] - box[8]
    of_pass = (box[1] - box[0]) * columns
    of_group = (filters + together - 1) // together * of_pass
    weights = np.empty((kernel_rows, length, together), np.int32)
    ends = np.zeros((3, kernel_rows, p[SETS_V], length), np.int64)
    words = np.empty((kernel_rows, rows, length), np.int64)
    values = np.empty((kernel_rows, rows, length), np.int64)
    registers = np.zeros((3, p[SETS_U], p[SETS_V], kernel_rows, rows), np.int64)
    sums = np.empty((p[SETS_U] * kernel_rows, together), np.int64)
    filled, done = -1, -1
    for i in range(numbers.size):
        number = numbers[i]
        start = number
        if done != number - 1 or number % of_group == 0:
            registers[:] = 0
            if number % of_group:
                start = number - 1  # for what it leaves
        for walked in range(start, number + 1):
            group, its_pass = walked // of_group, walked % of_group // of_pass
            k = box[2] + group * filters + its_pass * together
            its_filters = min(together, filters - its_pass * together)
            if filled != walked // of_pass:
                fill_pass(k, its_filters, box, geometry, p, tensors, weights, ends)
                filled = walked // of_pass
            n, q = box[0] + walked % of_pass // columns, box[8] + walked % columns
            fill_window(n, q, k // p[GROUP_FILTERS], box, geometry, p, tensors, words, values)
            totals = found[i] if walked == number else unheeded
            load_registers(its_filters, box, geometry, p, words, values, ends, registers, totals)
            if walked == number:
                totals[ACCUMULATOR] = add_sums(
                    its_filters, box, geometry, p, values, weights, tensors[0][1], sums
                )
        done = number
    return found
