"""How evenly the PEs of an array work in a layer: a square each, in its row and column."""

from typing import TYPE_CHECKING

import numpy as np

from accelsim.errors import InputError
from accelsim.plots.style import FONT_POINTS, SMALL_FONT_POINTS, frame, shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NEEDED = ("part", "row", "column", "utilisation_fraction")
_INCHES = 4.6


def heatmap(
    table: "pd.DataFrame", layer: str, on: str, axes_of: tuple[str, str] = ("filter", "output position")
) -> "Figure":
    """Utilisation of each PE in one layer, from 0 to that of the busiest.

    Parameters
    ----------
    table : one row per PE: columns `NEEDED`; parts of a reduction stand side by side
    layer, on : what the title says: the layer; network and chip
    axes_of : what falls on a row, and on a column (`pe_axes`)

    Raises
    ------
    InputError
        If a column is missing, or there are no rows.
    """
    from matplotlib.figure import Figure

    for column in NEEDED:
        if column not in table:
            raise InputError(
                f"heatmap: the table has no column {column!r}; it has {', '.join(table.columns)}"
            )
    if table.empty:
        raise InputError("heatmap: the table has no rows")
    parts, rows, columns = (int(table[name].max()) + 1 for name in ("part", "row", "column"))
    values = np.zeros((rows, parts * columns))
    values[table["row"], table["part"] * columns + table["column"]] = 100 * table["utilisation_fraction"]
    # As wide as it is high for each PE, within what a page shows.
    height = min(max(_INCHES * rows / (parts * columns), 1.2), 2 * _INCHES)
    figure = Figure(figsize=(_INCHES + 1.1, height + 1.0), layout="constrained")
    axes = figure.add_subplot()
    most = float(values.max())
    mesh = axes.pcolormesh(
        np.arange(parts * columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        values,
        cmap="viridis",
        vmin=0,
        vmax=most or 1,
        edgecolors="white",
        linewidth=0.2 if values.size <= 1024 else 0,
        rasterized=values.size > 1024,
    )
    axes.set_ylim(rows - 0.5, -0.5)
    down, across = axes_of
    across = across if parts == 1 else f"part x {across}, {parts} parts of {columns}"
    frame(axes, x=f"column ({across})", y=f"row ({down})", title=shortened(layer, 60))
    figure.suptitle(on, fontsize=FONT_POINTS, x=0.01, ha="left")
    bar = figure.colorbar(mesh, ax=axes)
    bar.set_label("utilisation of the PE (%)", fontsize=FONT_POINTS)
    bar.ax.tick_params(labelsize=SMALL_FONT_POINTS)
    return figure
