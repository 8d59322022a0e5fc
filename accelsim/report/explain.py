"""Why one run is faster than another, from what their lane-cycles went to."""

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError
from accelsim.plots import Run, tables_of
from accelsim.plots.run import cycles_by_cause, mean_over_inputs
from accelsim.results import NetworkResult
from accelsim.tables import CAUSES

if TYPE_CHECKING:
    import pandas as pd

# "of the lane-cycles 31 % ..."
CAUSE_WORDS = {
    "mac": "do effectual MACs",
    "zero_mac": "multiply by zero",
    "gated": "are gated",
    "lane_idle": "are idle lanes of working PEs",
    "empty_step": "pass steps without pairs",
    "queue_wait": "wait for a step",
    "send_wait": "wait for the array feed",
    "conflict": "are bank conflicts",
    "imbalance": "are imbalance between PEs",
    "unmapped": "are PEs without work",
    "fill": "fill the pipeline",
    "drain_wait": "wait for outputs to drain",
    "scratchpad_wait": "wait for scratchpad banks",
    "descriptor_wait": "wait for DMA descriptors",
    "fetch_wait": "wait for DRAM fetches",
    "postprocess": "pass in operations of the postprocessor",
}
MOST_CAUSES = 3
# A cause that eats less than this share of what is lost is not worth a reader's time.
LEAST_SHARE_OF_LOSS = 0.05


def run_row(run: Run) -> dict[str, Any]:
    """One row of a sweep: `summary()` and `<cause>_lane_cycles` over all layers and inputs."""
    if isinstance(run, NetworkResult) and run.layer_results:  # without its tables of tiles
        summary, cycles_of = run.summary(), run.lane_cycles()
    else:
        tables = tables_of(run)
        summary, cycles_of = tables.summary, tables.lane_cycles()
    return summary | {f"{cause}_lane_cycles": cycles for cause, cycles in cycles_of.items()}


