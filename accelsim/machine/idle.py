"""What a TIMELINE says about the cycles in which no tile computes, and whether it can be true."""

from typing import Any

import numpy as np

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine import _idle_kernel
from accelsim.machine.inputs import (
    Inputs,
    drain_bytes,
    fetch_bytes,
    part_reservations,
    region_bytes,
    stall_cycles,
)
from accelsim.tables import TIMELINE, Table, columns

WAITS = ("scratchpad_wait", "descriptor_wait", "drain_wait", "fetch_wait")  # columns of the kernel


def layer_cycles(timeline: Table) -> int:
    """Cycles of a layer: until its last compute and its last drain have ended."""
    return int(_idle_kernel.last_cycle(columns(timeline)))


def idle_cycles(timeline: Table) -> dict[str, int]:
    """Cycles that no tile's own compute takes, by cause (docs/machine.md, part 5)."""
    return dict(zip(WAITS, _idle_kernel.waits(columns(timeline)).sum(axis=0).tolist(), strict=True))


def tile_waits(timeline: Table) -> dict[str, Any]:
    """The same before, in and (of the last) after each tile's compute: int64 [tiles] by cause."""
    return dict(zip(WAITS, _idle_kernel.waits(columns(timeline)).T, strict=True))


def check_timeline(work: Table, timeline: Table, chip: Accelerator, tiles: Inputs | None = None) -> None:
    """Raise AuditError unless every tile is timed once, in order, after its data, within the scratchpad.

    Parameters
    ----------
    tiles : `machine.inputs` of this WORK and chip, where they are known
    """
    if len(work) != len(timeline):
        raise AuditError(f"{len(timeline)} tiles are timed, the plan has {len(work)}")
    if tiles is None:
        stall = stall_cycles(work, chip)
        _, *released = region_bytes(work, chip)
        spaces = part_reservations(work, chip), *released
        needed, moved = (
            work["compute_cycles"] + stall,
            np.stack([fetch_bytes(work), drain_bytes(work)], axis=1),
        )
    else:
        stall, needed, moved = tiles.stall_cycles, tiles.compute_cycles, tiles.moved
        spaces = tiles.reserve, tiles.release_compute, tiles.release_drain
    # Chunks of a fetch and of a drain may take turns.
    if chip.dma.chunk_bytes is not None or len(chip.dma.parts) > 1 or chip.dram.model != "bandwidth":
        moved = np.empty((0, 2), np.int64)
    what, at, found, limit = _idle_kernel.fault(
        columns(timeline),
        needed,
        stall,
        moved,
        (*spaces, np.array(chip.scratchpad.regions, np.int64)),
        chip.dram_latency_cycles,
    )
    if what != _idle_kernel.NOTHING:
        raise AuditError(_told(what, at, found, limit, stall))


def _told(what: int, at: int, found: int, limit: int, stall: Any) -> str:
    """What cannot be true, with both numbers."""
    match what:
        case _idle_kernel.ABSENT:
            return f"tile {found} has no {(TIMELINE.names or ())[at]}"
        case _idle_kernel.EARLY:
            return f"tile {at}: compute starts before its data: {found} > {limit}"
        case _idle_kernel.TOGETHER:
            return f"tile {at}: compute starts before the tile before it ends: {found} > {limit}"
        case _idle_kernel.EARLY_DRAIN:
            return f"tile {at}: drain starts before compute ends: {found} > {limit}"
        case _idle_kernel.OTHER_COMPUTE:
            more = f" and the scratchpad adds {stall[at]}" if stall[at] else ""
            return f"tile {at} computes {found} cycles, WORK says {limit - stall[at]}{more}"
        case _idle_kernel.OTHER_STALL:
            return f"tile {at}: the scratchpad adds {found} cycles, its accesses {limit}"
        case _idle_kernel.OVERLAP:
            return f"tile {at}: DRAM transfers overlap: {found} > {limit}"
        case _idle_kernel.LEFT:
            return f"scratchpad: {found} bytes still reserved at the layer's end, expected 0"
    return f"scratchpad: {found} bytes reserved at cycle {at}, capacity {limit}"
