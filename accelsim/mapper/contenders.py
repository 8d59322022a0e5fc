"""What a plan is predicted to cost, and which of several is the best.

Where a chip's DMA and scratchpad have choices, the plans that cost least by the search's recurrence are
timed by the machine's whole one, and compared by that (docs/mapper.md, section 2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from accelsim.hardware import Accelerator
from accelsim.mapper import _cost_kernel
from accelsim.mapper.costs import machine_vector
from accelsim.plan import Plan

MOST_TIMED = 64  # plans of a layer that the whole machine times
OF_ENERGY = (_cost_kernel.ENERGY, _cost_kernel.EDP)
Cost = tuple[float, float]  # first, then second
NOTHING_MISSED: Cost = (float("inf"), float("inf"))


@dataclass(frozen=True, slots=True)
class Price:
    """A plan and what it is predicted to cost: `dram_bytes` exactly, cycles and energy by a sample.

    `energy_pj` is None where nobody asked for it: its sample takes time. `timed` says how many plans the
    whole machine's recurrence timed, 0 where the search's own says it all; `proven` whether no other plan
    can be predicted to cost less.
    """

    cycles: int
    dram_bytes: int
    energy_pj: float | None
    tiles: int
    plan: Plan
    timed: int = 0
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Contender:
    """A plan as the search prices it, and what it costs at least on any machine."""

    price: Price
    bound: Cost


def cost(price: Price, objective: int, chip: Accelerator) -> Cost:
    """What is minimised, as `_cost_kernel.cost_of` has it."""
    if objective in OF_ENERGY:
        energy = price.energy_pj or 0.0
        return energy * (price.cycles if objective == _cost_kernel.EDP else 1), price.cycles
    if objective == _cost_kernel.DRAM:
        return price.dram_bytes, price.cycles
    occupied = _cost_kernel.occupied(price.dram_bytes, machine_vector(chip))
    return float(100 * price.cycles + occupied), price.dram_bytes


def _figures(price: Price) -> tuple[float, float, float]:
    return price.dram_bytes, price.cycles, price.energy_pj or 0.0


def undominated(found: Sequence[Price]) -> list[Price]:
    """Those that none is as good as in bytes, cycles and energy; of equal ones the first."""
    kept: list[Price] = []
    for price in sorted(found, key=_figures):
        if not any(all(a <= b for a, b in zip(_figures(k), _figures(price), strict=True)) for k in kept):
            kept.append(price)
    return kept


def best_timed(
    found: Sequence[Contender],
    missed: Cost,
    timed: Callable[[Price], Price],
    cost_of: Callable[[Price], Cost],
) -> Price:
    """The best by the whole machine, of the `MOST_TIMED` that cost least by the search's recurrence.

    Parameters
    ----------
    missed : what any plan that is not in `found` costs at least
    timed : a price with the cycles of the whole machine
    """
    by_cost = sorted(found, key=lambda one: cost_of(one.price))
    best, count = None, 0
    for one in by_cost[:MOST_TIMED]:
        if best is not None and one.bound >= cost_of(best):
            continue
        price, count = timed(one.price), count + 1
        if best is None or cost_of(price) < cost_of(best):
            best = price
    if best is None:
        raise ValueError("no plan to choose from")
    least = min([missed, *(one.bound for one in by_cost[MOST_TIMED:])])
    return replace(best, timed=count, proven=cost_of(best) <= least)
