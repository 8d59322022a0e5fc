"""Points of a study: one quantity against another, a colour per value of a column, the front marked."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import InputError
from accelsim.plots.style import (
    LINE_COLOURS,
    MARKERS,
    SMALL_FONT_POINTS,
    frame,
    legend,
    new_figure,
    shortened,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_TICKS = 12  # more values than this do not all stand below an axis


def points(
    table: "pd.DataFrame",
    x: str,
    y: str,
    by: str,
    labels: dict[str, str],
    front: "pd.Series | None" = None,
    named: Mapping[Any, str] | None = None,
    title: str = "",
    joined: bool = True,
) -> "Figure":
    """Every row as a point of `y` against `x`; x in the order of its values if they are text.

    Parameters
    ----------
    by : column with a colour for each value
    labels : what the axes say, with the unit, by column
    front : bool of each row: circled
    joined : a line through the circled rows of each value of `by`: of two objectives the front's edge
    named : what is written beside rows, by their index; they have a star

    Raises
    ------
    InputError
        If the table has no rows or lacks a column.
    """
    for column in (x, y, by):
        if column not in table:
            raise InputError(f"points: the table has no column {column!r}; it has {', '.join(table.columns)}")
    if table.empty:
        raise InputError(f"points of {y}: the table has no rows")
    figure = new_figure(3.6)
    axes = figure.subplots()
    handles: list[object] = []
    across = places(table[x])
    for index, (name, rows) in enumerate(table.groupby(by, sort=False, dropna=False)):
        colour, marker = LINE_COLOURS[index % len(LINE_COLOURS)], MARKERS[index % len(MARKERS)]
        here = across[rows.index]
        label = shortened(str(name), 34)
        handles.append(axes.scatter(here, rows[y], s=22, color=colour, marker=marker, label=label, zorder=3))
        if front is not None and front[rows.index].any():
            best = rows[front[rows.index]]
            line = np.array(sorted(zip(across[best.index], best[y], strict=True)))
            if joined:
                axes.plot(line[:, 0], line[:, 1], color=colour, linewidth=0.8, zorder=2)
            axes.plot(
                line[:, 0], line[:, 1], "o", markersize=9, markerfacecolor="none", color=colour, zorder=2
            )
    for index, text in (named or {}).items():
        _star(axes, float(across[index]), float(table[y][index]), text)
    _mark_values(axes, table[x], across)
    frame(axes, x=labels[x], y=labels[y], title=title)
    axes.grid(linewidth=0.3, color="#BBBBBB")
    axes.set_axisbelow(True)
    low, high = min(0.0, float(table[y].min())), float(table[y].max())
    axes.set_ylim(low, high + 0.06 * (high - low) or 1.0)  # a point at the edge would be cut
    legend(figure, handles, by)
    return figure


def _star(axes: "Axes", x: float, y: float, text: str) -> None:
    """A point that stands out, and its name."""
    axes.scatter([x], [y], s=150, marker="*", color="#F0E442", edgecolors="#000000", zorder=4)
    axes.annotate(
        text, (x, y), xytext=(7, 6), textcoords="offset points", fontsize=SMALL_FONT_POINTS, zorder=5
    )


def _mark_values(axes: "Axes", given: "pd.Series", across: "pd.Series") -> None:
    """Name the values below the axis, if they are text, or few and far enough from each other."""
    values = sorted(set(across))
    if given.dtype.kind not in "iuf":
        names = dict(zip(across, given, strict=True))
        axes.set_xticks(values, [shortened(str(names[value]), 14) for value in values])
    elif len(values) <= _MOST_TICKS and _apart(values):
        if values[0] > 0 and values[-1] >= 4 * values[0]:
            axes.set_xscale("log", base=2)
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.minorticks_off()


def _apart(values: Sequence[float]) -> bool:
    """Whether the values of an axis, each named below it, leave room for their names."""
    if len(values) > 1 and values[0] > 0 and values[-1] >= 4 * values[0]:
        values = [float(np.log2(value)) for value in values]
    return len(values) < 2 or float(np.diff(values).min()) >= (values[-1] - values[0]) / _MOST_TICKS


def places(values: "pd.Series") -> "pd.Series":
    """Where each value stands on an axis: at its number, or text in the order it comes."""
    if values.dtype.kind in "iuf":
        return values.astype(float)
    order = {value: float(place) for place, value in enumerate(dict.fromkeys(values))}
    return values.map(order)
