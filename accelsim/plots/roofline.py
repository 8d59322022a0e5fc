"""Throughput of each layer against its operations per DRAM byte, under the ceilings that hold for it.

A layer stands at its *dense* operations (effective TOPS): skipping zeros lifts it above the multipliers'
line, as far as the bar that its own zeros allow on this chip. A thin line leads from each layer to the
ceiling that binds it (`plots.ceilings`); where it is long, something else than a ceiling costs time.
"""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.plots.ceilings import DRAM, MULTIPLIERS, SCRATCHPAD, SKIPPING, dram_gb_per_s, roofline_table
from accelsim.plots.run import Run, tables_of
from accelsim.plots.style import SMALL_FONT_POINTS, frame, legend, new_figure, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

NAMED_LAYERS = 8
CEILING_COLOURS = {MULTIPLIERS: "#332288", SKIPPING: "#117733", DRAM: "#D55E00", SCRATCHPAD: "#AA4499"}
CPU_NEEDED = ("cpu", "cores", "int8_tops", "memory_gb_per_s")


def roofline(run: Run, cpu: "pd.DataFrame | None" = None) -> "Figure":
    """Effective TOPS of each layer under its ceilings; the longest layers are named.

    Layers without DRAM traffic have no place on the axis; the title says how many there are.

    Parameters
    ----------
    cpu : measured ceilings of a CPU, drawn beside the chip's: columns `CPU_NEEDED`

    Raises
    ------
    InputError
        If no layer has both MACs and DRAM traffic, or a column of `cpu` is missing.
    """
    tables = tables_of(run)
    every = roofline_table(tables)
    table = every[every["dram_bytes"] > 0].reset_index(drop=True)
    if table.empty:
        raise InputError(f"{tables.title}: no layer has both MACs and DRAM traffic to draw")
    figure = new_figure(5.2)
    axes = figure.add_subplot()
    points = table[["dense_operations_per_byte", "effective_tops"]].to_numpy(float)
    lines = chip_ceilings(axes, [tables.chip], points, table["skipping_ceiling_tops"].to_numpy(float))
    of_cpu = cpu_ceilings(axes, cpu)
    legend(figure, [*_points(axes, table, tables.chip.peak_tops), *lines, *of_cpu])
    left_out = len(every) - len(table)
    dress(
        axes,
        f"{tables.title}: roofline" + (f" ({left_out} layers without DRAM traffic)" if left_out else ""),
    )
    longest = table["cycles"].sort_values(ascending=False, kind="stable").index[:NAMED_LAYERS]
    colours = [CEILING_COLOURS[name] for name in table["ceiling"]]
    name_points(axes, table["layer"].tolist(), points, colours, list(longest), [*lines, *of_cpu])
    return figure


def _points(axes: "Axes", table: "pd.DataFrame", peak_tops: float) -> "list[Line2D]":
    from matplotlib.lines import Line2D

    handles: list[Line2D] = []
    for name, colour in CEILING_COLOURS.items():
        rows = table[table["ceiling"] == name]
        if rows.empty:
            continue
        x, y = rows["dense_operations_per_byte"], rows["effective_tops"]
        axes.vlines(x, y, rows["ceiling_tops"], color=colour, linewidth=0.5, alpha=0.6)
        axes.scatter(x, y, s=18, color=colour, zorder=4)
        handles.append(Line2D([], [], color=colour, marker="o", linestyle="", label=f"layer under {name}"))
    skips = table[np.isfinite(table["skipping_ceiling_tops"]) & (table["skipping_ceiling_tops"] > peak_tops)]
    if not skips.empty:
        look: dict[str, Any] = {"color": CEILING_COLOURS[SKIPPING], "marker": "_", "linestyle": ""}
        axes.plot(
            skips["dense_operations_per_byte"], skips["skipping_ceiling_tops"], **look, markersize=5, zorder=3
        )
        handles.append(Line2D([], [], **look, label="multipliers x dense / slots"))
    handles.append(Line2D([], [], color="#444444", linewidth=0.5, label="distance to its ceiling"))
    return handles


