"""Columns of one PE in one cell, with what of their toggles is the same at each visit.

::

    for channel of the tile
      entries: sum, weight; its words pass the weight register, its bits stand in words of memory

Written from docs/dataflows/column_broadcast.md and column_broadcast_toggles.md, sections 1 to 3.
"""

import numpy as np

from accelsim.jit import inlined_kernel, kernel
from accelsim.kernels.toggles import differing

# Parameters of the array.
PES, CELL_FILTERS, STORED_BITS, WORD_BITS, POINTER_BITS, BITS_W, BITS_A = range(7)
# A column: its first entry; its first and last word at the multiplier, toggles between all of them; its first
# and last word of memory.
BEGIN, FIRST, LAST, INNER, MEMORY_FIRST, MEMORY_LAST = range(6)
OF_COLUMN = 6
LONGEST = 15  # zeros that an entry counts
_BLOCK = 64  # channels that are turned into columns at once: a line of the cache in each filter
_GAP_BITS = 4
HALF_TABLE = 512  # place of the difference 0 among stored bits


@kernel
def differences_of(weights, zeros):
    """Which weights less their zero points there are, from -512 on: uint8 [1024].

    Parameters
    ----------
    weights : int8, uint8 or int16 [K, C]; zeros : int32 [K]
    """
    found = np.zeros(2 * HALF_TABLE, np.uint8)
    for k in range(weights.shape[0]):
        zero = np.int64(zeros[k]) - HALF_TABLE
        for c in range(weights.shape[1]):
            found[np.int64(weights[k, c]) - zero] = 1
    return found


@kernel
def new_columns(p, accumulators, channels):
    """(columns, sum and weight of each entry, counts of zeros, memory, toggles up to each word, scratch)."""
    entries = accumulators * channels
    words = (entries * (p[STORED_BITS] + _GAP_BITS) + p[WORD_BITS] - 1) // p[WORD_BITS] + 1
    return (
        np.zeros((channels + 1, OF_COLUMN), np.int64),
        np.empty(entries, np.uint16),
        np.empty(entries, np.int16),
        np.empty(entries, np.uint8),
        np.empty((words, (p[WORD_BITS] + 63) // 64), np.int64),
        np.zeros(words, np.int64),
        np.empty((_BLOCK, accumulators), np.int16),
    )


@inlined_kernel
def find_entries(differences, nonzero, kept, places, values, gaps):
    """Write the entries of a column from entry `kept` on; returns the entries so far.

    Places are written whether they are kept or not: branches on random zeros would be mispredicted.

    Parameters
    ----------
    differences : int16 [filters of the PE], weights less their zero points
    nonzero : int64 [filters of the PE + 1], overwritten
    """
    count = np.int64(0)
    for i in range(differences.size):
        nonzero[count] = i
        count += np.int64(differences[i] != 0)
    told = np.int64(0)  # weights told so far
    for n in range(count):
        i = nonzero[n]
        while i - told > LONGEST:
            told += LONGEST + 1
            places[kept], values[kept], gaps[kept] = told - 1, 0, LONGEST
            kept += 1
        places[kept], values[kept], gaps[kept] = i, differences[i], i - told
        kept += 1
        told = i + 1
    return kept


@kernel
def pass_entries(column, begin, end, zeros, bits, columns):
    """What a column's entries do to the weight register: zeros are the zero points of the PE's filters."""
    table, places, values, _, _, _, _ = columns
    mask = (np.int64(1) << bits) - 1
    toggles, last = np.int64(0), np.int64(0)
    for entry in range(begin, end):
        word = (np.int64(values[entry]) + np.int64(zeros[places[entry]])) & mask
        if entry == begin:
            table[column, FIRST] = word
        else:
            toggles += differing(word, last)
        last = word
    table[column, INNER], table[column, LAST] = toggles, last


@kernel
def store_entries(begin, end, word, offset, p, stored, columns):
    """Write entries into memory from bit `offset` of `word` on; returns the word and bit that come next."""
    _, _, values, gaps, memory, _, _ = columns
    for entry in range(begin, end):
        rest = stored[np.int64(values[entry]) + HALF_TABLE] | np.int64(gaps[entry]) << p[STORED_BITS]
        left = p[STORED_BITS] + _GAP_BITS
        while left > 0:
            if offset == 0:
                memory[word] = 0
            taken = min(left, p[WORD_BITS] - offset, 64 - (offset & 63))
            memory[word, offset >> 6] |= (rest & ((np.int64(1) << taken) - 1)) << (offset & 63)
            rest >>= taken
            left -= taken
            offset += taken
            if offset == p[WORD_BITS]:
                word, offset = word + 1, np.int64(0)
    return word, offset


@kernel
def fill_columns(weights, zeros, first, stop, c0, c1, p, stored, columns):
    """Columns c0..c1 of a PE's filters first, first + PEs .. below stop.

    Parameters
    ----------
    weights : int16 [K, C]; zeros : int32 [K]
    stored : int64 [1024], the bits that are stored of each weight less its zero point, from -512 on
    columns : as of `new_columns`, written
    """
    table, places, values, gaps, memory, toggles, block = columns
    of_filters = zeros[first : stop : p[PES]]
    nonzero = np.empty(of_filters.size + 1, np.int64)
    kept, word, offset = np.int64(0), np.int64(0), np.int64(0)
    for start in range(c0, c1, _BLOCK):
        end = min(start + _BLOCK, c1)
        for i in range(of_filters.size):
            row, zero = weights[first + i * p[PES]], np.int64(of_filters[i])
            for c in range(start, end):
                block[c - start, i] = np.int64(row[c]) - zero
        for c in range(start, end):
            begin, column = kept, c - c0
            differences = block[c - start, : of_filters.size]
            kept = find_entries(differences, nonzero, begin, places, values, gaps)
            table[column, BEGIN], table[column, MEMORY_FIRST] = begin, word
            pass_entries(column, begin, kept, of_filters, p[BITS_W], columns)
            word, offset = store_entries(begin, kept, word, offset, p, stored, columns)
            table[column, MEMORY_LAST] = word - np.int64(offset == 0)
    table[c1 - c0, BEGIN] = kept
    for i in range(1, word + np.int64(offset != 0)):
        toggles[i] = toggles[i - 1]
        for part in range(memory.shape[1]):
            toggles[i] += differing(memory[i, part], memory[i - 1, part])
