"""Throughput of each layer against its operations per DRAM byte, under the chip's two ceilings.

A layer stands there twice: with its *dense* operations (effective TOPS; skipping zeros lifts it above
the multipliers' peak) and with its *effectual* ones (which no chip lifts above it). Both divide by the
same bytes and the same time, so the line that joins them shows the factor the zeros give.
"""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.plots.run import Run, RunTables, mean_over_inputs, tables_of
from accelsim.plots.style import BOUND_COLOURS, SMALL_FONT_POINTS, frame, legend, new_figure, shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

NAMED_LAYERS = 8


def roofline_table(run: Run) -> "pd.DataFrame":
    """One row per layer with MACs: where it stands under the ceilings; mean over inputs.

    Columns: `layer`, `bound_by`, `cycles`, `dram_bytes`, `dense_operations` and `effectual_operations`
    (two per MAC), `dense_operations_per_byte`, `effectual_operations_per_byte` (inf without DRAM
    traffic), `effective_tops`, `effectual_tops`.
    """
    tables = tables_of(run)
    columns = ["cycles", "dense_macs", "effectual_macs", "dram_read_bytes", "dram_write_bytes"]
    mean = mean_over_inputs(tables.layers, columns, tables.inputs)
    table = mean[["cycles"]].copy()
    table.insert(0, "bound_by", tables.layers.groupby("layer", sort=False)["bound_by"].first())
    table["dram_bytes"] = mean["dram_read_bytes"] + mean["dram_write_bytes"]
    seconds = mean["cycles"] / (tables.chip.clock_mhz * 1e6)
    for kind, tops in (("dense", "effective_tops"), ("effectual", "effectual_tops")):
        operations = 2 * mean[f"{kind}_macs"]
        table[f"{kind}_operations"] = operations
        with np.errstate(divide="ignore", invalid="ignore"):
            table[f"{kind}_operations_per_byte"] = operations / table["dram_bytes"]
        table[tops] = operations / seconds / 1e12
    return table[table["dense_operations"] > 0].reset_index()


def roofline(run: Run) -> "Figure":
    """Effective (filled) and effectual (hollow) TOPS of each layer; the longest layers are named.

    Layers without DRAM traffic have no place on the axis; the title says how many there are.

    Raises
    ------
    InputError
        If no layer has both MACs and DRAM traffic.
    """
    tables = tables_of(run)
    every = roofline_table(tables)
    table = every[every["dram_bytes"] > 0].reset_index(drop=True)
    if table.empty:
        raise InputError(f"{tables.title}: no layer has both MACs and DRAM traffic to draw")
    figure = new_figure(5.2)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_yscale("log")
    memory, peak = _ceilings(axes, tables, table)
    handles = [*_points(axes, table), memory, peak]
    left_out = len(every) - len(table)
    title = f"{tables.title}: roofline" + (f" ({left_out} layers without DRAM traffic)" if left_out else "")
    frame(axes, x="operations per DRAM byte (operations/byte)", y="throughput (TOPS)", title=title)
    axes.grid(which="major", linewidth=0.3, color="#BBBBBB")
    axes.set_axisbelow(True)
    _name_longest(axes, table, (memory, peak))
    legend(figure, handles)
    return figure


def _points(axes: "Axes", table: "pd.DataFrame") -> list[object]:
    from matplotlib.lines import Line2D

    handles: list[object] = []
    for bound, colour in BOUND_COLOURS.items():
        rows = table[table["bound_by"] == bound]
        if rows.empty:
            continue
        seen = rows[rows["effectual_operations"] > 0]
        axes.plot(
            [seen["effectual_operations_per_byte"], seen["dense_operations_per_byte"]],
            [seen["effectual_tops"], seen["effective_tops"]],
            color=colour,
            linewidth=0.5,
            alpha=0.5,
        )
        axes.scatter(
            seen["effectual_operations_per_byte"],
            seen["effectual_tops"],
            s=14,
            marker="s",
            facecolors="white",
            edgecolors=colour,
            linewidths=0.7,
            zorder=3,
        )
        axes.scatter(rows["dense_operations_per_byte"], rows["effective_tops"], s=18, color=colour, zorder=4)
        bound_name = "DRAM" if bound == "dram" else bound
        handles.append(
            Line2D([], [], color=colour, marker="o", linestyle="", label=f"layer bound by {bound_name}")
        )
    grey: dict[str, Any] = {"color": "#444444", "linestyle": "", "markersize": 4}
    handles.append(Line2D([], [], marker="o", **grey, label="dense operations"))
    handles.append(
        Line2D([], [], marker="s", markerfacecolor="white", **grey, label="effectual operations only")
    )
    return handles


