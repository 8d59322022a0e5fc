"""Branch and bound over tilings, orders and residency (docs/mapper.md).

::

    for tilings by rising bound              # bytes once, without burst waste; compute; nothing waits
      until the bound is no better than the best
      for orders, residency whose space can suffice
        for those by rising bound            # bytes exact
          until the bound is no better than the best
          walk, replay                       # space and cycles exact
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper import _cost_kernel as at
from accelsim.mapper._bounds_kernel import FEWEST, MOST, counts_of
from accelsim.mapper._cost_kernel import cost_of, figures_of, least_cycles
from accelsim.mapper._front_kernel import (
    FIGURES,
    FOUND,
    ORDER,
    RESIDENT,
    SIZES,
    TILES,
    dominated,
    kept_front,
)
from accelsim.mapper._memory_kernel import (
    ACTIVATIONS,
    ALL,
    EXACT,
    LEVEL,
    STATE,
    recalled_plans,
    recalled_walk,
    remember_plans,
    remember_sums,
    remember_walk,
)
from accelsim.mapper._operand_kernel import (
    HELD,
    MOVED,
    PARTIAL,
    PARTIAL_MOVED,
    activation_tiles,
    output_tiles,
    weight_tiles,
)
from accelsim.mapper._tile_bytes_kernel import GROUPS
from accelsim.mapper._walk_kernel import CAPACITY, NEVER, estimates, multiplicity, replayed, walked


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
def least_live_of(order, resident, counts, uses, row):
    """As `least_live`, of an order and residency."""
    fewest, more = np.int64(0), np.int64(0)
    held = (row[at.HELD_WEIGHTS], row[at.HELD_ACTIVATIONS], np.int64(0))
    for operand in range(3):
        peak = row[MOST + operand]
        if resident[operand]:
            peak = least_resident(order, counts, uses[operand], peak, row[FEWEST + operand], held[operand])
        fewest += row[FEWEST + operand]
        more = max(more, peak - row[FEWEST + operand])
    return fewest + more


@kernel
def with_outputs(sums, outputs):
    """A tiling's sums get the exact ones of its outputs."""
    sums[at.OUTPUTS], sums[at.HELD_OUTPUTS] = outputs[:, MOVED].sum(), outputs[:, HELD].sum()
    sums[at.PARTIALS], sums[at.MOVED_PARTIALS] = outputs[:, PARTIAL].sum(), outputs[:, PARTIAL_MOVED].sum()


@kernel
def better(cost, best):
    """Whether a cost (first, second) is less than the best."""
    return cost[0] < best[0] or (cost[0] == best[0] and cost[1] < best[1])


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
    found = 0
    for o in range(orders.shape[0]):
        plain = [multiplicity(orders[o], counts, uses[operand], False) for operand in range(3)]
        for r in range(residents.shape[0]):
            idle = False
            for operand in range(3):
                idle = idle or (residents[r, operand] and plain[operand] == 1)
            if idle and not every:
                continue  # each of its tiles is opened once in any case
            if least_live_of(orders[o], residents[r], counts, uses, row) > machine[CAPACITY]:
                continue
            plans[found, 0], plans[found, 1] = o, r
            for operand in range(3):
                plans[found, 2 + operand] = 1 if residents[r, operand] else plain[operand]
            found += 1
    return plans[:found]


@kernel
def least_costs(plans, sums, objective, prices, machine):
    """Lower bound of each plan's cost, and its figures with the fewest cycles: [plans, 2], [plans, 6]."""
    costs = np.empty((plans.shape[0], 2))
    figures = np.empty((plans.shape[0], 6), np.int64)
    kind = at.CYCLES if objective == at.PARETO else objective
    for i in range(plans.shape[0]):
        figures[i] = figures_of(plans[i, 2], plans[i, 3], plans[i, 4], sums, machine)
        figures[i, at.F_CYCLES] = least_cycles(figures[i], sums, machine)
        costs[i, 0], costs[i, 1] = cost_of(kind, figures[i], prices, machine)
    return costs, figures


