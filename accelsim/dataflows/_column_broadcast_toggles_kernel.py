"""Toggles of `column_broadcast`, set by set (docs/dataflows/column_broadcast_toggles.md).

::

    for set                                   # the bus that all PEs hear
      for non-zero activation: its value and number
    for PE, for cell: find its columns
      for set of the cell, for non-zero activation: pointers, words, registers
        for entry: add to its sum

PEs hear the same and share nothing else, so each goes through all sets on its own. Its twin is
accelsim/reference/column_broadcast_toggles.py.
"""

import numpy as np

from accelsim.dataflows._column_broadcast_toggles_columns import (
    BEGIN,
    BITS_A,
    CELL_FILTERS,
    FIRST,
    INNER,
    LAST,
    MEMORY_FIRST,
    MEMORY_LAST,
    PES,
    POINTER_BITS,
    fill_columns,
    new_columns,
)
from accelsim.jit import inlined_kernel, kernel, popcount
from accelsim.kernels.toggles import (
    ACCUMULATOR,
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
    ACTIVATION_REGISTER,
    COUNTS,
    MASK_BUS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
    WEIGHT_BUS,
    WEIGHT_REGISTER,
    differing,
)
from accelsim.kernels.windows import HEIGHT, WIDTH

# A set to be walked: its number, its row of counts or -1, and whether all is 0 before it.
NUMBER, ROW, FRESH = range(3)
_NUMBER_WIRES = 0xFFFF
# Words that a PE's registers and wires hold; those of its memory stand apart.
_WEIGHT, _ACTIVATION, _EVEN, _ODD = range(4)


@kernel
def walks_of(numbers):
    """Sets to be walked, int64 [sets, 3]: those of numbers, and before each that does not follow one the set
    before it, for what it leaves.
    """
    walks = np.empty((2 * numbers.size, 3), np.int64)
    count = 0
    for i in range(numbers.size):
        fresh = i == 0 or numbers[i - 1] != numbers[i] - 1
        if fresh and numbers[i] > 0:
            walks[count, NUMBER], walks[count, ROW], walks[count, FRESH] = numbers[i] - 1, -1, 1
            count += 1
            fresh = False
        walks[count, NUMBER], walks[count, ROW], walks[count, FRESH] = numbers[i], i, fresh
        count += 1
    return walks[:count]


@kernel
def list_steps(box, geometry, zero, activations):
    """(first step of each position, channels of steps from c0 on, row of activations of each position)."""
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    starts, pixels = np.zeros(positions + 1, np.int64), np.empty(positions, np.int64)
    channels = np.empty(positions * (box[5] - box[4]) + 1, np.int32)
    i, count = 0, np.int64(0)
    for n in range(box[0], box[1]):
        for h in range(box[6], box[7]):
            for w in range(box[8], box[9]):
                pixels[i] = (n * geometry[HEIGHT] + h) * geometry[WIDTH] + w
                for c in range(box[4], box[5]):
                    channels[count] = c - box[4]
                    count += np.int64(np.int64(activations[pixels[i], c]) != zero)
                i += 1
                starts[i] = count
    return starts, channels, pixels


@kernel
def broadcast(walks, box, p, steps, activations, found):
    """Toggles of the bus to all PEs."""
    starts, channels, pixels = steps
    mask = (np.int64(1) << p[BITS_A]) - 1
    value, number, free = np.int64(0), np.int64(0), np.int64(0)
    for walk in range(walks.shape[0]):
        if walks[walk, FRESH]:
            value, number, free = np.int64(0), np.int64(0), np.int64(0)
        cell, position = walks[walk, NUMBER] // pixels.size, walks[walk, NUMBER] % pixels.size
        row = activations[pixels[position]]
        of_values, of_numbers, of_all = np.int64(0), np.int64(0), np.int64(0)
        for step in range(starts[position], starts[position + 1]):
            channel = np.int64(channels[step])
            word = np.int64(row[box[4] + channel]) & mask
            of_values += differing(word, value)
            of_numbers += differing(channel & _NUMBER_WIRES, number)
            value, number = word, channel & _NUMBER_WIRES
        for c in range(box[4], box[5]):
            word = np.int64(row[c]) & mask
            of_all += differing(word, free)
            free = word
        if walks[walk, ROW] >= 0:
            totals = found[walks[walk, ROW]]
            mapped = min(p[PES], box[3] - box[2] - cell * p[CELL_FILTERS])
            totals[ACTIVATION_BUS] = of_values
            totals[ACTIVATION_BUS_WITHOUT_HOLD] = of_all
            totals[MASK_BUS] = of_numbers
            totals[MULTICAST] = (of_values + of_numbers) * mapped
            totals[MULTICAST_WITHOUT_HOLD] = (of_all + of_numbers) * mapped


@inlined_kernel
def add_products(activation, begin, end, places, values, accumulator, sums):
    """Toggles of a PE's sums as an activation meets the entries of a column."""
    toggles = np.int64(0)
    for entry in range(begin, end):
        place = places[entry]
        new = sums[place] + activation * np.int64(values[entry])
        toggles += popcount(np.uint64((new ^ sums[place]) & accumulator))
        sums[place] = new
    return toggles


