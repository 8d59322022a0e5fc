"""Kernels of encodings that store a value and the number of zeros before it.

Places and values are written whether they are kept or not, and then overwritten: branches on random zeros
would be mispredicted. `words` are uint8 or uint16 (values as bits), `zeros` the zero of each row or run.
"""

import numpy as np

from accelsim.jit import kernel

_BLOCK = 4096  # elements whose places are found before any is written: they stay in the nearest cache


@kernel
def encode_gaps(words, zeros, longest):
    """Gaps and values of words [runs, elements] as one sequence; after `longest` zeros anything is kept."""
    runs, elements = words.shape
    gaps = np.empty(words.size, np.uint8)
    values = np.empty(words.size, words.dtype)
    places = np.empty(_BLOCK + 1, np.int64)
    kept = np.int64(0)
    told = np.int64(0)  # elements told so far
    for run in range(runs):
        zero = np.int64(zeros[run])
        first = np.int64(run) * elements
        for start in range(0, elements, _BLOCK):
            found = np.int64(0)
            for i in range(start, min(start + _BLOCK, elements)):
                places[found] = i
                found += np.int64(np.int64(words[run, i]) != zero)
            for n in range(found):
                at = first + places[n]
                while at - told > longest:
                    told += longest + 1
                    gaps[kept] = longest
                    values[kept] = zeros[(told - 1) // elements]
                    kept += 1
                gaps[kept] = at - told
                values[kept] = words[run, places[n]]
                kept += 1
                told = at + 1
    while words.size - told > longest:
        told += longest + 1
        gaps[kept] = longest
        values[kept] = zeros[(told - 1) // elements]
        kept += 1
    return gaps[:kept].copy(), values[:kept].copy()


@kernel
def decode_gaps(gaps, values, zeros, elements, longest):
    """(words [runs, elements], elements that were told, entry that is wrong or -1).

    An entry is wrong if it lies past the end, or is a zero that `longest` zeros did not ask for.
    """
    runs = zeros.size
    words = np.empty((runs, elements), values.dtype)
    for run in range(runs):
        for i in range(elements):
            words[run, i] = zeros[run]
    flat = words.reshape(-1)
    at = np.int64(0)
    row = np.int64(0)
    end = np.int64(elements)
    for entry in range(values.size):
        gap = np.int64(gaps[entry])
        at += gap
        if at >= flat.size:
            return words, at, entry
        while at >= end:
            row += 1
            end += elements
        if gap != longest and np.int64(values[entry]) == np.int64(zeros[row]):
            return words, at, entry
        flat[at] = values[entry]
        at += 1
    return words, at, -1


@kernel
def encode_columns(words, zeros, parts, longest):
    """Pointers int64 [parts * columns + 1], gaps and values of words [rows, columns] by part, then by column.

    Part p holds rows p, p + parts, ...; gaps count within a part's column. Nothing is kept after its last
    value that is no zero.
    """
    rows, columns = words.shape
    pointers = np.zeros(parts * columns + 1, np.int64)
    gaps = np.empty(words.size + 1, np.uint8)
    values = np.empty(words.size + 1, words.dtype)
    kept = np.int64(0)
    for part in range(parts):
        for column in range(columns):
            gap = np.int64(0)
            end = kept
            for row in range(part, rows, parts):
                word = words[row, column]
                nonzero = np.int64(np.int64(word) != np.int64(zeros[row]))
                gaps[kept] = gap
                values[kept] = word
                keep = nonzero | np.int64(gap == longest)
                kept += keep
                gap = (gap + 1) & (keep - 1)
                end += (kept - end) & -nonzero
            kept = end
            pointers[part * columns + column + 1] = kept
    return pointers, gaps[:kept].copy(), values[:kept].copy()


@kernel
def count_column_entries(words, zeros, parts, block, index_bits):
    """(entries int64 [blocks, parts, columns], of these zeros [blocks, columns]) of words [rows, columns].

    Every `block` rows are encoded alone, as `encode_columns` does; row r of a block is in part r mod parts.
    """
    rows, columns = words.shape
    blocks = (rows + block - 1) // block
    entries = np.zeros((blocks, parts, columns), np.int64)
    padding = np.zeros((blocks, columns), np.int64)
    gaps = np.zeros((parts, columns), np.int32)
    for row in range(rows):
        at = row // block
        part = (row - at * block) % parts
        if row % block == 0:
            gaps[:] = 0
        zero = np.int64(zeros[row])
        for column in range(columns):
            nonzero = np.int32(np.int64(words[row, column]) != zero)
            more = (gaps[part, column] >> index_bits) * nonzero
            entries[at, part, column] += nonzero + more
            padding[at, column] += more
            gaps[part, column] = (gaps[part, column] + 1) * (1 - nonzero)
    return entries, padding


@kernel
def decode_columns(pointers, gaps, values, zeros, columns, parts):
    """(words [rows, columns], entry that lies past its column's end or -1); pointers never go back."""
    rows = zeros.size
    words = np.empty((rows, columns), values.dtype)
    for row in range(rows):
        for column in range(columns):
            words[row, column] = zeros[row]
    for part in range(parts):
        for column in range(columns):
            at = np.int64(part)
            slot = part * columns + column
            for entry in range(pointers[slot], pointers[slot + 1]):
                at += np.int64(gaps[entry]) * parts
                if at >= rows:
                    return words, entry
                words[at, column] = values[entry]
                at += parts
    return words, -1