@kernel
def search(space, rows, costs, by_bound, objective, prices, machine, problem, memory, front):
    """The best plan, or all that no other dominates.

    Parameters
    ----------
    space : (tilings, choices, widths, orders, orders_of, residents, every) of `space.Space`
    rows, costs : of `bounded_tilings`, `tiling_costs`
    by_bound : int64 [tilings], tilings by rising cost
    problem : (uses, extents, layer, chip, estimate, step_cycles, sizes)
    memory : of `_memory_kernel`: what earlier searches of the problem found, at whatever rates
    front : int64 [most, FOUND], filled; of one objective it has one row

    Returns
    -------
    (plans found, walks that it took)
    """
    tilings, choices, widths, orders, orders_of, residents, every = space
    uses, extents, layer, chip, _, _, sizes = problem
    exact = memory[EXACT]
    members, walks = 0, 0
    best = (np.inf, np.inf)
    pareto = objective == at.PARETO
    grouped = widths[1] if layer[GROUPS] > 1 else 1
    moved_activations = np.full((widths[0], grouped, widths[2], widths[3], widths[4]), -1, np.int64)
    for tiling in by_bound:
        if not np.isfinite(costs[tiling, 0]) or (not pareto and not better(costs[tiling], best)):
            break
        # No plan opens its operands less often than once.
        exact_known = memory[STATE][tiling, LEVEL] >= ACTIVATIONS and not pareto
        if exact_known and not better(least_cost(exact[tiling], objective, prices, machine), best):
            continue
        sizes_of = np.array([choices[loop, tilings[tiling, loop]] for loop in range(5)])
        counts = counts_of(sizes_of, extents)
        own = orders[cut_loops(counts), : orders_of[cut_loops(counts)]]
        first, plans = recalled_plans(tiling, memory)
        if plans.shape[0] == 0:
            plans = plans_of(rows[tiling], counts, own, residents, every, uses, machine)
            first = remember_plans(tiling, plans, memory)
        sums = exact[tiling].copy()
        least, figures = least_costs(plans, sums, objective, prices, machine)
        if not any_left(least, best, figures, prices, front, members, pareto):
            continue
        activations = np.empty((0, 2), np.int64)
        if memory[STATE][tiling, LEVEL] < ACTIVATIONS:
            n, k, c, p, q = tilings[tiling]
            k = k if layer[GROUPS] > 1 else 0
            if moved_activations[n, k, c, p, q] < 0:
                activations = activation_tiles(sizes_of, counts, extents, layer, chip, sizes)
                moved_activations[n, k, c, p, q] = activations[:, MOVED].sum()
            sums[at.ACTIVATIONS] = moved_activations[n, k, c, p, q]
            remember_sums(tiling, sums, ACTIVATIONS, memory)
            least, figures = least_costs(plans, sums, objective, prices, machine)
            if not any_left(least, best, figures, prices, front, members, pareto):
                continue
        best, members, took = walk_tiling(
            tiling, sizes_of, plans, first, own, residents, activations, sums, best, members,
            objective, prices, machine, problem, memory, front,
        )  # fmt: skip
        walks += took
    return members, walks


@kernel
def least_cost(sums, objective, prices, machine):
    """Lower bound of the cost of any plan of a tiling with these sums."""
    figures = figures_of(1, 1, 1, sums, machine)
    figures[at.F_CYCLES] = least_cycles(figures, sums, machine)
    return cost_of(objective, figures, prices, machine)


@kernel
def cut_loops(counts):
    """Which loops have more than one tile, one bit each."""
    cut = 0
    for loop in range(5):
        cut |= (1 if counts[loop] > 1 else 0) << loop
    return cut


@kernel
def walk_tiling(
    tiling, sizes_of, plans, first, orders, residents, activations, sums, best, members,
    objective, prices, machine, problem, memory, front,
):  # fmt: skip
    """Walk the plans of a tiling that may be better than what was found, by rising bound.

    Returns
    -------
    (best cost, plans found, walks)
    """
    uses, extents, layer, chip, estimate, rate, sizes = problem
    counts = counts_of(sizes_of, extents)
    pareto = objective == at.PARETO
    outputs = np.empty((0, 2), np.int64)
    if memory[STATE][tiling, LEVEL] < ALL:
        outputs = output_tiles(sizes_of, counts, extents, layer, chip, sizes)
        with_outputs(sums, outputs)
        remember_sums(tiling, sums, ALL, memory)
    weights, of_ends = outputs[:0], sizes_of[:0]
    least, figures = least_costs(plans, sums, objective, prices, machine)
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
                of_ends = estimates(sizes_of, counts, extents, layer, estimate, rate)
            if outputs.shape[0] == 0:
                outputs = output_tiles(sizes_of, counts, extents, layer, chip, sizes)
            if activations.shape[0] == 0:
                activations = activation_tiles(sizes_of, counts, extents, layer, chip, sizes)
            requests, live = walked(
                order, resident, counts, uses, layer, weights, activations, outputs, of_ends,
                sums[at.TABLES], chip,
            )  # fmt: skip
            remember_walk(first, i, requests, live, memory)
            walks += 1
        cycles = replayed(requests, machine) if live <= machine[CAPACITY] else NEVER
        if cycles == NEVER:
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
        if better(cost, best):
            best, members = cost, 1
            front[0] = found
    return best, members, walks


@kernel
def any_left(least, best, figures, prices, front, members, pareto):
    """Whether some plan of a tiling may still be better than what was found."""
    for i in range(least.shape[0]):
        if pareto:
            if not dominated(figures[i], prices, front, members):
                return True
        elif better(least[i], best):
            return True
    return False