def sentence(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> str:
    """What a step of a sweep gave, and what eats the rest, in one sentence.

    With an ideal (positive numbers: speed grows as the value does) the causes named are those that
    took more cycles than their share of the ideal; their excesses add up to the cycles lost. Without
    one, or with nothing lost, they are the largest.

    Parameters
    ----------
    before, after : rows of `run_row`, with the swept value under `key`
    key : the swept property, `pe_array.rows` say

    Raises
    ------
    InputError
        If a row lacks a column, or has no cycles.
    """
    for row in (before, after):
        for column in (key, "cycles_mean", *(f"{cause}_lane_cycles" for cause in CAUSES)):
            if column not in row:
                raise InputError(f"sentence: the row has no column {column!r}")
        if not row["cycles_mean"] > 0:
            raise InputError(f"sentence: cycles_mean must be positive, not {row['cycles_mean']!r}")
    speedup = before["cycles_mean"] / after["cycles_mean"]
    ideal = _ideal(before[key], after[key])
    was, now = _shares(before), _shares(after)
    told = f"{_valued(after[key], key)}: {_times(speedup)} {_valued(before[key], key)}"
    if ideal is not None:
        told += f", ideal {_factor(ideal)}" if ideal >= 1 else f", ideal {_factor(1 / ideal)} slower"
    causes = _eaters(was, now, None if ideal is None else speedup / ideal)
    shares = [f"{_percent(now[c])} {CAUSE_WORDS[c]} (was {_percent(was[c])})" for c in causes]
    return f"{told}; of the lane-cycles {', '.join(shares)}"


def compare_runs(before: Run, after: Run) -> "pd.DataFrame":
    """Per layer: how many cycles more `after` takes, and which cause explains most of it.

    Returns
    -------
    DataFrame with one row per layer, in the order of `before`; mean over inputs. Columns: `layer`,
    `before_cycles`, `after_cycles`, `difference_cycles` (after - before), `explained_by` (the cause that
    moved furthest in the same direction; empty without a difference), `explained_cycles`, and
    `<cause>_difference_cycles`, which add up to `difference_cycles`.

    Raises
    ------
    InputError
        If the runs do not have the same layers.
    """
    import pandas as pd

    a, b = tables_of(before), tables_of(after)
    causes_a, causes_b = cycles_by_cause(a), cycles_by_cause(b)
    for one, other, run in ((causes_a, causes_b, b), (causes_b, causes_a, a)):
        missing = [name for name in one.index if name not in other.index]
        if missing:
            raise InputError(f"compare: {run.title} has no layer {missing[0]!r}")
    causes = causes_b.loc[causes_a.index] - causes_a
    was, now = (mean_over_inputs(run.layers, ["cycles"], run.inputs)["cycles"].to_dict() for run in (a, b))
    rows = []
    for name in causes.index:
        difference = dict(zip(CAUSES, causes.loc[name].tolist(), strict=True))
        total = now[name] - was[name]
        explained = explaining_cause(difference, total)
        row = {
            "layer": name,
            "before_cycles": was[name],
            "after_cycles": now[name],
            "difference_cycles": total,
            "explained_by": explained,
            "explained_cycles": difference[explained] if explained else 0.0,
        }
        rows.append(row | {f"{cause}_difference_cycles": difference[cause] for cause in CAUSES})
    return pd.DataFrame(rows)


def compare_text(table: "pd.DataFrame") -> str:
    """The table of `compare_runs` for people: cycles per layer, the cause that explains most, and the sums.

    Returns
    -------
    Lines of at most 100 columns; a difference below 0 is fewer cycles after than before.
    """
    lines = [f"{'layer':<40} {'before':>10} {'after':>10} {'change':>10}  mostly (cycles)"]
    for row in table.to_dict("records"):
        name = str(row["layer"])
        name = name if len(name) <= 40 else f"{name[:18]}...{name[-19:]}"
        cause = f"{row['explained_by']} {row['explained_cycles']:+,.0f}" if row["explained_by"] else "-"
        numbers = f"{row['before_cycles']:>10,.0f} {row['after_cycles']:>10,.0f}"
        lines.append(f"{name:<40} {numbers} {row['difference_cycles']:>+10,.0f}  {cause}")
    before, after = table["before_cycles"].sum(), table["after_cycles"].sum()
    lines.append(f"{'all':<40} {before:>10,.0f} {after:>10,.0f} {after - before:>+10,.0f}")
    sums = {cause: table[f"{cause}_difference_cycles"].sum() for cause in CAUSES}
    moved = sorted((c for c in CAUSES if abs(sums[c]) >= 0.5), key=lambda c: -abs(sums[c]))
    lines.append("by cause: " + (", ".join(f"{c} {sums[c]:+,.0f}" for c in moved) or "no change"))
    lines.append(f"{before / after:.2f}x as fast" if after else "")
    return "\n".join(lines) + "\n"


def explaining_cause(difference: Mapping[str, float], total: float) -> str:
    """The cause that moved furthest in the direction of the whole; empty if the whole did not move."""
    if total == 0:
        return ""
    return max(CAUSES, key=lambda cause: difference[cause] if total > 0 else -difference[cause])


def _shares(row: Mapping[str, Any]) -> dict[str, float]:
    lane_cycles = {cause: row[f"{cause}_lane_cycles"] for cause in CAUSES}
    total = sum(lane_cycles.values())
    return {cause: value / total if total else 0.0 for cause, value in lane_cycles.items()}


def _eaters(was: dict[str, float], now: dict[str, float], reached: float | None) -> list[str]:
    """The causes to name, largest first; `reached` is the share of the ideal speed-up that was had."""
    # In parts of the new duration: cycles now - cycles then / ideal.
    excess = {c: now[c] - (0.0 if reached is None else was[c] * reached) for c in CAUSES}
    loss = sum(excess.values())
    if reached is None or loss <= 0:
        excess, loss = now, 1.0
    ranked = sorted(CAUSES, key=lambda c: -excess[c])
    return [c for c in ranked if excess[c] >= LEAST_SHARE_OF_LOSS * loss][:MOST_CAUSES]


def _ideal(before: Any, after: Any) -> float | None:
    # Real: rows taken from a table hold numpy's numbers.
    numbers = all(isinstance(v, Real) and not isinstance(v, bool) for v in (before, after))
    return float(after / before) if numbers and before > 0 and after > 0 else None


def _valued(value: Any, key: str) -> str:
    """`32 rows` for a count, `peak_gb_per_s 25.6` for a quantity, `weight_policy skip` for a word."""
    name = key.rsplit(".", 1)[-1]
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {name}" if name in ("rows", "columns", "lanes") else f"{name} {text}"


def _times(speedup: float) -> str:
    if f"{speedup:.2f}" == "1.00":
        return "as fast as"
    return f"{_factor(speedup)} faster than" if speedup > 1 else f"{_factor(1 / speedup)} slower than"


def _factor(value: float) -> str:
    """Two digits where they matter: 1.62x, 9.8x, 31x."""
    return f"{value:.2f}x" if value < 4 else f"{value:.1f}x" if value < 20 else f"{value:.0f}x"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
