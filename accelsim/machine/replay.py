"""The recurrence as a function of WORK: what the mapper prices plans with; equal to the SimPy machine."""

import numpy as np
import numpy.typing as npt

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine import _dma_replay_kernel
from accelsim.machine.inputs import ARBITRATIONS, Inputs, inputs
from accelsim.machine.requests import Requests
from accelsim.tables import TIMELINE, Table


def replay_layer(
    work: Table, chip: Accelerator, requests: Requests | None = None, tiles: Inputs | None = None
) -> Table:
    """TIMELINE of a layer, without SimPy; raises AuditError if a tile can never start.

    Parameters
    ----------
    tiles : `inputs` of these, where they are known
    """
    tiles = tiles or inputs(work, chip, requests)
    times, stuck = _dma_replay_kernel.replay(
        (tiles.moved, tiles.setup),
        (tiles.ports.slots, tiles.ports.group, tiles.ports.words, tiles.ports.spans, tiles.pace),
        (tiles.reserve, tiles.release_compute, tiles.release_drain, np.array(chip.scratchpad.regions)),
        tiles.compute_cycles,
        tiles.stall_cycles,
        machine_vector(chip),
    )
    if stuck >= 0:
        raise AuditError(f"deadlock: tile {stuck} waits for {int(work['reserve_bytes'][stuck])} bytes")
    timeline: Table = times.view(TIMELINE)[:, 0]
    return timeline


def machine_vector(chip: Accelerator) -> npt.NDArray[np.int64]:
    """Rate, latency and the DMA's choices: int64 [6], columns of `_dma_replay_kernel`."""
    rate, dma = chip.dram_bytes_per_cycle, chip.dma
    return np.array(
        [
            rate.numerator,
            rate.denominator,
            chip.dram_latency_cycles,
            dma.chunk_bytes or 0,
            dma.outstanding_chunks or 0,
            ARBITRATIONS.index(dma.arbitration),
        ],
        np.int64,
    )
