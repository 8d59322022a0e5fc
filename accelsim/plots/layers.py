"""Cycles by cause and energy by component, one bar per layer."""

from typing import TYPE_CHECKING

import numpy as np

from accelsim.draws import INTERVAL, drawn
from accelsim.errors import InputError
from accelsim.plots.run import Run, bill_lines, cycles_by_cause, mean_over_inputs, tables_of
from accelsim.plots.style import (
    CAUSE_LOOKS,
    bars_height_inches,
    component_looks,
    cycle_scale,
    energy_scale,
    frame,
    legend,
    new_figure,
    stacked_bars,
)
from accelsim.tables import CAUSES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ENERGY_BOUNDS = ("energy_pj", "energy_p05_pj", "energy_p95_pj")


def cycles_table(run: Run) -> "pd.DataFrame":
    """One row per layer: `cycles` and, adding up to them, `<cause>_cycles`; mean over inputs.

    A cause's cycles are its lane-cycles divided by the chip's multipliers.
    """
    tables = tables_of(run)
    causes = cycles_by_cause(tables).add_suffix("_cycles")
    causes.insert(0, "cycles", mean_over_inputs(tables.layers, ["cycles"], tables.inputs)["cycles"])
    return causes.reset_index()


def cycles(run: Run) -> "Figure":
    """Cycles of each layer, stacked by what its lane-cycles went to; the first layer on top."""
    tables = tables_of(run)
    table = cycles_table(tables)
    divisor, unit = cycle_scale(table["cycles"].max())
    figure = new_figure(bars_height_inches(len(table)))
    axes = figure.add_subplot()
    shares = {cause: (table[f"{cause}_cycles"] / divisor).tolist() for cause in CAUSES}
    handles = stacked_bars(axes, table["layer"].tolist(), shares, CAUSE_LOOKS)
    frame(axes, x=f"duration ({unit})", y="layer", title=f"{tables.title}: cycles by cause")
    legend(figure, handles, "lane-cycles")
    return figure


def energy_table(run: Run) -> "pd.DataFrame":
    """One row per layer: `energy_pj`, the ends of its 90 % interval, and `<component>_pj`; mean over inputs.

    Raises
    ------
    InputError
        If the run carries no energy rows.
    """
    tables = tables_of(run)
    if tables.energy.empty:
        raise InputError(f"{tables.title}: the run has no energy rows to draw")
    bill = tables.energy
    components = list(dict.fromkeys(bill["component"]))
    by = bill.groupby(["layer", "component"], sort=False)["pj"].sum().unstack(fill_value=0)
    bounds = mean_over_inputs(tables.layers, ["energy_pj"], tables.inputs)
    drawn_pj = drawn(bill_lines(tables), len(bounds))
    for column, percent in zip(ENERGY_BOUNDS[1:], INTERVAL, strict=True):
        bounds[column] = np.percentile(drawn_pj, percent, axis=0)
    shares = by.reindex(index=bounds.index, columns=components, fill_value=0.0) / tables.inputs
    return bounds.join(shares.add_suffix("_pj")).reset_index()


def energy(run: Run) -> "Figure":
    """Energy of each layer, stacked by component, with the middle 90 % of its draws as a thin line."""
    tables = tables_of(run)
    table = energy_table(tables)
    divisor, unit = energy_scale(table["energy_pj"].max())
    components = [c.removesuffix("_pj") for c in table.columns if c not in ("layer", *ENERGY_BOUNDS)]
    figure = new_figure(bars_height_inches(len(table)))
    axes = figure.add_subplot()
    shares = {c: (table[f"{c}_pj"] / divisor).tolist() for c in components}
    handles = stacked_bars(axes, table["layer"].tolist(), shares, component_looks(components))
    low, middle, high = (table[column] / divisor for column in ENERGY_BOUNDS)
    interval = axes.errorbar(
        middle,
        range(len(table)),
        xerr=[(middle - low).clip(lower=0), (high - middle).clip(lower=0)],
        fmt="none",
        ecolor="black",
        elinewidth=0.7,
        capsize=1.5,
        capthick=0.7,
        label="90 % of draws of prices",
    )
    frame(axes, x=f"energy ({unit})", y="layer", title=f"{tables.title}: energy by component")
    legend(figure, [*handles, interval], "component")
    return figure
