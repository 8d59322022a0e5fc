"""Fused layers: one WORK table whose tiles belong to several layers, and a result for each layer.

::

    tile t of layer i: its gap (what passes since the tile before it, of whatever layer) and its compute
    cycles of layer i = sum over its tiles; what drains after the last compute is the last tile's
"""

from collections.abc import Sequence

import numpy as np

from accelsim.audit.between import check_chain
from accelsim.energy.table import EnergyTable
from accelsim.execution.counted import sums_of, work_table
from accelsim.execution.layer import layer_result, timed
from accelsim.hardware import Accelerator
from accelsim.machine.idle import tile_waits
from accelsim.results import LayerResult
from accelsim.schedule.chain import chain_sizes, chain_traffic
from accelsim.schedule.held import Held
from accelsim.schedule.planning import LayerInput
from accelsim.schedule.reused import TILE_COUNTS
from accelsim.tables import COUNTERS


def run_fused(
    inputs: Sequence[LayerInput],
    index: int,
    chip: Accelerator,
    table: EnergyTable,
    held: Sequence[Held],
    seed: int,
) -> list[LayerResult]:
    """Count, time, price and audit a chain of input `index`; results in the order of its layers."""
    cut = held[0].cut
    assert cut is not None
    sizes = chain_sizes(inputs, bool(held[0].kept_in_bytes), bool(held[-1].kept_out_bytes))
    planned = chain_traffic(inputs, sizes, cut, chip)
    layer_of, bands = planned.bands.layer_of, planned.bands
    boxes = np.zeros((len(layer_of), 10), np.int64)
    counters = np.zeros((len(layer_of), len(COUNTERS)), np.int64)
    for i, one in enumerate(inputs):
        boxes[layer_of == i] = bands.boxes[i]
        counters[layer_of == i] = one.reuse.value(TILE_COUNTS, chip, one.prepared_later, bands.boxes[i], None)
    work = work_table(boxes, counters, planned.traffic)
    free = chip.with_capacity(chip.scratchpad.capacity_bytes - held[0].held_bytes)
    timeline, _ = timed(inputs[0].reuse, work, free)
    of_tiles = tile_waits(timeline)
    names = tuple(one.trace.layer.name for one in inputs)
    results = []
    for i, one in enumerate(inputs):
        own = layer_of == i
        waits = {cause: int(cycles[own].sum()) for cause, cycles in of_tiles.items()}
        cycles = int(work["compute_cycles"][own].sum()) + sum(waits.values())
        tiles, plan = (work[own], timeline[own]), cut.plans[i]
        stays = bool(held[i].kept_out_bytes) or i < len(inputs) - 1
        sums = sums_of(one, tiles[0], plan, chip, (seed, index), stays)
        results.append(
            layer_result(one, index, chip, table, held[i], plan, tiles, sums, cycles, waits, fused=names)
        )
    check_chain(results, work, timeline, free)
    return results
