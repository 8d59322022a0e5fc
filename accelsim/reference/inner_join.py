"""Cycle-stepping reference of `inner_join`: output-stationary matching of non-zero masks.

Written from docs/dataflows/inner_join.md. It looks at the raw values of every pair and steps every
sender, queue, lane and drain through every cycle of a tile; no recurrence, no bit tricks.

::

    for each cycle                            # one clock for all broadcast domains
      for each domain: finish, drain, start, send
      for each domain: each lane of each PE works or waits, with a cause; the adders add
"""

from collections import Counter
from itertools import product

from accelsim.hardware.arrays import InnerJoinArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile, Unrolling
from accelsim.reference._inner_join_machine import Domain, Pe
from accelsim.reference._inner_join_stream import OperandReader, domain_steps, output_sets
from accelsim.tables import COUNTERS, TILE_CAUSES
from accelsim.trace.layer import LayerTrace


def tile_counts(
    trace: LayerTrace, tile: Tile, chip: Accelerator, spatial: Unrolling | None = None
) -> dict[str, int]:
    """Every counter of one tile, by stepping the machine.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q; the last tile of a layer is smaller
    spatial : what the array holds at once; None is the array's own, a filter on each row and a position on
        each column

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.COUNTERS`, in that order
    """
    array = of_kind(chip.pe_array, InnerJoinArray)
    spatial = spatial or Unrolling(array.rows, array.columns)
    counts = dict.fromkeys(COUNTERS, 0)
    lane_cycles = Counter(dict.fromkeys(TILE_CAUSES, 0))
    sets = output_sets(trace, tile, spatial)
    reader = OperandReader(trace, chip)
    parts = range(spatial.parts)
    spare = [Pe(None, []) for _ in range(array.rows * array.columns - spatial.pes)]
    domains: list[Domain] = []
    for rows, columns in domain_ranges(array, spatial):
        pes = [
            Pe((row, column, part), [i for i, outputs in enumerate(sets) if outputs.maps(row, column)])
            for row, column, part in product(rows, columns, parts)
        ]
        pes, spare = pes + spare, []  # these hear the one domain that there is, and take nothing
        steps = list(domain_steps(sets, rows, columns, parts, tile, chip, reader))
        domains.append(Domain(steps, pes, len(parts), len(sets), chip, counts, lane_cycles))
    if not any(domain.computing for domain in domains):
        return counts

    cycle = _step_until_empty(domains)
    lane_cycles["fill"] += array.pipeline_cycles * array.multipliers
    counts["compute_cycles"] = cycle + array.pipeline_cycles
    for cause in TILE_CAUSES:
        counts[f"{cause}_lane_cycles"] = lane_cycles[cause]
    return counts


def domain_ranges(array: InnerJoinArray, spatial: Unrolling) -> list[tuple[range, range]]:
    """Rows and columns of each broadcast domain."""
    rows, columns = range(spatial.filters), range(spatial.positions)
    if array.broadcast_domain == "row":
        return [(range(row, row + 1), columns) for row in rows]
    if array.broadcast_domain == "column":
        return [(rows, range(column, column + 1)) for column in columns]
    return [(rows, columns)]


def _step_until_empty(domains: list[Domain]) -> int:
    """The cycle in which the last output has left the accumulators and the adders."""
    cycle = 0
    while True:
        for domain in domains:
            domain.advance(cycle)
        tail_cause = None
        if not any(domain.computing for domain in domains):
            tail_cause = "fill" if all(domain.drain.drained for domain in domains) else "drain_wait"
        if tail_cause == "fill" and not any(domain.drain.adding for domain in domains):
            return cycle
        for domain in domains:
            domain.work(cycle, tail_cause)
        cycle += 1
