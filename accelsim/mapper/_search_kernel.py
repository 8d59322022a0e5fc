"""Branch and bound over tilings, orders and residency (docs/mapper.md).

::

    for tilings by rising bound              # bytes once, without burst waste; compute; nothing waits
      until the bound is no better than the best
      bytes exact                            # _sums_kernel
      for orders, residency whose space can suffice
        for those by rising bound
          until the bound is no better than the best
          walk, replay                       # space and cycles exact
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper import _cost_kernel as at
from accelsim.mapper._bounds_kernel import FEWEST, MOST, counts_of, cut_loops
from accelsim.mapper._cost_kernel import affordable_cycles, better, cost_of, set_figures
from accelsim.mapper._front_kernel import (
    BOUND,
    FIGURES,
    FOUND,
    ORDER,
    RESIDENT,
    SIZES,
    TILES,
    dominated,
    kept_best,
    kept_front,
)
from accelsim.mapper._heap_kernel import heap_of, popped
from accelsim.mapper._memory_kernel import (
    EXACT,
    IS_EXACT,
    STATE,
    recalled_plans,
    recalled_walk,
    remember_plans,
    remember_walk,
)
from accelsim.mapper._operand_kernel import activation_tiles, output_tiles, weight_tiles
from accelsim.mapper._sums_kernel import (
    MORE,
    activation_rows,
    activations_moved,
    output_rows,
    outputs_moved,
    partials_moved,
)
from accelsim.mapper._tile_bytes_kernel import GROUPS
from accelsim.mapper._walk_kernel import (
    CAPACITY,
    NEVER,
    estimates,
    loops_of,
    multiplicity,
    replayed,
    requests_of,
    steps_of,
)


@kernel
def least_resident(order, counts, uses, most, fewest, held):
    """Bytes that a resident operand occupies at its peak, at least.

    All its tiles inside of the outermost loop that reuses it are held together.
    """
    together, tiles, reused = np.int64(1), np.int64(1), False
    for place in range(5):
        loop = order[place]
        if not uses[loop]:
            reused = reused or counts[loop] > 1
        else:
            tiles *= counts[loop]
            together *= counts[loop] if reused else 1
    if together == tiles and held > 0:
        return held
    return max(most, together * fewest)


@kernel
def plans_of(row, counts, orders, residents, every, uses, machine):
    """Orders and residency of a tiling that can fit and differ.

    Parameters
    ----------
    orders : int64 [orders, 5], of the loops that turn
    residents : int64 [sets, 3]
    every : whether a set is kept even if it changes nothing (a user fixed it)

    Returns
    -------
    int64 [plans, 5], which order, which set, and how often weights, activations, outputs are opened
    """
    plans = np.empty((orders.shape[0] * residents.shape[0], 5), np.int64)
    times, peaks = np.ones((2, 3), np.int64), np.empty((2, 3), np.int64)  # not resident; resident
    held = (row[at.HELD_WEIGHTS], row[at.HELD_ACTIVATIONS], np.int64(0))
    fewest = row[FEWEST : FEWEST + 3].sum()
    found = 0
    for o in range(orders.shape[0]):
        for operand in range(3):
            times[0, operand] = multiplicity(orders[o], counts, uses[operand], False)
            most, least = row[MOST + operand], row[FEWEST + operand]
            peak = least_resident(orders[o], counts, uses[operand], most, least, held[operand])
            peaks[0, operand], peaks[1, operand] = most - least, peak - least
        for r in range(residents.shape[0]):
            idle, more = False, np.int64(0)
            for operand in range(3):
                kept = 1 if residents[r, operand] else 0
                idle = idle or (kept == 1 and times[0, operand] == 1)
                more = max(more, peaks[kept, operand])
                plans[found, 2 + operand] = times[kept, operand]
            if idle and not every:
                continue  # each of its tiles is opened once in any case
            if fewest + more > machine[CAPACITY]:
                continue
            plans[found, 0], plans[found, 1] = o, r
            found += 1
    return plans[:found]


@kernel
def least_costs(plans, sums, objective, prices, machine):
    """Lower bound of each plan's cost, and its figures with the fewest cycles: [plans, 2], [plans, 6]."""
    costs = np.empty((plans.shape[0], 2))
    figures = np.empty((plans.shape[0], 6), np.int64)
    kind = at.CYCLES if objective == at.PARETO else objective
    for i in range(plans.shape[0]):
        set_figures(figures[i], plans[i, 2], plans[i, 3], plans[i, 4], sums, machine)
        costs[i, 0], costs[i, 1] = cost_of(kind, figures[i], prices, machine)
    return costs, figures


