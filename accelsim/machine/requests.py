"""What the DMA of a layer asks DRAM for: runs of bytes with their addresses, tile by tile."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accelsim.machine import _descriptors_kernel

Ints = npt.NDArray[np.int64]
# Where a run belongs: the regions of the address map, in their order in DRAM.
REGIONS = (
    "tables",
    "weights",
    "weight_pointers",
    "activations",
    "activation_pointers",
    "outputs",
    "output_pointers",
    "partial_sums",
)
# Operands of a fetch (places in hardware.memory.OPERANDS) to which the regions belong.
_OPERAND_OF_REGION = np.array([0, 0, 0, 1, 1, 2, 2, 2])


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Equal runs at one stride, in equal planes at another: a 2-D or 3-D transfer.

    Attributes
    ----------
    operand : one of REGIONS
    address : byte address of the first run
    """

    operand: str
    address: int
    run_bytes: int
    runs: int
    stride_bytes: int
    planes: int
    plane_stride_bytes: int


@dataclass(frozen=True, slots=True)
class Requests:
    """Runs of all tiles of a layer, in the order in which they are moved.

    Attributes
    ----------
    runs : int64 [runs, 3]: byte address, bytes, region
    first : int64 [tiles + 1, transfers]: first run of each part of a tile's fetch (one, unless `in_parts`),
        of its drain; and the end
    bases : int64 [8], byte address of each region
    end : first byte address behind the layer's regions
    """

    runs: Ints
    first: Ints
    bases: Ints
    end: int

    def fetch(self, tile: int) -> Ints:
        """Runs of a tile's fetch: int64 [runs, 3]."""
        return self.runs[self.first[tile, 0] : self.first[tile, -1]]

    def drain(self, tile: int) -> Ints:
        """Runs of a tile's drain: int64 [runs, 3]."""
        return self.runs[self.first[tile, -1] : self.first[tile + 1, 0]]

    def transfer(self, tile: int, transfer: int) -> Ints:
        """Runs of one transfer: int64 [runs, 3]."""
        place = tile * self.first.shape[1] + transfer
        return self.runs[self.first.flat[place] : self.first.flat[place + 1]]

    def in_parts(self, parts: Sequence[Sequence[int]]) -> "Requests":
        """The same runs with a transfer for each part of a fetch, in whose order they are moved.

        Parameters
        ----------
        parts : operands of each part, as `Dma.parts`
        """
        tiles, columns = len(self.first) - 1, len(parts) + 1
        of_operand = np.empty(len(parts), np.int64)
        for part, operands in enumerate(parts):
            of_operand[list(operands)] = part
        ends = np.append(self.first[:-1].ravel()[1:], len(self.runs))
        tile, stream = np.divmod(np.searchsorted(ends, np.arange(len(self.runs)), side="right"), 2)
        transfer = np.where(stream == 1, len(parts), of_operand[_OPERAND_OF_REGION[self.runs[:, 2]]])
        place = tile * columns + transfer
        counts = np.bincount(place, minlength=tiles * columns)
        first = np.zeros((tiles + 1, columns), np.int64)
        first.flat[1 : tiles * columns + 1] = np.cumsum(counts)
        first[tiles] = len(self.runs)
        return replace(self, runs=self.runs[np.argsort(place, kind="stable")], first=first)

    def moved_bytes(self, burst_bytes: int) -> Ints:
        """Whole bursts of every transfer in bytes: int64 [tiles, transfers]."""
        moved = np.concatenate([[0], np.cumsum(in_bursts(self.runs, burst_bytes)[:, 1])])
        bounds = np.append(self.first[:-1].ravel(), self.first[-1, 0])
        sums: Ints = np.diff(moved[bounds]).reshape(-1, self.first.shape[1])
        return sums

    def descriptor_counts(self) -> Ints:
        """Descriptors of each transfer: int64 [tiles, transfers]."""
        counts: Ints = _descriptors_kernel.count_descriptors(self.runs, self.first)
        return counts


def descriptors(runs: Ints) -> list[Descriptor]:
    """The descriptors of one transfer's runs."""
    return [
        Descriptor(REGIONS[operand], *rest)
        for *rest, operand in _descriptors_kernel.describe(np.ascontiguousarray(runs)).tolist()
    ]


def in_bursts(runs: Ints, burst_bytes: int) -> Ints:
    """The whole bursts that runs touch: int64 [runs, 2], addresses and bytes."""
    starts = runs[:, 0] // burst_bytes * burst_bytes
    ends = -(-(runs[:, 0] + runs[:, 1]) // burst_bytes) * burst_bytes
    return np.stack([starts, ends - starts], axis=1)


def cut(runs: Ints, chunk_bytes: int) -> list[Ints]:
    """Runs int64 [runs, 2] in parts of `chunk_bytes` (the last: what is left), in their order."""
    ends = np.cumsum(runs[:, 1])
    edges = np.union1d(ends, np.arange(chunk_bytes, ends[-1], chunk_bytes))
    firsts = np.concatenate([[0], edges[:-1]])
    of = np.searchsorted(ends, firsts, side="right")
    pieces = np.stack([runs[of, 0] + firsts - (ends[of] - runs[of, 1]), edges - firsts], axis=1)
    return np.split(pieces, np.searchsorted(firsts, np.arange(chunk_bytes, ends[-1], chunk_bytes)))
