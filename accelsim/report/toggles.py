"""Toggles of a run for its summary and its readers (docs/dataflows/toggles.md)."""

from typing import Any

from accelsim.results import NetworkResult
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
    """One sentence: how many toggles, how sure, and that they price registers and wires."""
    found = network_toggles(result)
    if found is None:
        return []
    where = {
        "operand registers": OF_REGISTERS,
        "accumulators": ("accumulator_toggles",),
        "buses": OF_BUSES,
    }
    parts = [f"{_text(found, names, result.inputs)} in {what}" for what, names in where.items()]
    how = "all work"
    if found.sampled_fraction < 1:
        how = f"samples, {100 * found.sampled_fraction:.1f} % of the dense MACs (standard error in brackets)"
    return [
        f"{result.chip.name}: million toggles per inference, counted from {how}: {', '.join(parts)}; they "
        "price operand registers, accumulators and wires."
    ]


def _text(found: ToggleCounts, names: tuple[str, ...], inputs: int) -> str:
    count = sum(found.counts[name] for name in names)
    # Counts of the same sets err together: their errors add up.
    wrong = sum(found.counts[name] * found.standard_errors[name] for name in names)
    error = f" ({100 * wrong / count:.2f} %)" if wrong else ""
    return f"{count / 1e6 / inputs:.1f}{error}"
