"""Huffman codes of bytes, and on top of zero run-length: the third stage of Deep Compression.

::

    lengths = code lengths of a Huffman tree over the symbols' frequencies     # 0: the symbol does not occur
    codes   = canonical: by length, then by symbol, each the one before + 1, shifted where the length grows

Han, Mao and Dally, Deep Compression, ICLR 2016, section 4. The tables are stored: a byte per symbol.
"""

import heapq
from dataclasses import dataclass
from itertools import count as counter
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.formats.run_length import RunLength
from accelsim.formats.stream import Integers, Stream, check_canonical, check_stream

Bytes = npt.NDArray[np.uint8]
_LONGEST = 56  # bits of a code; a longer one needs more symbols than fit in any memory
_DTYPES = (np.dtype(np.int8), np.dtype(np.uint8), np.dtype(np.int16))
_COUNT_BYTES = 8


def code_lengths(frequencies: npt.NDArray[np.int64]) -> Bytes:
    """Bits of each symbol's Huffman code: uint8, 0 where a symbol does not occur, 1 for an only symbol."""
    lengths = np.zeros(frequencies.size, np.uint8)
    order = counter()
    heap: list[tuple[int, int, list[int]]] = [
        (int(frequencies[symbol]), next(order), [int(symbol)]) for symbol in np.flatnonzero(frequencies)
    ]
    if len(heap) == 1:
        lengths[heap[0][2]] = 1
        return lengths
    heapq.heapify(heap)
    while len(heap) > 1:
        first, _, few = heapq.heappop(heap)
        second, _, more = heapq.heappop(heap)
        lengths[few + more] += 1
        heapq.heappush(heap, (first + second, next(order), few + more))
    return lengths


def mean_bits(frequencies: npt.NDArray[np.int64]) -> float:
    """Bits of a symbol's code, weighted by frequency; 0.0 if nothing occurs."""
    total = int(frequencies.sum())
    return float((frequencies * code_lengths(frequencies)).sum() / total) if total else 0.0


def encode_symbols(symbols: Bytes, alphabet: int) -> tuple[Bytes, Bytes]:
    """(code lengths uint8 [alphabet], packed codes) of symbols below `alphabet`."""
    from accelsim.formats._huffman_kernel import write_codes

    frequencies = np.bincount(symbols, minlength=alphabet).astype(np.int64)
    lengths = code_lengths(frequencies)
    codes, *_ = _canonical(lengths)
    bits = int((frequencies * lengths).sum())
    return lengths, write_codes(symbols, codes, lengths.astype(np.int64), bits)


def decode_symbols(written: Bytes, count: int, lengths: Bytes, name: str) -> Bytes:
    """The `count` symbols of packed codes.

    Raises
    ------
    TraceError
        If no prefix code has these lengths, a code is none of the table, or the codes end early or late.
    """
    from accelsim.formats._huffman_kernel import read_codes

    longest = int(lengths.max(initial=0))
    kraft = int((1 << (_LONGEST - lengths[lengths > 0].astype(np.int64).clip(max=_LONGEST))).sum())
    if longest > _LONGEST or kraft > 1 << _LONGEST:
        raise TraceError(f"{name}: no prefix code has the lengths of its table")
    if count > 8 * written.size:  # a code has at least one bit
        raise TraceError(f"{name}: {count} codes do not fit in {written.size} bytes")
    _, first_code, first_index, of_length, ordered = _canonical(lengths)
    symbols, bits, wrong = read_codes(written, count, first_code, first_index, of_length, ordered)
    if wrong >= 0:
        raise TraceError(f"{name}: symbol {wrong} has no code of the table at bit {bits}")
    if (bits + 7) // 8 != written.size:
        raise TraceError(f"{name}: {count} codes are {bits} bits, not {written.size} bytes")
    read: Bytes = symbols
    return read