@kernel
def search(space, rows, costs, objective, prices, machine, problem, memory, front, ranks):
    """The best plans, or all that no other dominates.

    Parameters
    ----------
    space : (tilings, choices, widths, orders, orders_of, residents, every) of `space.Space`
    rows, costs : of `bounded_tilings`, `tiling_costs`
    problem : (uses, extents, layer, chip, estimate, step_cycles, sizes)
    memory : of `_memory_kernel`: what earlier searches of the problem found, at whatever rates
    front : int64 [most, FOUND], filled; of one objective the best `most`, the best one first
    ranks : float64 [most + 1, 4], filled for one objective: cost of each and its bound, two numbers each;
        the last row's bound is the least of all plans that fit and were walked, but are not in the front

    Returns
    -------
    (plans found, walks that it took)
    """
    tilings, choices, widths, orders, orders_of, residents, every = space
    uses, extents, layer, _, _, _, sizes = problem
    members, walks = np.int64(0), 0  # typed: a literal would compile all that is called with it twice
    best = (np.inf, np.inf)
    pareto = objective == at.PARETO
    ranks[:] = np.inf
    known = nothing_known(widths, layer, sizes)
    figure = np.empty((1, 6), np.int64)
    heap = heap_of(costs)
    for left in range(heap.size, 0, -1):
        tiling = popped(heap, left, costs)
        if not pareto and not better(costs[tiling], best):
            break
        sizes_of = np.array([choices[loop, tilings[tiling, loop]] for loop in range(5)])
        counts = counts_of(sizes_of, extents)
        sums = memory[EXACT][tiling]
        if not memory[STATE][tiling, IS_EXACT]:
            sums[:] = rows[tiling]
            set_exact(sums, tilings[tiling], sizes_of, counts, problem, known)
            memory[STATE][tiling, IS_EXACT] = 1
        set_figures(figure[0], 1, 1, 1, sums, machine)
        if not may_be_best(figure, best, objective, prices, machine, front, members):
            continue
        own = orders[cut_loops(counts), : orders_of[cut_loops(counts)]]
        first, plans = recalled_plans(tiling, memory)
        if first < 0:
            plans = plans_of(sums, counts, own, residents, every, uses, machine)
            first = remember_plans(tiling, plans, memory)
        least, figures = least_costs(plans, sums, objective, prices, machine)
        if not may_be_best(figures, best, objective, prices, machine, front, members):
            continue
        best, members, took = walk_tiling(
            sizes_of, plans, first, least, figures, own, residents, sums, best, members,
            objective, prices, machine, problem, memory, front, ranks,
        )  # fmt: skip
        walks += took
    return members, walks


@kernel
def nothing_known(widths, layer, sizes):
    """Room for what tilings share: rows of cuts of activations and of outputs, bytes of all activations.

    -1 where nothing is known yet.
    """
    grouped = widths[1] if layer[GROUPS] > 1 else 1
    activation_rows = np.full((grouped, widths[2], widths[4], sizes[3].shape[1] + MORE), -1, np.int64)
    output_rows = np.full((widths[1], widths[4], 2), -1, np.int64)
    activations = np.full((widths[0], grouped, widths[2], widths[3], widths[4]), -1, np.int64)
    return activation_rows, output_rows, activations


