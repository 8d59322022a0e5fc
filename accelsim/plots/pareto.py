"""Plans of a layer that no other dominates in DRAM bytes, cycles and energy, and the one that was chosen."""

from math import ceil
from typing import TYPE_CHECKING

from accelsim.errors import InputError
from accelsim.plots.style import FONT_POINTS, SMALL_FONT_POINTS, cycle_scale, frame, new_figure, shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NEEDED = ("layer", "plan", "dram_bytes", "cycles", "energy_uj")
_COLUMNS = 3


def pareto(table: "pd.DataFrame") -> "Figure":
    """DRAM bytes against cycles, a panel per layer; the colour is energy over the panel's least.

    Parameters
    ----------
    table : layer, plan (best, pareto), dram_bytes, cycles, energy_uj, as `study.mapping.plans_table` gives it

    Raises
    ------
    InputError
        If a column is missing, or there are no rows.
    """
    for column in NEEDED:
        if column not in table:
            raise InputError(f"pareto: the table has no column {column!r}; it has {', '.join(table.columns)}")
    if table.empty:
        raise InputError("pareto: the table has no rows")
    names = list(dict.fromkeys(table["layer"]))
    rows, columns = ceil(len(names) / _COLUMNS), min(len(names), _COLUMNS)
    figure = new_figure(0.6 + 2.5 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(panels, names, strict=False):
        here = table[table["layer"] == name]
        points = here[here["plan"] == "pareto"].sort_values("dram_bytes")
        best = here[here["plan"] == "best"]
        divisor, unit = cycle_scale(float(here["cycles"].max()))
        more = 100 * (points["energy_uj"] / points["energy_uj"].min() - 1)
        drawn = axes.scatter(
            points["dram_bytes"] / 1e3, points["cycles"] / divisor, c=more, cmap="viridis", s=16, zorder=2
        )
        axes.scatter(
            best["dram_bytes"] / 1e3,
            best["cycles"] / divisor,
            marker="o",
            s=80,
            facecolors="none",
            edgecolors="#D55E00",
            linewidths=1.4,
            zorder=3,
        )
        frame(axes, x="DRAM traffic (kB)", y=unit, title=shortened(str(name)))
        axes.grid(linewidth=0.3, color="#DDDDDD")
        bar = figure.colorbar(drawn, ax=axes)
        bar.set_label("energy above the least (%)", fontsize=SMALL_FONT_POINTS)
        bar.ax.tick_params(labelsize=SMALL_FONT_POINTS)
    figure.suptitle(
        "Plans that no other dominates in DRAM bytes, cycles and energy, as predicted; circled: the best",
        fontsize=FONT_POINTS + 1,
        x=0.01,
        ha="left",
    )
    return figure