def _canonical(lengths: Bytes) -> tuple[Any, Any, Any, Any, Bytes]:
    """Codes uint64 by symbol; first code, first index and number of codes by length; symbols by code."""
    longest = int(lengths.max(initial=0))
    of_length = np.bincount(lengths, minlength=longest + 1).astype(np.int64)
    of_length[0] = 0
    first_code = np.zeros(longest + 1, np.int64)
    for length in range(1, longest + 1):
        first_code[length] = (first_code[length - 1] + of_length[length - 1]) << 1
    first_index = np.concatenate([[0], np.cumsum(of_length)[:-1]]).astype(np.int64)
    used = np.flatnonzero(lengths)
    ordered = used[np.argsort(lengths[used], kind="stable")].astype(np.uint8)
    codes = np.zeros(lengths.size, np.uint64)
    for length in range(1, longest + 1):
        start = first_index[length]
        symbols = ordered[start : start + of_length[length]]
        codes[symbols] = first_code[length] + np.arange(symbols.size)
    return codes, first_code, first_index, of_length, ordered


@dataclass(frozen=True, slots=True)
class HuffmanRunLength:
    """Runs and values of `RunLength(run_bits)`, each with a Huffman code of its own.

    Metadata: a byte for the dtype, the number of entries in 8 bytes, the table of the runs
    (2**run_bits bytes), a table of 256 bytes per byte of a value, and the coded runs; the payload (uint8)
    the coded values: low bytes first, then high bytes. Each part but the last is preceded by its length.
    """

    run_bits: int

    def encode(self, dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
        """Coded runs and values; raises TraceError if dtype or zero point do not fit."""
        runs, values = RunLength(self.run_bits).entries(dense, zero_point, name)
        run_lengths, coded_runs = encode_symbols(runs, 1 << self.run_bits)
        planes = [encode_symbols(plane, 256) for plane in _planes(values)]
        head = np.concatenate(
            [
                np.array([_DTYPES.index(dense.dtype)], np.uint8),
                _as_bytes(values.size),
                run_lengths,
                *(lengths for lengths, _ in planes),
                *(_as_bytes(coded.size) for _, coded in planes[:-1]),
            ]
        )
        return Stream(np.concatenate([head, coded_runs]), np.concatenate([coded for _, coded in planes]))

    def decode(
        self, stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
    ) -> Integers:
        """The tensor of `shape`; raises TraceError as `decode_symbols` and `RunLength.decode`."""
        check_stream(stream, shape, name)
        metadata, payload = stream.metadata, stream.payload.view(np.uint8)
        if not metadata.size or metadata[0] >= len(_DTYPES):
            raise TraceError(f"{name}: the head names no dtype")
        dtype, alphabet = _DTYPES[metadata[0]], 1 << self.run_bits
        sizes = [1, _COUNT_BYTES, alphabet, 256 * dtype.itemsize, _COUNT_BYTES * (dtype.itemsize - 1)]
        if metadata.size < sum(sizes):
            raise TraceError(f"{name}: the head has {metadata.size} bytes, at least {sum(sizes)} are needed")
        _, counted, run_lengths, tables, low, coded_runs = np.split(metadata, np.cumsum(sizes))
        count = _as_number(counted)
        runs = decode_symbols(coded_runs, count, run_lengths, f"{name}: runs")
        cut = _as_number(low)
        if cut > payload.size:
            raise TraceError(f"{name}: the low bytes end at {cut} of {payload.size}")
        coded = np.split(payload, [cut]) if dtype.itemsize > 1 else [payload]
        planes = [
            decode_symbols(part, count, tables[256 * i : 256 * (i + 1)], f"{name}: values")
            for i, part in enumerate(coded)
        ]
        values = np.ascontiguousarray(np.stack(planes, axis=1)).reshape(-1).view(dtype)
        entries = RunLength(self.run_bits)
        dense = entries.of_entries(runs.astype(np.uint32), values, shape, zero_point, name)
        check_canonical(stream, self.encode(dense, zero_point, name), name)
        return dense

    def size_bits(self, dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
        """Bits as encoded, tables included; `bits` plays no part: codes are as long as they need to be."""
        stream = self.encode(dense, zero_point)
        return 8 * (stream.metadata.nbytes + stream.payload.nbytes)


def _planes(values: Integers) -> list[Bytes]:
    """The bytes of values: one array per place, lowest first."""
    size = values.dtype.itemsize
    table = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, size)
    return [np.ascontiguousarray(table[:, i]) for i in range(size)]


def _as_bytes(number: int) -> Bytes:
    return np.frombuffer(number.to_bytes(_COUNT_BYTES, "little"), np.uint8)


def _as_number(part: Bytes) -> int:
    return int.from_bytes(part.tobytes(), "little")
