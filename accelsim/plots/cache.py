"""A cache against a managed scratchpad: DRAM bytes, and energy of DRAM, data and tags."""

from typing import TYPE_CHECKING

from accelsim.errors import InputError
from accelsim.plots.style import (
    FONT_POINTS,
    Look,
    bars_height_inches,
    energy_scale,
    frame,
    legend,
    new_figure,
    stacked_bars,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_NEEDED = ("layer", "order", "memory", "replacement", "prefetch", "ways", "dram_bytes", "distinct_bytes")
_PARTS = {
    "dram_pj": Look("DRAM", "#D55E00"),
    "data_pj": Look("data SRAM", "#CC6677"),
    "tag_pj": Look("tags", "#332288", "////"),
}
_MOVED = {"dram_bytes": Look("moved", "#D55E00")}


def cache(table: "pd.DataFrame", title: str = "") -> "Figure":
    """Two panels, a bar per layer and memory: bytes over those of the scratchpad, and energy by part.

    Parameters
    ----------
    table : of `study.cache_study`

    Raises
    ------
    InputError
        If the table has no rows or lacks a column.
    """
    for column in (*_NEEDED, *_PARTS):
        if column not in table:
            raise InputError(f"cache: the table has no column {column!r}; it has {', '.join(table.columns)}")
    if table.empty:
        raise InputError("cache: the table has no rows")
    names = [_name(row) for _, row in table.iterrows()]
    divisor, unit = energy_scale(table[list(_PARTS)].sum(axis=1).max())
    figure = new_figure(bars_height_inches(len(table)) + 0.3)
    left, right = figure.subplots(1, 2, sharey=True)
    stacked_bars(left, names, {"dram_bytes": (table["dram_bytes"] / 1e6).tolist()}, _MOVED)
    energy = {part: (table[part] / divisor).tolist() for part in _PARTS}
    handles = stacked_bars(right, names, energy, _PARTS)
    least = table.groupby("layer", sort=False)["dram_bytes"].transform("first")
    for place, (moved, first) in enumerate(zip(table["dram_bytes"], least, strict=True)):
        left.annotate(
            f"{moved / first:.2f}x",
            (moved / 1e6, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT_POINTS - 1.5,
        )
    left.set_xlim(0, 1.15 * table["dram_bytes"].max() / 1e6)
    starts = [i for i, name in enumerate(table["layer"]) if i and name != table["layer"].iloc[i - 1]]
    for axes in (left, right):
        for start in starts:
            axes.axhline(start - 0.5, color="#444444", linewidth=0.6)
    frame(left, x="DRAM traffic (MB), and times the scratchpad's", y="", title=title)
    frame(right, x=f"energy of the memories ({unit})", y="")
    right.tick_params(labelleft=False)
    legend(figure, handles)
    return figure


def _name(row: "pd.Series") -> str:
    if row["memory"] == "scratchpad":
        return f"{row['layer']}: scratchpad"
    words = [str(row["order"]), "LRU" if row["replacement"] == "lru" else str(row["replacement"])]
    return ", ".join([*words, "prefetch"] if row["prefetch"] != "none" else words)
