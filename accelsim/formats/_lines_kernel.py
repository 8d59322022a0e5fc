"""Kernels of encodings with absolute index; `words` [rows, columns] as bits, `zeros` the zero of each row."""

import numpy as np

from accelsim.jit import kernel


@kernel
def encode_rows(words, zeros):
    """(pointers int64 [rows + 1], index uint32, values), row by row."""
    rows, columns = words.shape
    pointers = np.zeros(rows + 1, np.int64)
    index = np.empty(words.size + 1, np.uint32)
    values = np.empty(words.size + 1, words.dtype)
    kept = np.int64(0)
    for row in range(rows):
        zero = np.int64(zeros[row])
        for column in range(columns):
            word = words[row, column]
            index[kept] = column
            values[kept] = word
            kept += np.int64(np.int64(word) != zero)
        pointers[row + 1] = kept
    return pointers, index[:kept].copy(), values[:kept].copy()


@kernel
def encode_columns(words, zeros):
    """(pointers int64 [columns + 1], index uint32, values), column by column, in two walks over the rows."""
    rows, columns = words.shape
    pointers = np.zeros(columns + 1, np.int64)
    for row in range(rows):
        zero = np.int64(zeros[row])
        for column in range(columns):
            pointers[column + 1] += np.int64(np.int64(words[row, column]) != zero)
    for column in range(columns):
        pointers[column + 1] += pointers[column]
    index = np.empty(pointers[columns], np.uint32)
    values = np.empty(pointers[columns], words.dtype)
    free = pointers[:-1].copy()
    places = np.empty(columns + 1, np.int64)
    for row in range(rows):
        zero = np.int64(zeros[row])
        found = np.int64(0)
        for column in range(columns):
            places[found] = column
            found += np.int64(np.int64(words[row, column]) != zero)
        for n in range(found):
            column = places[n]
            index[free[column]] = row
            values[free[column]] = words[row, column]
            free[column] += 1
    return pointers, index, values


@kernel
def decode_lines(pointers, index, values, zeros, columns, by_columns):
    """(words [rows, columns], entry whose index does not grow or lies past its line, or -1)."""
    rows = zeros.size
    words = np.empty((rows, columns), values.dtype)
    for row in range(rows):
        for column in range(columns):
            words[row, column] = zeros[row]
    elements = rows if by_columns else columns
    for line in range(pointers.size - 1):
        before = np.int64(-1)
        for entry in range(pointers[line], pointers[line + 1]):
            place = np.int64(index[entry])
            if place >= elements or place <= before:
                return words, entry
            before = place
            if by_columns:
                words[place, line] = values[entry]
            else:
                words[line, place] = values[entry]
    return words, -1
