"""Bytes of each encoding against density, and the densities at which the smallest one changes."""

from typing import TYPE_CHECKING

from accelsim.errors import InputError
from accelsim.plots.style import FONT_POINTS, SMALL_FONT_POINTS, frame, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Families share a colour; its members differ in line style.
_LOOKS = {
    "dense": ("#000000", "-"),
    "bitmask": ("#D55E00", "-"),
    "run_length4": ("#332288", "-"),
    "run_length5": ("#332288", "--"),
    "huffman_run_length5": ("#332288", ":"),
    "csr": ("#117733", "-"),
    "csc": ("#117733", "--"),
    "csc_relative4": ("#117733", ":"),
    "block2": ("#CC6677", "-"),
    "block4": ("#CC6677", "--"),
    "block8": ("#CC6677", ":"),
    "n1_m4": ("#999933", "-"),
    "n2_m4": ("#999933", "--"),
    "n4_m8": ("#999933", ":"),
}
NEEDED = ("format", "density_fraction", "size_fraction")


def smallest_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """The smallest encoding at each density, of those that need no code tables (Huffman's are for storage).

    Returns density_fraction, format, size_fraction; raises InputError if a column is missing.
    """
    for column in NEEDED:
        if column not in table:
            raise InputError(
                f"formats: the table has no column {column!r}; it has {', '.join(table.columns)}"
            )
    table = table[~table["format"].str.startswith("huffman")]
    best = table.loc[table.groupby("density_fraction")["size_fraction"].idxmin()]
    return best[["density_fraction", "format", "size_fraction"]].reset_index(drop=True)


def formats(table: "pd.DataFrame") -> "Figure":
    """Encoded size of a matrix as a share of the dense one, a line per encoding.

    Along the lower edge stands which is smallest, Huffman's aside; above the dense line one costs more
    than it saves.

    Parameters
    ----------
    table : format, density_fraction, size_fraction, as `accelsim.study.format_sizes.size_table` gives them

    Raises
    ------
    InputError
        If a column is missing.
    """
    best = smallest_table(table)
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    handles: list[object] = []
    for name, line in table.groupby("format", sort=False):
        colour, style = _LOOKS.get(str(name), ("#888888", "-"))
        marker = "o" if len(line) == 1 else ""
        x, y = line["density_fraction"], line["size_fraction"]
        handles += axes.plot(
            x, y, color=colour, linestyle=style, linewidth=1.3, marker=marker, markersize=4, label=str(name)
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    low = 0.5 * table["size_fraction"].min()
    axes.set_ylim(low, 2.2)
    changes = best[best["format"] != best["format"].shift()]
    for place, (density, name) in enumerate(zip(changes["density_fraction"], changes["format"], strict=True)):
        axes.axvline(density, color="#BBBBBB", linewidth=0.6)
        text = f"smallest: {name}" if place == 0 else str(name)
        height = low * (1.15 + 0.4 * (place % 2))
        axes.text(density * 1.03, height, text, fontsize=SMALL_FONT_POINTS, va="bottom")
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    axes.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    axes.minorticks_off()
    sizes = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    axes.set_yticks(sizes, [f"{100 * size:g} %" for size in sizes])
    axes.grid(linewidth=0.3, color="#DDDDDD")
    frame(axes, x="density (share of elements that are no zeros)", y="encoded size (share of the dense one)")
    legend(figure, handles, "encoding")
    figure.suptitle(
        "8-bit values at random positions: bytes of each encoding",
        fontsize=FONT_POINTS + 1,
        x=0.01,
        ha="left",
    )
    return figure
