"""Cycle-stepping reference of `inner_join`: output-stationary matching of non-zero masks.

Written from docs/dataflows/inner_join.md. It looks at the raw values of every pair and steps every
sender, queue, lane and drain through every cycle of a tile; no recurrence, no bit tricks.

::

    for each cycle                            # one clock for all broadcast domains
      for each domain: finish, drain, start, send
      for each domain: each lane of each PE works or waits, with a cause
"""

from collections import Counter

from accelsim.hardware.arrays import InnerJoinArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._inner_join_machine import Domain, Pe
from accelsim.reference._inner_join_stream import OperandReader, domain_steps, output_sets
from accelsim.tables import COUNTERS, TILE_CAUSES
from accelsim.trace.layer import LayerTrace


def tile_counts(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every counter of one tile, by stepping the machine.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q; the last tile of a layer is smaller

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.COUNTERS`, in that order
    """
    array = of_kind(chip.pe_array, InnerJoinArray)
    counts = dict.fromkeys(COUNTERS, 0)
    lane_cycles = Counter(dict.fromkeys(TILE_CAUSES, 0))
    sets = output_sets(trace, tile, chip)
    reader = OperandReader(trace, chip)
    domains = []
    for rows, columns in domain_ranges(array):
        pes = [
            Pe(row, column, [i for i, output_set in enumerate(sets) if output_set.maps(row, column)])
            for row in rows
            for column in columns
        ]
        steps = list(domain_steps(sets, rows, columns, tile, chip, reader))
        domains.append(Domain(steps, pes, len(sets), chip, counts, lane_cycles))
    if not any(domain.computing for domain in domains):
        return counts

    cycle = _step_until_drained(domains)
    lane_cycles["fill"] += array.pipeline_cycles * array.multipliers
    counts["compute_cycles"] = cycle + array.pipeline_cycles
    for cause in TILE_CAUSES:
        counts[f"{cause}_lane_cycles"] = lane_cycles[cause]
    return counts


def domain_ranges(array: InnerJoinArray) -> list[tuple[range, range]]:
    """Rows and columns of each broadcast domain."""
    rows, columns = range(array.rows), range(array.columns)
    if array.broadcast_domain == "row":
        return [(range(row, row + 1), columns) for row in rows]
    if array.broadcast_domain == "column":
        return [(rows, range(column, column + 1)) for column in columns]
    return [(rows, columns)]


def _step_until_drained(domains: list[Domain]) -> int:
    """The cycle in which the last output has left the accumulators."""
    cycle = 0
    while True:
        for domain in domains:
            domain.advance(cycle)
        tile_computing = any(domain.computing for domain in domains)
        if not tile_computing and all(domain.drained for domain in domains):
            return cycle
        for domain in domains:
            domain.work(cycle, tile_computing)
        cycle += 1
