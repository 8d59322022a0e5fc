"""How tensors are packed: an encoding is a module with `encode`, `decode` and `size_bits`."""

from typing import Protocol

import numpy.typing as npt

from accelsim.formats import bitmask, dense
from accelsim.formats.stream import Integers, Stream

__all__ = ["FORMATS", "Format", "Stream", "bitmask", "dense"]


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


FORMATS: dict[str, Format] = {"bitmask": bitmask, "dense": dense}