def chip_ceilings(
    axes: "Axes",
    chips: "Sequence[Accelerator]",
    points: npt.NDArray[np.float64],
    heights: npt.NDArray[np.float64],
) -> "list[Line2D]":
    """DRAM and multiplier ceilings of chips, and limits of the axes that show them, points and heights.

    Parameters
    ----------
    points : float64 [points, 2], operations per byte and TOPS
    heights : float64, further TOPS to show; inf and nan are ignored
    """
    ridges = [chip.peak_tops * 1e3 / dram_gb_per_s(chip) for chip in chips]
    x = np.array([min(*points[:, 0], *ridges) / 2, max(*points[:, 0], *ridges) * 2])
    rates = [*points[:, 1], *heights[np.isfinite(heights)], *(chip.peak_tops for chip in chips)]
    lines: list[Line2D] = []
    look: dict[str, Any]
    for what, unit, style, rates_of in (
        ("DRAM", "GB/s sustained", "--", {chip.name: dram_gb_per_s(chip) for chip in chips}),
        ("multipliers", "TOPS peak", "-", {chip.name: chip.peak_tops for chip in chips}),
    ):
        shared = len(set(rates_of.values())) == 1  # one line for chips that do not differ
        for index, (name, rate) in enumerate(list(rates_of.items())[: 1 if shared else None]):
            label = f"{'' if shared else f'{name}, '}{what}: {rate:.4g} {unit}"
            y = x * rate / 1e3 if what == "DRAM" else [rate] * 2
            look = {
                "color": ("black", "#777777")[index % 2],
                "linestyle": style,
                "linewidth": 1,
                "label": label,
            }
            lines += axes.plot(x, y, **look)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(x[0], x[1])
    axes.set_ylim(min(rates) / 2, max(rates) * 2.5)
    return lines


def cpu_ceilings(axes: "Axes", cpu: "pd.DataFrame | None") -> "list[Line2D]":
    """The measured roof of a CPU, a line per number of cores, inside the limits that the axes have."""
    if cpu is None:
        return []
    for column in CPU_NEEDED:
        if column not in cpu:
            raise InputError(f"ceilings of a CPU: no column {column!r}; there are {', '.join(cpu.columns)}")
    x = np.geomspace(*axes.get_xlim(), 200)
    handles: list[Line2D] = []
    for index, row in enumerate(cpu.to_dict("records")):
        roof = np.minimum(x * row["memory_gb_per_s"] / 1e3, row["int8_tops"])
        cores = f"{row['cores']} core" + ("s" if row["cores"] > 1 else "")
        label = (
            f"{shortened(row['cpu'].split(' (')[0], 24)}, {cores}, measured:\n"
            f"{row['int8_tops']:.3g} TOPS, {row['memory_gb_per_s']:.3g} GB/s"
        )
        style = ((0, (1, 2)), (0, (4, 1, 1, 1)))[index % 2]
        handles += axes.plot(x, roof, color="#0077BB", linestyle=style, linewidth=1.1, label=label)
    low, high = axes.get_ylim()
    axes.set_ylim(low, max(high, 1.5 * float(cpu["int8_tops"].max())))
    return handles


def dress(axes: "Axes", title: str) -> None:
    """Labels, title and grid of a roofline; ticks are plain numbers."""
    frame(
        axes, x="dense operations per DRAM byte moved (operations/byte)", y="throughput (TOPS)", title=title
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(which="major", linewidth=0.3, color="#BBBBBB")
    axes.set_axisbelow(True)


def name_points(
    axes: "Axes",
    names: "Sequence[str]",
    places: npt.NDArray[np.float64],
    colours: "Sequence[str]",
    wanted: "Sequence[int]",
    ceilings: "Sequence[Line2D]",
) -> None:
    """Name the wanted points, each where its name covers no point, ceiling or other name."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # gives the axes their place, so that distances on paper are known
    to_points = 72 / figure.dpi
    drawn = np.concatenate([places, *(_along(line) for line in ceilings)])
    points = axes.transData.transform(drawn) * to_points
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    edge = axes.get_window_extent()
    low, high = (np.asarray(corner) * to_points for corner in (edge.min, edge.max))
    for index in wanted:
        name, (x, y) = shortened(names[index]), points[index]
        width, height = 0.56 * SMALL_FONT_POINTS * len(name), SMALL_FONT_POINTS
        for dx, dy in product((5, -5 - width), (3, -9, 13, -19, 23, -29)):
            box = (x + dx, y + dy, x + dx + width, y + dy + height)
            inside = low[0] < box[0] and low[1] < box[1] and box[2] < high[0] and box[3] < high[1]
            if inside and not any(_overlap(box, other) for other in taken):
                axes.annotate(
                    name,
                    tuple(places[index]),
                    xytext=(dx, dy),
                    textcoords="offset points",
                    fontsize=SMALL_FONT_POINTS,
                    color="#333333",  # small text in the ceilings' colours is hard to read
                    arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": colours[index], "shrinkB": 2},
                )
                taken.append(box)
                break


def _along(line: "Line2D") -> npt.NDArray[np.float64]:
    """Points along a line of a log-log plot: float64 [200, 2]."""
    drawn = np.log(np.asarray(line.get_xydata(), float))
    along = drawn if len(drawn) > 2 else np.linspace(drawn[0], drawn[-1], 200)
    return np.exp(along).astype(np.float64)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
