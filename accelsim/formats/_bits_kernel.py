"""Fields of a fixed number of bits, packed lowest bit first without gaps."""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.jit import kernel

Bytes = npt.NDArray[np.uint8]


@kernel
def pack(fields: npt.NDArray[Any], bits: int) -> Bytes:
    """Fields (unsigned, below 2**bits, bits 1 to 32) as uint8 [ceil(count * bits / 8)]."""
    packed = np.zeros((fields.size * bits + 7) // 8, np.uint8)
    held = np.uint64(0)
    used = np.int64(0)
    at = np.int64(0)
    for i in range(fields.size):
        held |= np.uint64(fields[i]) << np.uint64(used)
        used += bits
        while used >= 8:
            packed[at] = held & np.uint64(255)
            held >>= np.uint64(8)
            used -= 8
            at += 1
    if used > 0:
        packed[at] = held & np.uint64(255)
    return packed


@kernel
def unpack(packed: Bytes, count: int, bits: int) -> npt.NDArray[np.uint32]:
    """The first `count` fields of `bits`: uint32 [count]; the caller checks that they are all there."""
    fields = np.empty(count, np.uint32)
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    held = np.uint64(0)
    used = np.int64(0)
    at = np.int64(0)
    for i in range(count):
        while used < bits:
            held |= np.uint64(packed[at]) << np.uint64(used)
            used += 8
            at += 1
        fields[i] = held & mask
        held >>= np.uint64(bits)
        used -= bits
    return fields
