"""Cycles and energy of a network while one property of the chip is swept."""

from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError
from accelsim.plots.style import (
    FONT_POINTS,
    LINE_COLOURS,
    MARKERS,
    cycle_scale,
    energy_scale,
    frame,
    legend,
    new_figure,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEEDED = ("cycles_mean", "energy_uj_mean")


def sweep_table(table: "pd.DataFrame", axis: str, by: str | None = None) -> "pd.DataFrame":
    """The rows drawn: ascending along `axis`, with `ideal_cycles` where its values are positive numbers.

    The ideal is the first row's cycles divided by how far the value has grown since.

    Parameters
    ----------
    table : one row per simulated chip: `axis` and the keys of `NetworkResult.summary()`
    axis : column with the swept value
    by : column whose values become a line each; one line if not given

    Raises
    ------
    InputError
        If a column is missing, the table is empty, or two rows of a line have the same value.
    """
    import pandas as pd

    for column in (axis, *NEEDED, *([by] if by else [])):
        if column not in table:
            raise InputError(f"sweep: the table has no column {column!r}; it has {', '.join(table.columns)}")
    if table.empty:
        raise InputError(f"sweep over {axis}: the table has no rows")
    lines = [rows for _, rows in table.groupby(by, sort=False)] if by else [table]
    optional = [c for c in ("energy_uj_p05", "energy_uj_p95", "network", "chip") if c in table]
    done = []
    for rows in lines:
        twice = rows[axis][rows[axis].duplicated()].tolist()
        if twice:
            raise InputError(
                f"sweep over {axis}: more than one row for {twice[0]!r}; "
                "say with `by` which column tells them apart"
            )
        columns = list(dict.fromkeys([*([by] if by else []), axis, *NEEDED, *optional]))
        line = rows[columns]
        if _numeric(table, axis):
            line = line.sort_values(axis, kind="stable")
            growth = line[axis] / line[axis].iloc[0]
            line = line.assign(ideal_cycles=line["cycles_mean"].iloc[0] / growth)
        done.append(line)
    return pd.concat(done, ignore_index=True)


def sweep(table: "pd.DataFrame", axis: str, by: str | None = None) -> "Figure":
    """Two panels against the swept value: cycles with the ideal, and energy with its low to high band.

    Numbers that span a factor of four or more are drawn on a logarithmic axis, others on a linear one;
    values that are no numbers stand side by side, without lines. Parameters and errors as `sweep_table`.
    """
    drawn = sweep_table(table, axis, by)
    lines = list(drawn.groupby(by, sort=False)) if by else [("simulated", drawn)]
    cycles_divisor, cycles_unit = cycle_scale(drawn["cycles_mean"].max())
    pj_divisor, energy_unit = energy_scale(drawn["energy_uj_mean"].max() * 1e6)
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    places, numeric = _places(drawn, axis), _numeric(drawn, axis)
    handles: list[object] = []
    for index, (name, line) in enumerate(lines):
        colour = LINE_COLOURS[index % len(LINE_COLOURS)]
        style = {"color": colour, "marker": MARKERS[index % len(MARKERS)], "markersize": 4, "linewidth": 1.2}
        style |= {} if numeric else {"linestyle": "none"}
        x = [places[value] for value in line[axis]]
        handles += left.plot(x, line["cycles_mean"] / cycles_divisor, label=str(name), **style)
        right.plot(x, line["energy_uj_mean"] * 1e6 / pj_divisor, label=str(name), **style)
        if "energy_uj_p05" in line and "energy_uj_p95" in line:
            band = [line[f"energy_uj_{end}"] * 1e6 / pj_divisor for end in ("p05", "p95")]
            prices = {"color": colour, "label": "low to high price"}
            if numeric:
                shade = right.fill_between(x, *band, alpha=0.12, linewidth=0, **prices)
            else:
                shade = right.vlines(x, *band, alpha=0.3, linewidth=4, **prices)
            handles += [shade] if index == len(lines) - 1 else []
        if "ideal_cycles" in line:
            ideal = {"color": colour, "linestyle": ":", "linewidth": 1.2}
            drawn_ideal = left.plot(x, line["ideal_cycles"] / cycles_divisor, label="ideal", **ideal)
            handles += drawn_ideal if index == len(lines) - 1 else []
    logarithmic = _spans_octaves(drawn, axis)
    quantities = (f"duration of an inference ({cycles_unit})", f"energy of an inference ({energy_unit})")
    for panel, what in zip((left, right), quantities, strict=True):
        _mark_values(panel, places, logarithmic)
        frame(panel, x=axis, y=what)
        panel.grid(linewidth=0.3, color="#BBBBBB")
    right.set_ylim(bottom=0)
    if logarithmic:
        _logarithmic_cycles(left)
    else:
        left.set_ylim(bottom=0)
    if len(handles) > 1:
        legend(figure, handles, by)
    figure.suptitle(_title(drawn, axis), fontsize=FONT_POINTS + 1, x=0.01, ha="left")
    return figure


def _numeric(table: "pd.DataFrame", axis: str) -> bool:
    """Whether the swept values are positive numbers, of which a ratio means something."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    values = table[axis]
    return bool(is_numeric_dtype(values) and not is_bool_dtype(values) and (values > 0).all())


def _spans_octaves(table: "pd.DataFrame", axis: str) -> bool:
    return _numeric(table, axis) and bool(table[axis].max() >= 4 * table[axis].min())


def _places(table: "pd.DataFrame", axis: str) -> dict[Any, float]:
    """Where each swept value stands: at its number, or one after the other."""
    values = list(dict.fromkeys(table[axis]))
    if _numeric(table, axis):
        return {value: float(value) for value in sorted(values)}
    return {value: float(place) for place, value in enumerate(values)}


def _mark_values(axes: "Axes", places: dict[Any, float], logarithmic: bool) -> None:
    """Ticks at the swept values themselves."""
    if logarithmic:
        axes.set_xscale("log", base=2)
    axes.minorticks_off()
    labels = [f"{v:g}" if isinstance(v, (int, float)) else str(v) for v in places]
    axes.set_xticks(list(places.values()), labels)


def _logarithmic_cycles(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    # Where x spans a factor of four, so does the ideal: there is room for more than one tick.
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _title(table: "pd.DataFrame", axis: str) -> str:
    """Network and chip where all rows share them."""
    same = {c: list(dict.fromkeys(table[c])) for c in ("network", "chip") if c in table}
    network, chip = (same.get(c, []) for c in ("network", "chip"))
    words = [*network[:1]] if len(network) == 1 else []
    words += [f"on {chip[0]}"] if len(chip) == 1 else []
    return " ".join([*words, f"against {axis}"] if words else [f"cycles and energy against {axis}"])
