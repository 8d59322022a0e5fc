"""What a layer's plan is searched from: its counted tensors and their encoded sizes."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import DATAFLOWS, Prepared
from accelsim.energy.table import EnergyTable
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.mapper.balance import balanced
from accelsim.mapper.encoded import EncodedSizes, encoded_sizes
from accelsim.mapper.hamming import ordered_channels
from accelsim.mapper.search import best_fitting, checked, chosen_plan
from accelsim.mapper.traffic import plan_traffic
from accelsim.plan import NOTHING_FIXED, Fixed, Objective, Plan
from accelsim.schedule.ladder import Ladder, Rung
from accelsim.tables import TRAFFIC
from accelsim.toggles import Toggling
from accelsim.trace import LayerTrace

BY_ENERGY: tuple[Objective, ...] = ("energy", "edp")  # objectives that need energy predicted


@dataclass(frozen=True, slots=True)
class Wanted:
    """A layer's plan as a user gave it, whole or in parts; what the mapper minimises; prices of energy."""

    plan: Plan | Fixed | None
    objective: Objective
    table: EnergyTable

    def best(self, prepared: Prepared, sizes: EncodedSizes, chip: Accelerator) -> Plan:
        """The plan as given, or the best with what is fixed of it."""
        return chosen_plan(prepared, sizes, chip, self.plan, self.objective, self.table)


@dataclass(frozen=True, slots=True)
class LayerInput:
    """One layer, ready to be planned and counted.

    `drawn`: its outputs are drawn, not captured; `toggles`: whether, and how, they are counted.
    """

    trace: LayerTrace
    prepared: Prepared
    sizes: EncodedSizes
    drawn: bool
    wanted: Wanted
    toggles: Toggling


def layer_input(
    trace: LayerTrace,
    chip: Accelerator,
    wanted: Wanted,
    *,
    balance_filters: bool,
    order_channels: bool = False,
    toggles: Toggling = "off",
    seed: int,
) -> LayerInput:
    """Prepare a layer; raises what `encoded_sizes` raises.

    Parameters
    ----------
    wanted : what the plan has to be
    balance_filters : filters run in the order of their non-zero weights
    order_channels : channels run in an order of little Hamming distance
    toggles : of chips whose toggles are counted
    seed : of outputs that the trace does not hold
    """
    trace = balanced(trace) if balance_filters else trace
    trace = ordered_channels(trace, chip) if order_channels else trace
    prepared = DATAFLOWS[chip.dataflow].prepare(trace, chip)
    nonzero, drawn = nonzero_outputs(trace, seed)
    sizes = encoded_sizes(trace, chip, nonzero, None if wanted.plan is None else wanted.plan.tile_k)
    return LayerInput(trace, prepared, sizes, drawn, wanted, toggles)


def nonzero_outputs(trace: LayerTrace, seed: int) -> tuple[npt.NDArray[np.bool_], bool]:
    """Mask of the non-zero outputs, and whether it is drawn at the density of the layer's input."""
    if trace.outputs is not None:
        return trace.outputs != trace.output_zero_point, False
    density = float((trace.activations != trace.activation_zero_point).mean())
    generator = np.random.default_rng([seed, zlib.crc32(trace.layer.name.encode())])
    return generator.random(trace.layer.output_shape) < density, True


def with_kept(sizes: EncodedSizes, activations: bool, outputs: bool) -> EncodedSizes:
    """The sizes of a layer whose input, or whose outputs, stay in the scratchpad."""
    return replace(sizes, kept_activations=activations, kept_outputs=outputs)


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
    wanted = given.wanted
    fixed = as_fixed(wanted.plan) if isinstance(wanted.plan, Plan) else wanted.plan or NOTHING_FIXED
    try:
        price = best_fitting(
            given.prepared,
            sizes,
            smaller,
            objective=wanted.objective,
            fixed=fixed,
            table=wanted.table,
            with_energy=wanted.objective in BY_ENERGY,
            priced_as=chip,
        )
        if price is None:
            return None
        plan = wanted.plan if isinstance(wanted.plan, Plan) else price.plan
        boxes, traffic = checked(plan, given.trace.layer, smaller, sizes)
    except PlanError:
        return None
    _, live = plan_traffic(plan, boxes, given.trace.layer, smaller, sizes)
    return Rung(plan, int(live.max()), dram_bytes(traffic), price.cycles, price.energy_pj or 0.0)


def as_fixed(plan: Plan) -> Fixed:
    """A whole plan as what a user fixed: a space of one plan, which the mapper prices."""
    sizes = {f"tile_{letter}": getattr(plan, f"tile_{letter}") for letter in "nkcpq"}
    return Fixed(**sizes, order=plan.order, resident=plan.resident, spatial=plan.spatial)


IN_DRAM = (
    "weight_fetch_bytes",
    "activation_fetch_bytes",
    "partial_sum_fetch_bytes",
    "fetch_burst_waste_bytes",
    "output_drain_bytes",
    "partial_sum_drain_bytes",
    "drain_burst_waste_bytes",
)
_COLUMNS = [TRAFFIC.index(name) for name in IN_DRAM]


def dram_bytes(traffic: npt.NDArray[np.int64]) -> int:
    """Bytes that tiles move in DRAM, burst waste included; int64 [tiles, columns TRAFFIC]."""
    return int(traffic[:, _COLUMNS].sum())
