"""The plan search: of all plans of the space that fit, the one that costs least (docs/mapper.md).

::

    space -> bounds of tilings -> branch and bound -> Price, or the Pareto set

Bytes are exact, of the encoded tensors; compute cycles are those of a sample of this layer.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypedDict, Unpack, cast

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import DATAFLOWS, Prepared
from accelsim.energy.table import EnergyTable, table_of
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.mapper import _bounds_kernel, _cost_kernel, _front_kernel, _search_kernel, whole_machine
from accelsim.mapper.contenders import (
    MOST_TIMED,
    NOTHING_MISSED,
    OF_ENERGY,
    Contender,
    Cost,
    Price,
    best_timed,
    cost,
    undominated,
)
from accelsim.mapper.costs import OBJECTIVES, machine_vector, prices_of, sampled
from accelsim.mapper.encoded import EncodedSizes
from accelsim.mapper.infeasible import reason_of_no_fit
from accelsim.mapper.problem import Problem, problem_of
from accelsim.mapper.space import MOST_TILES, Space, plan_space
from accelsim.mapper.traffic import OPERANDS, check_fits, plan_traffic
from accelsim.network import Layer
from accelsim.plan import LOOPS, NOTHING_FIXED, Fixed, Objective, Operand, Plan, Unrolling, check, tile_boxes

Ints = npt.NDArray[np.int64]
_MOST_PLANS = 1024  # of a Pareto set
_UNPRICED = np.zeros(7)  # where nobody asks for energy
# Of most tiles and unrolling: what `problem_of` makes of the other arguments.
Problems = Callable[[int, Unrolling | None], Problem]


class PlanWish(TypedDict, total=False):
    """What is asked of a plan.

    Attributes
    ----------
    objective : what it has least of (default: cycles)
    fixed : what a user fixed
    table : prices of energy (default: the chip's)
    with_energy : whether energy is predicted also where it does not count
    priced_as : the chip whose prices hold, where kept tensors leave a plan less of its scratchpad
    """

    objective: Objective
    fixed: Fixed
    table: EnergyTable | None
    with_energy: bool
    priced_as: Accelerator


def best_plan(
    prepared: Prepared, sizes: EncodedSizes, chip: Accelerator, **wanted: Unpack[PlanWish]
) -> Price:
    """The plan that costs least.

    Raises
    ------
    PlanError
        If no plan fits; says how many bytes the least demanding one lacks, and for what.
    """
    found = best_fitting(prepared, sizes, chip, **wanted)
    if found is None:
        raise no_fit(prepared.layer, chip, wanted.get("fixed", NOTHING_FIXED), sizes)
    return found


def best_fitting(
    prepared: Prepared,
    sizes: EncodedSizes,
    chip: Accelerator,
    problems: Problems | None = None,
    **wanted: Unpack[PlanWish],
) -> Price | None:
    """As `best_plan`; None if no plan fits, without asking why.

    Parameters
    ----------
    problems : those of these arguments, where they are kept; they remember what is walked
    """
    objective, fixed = OBJECTIVES[wanted.get("objective", "cycles")], wanted.get("fixed", NOTHING_FIXED)
    with_energy = wanted.get("with_energy", False)
    priced_as = wanted.get("priced_as", chip)
    table = wanted.get("table")
    found = _found(prepared, sizes, chip, objective, fixed, table, with_energy, priced_as, problems)
    return found[0] if found else None


def no_fit(layer: Layer, chip: Accelerator, fixed: Fixed, sizes: EncodedSizes) -> PlanError:
    """Why no plan fits."""
    return PlanError(reason_of_no_fit(plan_space(layer, chip, fixed, MOST_TILES[-1]), layer, chip, sizes))


def pareto_plans(
    prepared: Prepared,
    sizes: EncodedSizes,
    chip: Accelerator,
    *,
    fixed: Fixed = NOTHING_FIXED,
    table: EnergyTable | None = None,
) -> list[Price]:
    """All plans that no other is as good as in DRAM bytes, cycles and energy together; fewest bytes first.

    Raises PlanError as `best_plan`.
    """
    found = _found(prepared, sizes, chip, _cost_kernel.PARETO, fixed, table, True, chip)
    if not found:
        raise no_fit(prepared.layer, chip, fixed, sizes)
    return sorted(found, key=lambda price: (price.dram_bytes, price.cycles))


def _found(
    prepared: Prepared,
    sizes: EncodedSizes,
    chip: Accelerator,
    objective: int,
    fixed: Fixed,
    table: EnergyTable | None,
    with_energy: bool,
    priced_as: Accelerator,
    problems: Problems | None = None,
) -> list[Price]:
    """The best plan or the Pareto set; nothing if no plan fits."""
    priced = with_energy or objective in OF_ENERGY
    for most_tiles in MOST_TILES:
        found: list[Contender] = []
        missed, prices = NOTHING_MISSED, _UNPRICED
        for spatial in unrollings(prepared.layer, chip, fixed):
            if problems is None:
                problem = problem_of(prepared, sizes, fixed, most_tiles, spatial, False, chip)
            else:
                problem = problems(most_tiles, spatial)
            prices = _prices(prepared, problem.space, priced_as, table, spatial) if priced else _UNPRICED
            rows, bounds, passed_over = _searched(problem, chip, objective, prices)
            missed = min(missed, passed_over)
            found += [
                Contender(_price(row, prices if priced else None, spatial), bound)
                for row, bound in zip(rows, bounds, strict=True)
            ]
        if not found:
            continue
        if not whole_machine.has_choices(chip):
            return _least([one.price for one in found], objective, chip)
        leakage = float(prices[_cost_kernel.P_CYCLE])
        timed = partial(_timed, prepared=prepared, sizes=sizes, chip=chip, pj_per_cycle=leakage)
        if objective == _cost_kernel.PARETO:
            return undominated([timed(one.price) for one in found])
        return [best_timed(found, missed, timed, lambda price: cost(price, objective, chip))]
    return []


def unrollings(layer: Layer, chip: Accelerator, fixed: Fixed) -> list[Unrolling | None]:
    """What the array may hold at once: as fixed, or whatever the dataflow can."""
    if fixed.spatial is not None:
        return [fixed.spatial]
    return list(DATAFLOWS[chip.dataflow].unrollings(layer, chip))


def _least(found: list[Price], objective: int, chip: Accelerator) -> list[Price]:
    """Of the best with each unrolling the best; or those that none dominates."""
    if objective == _cost_kernel.PARETO:
        return undominated(found)
    return [min(found, key=lambda price: cost(price, objective, chip))]


def _timed(
    price: Price, prepared: Prepared, sizes: EncodedSizes, chip: Accelerator, pj_per_cycle: float
) -> Price:
    """A found plan with the cycles of the chip's whole machine, and the energy of these."""
    cycles = whole_machine.machine_cycles(price.plan, prepared, sizes, chip)
    energy = price.energy_pj
    if energy is not None:
        energy += pj_per_cycle * (cycles - price.cycles)
    return replace(price, cycles=cycles, energy_pj=energy)


def _prices(
    prepared: Prepared,
    space: Space,
    chip: Accelerator,
    table: EnergyTable | None,
    spatial: Unrolling | None,
) -> npt.NDArray[np.float64]:
    """Prices; those of the array are sampled."""
    table = table or table_of(chip)
    if not len(space.tilings):
        return prices_of(prepared.layer, chip, table, None)
    tiles = space.choices[np.arange(5), space.tilings]
    return prices_of(prepared.layer, chip, table, sampled(prepared, chip, tiles, spatial))


def _searched(
    problem: Problem, chip: Accelerator, objective: int, prices: npt.NDArray[np.float64]
) -> tuple[Ints, list[Cost], Cost]:
    """The best plans or the Pareto set, none if nothing fits.

    Returns
    -------
    rows of _front_kernel; what each costs at least on any machine; what all others cost at least
    """
    if not len(problem.space.tilings):
        return np.empty((0, _front_kernel.FOUND), np.int64), [], NOTHING_MISSED
    machine = machine_vector(chip)
    costs = _bounds_kernel.tiling_costs(problem.rows, objective, prices, machine)
    most = MOST_TIMED if whole_machine.has_choices(chip) else 1
    if objective == _cost_kernel.PARETO:
        most = _MOST_PLANS
    front = np.zeros((most, _front_kernel.FOUND), np.int64)
    ranks = np.empty((most + 1, _front_kernel.RANK))
    with problem.lock:
        members, _ = _search_kernel.search(
            problem.space.arrays(),
            problem.rows,
            costs,
            objective,
            prices,
            machine,
            problem.arrays,
            problem.memory.arrays,
            front,
            ranks,
        )
        problem.memory.grow()
    costs_of = [(float(first), float(second)) for first, second in ranks.reshape(-1, 2)]
    # A bound that was passed over is no better than the last plan that was kept.
    missed = min(costs_of[-1], costs_of[-4] if members == most else NOTHING_MISSED)
    return front[:members], costs_of[1 : 2 * members : 2], missed


def _price(row: Ints, prices: npt.NDArray[np.float64] | None, spatial: Unrolling | None) -> Price:
    numbers = row.tolist()
    figures = row[_front_kernel.FIGURES : _front_kernel.TILES]
    kept = numbers[_front_kernel.RESIDENT : _front_kernel.FIGURES]
    resident = frozenset(cast(Operand, name) for name, held in zip(OPERANDS, kept, strict=True) if held)
    plan = Plan(
        **dict(zip(("tile_n", "tile_k", "tile_c", "tile_p", "tile_q"), numbers[:5], strict=True)),
        order="".join(LOOPS[loop] for loop in numbers[_front_kernel.ORDER : _front_kernel.RESIDENT]),
        resident=resident,
        spatial=spatial,
    )
    return Price(
        cycles=int(figures[_cost_kernel.F_CYCLES]),
        dram_bytes=int(figures[_cost_kernel.F_READ] + figures[_cost_kernel.F_WRITTEN]),
        energy_pj=None if prices is None else float(_cost_kernel.energy_of(figures, prices)),
        tiles=numbers[_front_kernel.TILES],
        plan=plan,
    )


def checked(plan: Plan, layer: Layer, chip: Accelerator, sizes: EncodedSizes) -> tuple[Ints, Ints]:
    """Boxes and traffic of a plan that a user fixed; raises PlanError if it cannot cut or does not fit."""
    check(plan, layer, chip.pe_array.chunk_elements)
    if plan.spatial is not None and chip.dataflow != "inner_join":
        raise PlanError(
            f"{layer.name}: {chip.name}: {chip.dataflow} has one mapping of its own: no {plan.spatial}"
        )
    if reason := DATAFLOWS[chip.dataflow].plan_refusal(plan, layer, chip):
        raise PlanError(f"{layer.name}: {chip.name}: {reason}")
    boxes = tile_boxes(plan, layer)
    traffic, live = plan_traffic(plan, boxes, layer, chip, sizes)
    check_fits(live, boxes, layer, chip)
    return boxes, traffic
