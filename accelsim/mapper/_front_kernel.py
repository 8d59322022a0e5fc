"""The Pareto set of a search: plans that no other dominates in DRAM bytes, cycles and energy."""

from accelsim.jit import kernel
from accelsim.mapper import _cost_kernel as at
from accelsim.mapper._cost_kernel import energy_of

# Of a found plan: tile sizes, order, residency, figures, tiles.
SIZES, ORDER, RESIDENT, FIGURES, TILES, FOUND = 0, 5, 10, 13, 19, 20


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
