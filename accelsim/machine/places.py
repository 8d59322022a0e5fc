"""Where operands lie in a scratchpad of layout `blocked`: a ring per region (docs/machine.md, part 4)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.tables import Table
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
# What tells one box of an operand from another: weights, activations, outputs and partial sums.
_BOXES = (
    ("k0", "k1", "c0", "c1"),
    ("n0", "n1", "c0", "c1", "p0", "p1", "q0", "q1"),
    ("n0", "n1", "k0", "k1", "p0", "p1", "q0", "q1"),
)


def places(work: Table, operand: int, reserved: Ints, region_bytes: int) -> tuple[Ints, Ints]:
    """Where the operand that each tile uses begins in its region's ring, and the bytes reserved for it.

    Parameters
    ----------
    operand : place in OPERANDS; 2 is outputs and partial sums
    reserved : int64 [tiles], bytes that each tile reserves in the region

    Returns
    -------
    (first byte, bytes) : int64 [tiles] each
    """
    starts = (np.cumsum(reserved) - reserved) % region_bytes
    # The tile whose reservation a tile uses: the last one up to it with the same box.
    holders = np.arange(len(work))
    latest: dict[Any, int] = {}
    boxes = zip(*(work[name].tolist() for name in _BOXES[operand]), strict=True)
    for t, (box, wanted) in enumerate(zip(boxes, reserved.tolist(), strict=True)):
        if wanted:
            latest[box] = t
        holders[t] = latest.get(box, t)
    return starts[holders], reserved[holders]


def spans(first: Ints, size: Ints, accesses: Ints, region_bytes: int, banks: int) -> Ints:
    """Which of a stream's accesses fall on each bank of a region.

    Parameters
    ----------
    first, size, accesses : int64 [tiles]; the operand's first byte in the ring, its bytes, the accesses to it

    Returns
    -------
    int64 [tiles, banks, 4]: accesses i with row[0] <= i < row[1] or row[2] <= i < row[3]; two ranges, as an
    operand that goes round the ring may end in the bank in which it began
    """
    length = np.clip(size, 1, region_bytes)[:, None]
    edges = np.arange(banks + 1, dtype=np.int64) * (region_bytes // banks)
    found = np.empty((first.size, banks, 4), np.int64)
    for turn in range(2):
        behind = np.clip(edges + turn * region_bytes - first[:, None], 0, length)
        # Access i is to byte floor(i length / accesses): behind x bytes from ceil(accesses x / length) on.
        index = -(-accesses[:, None] * behind // length)
        found[:, :, 2 * turn] = index[:, :-1]
        found[:, :, 2 * turn + 1] = index[:, 1:]
    return found


def counted(ranges: Ints) -> Ints:
    """Accesses in each bank: int64 [..., banks]."""
    total: Ints = ranges[..., 1] - ranges[..., 0] + ranges[..., 3] - ranges[..., 2]
    return total


def region_banks(chip: Accelerator) -> Ints:
    """Banks of each region: int64 [regions]; raises ValueError if the chip names no banks."""
    pad = chip.scratchpad
    if pad.banks is None:
        raise ValueError(f"the scratchpad of {chip.name} has as many banks as are needed")
    return np.array([pad.banks * size // pad.capacity_bytes for size in pad.regions], np.int64)


def touched(ranges: Ints, accesses: Sequence[int], group: Ints, share: tuple[int, int, int]) -> list[int]:
    """Lanes of the accesses in which a chunk's share of its transfer lies.

    Parameters
    ----------
    ranges : int64 [lanes, 4], the transfer's, as of `spans`
    accesses : of the transfer in each group
    group : int64 [lanes]
    share : bytes before the chunk, bytes to its end, bytes of the transfer
    """
    first, end, size = share
    found = []
    for lane, (low, high, again, last) in enumerate(ranges.tolist()):
        of_all = accesses[group[lane]]
        begin, behind = of_all * first // size, ceil_div(of_all * end, size)
        if max(low, begin) < min(high, behind) or max(again, begin) < min(last, behind):
            found.append(lane)
    return found
