"""What a TIMELINE says about the cycles in which no tile computes, and whether it can be true."""

from typing import Any

import numpy as np

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine.inputs import drain_bytes, fetch_bytes, part_reservations, region_bytes, stall_cycles
from accelsim.tables import TIMELINE, Table, columns


def layer_cycles(timeline: Table) -> int:
    """Cycles of a layer: until its last compute and its last drain have ended."""
    return int(max(timeline["compute_end_cycle"].max(), timeline["drain_end_cycle"].max()))


def idle_cycles(timeline: Table) -> dict[str, int]:
    """Cycles that no tile's own compute takes, by cause (docs/machine.md, part 5)."""
    return {cause: int(cycles.sum()) for cause, cycles in tile_waits(timeline).items()}


def tile_waits(timeline: Table) -> dict[str, Any]:
    """The same before, in and (of the last) after each tile's compute: int64 [tiles] by cause."""
    computed = np.concatenate([[0], timeline["compute_end_cycle"][:-1]])
    gaps = timeline["compute_start_cycle"] - computed
    # In a gap the DMA's previous fetch is over: its tile has computed. So all of it before the reservation
    # waits for bytes that undrained outputs hold.
    reserved = timeline["reserved_cycle"]
    drained = np.maximum(reserved - computed, 0)
    described = _after(computed, reserved, reserved + timeline["fetch_descriptor_cycles"])
    for part in ("second", "third"):
        reserved = timeline[f"{part}_reserved_cycle"]
        drained += _after(computed, timeline[f"{part}_asked_cycle"], reserved)
        described += _after(computed, reserved, reserved + timeline[f"{part}_descriptor_cycles"])
    rest = gaps - drained - described
    at_ports = np.minimum(rest, timeline["fetch_scratchpad_cycles"])
    waits = {
        "scratchpad_wait": timeline["compute_scratchpad_cycles"] + at_ports,
        "descriptor_wait": described,
        "drain_wait": drained,
        "fetch_wait": rest - at_ports,
    }
    for cause, cycles in _tail_cycles(timeline).items():
        waits[cause][-1] += cycles
    return waits


def _after(instant: Any, begin: Any, end: Any) -> Any:
    """What of [begin, end) is not before an instant: int64 [tiles]."""
    return np.maximum(end - np.maximum(begin, instant), 0)


def _tail_cycles(timeline: Table) -> dict[str, int]:
    """Cycles after the last compute by cause."""
    last = int(timeline["compute_end_cycle"][-1])
    issued = timeline["drain_issue_cycle"]
    begun = issued - timeline["drain_descriptor_cycles"]
    described = int((np.maximum(issued, last) - np.maximum(begun, last)).sum())
    rest = layer_cycles(timeline) - last - described
    later = timeline["drain_start_cycle"] >= last
    at_ports = min(rest, int(timeline["drain_scratchpad_cycles"][later].sum()))
    return {"descriptor_wait": described, "scratchpad_wait": at_ports, "drain_wait": rest - at_ports}


def check_timeline(work: Table, timeline: Table, chip: Accelerator) -> None:
    """Raise AuditError unless every tile is timed once, in order, after its data, within the scratchpad."""
    if len(work) != len(timeline):
        raise AuditError(f"{len(timeline)} tiles are timed, the plan has {len(work)}")
    least = columns(timeline).min(axis=0)
    if least.min() < 0:
        name = (TIMELINE.names or ())[int(np.argmax(least < 0))]
        raise AuditError(f"tile {int(np.argmin(timeline[name]))} has no {name}")
    start, end = timeline["compute_start_cycle"], timeline["compute_end_cycle"]
    _ordered("compute starts before its data", timeline["fetch_end_cycle"], start)
    _ordered("compute starts before the tile before it ends", end[:-1], start[1:])
    _ordered("drain starts before compute ends", end, timeline["drain_start_cycle"])
    stall = stall_cycles(work, chip)
    expected = work["compute_cycles"] + stall
    if not np.array_equal(end - start, expected):
        t = int(np.argmax(end - start != expected))
        raise AuditError(
            f"tile {t} computes {end[t] - start[t]} cycles, WORK says {work['compute_cycles'][t]}"
            + (f" and the scratchpad adds {stall[t]}" if stall[t] else "")
        )
    if not np.array_equal(stall, timeline["compute_scratchpad_cycles"]):
        t = int(np.argmax(stall != timeline["compute_scratchpad_cycles"]))
        raise AuditError(
            f"tile {t}: the scratchpad adds {timeline['compute_scratchpad_cycles'][t]} cycles, "
            f"its accesses {stall[t]}"
        )
    _channel(work, timeline, chip)
    _balance(work, timeline, chip)


def _ordered(what: str, before: Any, after: Any) -> None:
    if len(before) and (before > after).any():
        t = int(np.argmax(before > after))
        raise AuditError(f"tile {t}: {what}: {before[t]} > {after[t]}")


def _channel(work: Table, timeline: Table, chip: Accelerator) -> None:
    """Occupancies of the DRAM channel must not overlap; chunks of a fetch and of a drain may take turns."""
    if chip.dma.chunk_bytes is not None or len(chip.dma.parts) > 1 or chip.dram.model != "bandwidth":
        return
    fetches, drains = fetch_bytes(work) > 0, drain_bytes(work) > 0
    starts = np.concatenate([timeline["fetch_start_cycle"][fetches], timeline["drain_start_cycle"][drains]])
    ends = np.concatenate([timeline["fetch_end_cycle"][fetches], timeline["drain_end_cycle"][drains]])
    order = np.lexsort((ends, starts))
    _ordered("DRAM transfers overlap", ends[order][:-1] - chip.dram_latency_cycles, starts[order][1:])


def _balance(work: Table, timeline: Table, chip: Accelerator) -> None:
    """Scratchpad bytes, from reservations and releases: never over the capacity, 0 at the end."""
    parts = len(chip.dma.parts)
    reserved = [timeline[f"{part}reserved_cycle"] for part in ("", "second_", "third_")[:parts]]
    cycles = np.concatenate([*reserved, timeline["compute_end_cycle"], timeline["drain_end_cycle"]])
    reserve = part_reservations(work, chip)
    _, after_compute, after_drain = region_bytes(work, chip)
    for region, capacity in enumerate(chip.scratchpad.regions):
        change = np.concatenate(
            [*reserve[:, :, region].T, -after_compute[:, region], -after_drain[:, region]]
        )
        order = np.lexsort((change, cycles))  # of one cycle, releases count first
        held = np.cumsum(change[order])
        if held[-1] != 0:
            raise AuditError(f"scratchpad: {held[-1]} bytes still reserved at the layer's end, expected 0")
        if held.max() > capacity:
            raise AuditError(
                f"scratchpad: {held.max()} bytes reserved at cycle {cycles[order][int(np.argmax(held))]}, "
                f"capacity {capacity}"
            )
