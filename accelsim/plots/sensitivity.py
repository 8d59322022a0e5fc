"""How far each axis of a study moves each objective: a bar an axis, a panel an objective."""

from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import InputError
from accelsim.plots.style import FONT_POINTS, LINE_COLOURS, WIDTH_INCHES, frame, shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEEDED = ("objective", "axis", "step_factor", "most_factor", "rank_correlation")
_IN_A_ROW = 2


def sensitivity(table: "pd.DataFrame") -> "Figure":
    """Step factors as bars from 1 with a line to the largest; rank correlations where no axis has pairs.

    Parameters
    ----------
    table : one row per objective and axis, in the order drawn: columns `NEEDED`

    Raises
    ------
    InputError
        If a column is missing, or there are no rows.
    """
    from matplotlib.figure import Figure

    for column in NEEDED:
        if column not in table:
            known = ", ".join(table.columns)
            raise InputError(f"sensitivity: the table has no column {column!r}; it has {known}")
    if table.empty:
        raise InputError("sensitivity: the table has no rows")
    panels = list(table.groupby("objective", sort=False))
    across = min(len(panels), _IN_A_ROW)
    down = -(-len(panels) // across)
    bars = max(len(rows) for _, rows in panels)
    figure = Figure(figsize=(WIDTH_INCHES, down * (0.9 + 0.3 * bars)), layout="constrained")
    every = figure.subplots(down, across, squeeze=False).ravel()
    paired = bool(table["step_factor"].notna().any())
    for axes, (objective, rows) in zip(every, panels, strict=False):
        (_factors if paired else _correlations)(axes, rows)
        x = "factor of a step: mean (bar), largest (line)" if paired else "rank correlation"
        frame(axes, x=x, y="", title=str(objective))
        axes.set_yticks(range(len(rows)), [shortened(str(name), 34) for name in rows["axis"]])
        axes.tick_params(labelsize=FONT_POINTS)
        axes.set_ylim(bars - 0.4, -0.6)
        axes.grid(axis="x", linewidth=0.3, color="#BBBBBB")
        axes.set_axisbelow(True)
    for axes in every[len(panels) :]:
        axes.remove()
    return figure


def _factors(axes: "Axes", rows: "pd.DataFrame") -> None:
    """From 1, which moves nothing; an axis without pairs has no bar."""
    mean = np.nan_to_num(rows["step_factor"].to_numpy(float), nan=1.0)
    most = np.nan_to_num(rows["most_factor"].to_numpy(float), nan=1.0)
    places = np.arange(len(rows))
    axes.barh(places, mean - 1, left=1, height=0.7, color=LINE_COLOURS[4], edgecolor=LINE_COLOURS[0])
    axes.hlines(places, mean, most, color=LINE_COLOURS[0], linewidth=1.2)
    axes.plot(most, places, "|", markersize=7, color=LINE_COLOURS[0])
    axes.set_xlim(1, 1 + 1.05 * max(float(most.max()) - 1, 1e-3))


def _correlations(axes: "Axes", rows: "pd.DataFrame") -> None:
    """From 0; an axis of words has none."""
    values = np.nan_to_num(rows["rank_correlation"].to_numpy(float))
    axes.barh(np.arange(len(rows)), values, height=0.7, color=LINE_COLOURS[4], edgecolor=LINE_COLOURS[0])
    axes.axvline(0, color="#444444", linewidth=0.8)
    axes.set_xlim(-1.05, 1.05)
