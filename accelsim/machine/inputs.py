"""What the machine needs of WORK and of a chip: bytes and regions, descriptors, accesses to the scratchpad.

Both the SimPy processes and the recurrence take it from here (docs/machine.md). A *transfer* is a part of a
tile's fetch (of which `Dma.parts` says how many there are) or, the last one, its drain.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine.ports import Ports, ports
from accelsim.machine.requests import Requests
from accelsim.tables import Table

Ints = npt.NDArray[np.int64]
ARBITRATIONS = ("in_order", "drains_first", "fetches_first")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Tiles as the machine sees them.

    Attributes
    ----------
    moved : int64 [tiles, transfers], DRAM bytes
    setup : int64 [tiles, transfers], cycles of their descriptors
    ports : accesses of array and transfers
    pace : int64 [tiles, lanes], accesses that the array makes in a cycle of the tile's compute
    reserve : int64 [tiles, parts, regions]
    release_compute, release_drain : int64 [tiles, regions]
    compute_cycles : int64 [tiles], `stall_cycles` included
    stall_cycles : int64 [tiles], what too few banks add
    requests : the runs, a transfer each; None if none were given
    """

    moved: Ints
    setup: Ints
    ports: Ports
    pace: Ints
    reserve: Ints
    release_compute: Ints
    release_drain: Ints
    compute_cycles: Ints
    stall_cycles: Ints
    requests: Requests | None


def inputs(work: Table, chip: Accelerator, requests: Requests | None = None) -> Inputs:
    """Put a layer's WORK in the machine's terms.

    Parameters
    ----------
    requests : needed by a chip that `needs_runs`

    Raises
    ------
    AuditError
        If they are needed and missing, or are not those of WORK.
    """
    if requests is None and (key := needs_runs(chip)):
        raise AuditError(f"{key}: the runs of the tiles are not given")
    moved = np.stack([fetch_bytes(work), drain_bytes(work)], axis=1)
    if requests is not None and len(chip.dma.parts) > 1:
        requests = requests.in_parts(chip.dma.parts)
        moved = _part_bytes(work, requests, chip.dram.burst_bytes)
    setup = np.zeros_like(moved)
    if requests is not None and chip.dma.descriptor_cycles:
        setup = requests.descriptor_counts() * chip.dma.descriptor_cycles * (moved > 0)
    accesses = ports(work, chip)
    stall = _stall_cycles(work, accesses)
    needed = work["compute_cycles"] + stall
    _, release_compute, release_drain = region_bytes(work, chip)
    return Inputs(
        moved=moved,
        setup=setup,
        ports=accesses,
        pace=-(-accesses.array // np.maximum(needed, 1)[:, None]),
        reserve=part_reservations(work, chip),
        release_compute=release_compute,
        release_drain=release_drain,
        compute_cycles=needed,
        stall_cycles=stall,
        requests=requests,
    )


def needs_runs(chip: Accelerator) -> str | None:
    """The key for which a chip's times depend on the runs of its tiles; None if they do not."""
    needed = {
        "dram.model": chip.dram.model == "banked",
        "dma.descriptor_cycles": chip.dma.descriptor_cycles > 0,
        "dma.operand_order": len(chip.dma.parts) > 1,
    }
    return next((key for key, needs in needed.items() if needs), None)


def stall_cycles(work: Table, chip: Accelerator) -> Ints:
    """Cycles by which each tile's accesses to the scratchpad outlast its compute: int64 [tiles]."""
    return _stall_cycles(work, ports(work, chip))


def _stall_cycles(work: Table, accesses: Ports) -> Ints:
    at_ports = (-(-accesses.array // accesses.slots)).max(axis=1, initial=0)
    return np.asarray(np.maximum(at_ports - work["compute_cycles"], 0), np.int64)


def _part_bytes(work: Table, requests: Requests, burst_bytes: int) -> Ints:
    """DRAM bytes of every transfer, from its runs: int64 [tiles, transfers]."""
    moved = requests.moved_bytes(burst_bytes)
    for stream, expected, found in (
        ("fetch", fetch_bytes(work), moved[:, :-1].sum(axis=1)),
        ("drain", drain_bytes(work), moved[:, -1]),
    ):
        if not np.array_equal(expected, found):
            t = int(np.argmax(expected != found))
            raise AuditError(f"tile {t}: the runs of its {stream} move {found[t]} bytes, WORK {expected[t]}")
    return moved


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


def part_reservations(work: Table, chip: Accelerator) -> Ints:
    """Bytes reserved with each part of a fetch: int64 [tiles, parts, regions]; outputs with the first."""
    parts, (whole, _, _) = chip.dma.parts, region_bytes(work, chip)
    if len(parts) == 1:
        return whole[:, None, :].copy()
    found = np.zeros((len(work), len(parts), whole.shape[1]), np.int64)
    own = (work["weight_fill_bytes"], work["activation_fill_bytes"])
    for part, (operand,) in enumerate(parts):
        if operand < len(own):
            found[:, part, operand if chip.scratchpad.is_split else 0] = own[operand]
    found[:, 0, -1] += work["reserve_bytes"] - own[0] - own[1]
    return found
