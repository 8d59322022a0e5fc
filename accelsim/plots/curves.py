"""Lines of one quantity against another: a curve for each value of a column."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError
from accelsim.plots.style import LINE_COLOURS, MARKERS, frame, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def curves(
    table: "pd.DataFrame",
    x: str,
    y: str,
    by: str,
    labels: Mapping[str, str],
    *,
    logarithmic: bool = False,
    ideal: bool = False,
    limits: tuple[float, float] | None = None,
    level: float | None = None,
    level_label: str = "",
    title: str = "",
) -> "Figure":
    """Curves of column `y` against `x`, one for each value of `by`.

    Parameters
    ----------
    labels : what the axes say, with the unit, by column
    logarithmic : of y; x is drawn to base 2 where it spans a factor of 16
    ideal : also draw y = x
    limits : of y
    level, level_label : a horizontal line at this y, and what the legend calls it; nothing: the axis says it

    Raises
    ------
    InputError
        If the table has no rows or lacks a column.
    """
    for column in (x, y, by):
        if column not in table:
            raise InputError(f"curves: the table has no column {column!r}; it has {', '.join(table.columns)}")
    if table.empty:
        raise InputError(f"curves of {y}: the table has no rows")
    figure = new_figure(3.6)
    axes = figure.subplots()
    handles: list[object] = []
    for index, (name, rows) in enumerate(table.groupby(by, sort=False)):
        colour, marker = LINE_COLOURS[index % len(LINE_COLOURS)], MARKERS[index % len(MARKERS)]
        look: dict[str, Any] = {"color": colour, "marker": marker}
        if index >= len(LINE_COLOURS):
            look["linestyle"] = "--"
        handles += axes.plot(rows[x], rows[y], label=str(name), markersize=4, linewidth=1.2, **look)
    values = sorted(set(table[x]))
    if ideal:
        handles += axes.plot(values, values, color="#888888", linestyle=":", label="ideal")
    if level is not None:
        line = axes.axhline(level, color="#888888", linewidth=0.8, label=level_label)
        handles += [line] if level_label else []
    _scale(axes, values, logarithmic)
    if limits is not None:
        axes.set_ylim(*limits)
    axes.minorticks_off()
    frame(axes, x=labels[x], y=labels[y], title=title)
    axes.grid(linewidth=0.3, color="#BBBBBB")
    legend(figure, handles, by)
    return figure


def _scale(axes: "Axes", values: list[float], logarithmic: bool) -> None:
    """Scales of x, by the values that it takes, and of y."""
    if values[0] > 0 and values[-1] >= 16 * values[0]:
        axes.set_xscale("log", base=2)
        axes.set_xticks(values, [f"{v:g}" for v in values])
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
