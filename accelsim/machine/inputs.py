"""What the machine needs of WORK and of a chip: bytes and regions, descriptors, accesses to the scratchpad.

Both the SimPy processes and the recurrence take it from here (docs/machine.md).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine.requests import Requests
from accelsim.tables import Table

Ints = npt.NDArray[np.int64]
ARBITRATIONS = ("in_order", "drains_first", "fetches_first")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Tiles as the machine sees them.

    Attributes
    ----------
    moved : int64 [tiles, 2], DRAM bytes of the fetch and of the drain
    setup : int64 [tiles, 2], cycles of their descriptors
    words : int64 [tiles, 2, ports], their accesses at each kind of port of the scratchpad
    pace : int64 [tiles, ports], accesses that the array makes in a cycle of the tile's compute
    slots : int64 [ports], accesses possible in a cycle
    reserve, release_compute, release_drain : int64 [tiles, regions]
    compute_cycles : int64 [tiles], `stall_cycles` included
    stall_cycles : int64 [tiles], what too few banks add
    """

    moved: Ints
    setup: Ints
    words: Ints
    pace: Ints
    slots: Ints
    reserve: Ints
    release_compute: Ints
    release_drain: Ints
    compute_cycles: Ints
    stall_cycles: Ints


def inputs(work: Table, chip: Accelerator, requests: Requests | None = None) -> Inputs:
    """Put a layer's WORK in the machine's terms.

    Parameters
    ----------
    requests : needed by a chip whose descriptors take cycles

    Raises
    ------
    AuditError
        If they are needed and missing.
    """
    moved = np.stack([fetch_bytes(work), drain_bytes(work)], axis=1)
    setup = np.zeros_like(moved)
    if chip.dram.model == "banked" and requests is None:
        raise AuditError("dram.model: the runs of the tiles are not given")
    if chip.dma.descriptor_cycles:
        if requests is None:
            raise AuditError("dma.descriptor_cycles: the runs of the tiles are not given")
        setup = requests.descriptor_counts() * chip.dma.descriptor_cycles * (moved > 0)
    array, words = _accesses(work, chip)
    slots = _slots(chip)
    stall = stall_cycles(work, chip)
    needed = work["compute_cycles"] + stall
    reserve, release_compute, release_drain = region_bytes(work, chip)
    return Inputs(
        moved=moved,
        setup=setup,
        words=words,
        pace=-(-array // np.maximum(needed, 1)[:, None]),
        slots=slots,
        reserve=reserve,
        release_compute=release_compute,
        release_drain=release_drain,
        compute_cycles=needed,
        stall_cycles=stall,
    )


def stall_cycles(work: Table, chip: Accelerator) -> Ints:
    """Cycles by which each tile's accesses to the scratchpad outlast its compute: int64 [tiles]."""
    array, slots = _accesses(work, chip)[0], _slots(chip)
    ports = (-(-array // slots)).max(axis=1, initial=0)
    return np.asarray(np.maximum(ports - work["compute_cycles"], 0), np.int64)


def fetch_bytes(work: Table) -> Any:
    """DRAM bytes of each tile's fetch, burst waste included: int64 [tiles]."""
    return (
        work["weight_fetch_bytes"]
        + work["activation_fetch_bytes"]
        + work["partial_sum_fetch_bytes"]
        + work["fetch_burst_waste_bytes"]
    )


def drain_bytes(work: Table) -> Any:
    """DRAM bytes of each tile's drain, burst waste included: int64 [tiles]."""
    return work["output_drain_bytes"] + work["partial_sum_drain_bytes"] + work["drain_burst_waste_bytes"]


def region_bytes(work: Table, chip: Accelerator) -> tuple[Ints, Ints, Ints]:
    """Bytes reserved, freed after compute and after the drain, by region: int64 [tiles, regions] each."""
    weights, activations = work["weight_fill_bytes"], work["activation_fill_bytes"]
    freed, closed = work["weight_release_bytes"], work["release_after_drain_bytes"]
    if not chip.scratchpad.is_split:
        whole = (work["reserve_bytes"], work["release_after_compute_bytes"], closed)
        return whole[0][:, None].copy(), whole[1][:, None].copy(), whole[2][:, None].copy()
    nothing = np.zeros_like(closed)
    return (
        np.stack([weights, activations, work["reserve_bytes"] - weights - activations], axis=1),
        np.stack([freed, work["release_after_compute_bytes"] - freed, nothing], axis=1),
        np.stack([nothing, nothing, closed], axis=1),
    )


def _slots(chip: Accelerator) -> Ints:
    """Accesses possible in a cycle, by region and (of separate ports) reads before writes."""
    pad = chip.scratchpad
    if pad.banks is None:
        return np.zeros(0, np.int64)
    banks = [pad.banks * size // pad.capacity_bytes for size in pad.regions]
    return np.repeat(np.array(banks, np.int64), 2 if pad.ports == "separate" else 1)


def _accesses(work: Table, chip: Accelerator) -> tuple[Ints, Ints]:
    """Accesses of the array, and of the fetch and the drain: int64 [tiles, ports], [tiles, 2, ports]."""
    pad = chip.scratchpad

    def words(column: str) -> Any:
        return -(-work[column] // pad.word_bytes)

    nothing = np.zeros(len(work), np.int64)
    # [user][region][read, write]
    array = [
        [work["weight_scratchpad_reads"], nothing],
        [work["activation_scratchpad_reads"], nothing],
        [words("partial_sum_read_bytes"), words("partial_sum_write_bytes") + words("output_write_bytes")],
    ]
    fetch = [
        [nothing, words("weight_fill_bytes")],
        [nothing, words("activation_fill_bytes")],
        [nothing, words("partial_sum_fetch_bytes")],
    ]
    # What a tile drains it wrote, or had: as the scratchpad holds it.
    drain = [
        [nothing, nothing],
        [nothing, nothing],
        [words("output_write_bytes") + words("partial_sum_drain_bytes"), nothing],
    ]
    of_users = np.array([array, fetch, drain], np.int64)  # [user, region, port, tiles]
    if pad.banks is None:
        return np.zeros((len(work), 0), np.int64), np.zeros((len(work), 2, 0), np.int64)
    if not pad.is_split:
        of_users = of_users.sum(axis=1, keepdims=True)
    if pad.ports == "shared":
        of_users = of_users.sum(axis=2, keepdims=True)
    of_users = np.ascontiguousarray(np.moveaxis(of_users.reshape(3, -1, len(work)), 2, 0))
    return of_users[:, 0], np.ascontiguousarray(of_users[:, 1:])
