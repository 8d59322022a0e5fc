"""Toggles of `csc_row_stationary`'s PEs, window by window (docs/dataflows/csc_row_stationary_toggles.md).

::

    for pass: columns of weights, and what their entries do to registers at each visit
      for image, for output column                           # a window
        for output row
          for PE: list the activations that are not zero; each loads registers, adds products
          sums rise and are cleared

Its twin is accelsim/reference/csc_row_stationary_toggles.py.
"""

import numpy as np

from accelsim.dataflows._csc_row_stationary_toggles_buses import (
    BITS_A,
    BITS_W,
    GROUP_FILTERS,
    LANES,
    PE_CHANNELS,
    PE_FILTERS,
    SETS_U,
    SETS_V,
    find_entries,
)
from accelsim.dataflows._row_stationary_toggles_kernel import rise
from accelsim.jit import inlined_kernel, kernel, popcount
from accelsim.kernels.toggles import (
    ACCUMULATOR,
    ACTIVATION_REGISTER,
    COUNTS,
    WEIGHT_REGISTER,
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

# Of a column's entries: each lane's first and last word, -1 where the lane loads at all; toggles between.
FIRST, LAST, LOADS, INNER = 0, 2, 4, 6
OF_COLUMN = 7
# Registers of a PE: two lanes, the second unused with one.
_ACTIVATION, _WEIGHT = 0, 1


@kernel
def fill_registers(column, count, zeros, lanes, bits, values, gaps):
    """What the entries of a column do to the weight registers of a PE: int64 [OF_COLUMN], written."""
    mask = (np.int64(1) << bits) - 1
    column[:] = 0
    for x in range(count):
        lane, word = x % lanes, (values[x] + np.int64(zeros[gaps[1, x]])) & mask
        if x < lanes:
            column[FIRST + lane], column[LOADS + lane] = word, -1
        else:
            column[INNER] += differing(word, column[LAST + lane])
        column[LAST + lane] = word


@kernel
def fill_pass(k, filters, box, geometry, p, tensors, scratch, columns, products):
    """Weights of a pass.

    Parameters
    ----------
    columns : int64 [R, sets of filters, S x channels, OF_COLUMN], written
    products : (first entry of each filter row's column, int64 [R * S x channels + 1]; filter and weight less
        its zero point of each entry that is no padding, int32), written
    """
    values, gaps = scratch
    begins, of_filters, weights = products
    channels, kept = box[5] - box[4], np.int64(0)
    for i in range(geometry[KERNEL_H]):
        for s in range(geometry[KERNEL_W]):
            for c in range(channels):
                place, tap = s * channels + c, i * geometry[KERNEL_W] + s
                begins[tap * channels + c] = kept
                for v in range((filters + p[PE_FILTERS] - 1) // p[PE_FILTERS]):
                    first = k + v * p[PE_FILTERS]
                    stop = min(first + p[PE_FILTERS], k + filters)
                    count = find_entries(first, stop, tap, box[4] + c, tensors, values, gaps)
                    fill_registers(
                        columns[i, v, place], count, tensors[2][first:stop], p[LANES], p[BITS_W], values, gaps
                    )
                    for x in range(count):
                        of_filters[kept], weights[kept] = first - k + gaps[1, x], values[x]
                        kept += np.int64(values[x] != 0)
    begins[begins.size - 1] = kept


@inlined_kernel
def list_activations(h, left, image, first, stop, start, channels, geometry, tensors, places, values):
    """Activations of a PE in a window that are not zero; their number.

    Parameters
    ----------
    first, stop : int, its channels, from the tile's first on, which is channel `start` of the input
    places, values : int64 [S x channels of the PE + 1], s x channels + c, and less the zero point, written
    """
    count = np.int64(0)
    if h < 0 or h >= geometry[HEIGHT]:
        return count
    for s in range(geometry[KERNEL_W]):
        w = left + s
        if w < 0 or w >= geometry[WIDTH]:
            continue
        row = tensors[3][(image * geometry[HEIGHT] + h) * geometry[WIDTH] + w]
        for c in range(first, stop):
            value = np.int64(row[start + c]) - tensors[0][0]
            places[count], values[count] = s * channels + c, value
            count += np.int64(value != 0)
    return count


@inlined_kernel
def pass_activations(values, count, zero, mask, held):
    """(toggles, last word) of a PE's activation register in a window, after the word that it held."""
    toggles = np.int64(0)
    for x in range(count):
        word = (values[x] + zero) & mask
        toggles += differing(word, held)
        held = word
    return toggles, held


@inlined_kernel
def pass_columns(places, count, columns, even, odd):
    """(toggles, last words) of a PE's weight registers in a window, after the words that they held."""
    toggles = np.int64(0)
    for x in range(count):
        column = columns[places[x]]
        loads_even, loads_odd = column[LOADS], column[LOADS + 1]
        toggles += column[INNER] + popcount(np.uint64((column[FIRST] ^ even) & loads_even))
        toggles += popcount(np.uint64((column[FIRST + 1] ^ odd) & loads_odd))
        even ^= (even ^ column[LAST]) & loads_even
        odd ^= (odd ^ column[LAST + 1]) & loads_odd
    return toggles, even, odd


@inlined_kernel
def add_products(places, values, count, start, products, accumulator, sums):
    """Toggles of the sums of a PE's place in all set columns."""
    begins, of_filters, weights = products
    toggles = np.int64(0)
    for x in range(count):
        column, value = start + places[x], values[x]
        for entry in range(begins[column], begins[column + 1]):
            f = of_filters[entry]
            new = sums[f] + value * np.int64(weights[entry])
            toggles += popcount(np.uint64((new ^ sums[f]) & accumulator))
            sums[f] = new
    return toggles


@kernel
def walk_row(
    j, n, q, k, filters, adds, box, geometry, p, tensors, listed, columns, products, registers, sums, totals
):
    """An output row of a window: all of its PEs, then its sums if `adds`.

    Parameters
    ----------
    listed : (places, values) of the activations of one PE
    registers : int64 [sets of channels, of filters, R, e, 3], activation and both lanes
    sums : int64 [sets of channels x R, >= filters], in the order in which they rise
    """
    places, values = listed
    channels, taps = box[5] - box[4], geometry[KERNEL_W]
    start = k // p[GROUP_FILTERS] * (tensors[3].shape[1] // geometry[GROUPS]) + box[4]
    top = (box[6] + j) * geometry[STRIDE_H] - geometry[PAD_TOP]
    left = q * geometry[STRIDE_W] - geometry[PAD_LEFT]
    mask = (np.int64(1) << p[BITS_A]) - 1
    pes = np.int64(0)
    for u in range(p[SETS_U]):
        first, stop = u * p[PE_CHANNELS], min((u + 1) * p[PE_CHANNELS], channels)
        if first >= stop:
            continue
        for i in range(geometry[KERNEL_H] - 1, -1, -1):
            count = list_activations(
                top + i, left, n, first, stop, start, channels, geometry, tensors, places, values
            )
            for v in range((filters + p[PE_FILTERS] - 1) // p[PE_FILTERS]):
                held = registers[u, v, i, j]
                toggles, held[_ACTIVATION] = pass_activations(
                    values, count, tensors[0][0], mask, held[_ACTIVATION]
                )
                totals[ACTIVATION_REGISTER] += toggles
                toggles, held[_WEIGHT], held[_WEIGHT + 1] = pass_columns(
                    places, count, columns[i, v], held[_WEIGHT], held[_WEIGHT + 1]
                )
                totals[WEIGHT_REGISTER] += toggles
            if adds:
                sums[pes, :filters] = 0
                totals[ACCUMULATOR] += add_products(
                    places, values, count, i * taps * channels, products, tensors[0][1], sums[pes]
                )
            pes += 1
    if adds:
        totals[ACCUMULATOR] += rise(pes, filters, tensors[0][1], sums)


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
    together, rows, wide = p[PE_FILTERS] * p[SETS_V], box[7] - box[6], box[9] - box[8]
    of_pass = (box[1] - box[0]) * wide
    of_group = (filters + together - 1) // together * of_pass
    scratch = np.empty(p[PE_FILTERS], np.int64), np.empty((2, p[PE_FILTERS]), np.int64)
    columns = np.zeros((kernel_rows, p[SETS_V], length, OF_COLUMN), np.int64)
    most = kernel_rows * length * min(together, filters) + 1
    products = (
        np.zeros(kernel_rows * length + 1, np.int64),
        np.empty(most, np.int32),
        np.empty(most, np.int32),
    )
    listed = np.empty(length + 1, np.int64), np.empty(length + 1, np.int64)
    registers = np.zeros((p[SETS_U], p[SETS_V], kernel_rows, rows, 3), np.int64)
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
                fill_pass(k, its_filters, box, geometry, p, tensors, scratch, columns, products)
                filled = walked // of_pass
            n, q = box[0] + walked % of_pass // wide, box[8] + walked % wide
            totals = found[i] if walked == number else unheeded
            for j in range(rows):
                walk_row(
                    j, n, q, k, its_filters, walked == number, box, geometry, p, tensors, listed, columns,
                    products, registers, sums, totals,
                )  # fmt: skip
        done = number
    return found
