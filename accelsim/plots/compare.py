"""Several runs side by side: cycles by cause and speed-up over a named baseline."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accelsim.errors import InputError
from accelsim.plots.run import Run, RunTables, cycles_by_cause, tables_of
from accelsim.plots.style import (
    CAUSE_LOOKS,
    FONT_POINTS,
    bars_height_inches,
    cycle_scale,
    frame,
    legend,
    new_figure,
    stacked_bars,
)
from accelsim.tables import CAUSES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def compare_table(
    runs: Sequence[Run], baseline: str | None = None, names: Sequence[str] | None = None
) -> "pd.DataFrame":
    """One row per run: its name, cycles of an inference, `speedup` over `baseline`, `<cause>_cycles`.

    Parameters
    ----------
    runs : runs with equal dense MACs per inference: the same network, pruned or not
    baseline : name of the run that speed-ups refer to; the first if not given
    names : a name for each run; the chips' names if not given (with the network's, where networks differ)

    Raises
    ------
    InputError
        If there are no runs, two share a name, their dense MACs differ, or none is the baseline.
    """
    import pandas as pd

    tables = [tables_of(run) for run in runs]
    labels = _names(tables, names)
    base = _baseline(tables, labels, baseline)
    base_cycles = tables[base].layers["cycles"].sum() / tables[base].inputs
    rows = []
    for label, run in zip(labels, tables, strict=True):
        cycles = run.layers["cycles"].sum() / run.inputs
        row = {"run": label, "network": run.network, "chip": run.chip.name, "cycles": cycles}
        row |= {"baseline": labels[base], "speedup": base_cycles / cycles}
        rows.append(row | cycles_by_cause(run).sum().add_suffix("_cycles").to_dict())
    return pd.DataFrame(rows)


def compare(runs: Sequence[Run], baseline: str | None = None, names: Sequence[str] | None = None) -> "Figure":
    """Cycles of an inference in each run, stacked by cause; the speed-up stands beside each bar.

    Parameters and errors as `compare_table`.
    """
    table = compare_table(runs, baseline, names)
    divisor, unit = cycle_scale(table["cycles"].max())
    figure = new_figure(bars_height_inches(len(table)))
    axes = figure.add_subplot()
    shares = {cause: (table[f"{cause}_cycles"] / divisor).tolist() for cause in CAUSES}
    handles = stacked_bars(axes, table["run"].tolist(), shares, CAUSE_LOOKS)
    for position, (cycles, speedup) in enumerate(zip(table["cycles"], table["speedup"], strict=True)):
        axes.annotate(
            f"{speedup:.2f}x",
            (cycles / divisor, position),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT_POINTS,
        )
    # Room for the label of the longest bar.
    axes.set_xlim(0, 1.1 * table["cycles"].max() / divisor)
    title = f"cycles by cause, speed-up over {table['baseline'][0]}"
    if table["network"].nunique() == 1:  # several are told by the bars' names
        title = f"{table['network'][0]}: {title}"
    frame(axes, x=f"duration of an inference ({unit})", y="", title=title)
    legend(figure, handles, "lane-cycles")
    return figure


def _names(tables: list[RunTables], names: Sequence[str] | None) -> list[str]:
    if not tables:
        raise InputError("compare: needs at least one run, not none")
    if names is None:
        one = len({run.network for run in tables}) == 1
        names = [run.chip.name if one else f"{run.chip.name}, {run.network}" for run in tables]
    if len(names) != len(tables):
        raise InputError(f"compare: needs a name for each of {len(tables)} runs, not {len(names)}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"compare: runs must differ in name, not two named {twice!r}")
    return list(names)


def _baseline(tables: list[RunTables], names: list[str], name: str | None) -> int:
    macs = [run.layers["dense_macs"].sum() / run.inputs for run in tables]
    if len(set(macs)) > 1:
        given = ", ".join(f"{n}: {m:.0f}" for n, m in zip(names, macs, strict=True))
        raise InputError(f"compare: runs must have equal dense MACs per inference, not {given}")
    if name is None:
        return 0
    if name not in names:
        raise InputError(f"compare: baseline must be one of {'; '.join(names)}, not {name!r}")
    return names.index(name)
