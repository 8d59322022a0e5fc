"""The recurrence as a function of WORK: what the mapper prices plans with; equal to the SimPy machine."""

import numpy as np

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine import _replay_kernel
from accelsim.machine.events import drain_bytes, fetch_bytes
from accelsim.tables import TIMELINE, Table


def replay_layer(work: Table, chip: Accelerator) -> Table:
    """TIMELINE of a layer, without SimPy; raises AuditError if a tile can never start."""
    rate = chip.dram_bytes_per_cycle
    times, stuck = _replay_kernel.replay(
        fetch_bytes(work),
        drain_bytes(work),
        *(np.ascontiguousarray(work[name]) for name in _COLUMNS),
        chip.scratchpad.capacity_bytes,
        rate.numerator,
        rate.denominator,
        chip.dram_latency_cycles,
    )
    if stuck >= 0:
        raise AuditError(f"deadlock: tile {stuck} waits for {int(work['reserve_bytes'][stuck])} bytes")
    timeline = np.empty(len(work), TIMELINE)
    for i, name in enumerate(TIMELINE.names or ()):
        timeline[name] = times[:, i]
    return timeline


_COLUMNS = (
    "reserve_bytes",
    "release_after_compute_bytes",
    "release_after_drain_bytes",
    "compute_cycles",
)
