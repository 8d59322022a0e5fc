"""How tensors are packed: an encoding has `encode`, `decode` and `size_bits`, metadata and payload apart.

======================  ===================================================================
name                    what is stored
======================  ===================================================================
`dense`                 every value
`bitmask`               one bit per element, and the values that are no zeros
`run_length4`, `5`      each value with the number of zeros before it, in 4 or 5 bits
`csr`, `csc`            pointers per row or column, absolute index, values
`csc_relative4`         pointers per column, 4-bit relative index, values: EIE on one PE
`block2`, `4`, `8`      one bit per block of 2 x 2, 4 x 4, 8 x 8, and whole blocks
`n1_m4`, `n2_m4`, ..    exactly N values per group of M, and their places
`huffman_run_length5`   `run_length5`, runs and values Huffman coded
======================  ===================================================================
"""

from typing import Protocol

import numpy.typing as npt

from accelsim.formats import bitmask, dense
from accelsim.formats.absolute import Absolute
from accelsim.formats.blocks import Block, NOfM
from accelsim.formats.huffman import HuffmanRunLength
from accelsim.formats.relative_csc import RelativeCSC
from accelsim.formats.run_length import RunLength
from accelsim.formats.stream import Integers, Stream

__all__ = [
    "FORMATS",
    "Absolute",
    "Block",
    "Format",
    "HuffmanRunLength",
    "NOfM",
    "RelativeCSC",
    "RunLength",
    "Stream",
    "bitmask",
    "dense",
]


class Format(Protocol):
    """The contract of an encoding; `zero_point` is one number, or one per index of axis 0.

    Laws: ``decode(encode(x, z), x.shape, z)`` equals ``x`` in values and dtype (int8, uint8, int16) for
    every shape, and a stream that no tensor encodes to is refused with a TraceError that says `name`.
    """

    def encode(self, dense: Integers, zero_point: npt.ArrayLike = 0, name: str = "tensor") -> Stream:
        """Metadata and payload of a tensor."""

    def decode(
        self, stream: Stream, shape: tuple[int, ...], zero_point: npt.ArrayLike = 0, name: str = "tensor"
    ) -> Integers:
        """The tensor of a stream."""

    def size_bits(self, dense: Integers, zero_point: npt.ArrayLike = 0, bits: int = 8) -> int:
        """Encoded bits of metadata and payload, with `bits` per stored value."""


FORMATS: dict[str, Format] = {
    "dense": dense,
    "bitmask": bitmask,
    "run_length4": RunLength(4),
    "run_length5": RunLength(5),
    "csr": Absolute(),
    "csc": Absolute(by_columns=True),
    "csc_relative4": RelativeCSC(),
    "block2": Block(2),
    "block4": Block(4),
    "block8": Block(8),
    "n1_m4": NOfM(1, 4),
    "n2_m4": NOfM(2, 4),
    "n4_m8": NOfM(4, 8),
    "huffman_run_length5": HuffmanRunLength(5),
}
