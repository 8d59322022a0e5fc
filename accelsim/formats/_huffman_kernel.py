"""Kernels of canonical Huffman codes: a code's bits come highest first, and fill bytes lowest bit first."""

import numpy as np

from accelsim.jit import kernel


@kernel
def write_codes(symbols, codes, lengths, total_bits):
    """The codes of symbols (uint8), one after the other: uint8 [ceil(total_bits / 8)]."""
    written = np.zeros((total_bits + 7) // 8, np.uint8)
    at = np.int64(0)
    for i in range(symbols.size):
        code = codes[symbols[i]]
        for bit in range(lengths[symbols[i]] - 1, -1, -1):
            written[at >> 3] |= np.uint8(((code >> np.uint64(bit)) & np.uint64(1)) << np.uint64(at & 7))
            at += 1
    return written


@kernel
def read_codes(written, count, first_code, first_index, of_length, ordered):
    """The next `count` symbols.

    Parameters
    ----------
    first_code, first_index, of_length : int64 [longest + 1], of each code length
    ordered : uint8, symbols in the order of their codes

    Returns
    -------
    (symbols uint8 [count], bits read, symbol that has no code or lies past the end, or -1)
    """
    symbols = np.empty(count, np.uint8)
    longest = first_code.size - 1
    at = np.int64(0)
    end = np.int64(written.size) * 8
    for i in range(count):
        code = np.int64(0)
        length = np.int64(0)
        while True:
            if at >= end or length >= longest:
                return symbols, at, i
            code = (code << 1) | ((np.int64(written[at >> 3]) >> (at & 7)) & 1)
            at += 1
            length += 1
            offset = code - first_code[length]
            if 0 <= offset < of_length[length]:
                symbols[i] = ordered[first_index[length] + offset]
                break
    return symbols, at, -1
