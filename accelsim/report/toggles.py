"""Toggles of a run for its summary and its readers (docs/dataflows/toggles.md)."""

from typing import Any

from accelsim.results import NetworkResult, ratio
from accelsim.toggles import OF_BUSES, OF_REGISTERS, ToggleCounts, summed


def network_toggles(result: NetworkResult) -> ToggleCounts | None:
    """Sums over all layers and inputs; None if none were counted."""
    counted = [(r.toggles, r.totals["dense_macs"]) for r in result.layer_results if r.toggles is not None]
    return summed([one for one, _ in counted], [macs for _, macs in counted]) if counted else None


def toggles_document(result: NetworkResult) -> dict[str, Any]:
    """For summary.json: every sum and its relative standard error; nothing if none were counted."""
    found = network_toggles(result)
    if found is None:
        return {}
    totals = {
        name: {"count": count, "relative_standard_error": found.standard_errors[name]}
        for name, count in found.counts.items()
    }
    return {"toggles": {"sampled_fraction": found.sampled_fraction, "totals": totals}}


def toggle_note(result: NetworkResult) -> list[str]:
    """One sentence: how toggles were counted, and how sure their numbers and the energy are."""
    found = network_toggles(result)
    if found is None:
        return []
    if found.sampled_fraction == 1:
        return [f"{result.chip.name}: all toggles counted."]
    where = {"registers": OF_REGISTERS, "accumulators": ("accumulator_toggles",), "buses": OF_BUSES}
    errors = ", ".join(f"{100 * _error(found, names):.2g} % of {what}" for what, names in where.items())
    summary = result.summary()
    of_energy = ratio(summary["energy_uj_toggle_error"], summary["energy_uj_mean"])
    return [
        f"{result.chip.name}: toggles sampled, {100 * found.sampled_fraction:.1f} % of the dense MACs; "
        f"standard error {errors}, {100 * of_energy:.2g} % of the energy."
    ]


def _error(found: ToggleCounts, names: tuple[str, ...]) -> float:
    """Relative standard error of a sum at most: counts of the same units err together, so errors add up."""
    wrong = sum(found.counts[name] * found.standard_errors[name] for name in names)
    return wrong / max(sum(found.counts[name] for name in names), 1)
