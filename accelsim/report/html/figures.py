"""Headline figures: each with its unit, its bounds where it has some, and its definition."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from accelsim.report.html.definitions import glossary
from accelsim.report.html.tables import number_text


class Figure(NamedTuple):
    """A figure as a page shows it."""

    key: str
    label: str
    value: str
    unit: str
    range: str
    meaning: str


class Shown(NamedTuple):
    """How a figure of a summary is shown; `ends`: keys of its low and high end, and what lies between."""

    key: str
    label: str
    unit: str
    scale: float
    digits: int
    ends: tuple[str, str, str] | None = None


FIGURES = (
    Shown("cycles_mean", "Duration", "cycles", 1, 0),
    Shown("ms_per_inference", "Time", "ms", 1, 3),
    Shown("inferences_per_s", "Rate", "inferences/s", 1, 1),
    Shown("utilisation_fraction", "Utilisation", "%", 100, 1),
    Shown("effective_tops", "Effective throughput", "TOPS", 1, 3),
    Shown("peak_tops", "Peak throughput", "TOPS", 1, 3),
    Shown("dram_mb_per_inference", "DRAM traffic", "MB", 1, 2),
    Shown("energy_uj_mean", "Energy", "µJ", 1, 1, ("energy_uj_p05", "energy_uj_p95", "90 % of draws")),
    Shown("power_mw", "Power", "mW", 1, 0),
    Shown("effective_tops_per_watt", "Efficiency", "TOPS/W", 1, 3),
    Shown("area_mm2", "Area", "mm²", 1, 2, ("area_low_mm2", "area_high_mm2", "bounds")),
    Shown("effectual_fraction", "Effectual MACs", "%", 100, 1),
    Shown("speedup_limit", "Zeros' limit", "x", 1, 2),
    Shown("weight_density_fraction", "Weight density", "%", 100, 1),
    Shown("activation_density_fraction", "Activation density", "%", 100, 1),
)


def figures(summary: Mapping[str, Any]) -> list[Figure]:
    """The figures that a summary has, `bound_by` last."""
    found = []
    for shown in FIGURES:
        value = summary.get(shown.key)
        if value is None or math.isnan(value):
            continue
        between = ""
        if shown.ends is not None and not math.isnan(summary.get(shown.ends[0], math.nan)):
            low, high = (number_text(summary[end] * shown.scale, shown.digits) for end in shown.ends[:2])
            between = f"{low} to {high}, {shown.ends[2]}"
        text = number_text(value * shown.scale, shown.digits)
        meaning = glossary().get(shown.key, "")
        found.append(Figure(shown.key, shown.label, text, shown.unit, between, meaning))
    if "bound_by" in summary:
        meaning = glossary().get("bound_by", "")
        found.append(Figure("bound_by", "Bound by", str(summary["bound_by"]), "", "", meaning))
    return found
