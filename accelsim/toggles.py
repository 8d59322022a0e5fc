"""Counted toggles as results and reports take them (docs/dataflows/toggles.md)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from accelsim.bill import EnergyRow
from accelsim.tables import TOGGLES

Toggling = Literal["sampled", "exact", "off"]
# Toggles that happen; the others would, if nothing held (multicasts: those of buses, once for each receiver).
OF_REGISTERS = ("weight_register_toggles", "activation_register_toggles")
OF_BUSES = ("weight_bus_toggles", "activation_bus_toggles", "mask_bus_toggles")
# Lines of the bill that count toggles: component, action, unit, and what they count.
PRICED = (
    ("operand_register", "toggle", "bit", OF_REGISTERS),
    ("accumulator", "toggle", "bit", ("accumulator_toggles",)),
    ("wires", "trunk", "toggle", OF_BUSES),
    ("wires", "multicast", "toggle", ("multicast_toggles",)),
)


@dataclass(frozen=True, slots=True)
class ToggleCounts:
    """Toggles of a layer by name (tables.TOGGLES), estimated unless `sampled_fraction` is 1.

    Attributes
    ----------
    standard_errors : relative standard error of each count; 0 where all sets were counted
    sampled_fraction : dense MACs of the counted sets over those of the layer
    """

    counts: dict[str, int]
    standard_errors: dict[str, float]
    sampled_fraction: float

    def columns(self, bill: Sequence[EnergyRow]) -> dict[str, float]:
        """Each count and its relative standard error, and what they make of the energy: for layers.csv."""
        found: dict[str, float] = {}
        for name in TOGGLES:
            found[name] = self.counts[name]
            found[f"{name}_relative_standard_error"] = self.standard_errors[name]
        found["toggles_sampled_fraction"] = self.sampled_fraction
        return found | {"energy_toggle_error_pj": self.error_pj(bill)}

    def error_pj(self, bill: Sequence[EnergyRow]) -> float:
        """Standard error that the sample makes in a layer's energy, at nominal prices.

        Counts of one sample err together: their errors add up, so that this is its largest value.
        """
        pj_each = {(row.component, row.action, row.unit): row.pj / row.count for row in bill if row.count}
        return math.fsum(
            pj_each.get((component, action, unit), 0.0)
            * math.fsum(self.counts[name] * self.standard_errors[name] for name in names)
            for component, action, unit, names in PRICED
        )


NO_TOGGLES = ToggleCounts(dict.fromkeys(TOGGLES, 0), dict.fromkeys(TOGGLES, 0.0), 1.0)


def summed(counted: Sequence[ToggleCounts], dense_macs: Sequence[int]) -> ToggleCounts:
    """Sums over layers, which are sampled independently: variances add up."""
    counts = {name: sum(one.counts[name] for one in counted) for name in TOGGLES}
    errors = {}
    for name, count in counts.items():
        error = math.sqrt(sum((one.counts[name] * one.standard_errors[name]) ** 2 for one in counted))
        errors[name] = error / count if count else 0.0
    sampled = sum(one.sampled_fraction * macs for one, macs in zip(counted, dense_macs, strict=True))
    return ToggleCounts(counts, errors, sampled / max(sum(dense_macs), 1))
