"""Compression on every chip: speed-up over the uncompressed network, and the bytes that are left."""

from typing import TYPE_CHECKING

from accelsim.errors import InputError
from accelsim.plots.style import FONT_POINTS, bars_height_inches, frame, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Looks of the variants: colour and marker tell them apart.
LOOKS = {"quantised": ("#DDAA33", "s"), "pruned": ("#0077BB", "D"), "encoded": ("#882255", "o")}
_FINE_TICKS = (0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3)
_TICKS = (0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_NEEDED = ("chip", "variant", "speedup", "dram_bytes_fraction", "energy_fraction", "dram_bound_fraction")


def compression(table: "pd.DataFrame", title: str = "") -> "Figure":
    """A row of dots per chip: speed-up, bytes and energy against the uncompressed network on the same chip.

    Beside a chip's name stands how much of its uncompressed time is in layers bound by DRAM; the chips are
    in the order of that share.

    Parameters
    ----------
    table : of `study.compression_study`

    Raises
    ------
    InputError
        If the table has no rows or lacks a column.
    """
    for column in _NEEDED:
        if column not in table:
            given = ", ".join(table.columns)
            raise InputError(f"compression: the table has no column {column!r}; it has {given}")
    if table.empty:
        raise InputError("compression: the table has no rows")
    first = table[table["variant"] == "uncompressed"].set_index("chip")["dram_bound_fraction"]
    chips = first.sort_values(ascending=False, kind="stable").index.tolist()
    place = {chip: position for position, chip in enumerate(chips)}
    figure = new_figure(bars_height_inches(len(chips)) + 0.4)
    panels = figure.subplots(1, 3, sharey=True, width_ratios=(1.5, 1, 1))
    handles: list[object] = []
    for variant, (colour, marker) in LOOKS.items():
        rows = table[table["variant"] == variant]
        y = [place[chip] for chip in rows["chip"]]
        look = {"color": colour, "marker": marker, "linestyle": "", "markersize": 5}
        handles += panels[0].plot(rows["speedup"], y, label=variant, **look)
        panels[1].plot(100 * rows["dram_bytes_fraction"], y, **look)
        panels[2].plot(100 * rows["energy_fraction"], y, **look)
    fastest = table["speedup"].max()
    panels[0].set_xscale("log")
    lowest = table["speedup"].min()
    marks = _FINE_TICKS if fastest <= 3 else _TICKS
    ticks = [v for v in marks if min(1, 0.9 * lowest) <= v <= 1.1 * fastest]
    panels[0].set_xticks(ticks, [f"{v:g}" for v in ticks])
    panels[0].minorticks_off()
    names = [f"{chip} ({100 * first[chip]:.0f} %)" for chip in chips]
    panels[0].set_yticks(range(len(chips)), names, fontsize=FONT_POINTS)
    panels[0].set_ylim(len(chips) - 0.4, -0.6)
    frame(panels[0], x="speed-up (times)", y="", title=title)
    frame(panels[1], x="DRAM bytes (%)", y="")
    frame(panels[2], x="energy (%)", y="")
    for axes, unchanged in zip(panels, (1, 100, 100), strict=True):
        axes.axvline(unchanged, color="#444444", linewidth=0.8)
        axes.grid(linewidth=0.3, color="#BBBBBB")
        axes.set_axisbelow(True)
    for axes in panels[1:]:
        axes.set_xlim(left=0)
        axes.tick_params(labelleft=False)
    legend(figure, handles, "(%): of the uncompressed\ntime in layers bound\nby DRAM")
    return figure
