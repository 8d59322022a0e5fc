"""Accesses to the scratchpad's ports: the array's, and those of each transfer (docs/machine.md, part 4).

A *group* is one kind of port of one region. With layout `interleaved` it is a lane of as many slots as the
region has banks; with `blocked` each bank is a lane of its own, of one slot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.machine.places import counted, places, region_banks, spans
from accelsim.tables import Table

Ints = npt.NDArray[np.int64]
WEIGHTS, ACTIVATIONS, SUMS = range(3)


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports and who uses them; no lanes: no limit.

    Attributes
    ----------
    slots : int64 [lanes], accesses possible in a cycle
    group : int64 [lanes], the group of each lane
    array : int64 [tiles, lanes], accesses of the array
    words : int64 [tiles, transfers, groups], accesses of each part of the fetch, and of the drain
    spans : int64 [tiles, transfers, lanes, 4], which of these fall on the lane: two ranges
    """

    slots: Ints
    group: Ints
    array: Ints
    words: Ints
    spans: Ints


@dataclass(frozen=True, slots=True)
class _Stream:
    """Accesses to one operand; `size`: bytes they go over, None for all that are reserved."""

    operand: int
    write: bool
    accesses: Any
    size: Any = None


def ports(work: Table, chip: Accelerator) -> Ports:
    """The accesses of a layer's tiles."""
    pad, parts = chip.scratchpad, chip.dma.parts
    kinds, tiles = 2 if pad.ports == "separate" else 1, len(work)
    if pad.banks is None:
        banks = group = np.zeros(0, np.int64)
    else:
        banks = np.repeat(region_banks(chip), kinds)
        group = np.repeat(np.arange(banks.size), banks if pad.layout == "blocked" else 1)
    array = np.zeros((tiles, group.size), np.int64)
    words = np.zeros((tiles, len(parts) + 1, banks.size), np.int64)
    ranges = np.zeros((tiles, len(parts) + 1, group.size, 4), np.int64)
    found = Ports(banks if pad.layout == "interleaved" else np.ones_like(group), group, array, words, ranges)
    if pad.banks is None:
        return found
    array_streams, fetches, drains = _streams(work, pad.word_bytes)
    transfers = [*([fetches[operand] for operand in part] for part in parts), drains]
    of_banks = _placed(work, chip) if pad.layout == "blocked" else None

    def group_of(stream: _Stream) -> int:
        return (stream.operand if pad.is_split else 0) * kinds + (stream.write if kinds == 2 else 0)

    for stream in array_streams:
        lanes = group == group_of(stream)
        array[:, lanes] += counted(of_banks(stream)) if of_banks else stream.accesses[:, None]
    for i, streams in enumerate(transfers):
        for stream in streams:
            words[:, i, group_of(stream)] += stream.accesses
            if of_banks:  # one stream in each group: operands have regions
                ranges[:, i, group == group_of(stream)] = of_banks(stream)
    if not of_banks:
        ranges[..., 1] = words
    return found


def _placed(work: Table, chip: Accelerator) -> Any:
    """Function of a stream: which of its accesses fall on each bank of its region, as `spans`."""
    regions, banks = chip.scratchpad.regions, region_banks(chip)
    weights, activations = work["weight_fill_bytes"], work["activation_fill_bytes"]
    reserved = (weights, activations, work["reserve_bytes"] - weights - activations)
    placed = [places(work, operand, reserved[operand], regions[operand]) for operand in range(3)]

    def of_stream(stream: _Stream) -> Ints:
        first, size = placed[stream.operand]
        if stream.size is not None:
            size = np.minimum(size, stream.size)
        region = regions[stream.operand]
        return spans(first, size, stream.accesses, region, int(banks[stream.operand]))

    return of_stream


def _streams(work: Table, word_bytes: int) -> tuple[Sequence[_Stream], Sequence[_Stream], Sequence[_Stream]]:
    """Of the array; of the fetch, an operand each; of the drain."""

    def stream(operand: int, write: bool, column: str, whole: bool = False) -> _Stream:
        size = work[column]
        return _Stream(operand, write, -(-size // word_bytes), None if whole else size)

    array = (
        _Stream(WEIGHTS, False, work["weight_scratchpad_reads"]),
        _Stream(ACTIVATIONS, False, work["activation_scratchpad_reads"]),
        stream(SUMS, False, "partial_sum_read_bytes"),
        stream(SUMS, True, "partial_sum_write_bytes"),
        stream(SUMS, True, "output_write_bytes"),
    )
    fetches = (
        stream(WEIGHTS, True, "weight_fill_bytes", whole=True),
        stream(ACTIVATIONS, True, "activation_fill_bytes", whole=True),
        stream(SUMS, True, "partial_sum_fetch_bytes"),
    )
    # What a tile drains it wrote, or had: as the scratchpad holds it.
    written, had = work["output_write_bytes"], work["partial_sum_drain_bytes"]
    accesses = -(-written // word_bytes) + -(-had // word_bytes)
    return array, fetches, (_Stream(SUMS, False, accesses, written + had),)
