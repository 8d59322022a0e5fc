"""What the choice of kept tensors has least of: the run's objective, summed over the network.

::

    dram     DRAM bytes                                  then cycles
    cycles   cycles + 1 % of the cycles DRAM is occupied then bytes
    energy   pJ                                          then cycles
    edp      pJ of the network x its cycles

A product is no sum over nodes. Its least value over all choices is at a corner of their convex hull in the
plane of energy and cycles (it is quasi-concave), and every corner has the least of some weighted sum.
"""

from collections.abc import Callable

from accelsim.hardware import Accelerator
from accelsim.plan import Objective
from accelsim.schedule.keep_search import Choice, Cost, Weigh

MOST_SEARCHES = 24  # for the corners of one network


def weigh_of(objective: Objective, chip: Accelerator) -> Weigh:
    """The mapper's cost of an objective (mapper._cost_kernel) without its rounding."""
    rate = chip.dram_bytes_per_cycle

    def weigh(cost: Cost) -> tuple[float, float]:
        if objective == "dram":
            return cost.dram_bytes, cost.cycles
        if objective == "cycles":
            return 100 * cost.cycles * rate.numerator + cost.dram_bytes * rate.denominator, cost.dram_bytes
        if objective == "energy":
            return cost.energy_pj, cost.cycles
        return cost.energy_pj * cost.cycles, cost.cycles

    return weigh


def no_dearer(one: Cost, other: Cost, objective: Objective, chip: Accelerator) -> bool:
    """Whether a node may cost `one` in place of `other`, whatever the rest of the network costs."""
    if objective == "edp":
        return one.energy_pj <= other.energy_pj and one.cycles <= other.cycles
    weigh = weigh_of(objective, chip)
    return weigh(one) <= weigh(other)


def least_product(search: Callable[[Weigh], Choice | int]) -> Choice | int:
    """The choice of least energy x cycles, from searches for the least of weighted sums.

    Parameters
    ----------
    search : the choice that weighs least, or the node behind which none fits
    """
    frugal = search(lambda cost: (cost.energy_pj, cost.cycles))
    fast = search(lambda cost: (cost.cycles, cost.energy_pj))
    if not (isinstance(frugal, Choice) and isinstance(fast, Choice)):
        return frugal
    best = min(frugal, fast, key=_product)
    pairs, searches = [(frugal, fast)], 2
    while pairs and searches < MOST_SEARCHES:
        a, b = pairs.pop()
        of_energy, of_cycles = a.cost.cycles - b.cost.cycles, b.cost.energy_pj - a.cost.energy_pj
        if of_energy <= 0 or of_cycles <= 0 or a.cost.energy_pj * b.cost.cycles >= _product(best):
            continue  # nothing between them can be less

        def weigh(cost: Cost, e: float = of_energy, c: float = of_cycles) -> tuple[float, float]:
            return e * cost.energy_pj + c * cost.cycles, cost.cycles

        found = search(weigh)
        searches += 1
        assert isinstance(found, Choice)
        if weigh(found.cost)[0] < weigh(a.cost)[0] * (1 - 1e-12):
            best = min(best, found, key=_product)
            pairs += [(a, found), (found, b)]
    return best


def _product(choice: Choice) -> float:
    return choice.cost.energy_pj * choice.cost.cycles
