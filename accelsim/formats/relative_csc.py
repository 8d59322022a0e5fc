"""Compressed sparse columns with relative row index, interleaved over PEs: the weights of EIE.

::

    for pe in range(pes):                         # row k of the matrix belongs to PE k mod pes
        for column in matrix[pe::pes].T:          # matrix: axis 0 x all other axes
            zeros = 0
            for value in column:                  # nothing is stored after the last value that is no zero
                if value != zero_point or zeros == longest:   # longest = 2**index_bits - 1
                    payload.append(value); index.append(zeros); zeros = 0   # maybe a padding zero
                else:
                    zeros += 1
            pointers.append(entries of this PE so far)        # behind a first 0

Metadata: per PE columns + 1 pointers of `pointer_bits`, all packed; then the indices of `index_bits`,
all packed. Han et al., EIE, ISCA 2016, section III-B: 4-bit index, 16-bit pointers.
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
    zeros_of_rows,
)


@dataclass(frozen=True, slots=True)
class RelativeCSC:
    """Index of `index_bits` (1 to 8), rows over `pes` PEs, pointers of `pointer_bits` (1 to 32)."""

    index_bits: int = 4
    pes: int = 1
    pointer_bits: int = 32

    def encode(self, dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
        """Pointers, indices and values.

        Raises
        ------
        TraceError
            If dtype or zero point do not fit, or a PE has more entries than a pointer can tell.
        """
        from accelsim.formats._bits_kernel import pack

        pointers, index, values = self._columns(dense, zero_point, name)
        columns = matrix_of(dense.shape)[1]
        own = self._own(pointers, columns)
        if own.size and own.max() >= 1 << self.pointer_bits:
            raise TraceError(f"{name}: a PE has {own.max()} entries; pointers have {self.pointer_bits} bits")
        metadata = np.concatenate([pack(own, self.pointer_bits), pack(index, self.index_bits)])
        return Stream(metadata, values.view(dense.dtype))

    def decode(
        self, stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
    ) -> Integers:
        """The tensor of `shape`.

        Raises
        ------
        TraceError
            If pointers go back or do not tell as many entries as there are values, an index leads past
            its column's end, or the metadata have another length.
        """
        from accelsim.formats._bits_kernel import unpack
        from accelsim.formats._gaps_kernel import decode_columns

        check_stream(stream, shape, name)
        (rows, columns), count = matrix_of(shape), stream.payload.size
        pointed = packed_bytes(self.pes * (columns + 1), self.pointer_bits)
        needed = pointed + packed_bytes(count, self.index_bits)
        if stream.metadata.size != needed:
            raise TraceError(
                f"{name}: pointers and {count} indices are {needed} bytes, not {stream.metadata.size}"
            )
        own = unpack(stream.metadata[:pointed], self.pes * (columns + 1), self.pointer_bits)
        pointers = self._joined(own.astype(np.int64), columns, count, name)
        index = unpack(stream.metadata[pointed:], count, self.index_bits)
        dtype = stream.payload.dtype
        zeros = zeros_of_rows(zero_point, shape, rows, dtype, name)
        words, wrong = decode_columns(
            pointers, index, stream.payload.view(unsigned(dtype)), zeros, columns, self.pes
        )
        if wrong >= 0:
            raise TraceError(f"{name}: entry {wrong} lies past the end of its column of {rows} rows")
        dense: Integers = words.view(dtype).reshape(shape)
        check_canonical(stream, self.encode(dense, zero_point, name), name)
        return dense

    def size_bits(self, dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
        """Bits of pointers and indices (whole bytes each), and values at `bits` each."""
        count = self._columns(dense, zero_point, "tensor")[2].size
        columns = matrix_of(dense.shape)[1]
        pointed = packed_bytes(self.pes * (columns + 1), self.pointer_bits)
        return 8 * (pointed + packed_bytes(count, self.index_bits)) + count * bits

    def _columns(
        self, dense: Integers, zero_point: npt.ArrayLike, name: str
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], Integers]:
        from accelsim.formats._gaps_kernel import encode_columns

        words, zeros = words_of(dense, matrix_of(dense.shape), zero_point, name)
        pointers, index, values = encode_columns(words, zeros, self.pes, (1 << self.index_bits) - 1)
        return pointers, index, values

    def _own(self, pointers: npt.NDArray[np.int64], columns: int) -> npt.NDArray[np.int64]:
        """Pointers of each PE from its own 0: int64 [pes * (columns + 1)]."""
        starts = np.arange(self.pes)[:, None] * columns
        table = pointers[starts + np.arange(columns + 1)]
        own: npt.NDArray[np.int64] = (table - table[:, :1]).reshape(-1)
        return own

    def _joined(
        self, own: npt.NDArray[np.int64], columns: int, count: int, name: str
    ) -> npt.NDArray[np.int64]:
        """The inverse of `_own`, checked."""
        table = own.reshape(self.pes, columns + 1)
        back = np.argwhere(np.diff(table, axis=1) < 0)
        if table[:, 0].any() or back.size:
            pe, column = back[0].tolist() if back.size else (int(np.argmax(table[:, 0] != 0)), 0)
            raise TraceError(f"{name}: the pointers of PE {pe} go back at column {column}")
        ends = np.cumsum(table[:, -1])
        if ends[-1] != count:
            raise TraceError(f"{name}: pointers tell {ends[-1]} entries, there are {count} values")
        starts = np.concatenate([[0], ends[:-1]])[:, None]
        return np.concatenate([(table[:, :-1] + starts).reshape(-1), [count]])


def column_entries(
    weights: Integers, zero_points: npt.ArrayLike, pes: int, block: int, index_bits: int = 4
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Entries of each PE's columns, every `block` rows of the matrix encoded alone.

    Parameters
    ----------
    weights : int8 or uint8 [rows, ...]; all other axes are columns
    zero_points : one per row

    Returns
    -------
    entries : int64 [blocks, PEs, columns]
    padding : int64 [blocks, columns], of these the padding zeros
    """
    from accelsim.formats._gaps_kernel import count_column_entries

    words, zeros = words_of(weights, matrix_of(weights.shape), zero_points, "weights")
    entries, padding = count_column_entries(words, zeros, pes, block, index_bits)
    return entries, padding
