"""Lower bounds of tilings: sums of their operands' bytes that are never more than the exact ones.

Weights are exact; activations and outputs lack what rounding each row up to whole bursts adds, so that
no row has to be looked at alone.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper import _cost_kernel as at
from accelsim.mapper._cost_kernel import cost_of, set_figures
from accelsim.mapper._operand_kernel import (
    HELD,
    MOVED,
    activation_bounds,
    activation_tile,
    box_of,
    output_bounds,
    output_tile,
    reserved_outputs,
    rows_in_use,
    weight_tiles,
)
from accelsim.mapper._tile_bytes_kernel import BURST, GROUPS, PARTIAL_BYTES, SAME_A, TABLE_BYTES, burst_waste
from accelsim.mapper._walk_kernel import CAPACITY, all_compute, estimates

# Of a tiling: its sums (at.*), then most and fewest held bytes of a tile of weights, activations, outputs.
MOST, FEWEST, ROW = 14, 17, 20


@kernel
def counts_of(sizes_of, extents):
    """Tiles of each loop: int64 [5]."""
    return (extents + sizes_of - 1) // sizes_of


@kernel
def cut_loops(counts):
    """Which loops have more than one tile, one bit each."""
    cut = 0
    for loop in range(5):
        cut |= (1 if counts[loop] > 1 else 0) << loop
    return cut


@kernel
def weight_sums(sizes_of, counts, extents, layer, chip, sizes, found):
    """Of all tiles of weights: bytes in DRAM, held bytes, most and fewest held, the first one's in DRAM."""
    table = weight_tiles(sizes_of, counts, extents, layer, chip, sizes)
    found[0], found[1] = table[:, MOVED].sum(), table[:, HELD].sum()
    found[2], found[3], found[4] = table[:, HELD].max(), table[:, HELD].min(), table[0, MOVED]


@kernel
def bounded_tilings(tilings, choices, widths, extents, layer, chip, estimate, rate, sizes):
    """Sums of each tiling that are never more than the exact ones: int64 [tilings, ROW].

    Parameters
    ----------
    tilings : int64 [tilings, 5], which of the `choices`
    choices : int64 [5, most], sizes of each loop; `widths` how many, int64 [5]
    """
    rows = np.zeros((tilings.shape[0], ROW), np.int64)
    used = sizes[11]
    in_dram = rows_in_use(sizes[3], used)
    in_scratchpad = in_dram if chip[SAME_A] else rows_in_use(sizes[5], used)
    totals = np.zeros(2, np.int64)
    for n in range(extents[0]):
        totals[0] += sizes[6][n, -1, -1, -1]
        totals[1] += sizes[7][n, -1, -1, -1]
    grouped = layer[GROUPS] > 1
    of_w = np.full((widths[1], widths[2], 5), -1, np.int64)
    filters = widths[1] if grouped else 1
    of_a = np.full((widths[0], filters, widths[2], widths[3], widths[4], 5), -1, np.int64)
    of_o = np.full((widths[0], widths[1], widths[3], widths[4]), -1, np.int64)
    sizes_of = np.empty(5, np.int64)
    first, last = np.zeros(5, np.int64), np.zeros(5, np.int64)
    for tiling in range(tilings.shape[0]):
        n, k, c, p, q = tilings[tiling]
        for loop in range(5):
            sizes_of[loop] = choices[loop, tilings[tiling, loop]]
        counts = counts_of(sizes_of, extents)
        last[:] = counts - 1
        w = of_w[k, c]
        if w[0] < 0:
            weight_sums(sizes_of, counts, extents, layer, chip, sizes, w)
        a = of_a[n, k if grouped else 0, c, p, q]
        if a[0] < 0:
            a[0], a[1], a[2], a[3] = activation_bounds(
                sizes_of, counts, extents, layer, chip, sizes, in_dram, in_scratchpad
            )
            a[4] = activation_tile(box_of(first, sizes_of, extents), layer, chip, sizes)[0]
        if of_o[n, k, p, q] < 0:
            box = box_of(last, sizes_of, extents)
            of_o[n, k, p, q] = output_tile(box, sizes_of[1], layer, chip, sizes)[0]
        row = rows[tiling]
        row[at.WEIGHTS], row[at.HELD_WEIGHTS] = w[0], w[1]
        row[at.ACTIVATIONS], row[at.HELD_ACTIVATIONS] = a[0], a[1]
        row[at.OUTPUTS], row[at.HELD_OUTPUTS] = output_bounds(
            sizes_of, counts, extents, layer, chip, totals, sizes[12][1]
        )
        row[at.PARTIALS] = extents[0] * extents[1] * extents[3] * extents[4] * chip[PARTIAL_BYTES]
        row[at.MOVED_PARTIALS] = row[at.PARTIALS]
        row[at.TABLES] = tables_moved(chip)
        of_ends = estimates(sizes_of, counts, extents, layer, estimate, rate)
        row[at.COMPUTE], row[at.LAST_COMPUTE] = all_compute(of_ends, counts), of_ends[31]
        row[at.FIRST_FETCH] = w[4] + a[4] + row[at.TABLES]
        row[at.LAST_DRAIN], row[at.C_TILES] = of_o[n, k, p, q], counts[2]
        row[MOST], row[FEWEST] = w[2], w[3]
        row[MOST + 1], row[FEWEST + 1] = a[2], a[3]
        row[MOST + 2] = reserve_of(box_of(first, sizes_of, extents), counts, layer, chip, sizes[12][1])
        row[FEWEST + 2] = reserve_of(box_of(last, sizes_of, extents), counts, layer, chip, sizes[12][1])
    return rows


@kernel
def tables_moved(chip):
    """Bytes of a decoder's tables, in whole bursts."""
    return chip[TABLE_BYTES] + burst_waste(0, chip[TABLE_BYTES], chip[BURST])


@kernel
def reserve_of(box, counts, layer, chip, stay):
    """Bytes that a tile of outputs reserves."""
    worst, partial = reserved_outputs(box, layer, chip, stay)
    return worst if counts[2] == 1 else max(worst, partial)


@kernel
def tiling_costs(rows, objective, prices, machine):
    """Lower bound of what any plan of each tiling costs, inf if none can fit: float64 [tilings, 2]."""
    costs = np.full((rows.shape[0], 2), np.inf)
    figures = np.empty(6, np.int64)
    for tiling in range(rows.shape[0]):
        row = rows[tiling]
        if least_live(row) <= machine[CAPACITY]:
            set_figures(figures, 1, 1, 1, row, machine)
            kind = at.CYCLES if objective == at.PARETO else objective
            costs[tiling, 0], costs[tiling, 1] = cost_of(kind, figures, prices, machine)
    return costs


@kernel
def least_live(row):
    """Bytes that the most demanding tile needs at least, whatever the order."""
    fewest = row[FEWEST] + row[FEWEST + 1] + row[FEWEST + 2]
    more = np.int64(0)
    for operand in range(3):
        more = max(more, row[MOST + operand] - row[FEWEST + operand])
    return fewest + more