def _ceilings(axes: "Axes", tables: RunTables, table: "pd.DataFrame") -> "tuple[Line2D, Line2D]":
    chip = tables.chip
    gb_per_s = float(chip.dram_bytes_per_cycle) * chip.clock_mhz / 1e3
    seen = table.loc[table["effectual_operations"] > 0, "effectual_operations_per_byte"]
    ridge = chip.peak_tops * 1e3 / gb_per_s  # operations per byte where the ceilings meet
    places = [*table["dense_operations_per_byte"], *seen, ridge]
    x = np.array([min(places) / 2, max(places) * 2])
    rates = [*table["effective_tops"], *table.loc[seen.index, "effectual_tops"], chip.peak_tops]
    (memory,) = axes.plot(
        x,
        x * gb_per_s / 1e3,
        color="black",
        linestyle="--",
        linewidth=1,
        label=f"DRAM: {gb_per_s:.4g} GB/s sustained",
    )
    (peak,) = axes.plot(
        x,
        [chip.peak_tops] * 2,
        color="black",
        linewidth=1,
        label=f"multipliers: {chip.peak_tops:.4g} TOPS peak",
    )
    axes.set_xlim(x[0], x[1])
    axes.set_ylim(min(rates) / 2, max(rates) * 2.5)
    return memory, peak


def _name_longest(axes: "Axes", table: "pd.DataFrame", ceilings: "tuple[Line2D, Line2D]") -> None:
    """Name the longest layers, each where its name covers no point, ceiling or other name."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # gives the axes their place, so that distances on paper are known
    to_points = 72 / figure.dpi
    dense = table[["dense_operations_per_byte", "effective_tops"]].to_numpy(float)
    effectual = table[["effectual_operations_per_byte", "effectual_tops"]].to_numpy(float)
    lines = np.concatenate([_along(line) for line in ceilings])
    drawn = np.concatenate([dense, effectual[effectual[:, 0] > 0], lines])
    points = axes.transData.transform(drawn) * to_points
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    edge = axes.get_window_extent()
    low, high = (np.asarray(corner) * to_points for corner in (edge.min, edge.max))
    for index in table["cycles"].sort_values(ascending=False, kind="stable").index[:NAMED_LAYERS]:
        name, (x, y) = shortened(table["layer"][index]), points[index]
        width, height = 0.56 * SMALL_FONT_POINTS * len(name), SMALL_FONT_POINTS
        for dx, dy in product((5, -5 - width), (3, -9, 13, -19, 23, -29)):
            box = (x + dx, y + dy, x + dx + width, y + dy + height)
            inside = low[0] < box[0] and low[1] < box[1] and box[2] < high[0] and box[3] < high[1]
            if inside and not any(_overlap(box, other) for other in taken):
                colour = BOUND_COLOURS[table["bound_by"][index]]
                axes.annotate(
                    name,
                    tuple(dense[index]),
                    xytext=(dx, dy),
                    textcoords="offset points",
                    fontsize=SMALL_FONT_POINTS,
                    color=colour,
                    arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": colour, "shrinkB": 2},
                )
                taken.append(box)
                break


def _along(line: "Line2D") -> npt.NDArray[np.float64]:
    """Points along a straight line of a log-log plot: float64 [200, 2]."""
    ends = np.log(np.asarray(line.get_xydata(), float))
    return np.exp(np.linspace(ends[0], ends[-1], 200))


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
