"""Compressed sparse rows and columns with absolute index.

::

    csr: for row in matrix:                       # matrix: axis 0 x all other axes
           for column, value in enumerate(row):
             if value != zero_point: payload.append(value); index.append(column)
           pointers.append(entries so far)        # behind a first 0
    csc: the same of the transposed matrix

Metadata: pointers of 32 bits, little endian; then the indices of ceil(log2(columns)) bits (csc: rows),
packed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.formats.stream import (
    Integers,
    Stream,
    check_canonical,
    check_stream,
    matrix_of,
    packed_bytes,
    unsigned,
    words_of,
    zeros_of,
    zeros_of_rows,
)

_POINTER_BYTES = 4


@dataclass(frozen=True, slots=True)
class Absolute:
    """Rows of the matrix (`by_columns`: columns) one after the other, each entry with its index in it."""

    by_columns: bool = False

    def encode(self, dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
        """Pointers, indices and values; raises TraceError if dtype or zero point do not fit."""
        from accelsim.formats._bits_kernel import pack
        from accelsim.formats._lines_kernel import encode_columns, encode_rows

        words, zeros = words_of(dense, matrix_of(dense.shape), zero_point, name)
        pointers, index, values = (encode_columns if self.by_columns else encode_rows)(words, zeros)
        elements = words.shape[0 if self.by_columns else 1]
        metadata = np.concatenate([pointers.astype("<u4").view(np.uint8), pack(index, _index_bits(elements))])
        return Stream(metadata, values.view(dense.dtype))

    def decode(
        self, stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
    ) -> Integers:
        """The tensor of `shape`.

        Raises
        ------
        TraceError
            If pointers go back or do not tell as many entries as there are values, indices do not grow
            within a line or lead past its end, or the metadata have another length.
        """
        from accelsim.formats._bits_kernel import unpack
        from accelsim.formats._lines_kernel import decode_lines

        check_stream(stream, shape, name)
        rows, columns = matrix_of(shape)
        lines, elements = (columns, rows) if self.by_columns else (rows, columns)
        count, pointed = stream.payload.size, _POINTER_BYTES * (lines + 1)
        needed = pointed + packed_bytes(count, _index_bits(elements))
        if stream.metadata.size != needed:
            raise TraceError(
                f"{name}: pointers and {count} indices are {needed} bytes, not {stream.metadata.size}"
            )
        pointers = np.ascontiguousarray(stream.metadata[:pointed]).view("<u4").astype(np.int64)
        entries = np.diff(pointers)
        if pointers[0] != 0 or (entries < 0).any():
            line = 0 if pointers[0] else int(np.argmax(entries < 0))
            raise TraceError(f"{name}: the pointers go back at line {line}")
        if pointers[-1] != count:
            raise TraceError(f"{name}: pointers tell {pointers[-1]} entries, there are {count} values")
        index = unpack(stream.metadata[pointed:], count, _index_bits(elements))
        dtype = stream.payload.dtype
        zeros = zeros_of_rows(zero_point, shape, rows, dtype, name)
        words, wrong = decode_lines(
            pointers, index, stream.payload.view(unsigned(dtype)), zeros, columns, self.by_columns
        )
        if wrong >= 0:
            raise TraceError(f"{name}: entry {wrong} has index {index[wrong]} in a line of {elements}")
        dense: Integers = words.view(dtype).reshape(shape)
        check_canonical(stream, self.encode(dense, zero_point, name), name)
        return dense

    def size_bits(self, dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
        """Bits of pointers and indices (whole bytes), and values at `bits` each."""
        rows, columns = matrix_of(dense.shape)
        lines, elements = (columns, rows) if self.by_columns else (rows, columns)
        zeros = zeros_of(zero_point, dense.shape, dense.dtype, "tensor")
        count = int(np.count_nonzero(dense != zeros))
        metadata = _POINTER_BYTES * (lines + 1) + packed_bytes(count, _index_bits(elements))
        return 8 * metadata + count * bits


def _index_bits(elements: int) -> int:
    bits: int = max(elements - 1, 1).bit_length()
    return bits
