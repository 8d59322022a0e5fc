"""What a search keeps: the plans of least cost, or those that no other dominates (bytes, cycles, energy)."""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper import _cost_kernel as at
from accelsim.mapper._cost_kernel import better, energy_of

# Of a found plan: tile sizes, order, residency, figures, tiles.
SIZES, ORDER, RESIDENT, FIGURES, TILES, FOUND = 0, 5, 10, 13, 19, 20
# Of a kept plan, float64: its cost, and the lower bound of it; (first, then second) each.
COST, BOUND, RANK = 0, 2, 4


@kernel
def dominated(figures, prices, front, members):
    """Whether some plan of the front is at least as good in bytes, cycles and energy."""
    moved, energy = figures[at.F_READ] + figures[at.F_WRITTEN], energy_of(figures, prices)
    for member in range(members):
        other = front[member, FIGURES:TILES]
        if (
            other[at.F_READ] + other[at.F_WRITTEN] <= moved
            and other[at.F_CYCLES] <= figures[at.F_CYCLES]
            and energy_of(other, prices) <= energy
        ):
            return True
    return False


@kernel
def kept_front(found, prices, front, members):
    """A plan joins the front, and those that it dominates leave; returns how many are left."""
    left = 0
    mine = found.reshape(1, FOUND)
    for member in range(members):
        if not dominated(front[member, FIGURES:TILES], prices, mine, 1):
            front[left] = front[member]
            left += 1
    if left < front.shape[0]:
        front[left] = found
        left += 1
    return left


@kernel
def kept_best(found, cost, bound, front, ranks, members):
    """A plan joins the best ones, in order of cost; the worst leaves if there is no room.

    Parameters
    ----------
    ranks : float64 [most + 1, RANK], the last row's bound is the least of those that left or never came

    Returns
    -------
    (cost that the next plan must beat, plans kept)
    """
    most = front.shape[0]
    last = ranks[most - 1, COST:BOUND]
    if members == most:
        gone = ranks[most - 1, BOUND:] if better(cost, last) else bound
        if better(gone, ranks[most, BOUND:]):
            ranks[most, BOUND], ranks[most, BOUND + 1] = gone[0], gone[1]
    if members < most or better(cost, last):
        place = min(members, most - 1)
        while place > 0 and better(cost, ranks[place - 1, COST:BOUND]):
            front[place], ranks[place] = front[place - 1], ranks[place - 1]
            place -= 1
        front[place] = found
        ranks[place, COST], ranks[place, COST + 1] = cost
        ranks[place, BOUND], ranks[place, BOUND + 1] = bound[0], bound[1]
        members = min(members + 1, most)
    if members < most:
        return (np.inf, np.inf), members
    return (ranks[most - 1, COST], ranks[most - 1, COST + 1]), members
