"""What compression gave each chip, said from the cycles that went away and what they were spent on."""

from typing import TYPE_CHECKING, Any

from accelsim.results import ratio

if TYPE_CHECKING:
    import pandas as pd

# Less is no gain: another choice of plan may give as much.
LEAST_GAIN = 1.1


def sentences(table: "pd.DataFrame", network: str) -> tuple[str, ...]:
    """One sentence per chip about its encoded variant, and one over all chips before them.

    Parameters
    ----------
    table : of `compression_study`
    """
    encoded = table[table["variant"] == "encoded"]
    first = table[table["variant"] == "uncompressed"].set_index("chip")
    rows: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} | {"was": first.loc[row["chip"]].to_dict()}
        for row in encoded.to_dict("records")
    ]
    return (_over_all(rows, network), *(_of_chip(row) for row in rows))


def cause_of(row: dict[str, Any]) -> str:
    """`none` below LEAST_GAIN; else what most of the cycles saved had been: `memory` or `array`.

    Cycles of the postprocessor's operations are streams of tensors: their savings count as memory.
    """
    if row["speedup"] < LEAST_GAIN:
        return "none"
    memory = row["saved_dram_wait_cycles"] + row["saved_operation_cycles"]
    return "memory" if memory > row["saved_array_cycles"] else "array"


def _over_all(rows: list[dict[str, Any]], network: str) -> str:
    by: dict[str, list[str]] = {"memory": [], "array": [], "none": []}
    for row in rows:
        by[cause_of(row)].append(row["chip"])
    gained = len(by["memory"]) + len(by["array"])
    told = f"{network}: encoded, {gained} of {len(rows)} chips are at least {LEAST_GAIN} times as fast"
    parts = [
        f"on {len(by[cause])} most of what is saved {what} ({', '.join(by[cause])})"
        for cause, what in (("memory", "was waiting for DRAM"), ("array", "was work of the array"))
        if by[cause]
    ]
    if by["none"]:
        parts.append(f"{len(by['none'])} gain nothing ({', '.join(by['none'])})")
    return "; ".join([told, *parts])


def _of_chip(row: dict[str, Any]) -> str:
    was = row["was"]
    told = (
        f"{row['chip']}: {row['speedup']:.2f} times as fast with {100 * row['dram_bytes_fraction']:.0f} % of "
        f"the bytes and {100 * row['energy_fraction']:.0f} % of the energy; before, "
        f"{100 * was['dram_bound_fraction']:.0f} % of the cycles were in layers bound by DRAM"
    )
    if row["saved_cycles"] <= 0:
        return f"{told}; no cycle is saved"
    if cause_of(row) == "none":
        return (
            f"{told}; {100 * ratio(row['cycles'], was['cycles']):.0f} % of the cycles are left, "
            f"{100 * row['dram_bound_fraction']:.0f} % of these in layers bound by DRAM"
        )
    shares = [
        (row[f"saved_{key}_cycles"] / row["saved_cycles"], what)
        for key, what in (
            ("dram_wait", "waited for DRAM"),
            ("array", "were the array's"),
            ("operation", "were operations of the postprocessor"),
        )
    ]
    parts = [f"{_percent(share)} {what}" for share, what in sorted(shares, reverse=True) if share >= 0.05]
    return f"{told}; of the cycles saved {', '.join(parts)}"


def _percent(share: float) -> str:
    """More than all is saved where something else takes longer than before."""
    return "all" if share >= 0.995 else f"{100 * share:.0f} %"
