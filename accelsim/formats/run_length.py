"""Zero run-length: each value with the number of zeros before it.

::

    zeros = 0
    for value in tensor:                          # C order, runs go on from one line to the next
        if value != zero_point or zeros == longest:   # longest = 2**run_bits - 1
            payload.append(value); runs.append(zeros); zeros = 0   # maybe a padding zero
        else:
            zeros += 1                            # at most `longest` at the end, implied by the shape

Runs are packed in fields of `run_bits`, lowest bit first. Eyeriss stores 5-bit runs (Chen et al., IEEE
JSSC 52(1) 2017, section V-C); 4-bit ones are those of EIE's relative index on one column.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.formats.stream import (
    Integers,
    Stream,
    check_stream,
    not_canonical,
    packed_bytes,
    runs_of,
    unsigned,
    words_of,
    zeros_of_rows,
)


@dataclass(frozen=True, slots=True)
class RunLength:
    """Runs of `run_bits` (1 to 8) bits each; metadata are the packed runs, payload the values."""

    run_bits: int

    def entries(
        self, dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor"
    ) -> tuple[npt.NDArray[np.uint8], Integers]:
        """Runs and values, one each per entry, padding zeros included; raises TraceError."""
        from accelsim.formats._gaps_kernel import encode_gaps

        words, zeros = words_of(dense, runs_of(dense.shape), zero_point, name)
        runs, values = encode_gaps(words, zeros, (1 << self.run_bits) - 1)
        return runs, values.view(dense.dtype)

    def encode(self, dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
        """Runs and values of a tensor of any shape; raises TraceError if dtype or zero point do not fit."""
        from accelsim.formats._bits_kernel import pack

        runs, values = self.entries(dense, zero_point, name)
        return Stream(pack(runs, self.run_bits), values)

    def decode(
        self, stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
    ) -> Integers:
        """The tensor of `shape`.

        Raises
        ------
        TraceError
            If the runs are of another length than the values need, a run leads past the end, or the
            tensor ends earlier than `shape`, a zero is stored that no run asks for, or an unused bit is set.
        """
        from accelsim.formats._bits_kernel import unpack

        check_stream(stream, shape, name)
        count, needed = stream.payload.size, packed_bytes(stream.payload.size, self.run_bits)
        if stream.metadata.size != needed:
            raise TraceError(f"{name}: {count} runs are {needed} bytes, not {stream.metadata.size}")
        runs = unpack(stream.metadata, count, self.run_bits)
        unused = 8 * needed - count * self.run_bits
        if unused and stream.metadata[-1] >> (8 - unused):
            raise not_canonical(name, "metadata")
        return self.of_entries(runs, stream.payload, shape, zero_point, name)

    def of_entries(
        self,
        runs: npt.NDArray[np.uint32],
        values: Integers,
        shape: tuple[int, ...],
        zero_point: npt.ArrayLike,
        name: str,
    ) -> Integers:
        """The tensor of runs and values; raises TraceError as `decode`."""
        from accelsim.formats._gaps_kernel import decode_gaps

        lines, elements = runs_of(shape)
        size, longest = prod(shape), (1 << self.run_bits) - 1
        if size > (values.size + 1) * (longest + 1):  # before anything of that size is allocated
            raise TraceError(f"{name}: {values.size} entries cannot tell the {size} elements of {shape}")
        zeros = zeros_of_rows(zero_point, shape, lines, values.dtype, name)
        words, told, wrong = decode_gaps(runs, values.view(unsigned(values.dtype)), zeros, elements, longest)
        if wrong >= 0 and told < size:
            raise not_canonical(f"{name}: entry {wrong}", "payload")
        if wrong >= 0:
            raise TraceError(f"{name}: entry {wrong} lies at element {told} of {size}")
        if size - told > longest:
            raise TraceError(f"{name}: {values.size} entries tell {told} of {size} elements")
        dense: Integers = words.view(values.dtype).reshape(shape)
        return dense

    def size_bits(self, dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
        """Bits of runs (whole bytes) and values at `bits` each."""
        values = self.entries(dense, zero_point)[1]
        return 8 * packed_bytes(values.size, self.run_bits) + values.size * bits
