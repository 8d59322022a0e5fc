"""What a layer's plan is searched from: its counted tensors and their encoded sizes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import Prepared
from accelsim.energy.table import EnergyTable
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.mapper.balance import balanced
from accelsim.mapper.contenders import Price
from accelsim.mapper.encoded import EncodedSizes
from accelsim.mapper.hamming import ordered_channels
from accelsim.mapper.problem import Problem
from accelsim.mapper.search import checked, no_fit
from accelsim.mapper.traffic import plan_traffic
from accelsim.plan import NOTHING_FIXED, Fixed, Objective, Plan, Unrolling
from accelsim.reuse import OFF, Aside, Later, Off
from accelsim.schedule.ladder import Ladder, Rung
from accelsim.schedule.reused import PLAN, PREPARED, PRICED_PLAN, PROBLEM, SIZES, with_kept
from accelsim.tables import DRAINED, FETCHED, TRAFFIC
from accelsim.toggles import Toggling
from accelsim.trace import LayerTrace

Kept = tuple[bool, bool]  # activations, outputs
BY_ENERGY: tuple[Objective, ...] = ("energy", "edp")  # objectives that need energy predicted


@dataclass(frozen=True, slots=True)
class Wanted:
    """A layer's plan as a user gave it, whole or in parts; what the mapper minimises; prices of energy."""

    plan: Plan | Fixed | None
    objective: Objective
    table: EnergyTable


@dataclass(frozen=True, slots=True)
class LayerInput:
    """One layer, ready to be planned and counted.

    `drawn`: its outputs are drawn, not captured; `toggles`: whether, and how, they are counted;
    `prepared_later`, `sizes_later`: made when they are first wanted, and kept by `reuse`.
    """

    trace: LayerTrace
    prepared_later: Later
    sizes_later: Later
    drawn: bool
    wanted: Wanted
    toggles: Toggling
    reuse: Off

    @property
    def prepared(self) -> Prepared:
        """What the dataflow makes of the tensors."""
        prepared: Prepared = self.prepared_later()
        return prepared

    @property
    def sizes(self) -> EncodedSizes:
        """Encoded sizes, of which nothing stays in the scratchpad; raises what `encoded_sizes` raises."""
        sizes: EncodedSizes = self.sizes_later()
        return sizes

    def best(self, kept: Kept, chip: Accelerator) -> Plan:
        """The plan as given, or the best with what is fixed of it; raises PlanError if no plan fits."""
        plan = self.wanted.plan
        if isinstance(plan, Plan):
            return plan
        price = self.price(kept, chip)
        if price is None:
            raise no_fit(self.trace.layer, chip, plan or NOTHING_FIXED, with_kept(self.sizes, *kept))
        return price.plan

    def price(self, kept: Kept, chip: Accelerator, whole_bytes: int | None = None) -> Price | None:
        """The best plan and its price (of a plan as given, its own), or None if none fits.

        Parameters
        ----------
        kept : whether activations, and outputs, stay in the scratchpad
        whole_bytes : the scratchpad's, whose prices hold, where kept tensors leave the plan less of it
        """
        plan, objective = self.wanted.plan, self.wanted.objective
        fixed = as_fixed(plan) if isinstance(plan, Plan) else plan or NOTHING_FIXED
        of_energy = objective in BY_ENERGY
        priced = (self.wanted.table, whole_bytes or chip.scratchpad.capacity_bytes) if of_energy else None
        tensors = self.prepared_later, self.sizes_later, kept, fixed

        def problem(most_tiles: int, spatial: Unrolling | None) -> Problem:
            found: Problem = self.reuse.value(PROBLEM, chip, *tensors, most_tiles, spatial)
            return found

        found: Price | None = self.reuse.value(
            PRICED_PLAN if of_energy else PLAN,
            chip,
            *tensors,
            objective,
            priced,
            Aside(problem if self.reuse.on else None),
        )
        return found


def layer_input(
    trace: LayerTrace,
    chip: Accelerator,
    wanted: Wanted,
    *,
    balance_filters: bool,
    order_channels: bool = False,
    toggles: Toggling,
    seed: int,
    reuse: Off = OFF,
) -> LayerInput:
    """Prepare a layer.

    Parameters
    ----------
    wanted : what the plan has to be
    balance_filters : filters run in the order of their non-zero weights
    order_channels : channels run in an order of little Hamming distance
    toggles : of chips whose toggles are counted
    seed : of outputs that the trace does not hold
    reuse : of what other runs have made
    """
    trace = balanced(trace) if balance_filters else trace
    trace = ordered_channels(trace, chip) if order_channels else trace
    drawn = trace.outputs is None
    tile_k = None if wanted.plan is None else wanted.plan.tile_k
    return LayerInput(
        trace,
        reuse.later(PREPARED, chip, trace),
        reuse.later(SIZES, chip, trace, tile_k, seed if drawn else 0),
        drawn,
        wanted,
        toggles,
        reuse,
    )


def ladder(given: LayerInput, sizes: EncodedSizes, chip: Accelerator) -> Ladder:
    """Plans of the layer for falling capacities; a fixed plan is the only one."""
    return Ladder(
        chip.scratchpad.capacity_bytes,
        lambda capacity: planned(given, sizes, chip, capacity),
        timed=given.wanted.objective != "dram",
    )


def planned(given: LayerInput, sizes: EncodedSizes, chip: Accelerator, capacity: int) -> Rung | None:
    """The best plan for a capacity (or the fixed one), or None if none fits."""
    smaller = chip.with_capacity(capacity)
    try:
        kept = sizes.kept_activations, sizes.kept_outputs
        price = given.price(kept, smaller, chip.scratchpad.capacity_bytes)
        if price is None:
            return None
        plan = given.wanted.plan if isinstance(given.wanted.plan, Plan) else price.plan
        boxes, traffic = checked(plan, given.trace.layer, smaller, sizes)
    except PlanError:
        return None
    _, live = plan_traffic(plan, boxes, given.trace.layer, smaller, sizes)
    return Rung(plan, int(live.max()), dram_bytes(traffic), price.cycles, price.energy_pj or 0.0)


def as_fixed(plan: Plan) -> Fixed:
    """A whole plan as what a user fixed: a space of one plan, which the mapper prices."""
    sizes = {f"tile_{letter}": getattr(plan, f"tile_{letter}") for letter in "nkcpq"}
    return Fixed(**sizes, order=plan.order, resident=plan.resident, spatial=plan.spatial)


IN_DRAM = (*FETCHED, *DRAINED)
_COLUMNS = [TRAFFIC.index(name) for name in IN_DRAM]


def dram_bytes(traffic: npt.NDArray[np.int64]) -> int:
    """Bytes that tiles move in DRAM, burst waste included; int64 [tiles, columns TRAFFIC]."""
    return int(traffic[:, _COLUMNS].sum())
