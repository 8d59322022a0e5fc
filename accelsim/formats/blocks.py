"""Encodings of structured zeros: whole blocks, and N of M.

::

    block B:  the matrix (axis 0 x all other axes) is cut in blocks of B x B, smaller at its edges;
              metadata: one bit per block, lowest first, 1 where some value is no zero
              payload: all values of those blocks, block by block in C order
    N of M:   each line along the last axis is cut in groups of M, the last may be shorter;
              payload: exactly N values per group, those that are no zeros and then padding zeros
              metadata: the place of each value in its group, ceil(log2 M) bits, packed; places grow
                        (padding takes the lowest places that are free)
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.formats.stream import (
    Integers,
    Stream,
    check_canonical,
    check_stream,
    check_values,
    matrix_of,
    packed_bytes,
    runs_of,
    zeros_of,
)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Block:
    """Blocks of `side` x `side`."""

    side: int

    def encode(self, dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
        """One bit per block, and the blocks with values; raises TraceError if dtype or zero do not fit."""
        check_values(dense, name)
        stored, element_stored = self._stored(dense, zero_point, name)
        order = self._order(matrix_of(dense.shape))
        flat = dense.reshape(-1)[order]
        return Stream(
            np.packbits(stored.reshape(-1), bitorder="little"), flat[element_stored.reshape(-1)[order]]
        )

    def decode(
        self, stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
    ) -> Integers:
        """The tensor of `shape`; raises TraceError unless the bits tell exactly the values there are."""
        check_stream(stream, shape, name)
        matrix = matrix_of(shape)
        blocks = self._blocks(matrix)
        count = prod(blocks)
        if stream.metadata.size != packed_bytes(count, 1):
            raise TraceError(
                f"{name}: {count} blocks are {packed_bytes(count, 1)} bytes, not {stream.metadata.size}"
            )
        bits = np.unpackbits(stream.metadata, bitorder="little").astype(np.bool_)
        if bits[count:].any():
            raise TraceError(f"{name}: a bit past the last of {count} blocks is set")
        element_stored = self._elements(bits[:count].reshape(blocks), matrix)
        order = self._order(matrix)
        places = order[element_stored.reshape(-1)[order]]
        if places.size != stream.payload.size:
            raise TraceError(f"{name}: the blocks hold {places.size} values, there are {stream.payload.size}")
        dtype = stream.payload.dtype
        dense: Integers = np.broadcast_to(zeros_of(zero_point, shape, dtype, name), shape).copy()
        dense.reshape(-1)[places] = stream.payload
        check_canonical(stream, self.encode(dense, zero_point, name), name)
        return dense

    def size_bits(self, dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
        """One bit per block (whole bytes), and the stored blocks' values at `bits` each."""
        stored, element_stored = self._stored(dense, zero_point, "tensor")
        return 8 * packed_bytes(stored.size, 1) + int(np.count_nonzero(element_stored)) * bits

    def _blocks(self, matrix: tuple[int, int]) -> tuple[int, int]:
        return -(-matrix[0] // self.side), -(-matrix[1] // self.side)

    def _stored(self, dense: Integers, zero_point: npt.ArrayLike, name: str) -> tuple[Bools, Bools]:
        """Which blocks hold a value [blocks], and which elements are stored [matrix]."""
        matrix, side = matrix_of(dense.shape), self.side
        blocks = self._blocks(matrix)
        kept = np.asarray(dense != zeros_of(zero_point, dense.shape, dense.dtype, name)).reshape(matrix)
        padded = np.zeros((blocks[0] * side, blocks[1] * side), np.bool_)
        padded[: matrix[0], : matrix[1]] = kept
        stored = np.asarray(padded.reshape(blocks[0], side, blocks[1], side).any(axis=(1, 3)))
        return stored, self._elements(stored, matrix)

    def _elements(self, stored: Bools, matrix: tuple[int, int]) -> Bools:
        wide = np.repeat(np.repeat(stored, self.side, axis=0), self.side, axis=1)
        return wide[: matrix[0], : matrix[1]]

    def _order(self, matrix: tuple[int, int]) -> npt.NDArray[np.int64]:
        """Flat places of all elements, block by block."""
        rows, columns = (np.arange(size) // self.side for size in matrix)
        block = rows[:, None] * self._blocks(matrix)[1] + columns[None, :]
        return np.argsort(block, axis=None, kind="stable").astype(np.int64)


@dataclass(frozen=True, slots=True)
class NOfM:
    """At most `n` values that are no zeros in each group of `m` along the last axis."""

    n: int
    m: int

    def encode(self, dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
        """Places and values.

        Raises
        ------
        TraceError
            If a group holds more than `n` values that are no zeros, or dtype or zero point do not fit.
        """
        from accelsim.formats._bits_kernel import pack

        check_values(dense, name)
        groups, kept = self._groups(dense, zero_point, name)
        full = kept.sum(axis=1)
        if full.size and full.max() > self.n:
            group = int(np.argmax(full > self.n))
            raise TraceError(
                f"{name}: group {group} of {self.m} has {full[group]} values, more than {self.n}"
            )
        # Values first, then free places, each in ascending order; then all chosen places ascending.
        chosen = np.sort(np.argsort(~kept, axis=1, kind="stable")[:, : self.n], axis=1)
        return Stream(
            pack(chosen.reshape(-1), self._place_bits), np.take_along_axis(groups, chosen, axis=1).reshape(-1)
        )

    def decode(
        self, stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
    ) -> Integers:
        """The tensor of `shape`.

        Raises
        ------
        TraceError
            If there are not `n` values per group, places do not grow within a group, or lead past it.
        """
        from accelsim.formats._bits_kernel import unpack

        check_stream(stream, shape, name)
        runs, elements = runs_of(shape)
        per_run = -(-elements // self.m)
        count = runs * per_run * self.n
        needed = packed_bytes(count, self._place_bits)
        if (stream.payload.size, stream.metadata.size) != (count, needed):
            raise TraceError(
                f"{name}: {self.n} of {self.m} in shape {shape} are {count} values and {needed} bytes of "
                f"places, not {stream.payload.size} and {stream.metadata.size}"
            )
        places = unpack(stream.metadata, count, self._place_bits).astype(np.int64).reshape(-1, self.n)
        wrong = (places >= self.m).any(axis=1) | (np.diff(places, axis=1) <= 0).any(axis=1)
        if wrong.any():
            group = int(np.argmax(wrong))
            raise TraceError(
                f"{name}: the places of group {group} are {places[group].tolist()}, "
                f"not ascending below {self.m}"
            )
        dtype = stream.payload.dtype
        zeros = np.broadcast_to(zeros_of(zero_point, shape, dtype, name), shape).reshape(runs, elements)
        padded = np.zeros((runs, per_run * self.m), dtype)
        padded[:, :elements] = zeros
        groups = padded.reshape(-1, self.m)
        np.put_along_axis(groups, places, stream.payload.reshape(-1, self.n), axis=1)
        if padded[:, elements:].any():
            raise TraceError(f"{name}: a value stands past the end of a line of {elements}")
        dense: Integers = np.ascontiguousarray(padded[:, :elements]).reshape(shape)
        check_canonical(stream, self.encode(dense, zero_point, name), name)
        return dense

    def size_bits(self, dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
        """Bits of places (whole bytes), and `n` values per group at `bits` each, whatever they are."""
        runs, elements = runs_of(dense.shape)
        count = runs * -(-elements // self.m) * self.n
        return 8 * packed_bytes(count, self._place_bits) + count * bits

    @property
    def _place_bits(self) -> int:
        return max(1, (self.m - 1).bit_length())

    def _groups(self, dense: Integers, zero_point: npt.ArrayLike, name: str) -> tuple[Integers, Bools]:
        """Values and which are no zeros, [groups, m]; what lies past a line's end is a zero."""
        runs, elements = runs_of(dense.shape)
        wide = -(-elements // self.m) * self.m
        values = np.zeros((runs, wide), dense.dtype)
        kept = np.zeros((runs, wide), np.bool_)
        values[:, :elements] = dense.reshape(runs, elements)
        zeros = zeros_of(zero_point, dense.shape, dense.dtype, name)
        kept[:, :elements] = np.asarray(dense != zeros).reshape(runs, elements)
        return values.reshape(-1, self.m), kept.reshape(-1, self.m)