@kernel
def set_exact(sums, tiling, sizes_of, counts, problem, known):
    """The bounds of a tiling's sums become exact.

    Parameters
    ----------
    tiling : int64 [5], which choice of each loop; `known` of `nothing_known`
    """
    extents, layer, chip, sizes = problem[1], problem[2], problem[3], problem[6]
    of_activations, of_outputs, moved = known
    n, k, c, p, q = tiling
    rows = of_outputs[k, q]
    if rows[0] < 0:
        output_rows(sizes_of, counts, extents, layer, chip, sizes, rows)
    sums[at.OUTPUTS], sums[at.HELD_OUTPUTS] = outputs_moved(
        sizes_of, counts, extents, layer, chip, sizes, rows
    )
    sums[at.MOVED_PARTIALS] = partials_moved(sizes_of, counts, extents, chip)
    k = k if layer[GROUPS] > 1 else 0
    if moved[n, k, c, p, q] < 0:
        rows = of_activations[k, c, q]
        if rows[0] < 0:
            activation_rows(sizes_of, counts, extents, layer, chip, sizes, rows)
        moved[n, k, c, p, q] = activations_moved(sizes_of, counts, extents, layer, chip, sizes, rows)
    sums[at.ACTIVATIONS] = moved[n, k, c, p, q]


@kernel
def walk_tiling(
    sizes_of, plans, first, least, figures, orders, residents, sums, best, members,
    objective, prices, machine, problem, memory, front, ranks,
):  # fmt: skip
    """Walk the plans of a tiling that may be better than what was found, by rising bound.

    Returns
    -------
    (cost that a plan must beat, plans found, walks)
    """
    uses, extents, layer, chip, estimate, rate, sizes = problem
    counts, loops = counts_of(sizes_of, extents), loops_of(uses)
    pareto = objective == at.PARETO
    weights = activations = outputs = np.empty((0, 0), np.int64)
    of_ends = sizes_of[:0]  # none of these is made where every walk is remembered
    walks = 0
    for i in np.argsort(least[:, 0]):
        if pareto:
            if dominated(figures[i], prices, front, members):
                continue
        elif not better(least[i], best):
            continue
        order, resident = orders[plans[i, 0]], residents[plans[i, 1]]
        requests, live = recalled_walk(first, i, memory)
        if requests.shape[1] == 0:
            if of_ends.size == 0:
                weights = weight_tiles(sizes_of, counts, extents, layer, chip, sizes)
                activations = activation_tiles(sizes_of, counts, extents, layer, chip, sizes)
                outputs = output_tiles(sizes_of, counts, extents, layer, chip, sizes)
                of_ends = estimates(sizes_of, counts, extents, layer, estimate, rate)
            steps = steps_of(order, resident, counts, loops, layer[GROUPS] > 1)
            requests, live = requests_of(steps, weights, activations, outputs, of_ends, sums[at.TABLES], chip)
            remember_walk(first, i, requests, live, memory)
            walks += 1
        if live > machine[CAPACITY]:
            continue
        enough = NEVER if pareto else affordable_cycles(objective, figures[i], prices, machine, best)
        cycles = replayed(requests, machine, enough)
        if cycles == NEVER:
            if better(least[i], ranks[-1, BOUND:]):
                ranks[-1, BOUND:] = least[i]
            continue
        figures[i, at.F_CYCLES] = cycles
        found = np.empty(FOUND, np.int64)
        found[SIZES:ORDER], found[ORDER:RESIDENT], found[RESIDENT:FIGURES] = sizes_of, order, resident
        found[FIGURES:TILES], found[TILES] = figures[i], requests.shape[1]
        if pareto:
            if not dominated(figures[i], prices, front, members):
                members = kept_front(found, prices, front, members)
            continue
        cost = cost_of(objective, figures[i], prices, machine)
        best, members = kept_best(found, cost, least[i], front, ranks, members)
    return best, members, walks


@kernel
def may_be_best(figures, best, objective, prices, machine, front, members):
    """Whether plans of such figures, int64 [plans, 6], whose cycles are bounds, may beat what was found."""
    for i in range(figures.shape[0]):
        if objective == at.PARETO:
            if not dominated(figures[i], prices, front, members):
                return True
        elif better(cost_of(objective, figures[i], prices, machine), best):
            return True
    return False
