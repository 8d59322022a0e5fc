"""What a TIMELINE says about the cycles in which no tile computes, and whether it can be true."""

from typing import Any

import numpy as np

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine.events import drain_bytes, fetch_bytes
from accelsim.tables import TIMELINE, Table


def layer_cycles(timeline: Table) -> int:
    """Cycles of a layer: until its last compute and its last drain have ended."""
    return int(max(timeline["compute_end_cycle"].max(), timeline["drain_end_cycle"].max()))


def idle_cycles(timeline: Table) -> dict[str, int]:
    """Cycles outside every tile's compute by cause: drain_wait and fetch_wait (docs/machine.md, part 3)."""
    computed = np.concatenate([[0], timeline["compute_end_cycle"][:-1]])
    gaps = timeline["compute_start_cycle"] - computed
    # In a gap the DMA's previous fetch is over: its tile has computed. So all of it before the reservation
    # waits for bytes that undrained outputs hold.
    drained = int(np.maximum(timeline["reserved_cycle"] - computed, 0).sum())
    tail = layer_cycles(timeline) - int(timeline["compute_end_cycle"][-1])
    return {"drain_wait": drained + tail, "fetch_wait": int(gaps.sum()) - drained}


def check_timeline(work: Table, timeline: Table, chip: Accelerator) -> None:
    """Raise AuditError unless every tile is timed once, in order, after its data, within the scratchpad."""
    if len(work) != len(timeline):
        raise AuditError(f"{len(timeline)} tiles are timed, the plan has {len(work)}")
    for name in TIMELINE.names or ():
        if int(timeline[name].min()) < 0:
            raise AuditError(f"tile {int(np.argmin(timeline[name]))} has no {name}")
    start, end = timeline["compute_start_cycle"], timeline["compute_end_cycle"]
    _ordered("compute starts before its data", timeline["fetch_end_cycle"], start)
    _ordered("compute starts before the tile before it ends", end[:-1], start[1:])
    _ordered("drain starts before compute ends", end, timeline["drain_start_cycle"])
    if not np.array_equal(end - start, work["compute_cycles"]):
        t = int(np.argmax(end - start != work["compute_cycles"]))
        raise AuditError(
            f"tile {t} computes {end[t] - start[t]} cycles, WORK says {work['compute_cycles'][t]}"
        )
    _channel(work, timeline, chip)
    _balance(work, timeline, chip)


def _ordered(what: str, before: Any, after: Any) -> None:
    if len(before) and (before > after).any():
        t = int(np.argmax(before > after))
        raise AuditError(f"tile {t}: {what}: {before[t]} > {after[t]}")


def _channel(work: Table, timeline: Table, chip: Accelerator) -> None:
    """Occupancies of the DRAM channel must not overlap."""
    fetches, drains = fetch_bytes(work) > 0, drain_bytes(work) > 0
    starts = np.concatenate([timeline["fetch_start_cycle"][fetches], timeline["drain_start_cycle"][drains]])
    ends = np.concatenate([timeline["fetch_end_cycle"][fetches], timeline["drain_end_cycle"][drains]])
    order = np.lexsort((ends, starts))
    _ordered("DRAM transfers overlap", ends[order][:-1] - chip.dram_latency_cycles, starts[order][1:])


def _balance(work: Table, timeline: Table, chip: Accelerator) -> None:
    """Scratchpad bytes, from reservations and releases: never over the capacity, 0 at the end."""
    cycles = np.concatenate(
        [timeline["reserved_cycle"], timeline["compute_end_cycle"], timeline["drain_end_cycle"]]
    )
    change = np.concatenate(
        [
            work["reserve_bytes"],
            -work["release_after_compute_bytes"],
            -work["release_after_drain_bytes"],
        ]
    )
    order = np.lexsort((change, cycles))  # of one cycle, releases count first
    held = np.cumsum(change[order])
    if held[-1] != 0:
        raise AuditError(f"scratchpad: {held[-1]} bytes still reserved at the layer's end, expected 0")
    if held.max() > chip.scratchpad.capacity_bytes:
        raise AuditError(
            f"scratchpad: {held.max()} bytes reserved at cycle {cycles[order][int(np.argmax(held))]}, "
            f"capacity {chip.scratchpad.capacity_bytes}"
        )