@inlined_kernel
def read_words(first, last, memory, toggles, wires):
    """Toggles of the wires of a PE's memory, which drive words first to last."""
    found = toggles[last] - toggles[first]
    for part in range(wires.size):
        found += differing(memory[first, part], wires[part])
        wires[part] = memory[last, part]
    return found


@inlined_kernel
def read_pointers(channel, begin, end, mask, held):
    """Toggles of the wires of both banks of pointers."""
    even, odd = (end, begin) if channel & 1 else (begin, end)
    found = differing(even & mask, held[_EVEN]) + differing(odd & mask, held[_ODD])
    held[_EVEN], held[_ODD] = even & mask, odd & mask
    return found


@kernel
def walk_set(first, stop, channels, row, p, numbers, columns, held, wires, sums, totals):
    """The steps of a set on one PE.

    Parameters
    ----------
    row : int16 [channels of the tile], activations
    numbers : (zero point of activations, mask of an accumulator's bits): int64 [2]
    held, wires : what registers and pointers, and what the wires of memory hold
    sums : int64 [sums of the PE], all 0
    """
    table, places, values, _, memory, inside, _ = columns
    mask_a = (np.int64(1) << p[BITS_A]) - 1
    mask_p = (np.int64(1) << p[POINTER_BITS]) - 1 if p[POINTER_BITS] < 63 else np.int64(-1)
    for step in range(first, stop):
        channel = np.int64(channels[step])
        begin, end = table[channel, BEGIN], table[channel + 1, BEGIN]
        totals[MASK_BUS] += read_pointers(channel, begin, end, mask_p, held)
        if begin == end:
            continue
        q = np.int64(row[channel])
        totals[WEIGHT_BUS] += read_words(
            table[channel, MEMORY_FIRST], table[channel, MEMORY_LAST], memory, inside, wires
        )
        totals[WEIGHT_REGISTER] += table[channel, INNER] + differing(table[channel, FIRST], held[_WEIGHT])
        totals[ACTIVATION_REGISTER] += differing(q & mask_a, held[_ACTIVATION])
        held[_WEIGHT], held[_ACTIVATION] = table[channel, LAST], q & mask_a
        totals[ACCUMULATOR] += add_products(q - numbers[0], begin, end, places, values, numbers[1], sums)
    for place in range(sums.size):
        totals[ACCUMULATOR] += popcount(np.uint64(sums[place] & numbers[1]))
        sums[place] = 0


@kernel
def walk_pe(pe, walks, box, p, tensors, stored, steps, columns, found):
    """All sets that are to be walked, on one PE."""
    starts, channels, pixels = steps
    numbers, weights, weight_zeros, activations = tensors
    held, wires = np.zeros(4, np.int64), np.zeros(columns[4].shape[1], np.int64)
    sums = np.zeros(columns[6].shape[1], np.int64)
    unheeded, filled = np.zeros(COUNTS, np.int64), -1
    for walk in range(walks.shape[0]):
        if walks[walk, FRESH]:
            held[:] = 0
            wires[:] = 0
        cell, position = walks[walk, NUMBER] // pixels.size, walks[walk, NUMBER] % pixels.size
        k = box[2] + cell * p[CELL_FILTERS]
        stop = min(k + p[CELL_FILTERS], box[3])
        if k + pe >= stop:
            continue
        if filled != cell:
            fill_columns(weights, weight_zeros, k + pe, stop, box[4], box[5], p, stored, columns)
            filled = cell
        of_pe = (stop - k - pe + p[PES] - 1) // p[PES]
        walk_set(
            starts[position], starts[position + 1], channels, activations[pixels[position], box[4] : box[5]],
            p, numbers, columns, held, wires, sums[:of_pe],
            found[walks[walk, ROW]] if walks[walk, ROW] >= 0 else unheeded,
        )  # fmt: skip


@kernel
def walk_sets(box, numbers, geometry, p, tensors, stored):
    """Toggles of units of a tile.

    Parameters
    ----------
    numbers : int64 [units], ascending: (cell, position), the last fastest
    tensors : (zero point of activations and mask of an accumulator's bits, weights [K, C], their zero points,
        activations [positions, C])
    stored : int64 [1024], as of `fill_columns`

    Returns
    -------
    int64 [units, COUNTS]
    """
    found = np.zeros((numbers.size, COUNTS), np.int64)
    walks = walks_of(numbers)
    steps = list_steps(box, geometry, tensors[0][0], tensors[3])
    broadcast(walks, box, p, steps, tensors[3], found)
    filters = min(box[3] - box[2], p[CELL_FILTERS])
    columns = new_columns(p, (filters + p[PES] - 1) // p[PES], box[5] - box[4])
    for pe in range(min(filters, p[PES])):
        walk_pe(pe, walks, box, p, tensors, stored, steps, columns, found)
    return found
