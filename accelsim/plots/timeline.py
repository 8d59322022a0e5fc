"""When the tiles of one layer are fetched, computed and drained.

A tile may be fetched while the latency of the one before still runs, so each track has two lines: even
tiles above, odd tiles below. With more tiles than a page can show, each track shows which share of each
moment it is busy.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.plots.run import Run, RunTables, tables_of
from accelsim.plots.style import FONT_POINTS, cycle_scale, frame, legend, new_figure
from accelsim.tables import TIMELINE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRACKS = {
    "fetch": ("DMA fetch", ("#D55E00", "#F3B58A")),
    "compute": ("array", ("#332288", "#9C90D3")),
    "drain": ("drain", ("#661100", "#C9A39B")),
}
# More tiles than this are thinner than a line of print.
MOST_TILES = 200
MOMENTS = 400


def timeline_table(run: Run, layer: str | None = None) -> "pd.DataFrame":
    """One row per tile of one layer: TIMELINE's instants in cycles from the layer's start.

    Parameters
    ----------
    layer : name of a layer that runs on the array; the longest one if not given. Of several inputs, the
        first is taken.

    Raises
    ------
    InputError
        If there is no such layer, or it has no tiles (an operation of the postprocessor).
    """
    tables = tables_of(run)
    tiles = tables.tiles
    if tiles.empty:
        raise InputError(f"{tables.title}: the run has no tiles to draw")
    tiles = tiles[tiles["input"] == tiles["input"].min()]
    name = _longest(tables, tiles) if layer is None else layer
    chosen = tiles[tiles["layer"] == name]
    if chosen.empty:
        known = ", ".join(dict.fromkeys(tiles["layer"]))
        raise InputError(f"{tables.title}: layer must be one with tiles ({known}), not {name!r}")
    columns = ["layer", "tile", *(TIMELINE.names or ())]
    drawn: pd.DataFrame = chosen[columns].reset_index(drop=True)
    return drawn


def timeline(run: Run, layer: str | None = None) -> "Figure":
    """Gantt chart of the tiles of one layer: DMA fetch, array and drain.

    Parameters and errors as `timeline_table`.
    """
    tables = tables_of(run)
    table = timeline_table(tables, layer)
    name, tiles = table["layer"][0], len(table)
    # The last drain may be empty and end before the last tile's compute.
    end = max(int(table["compute_end_cycle"].max()), int(table["drain_end_cycle"].max()))
    divisor, unit = cycle_scale(end)
    many = tiles > MOST_TILES
    figure = new_figure(2.6)
    axes = figure.add_subplot()
    handles: list[object] = []
    for track, (key, (label, colours)) in enumerate(TRACKS.items()):
        starts = table[f"{key}_start_cycle"].to_numpy(np.int64)
        ends = table[f"{key}_end_cycle"].to_numpy(np.int64)
        if many:
            edges = np.linspace(0, end, MOMENTS + 1)
            busy = busy_fraction(starts, ends, edges)
            floor = track + 0.36
            axes.stairs(floor - 0.72 * busy, edges / divisor, baseline=floor, fill=True, color=colours[0])
        else:
            handles += _even_and_odd(axes, track, starts / divisor, ends / divisor, label, colours)
    axes.set_yticks([0, 1, 2], [label for label, _ in TRACKS.values()], fontsize=FONT_POINTS)
    axes.set_ylim(2.6, -0.6)
    axes.set_xlim(0, end * 1.005 / divisor if end else 1)
    axes.grid(axis="x", linewidth=0.3, color="#BBBBBB")
    axes.set_axisbelow(True)
    what = f"{tiles} tiles" + (f", busy share of each 1/{MOMENTS} of the time" if many else "")
    frame(axes, x=f"time from the layer's start ({unit})", y="", title=_title(tables, name, what))
    if handles:
        legend(figure, handles)
    return figure


def busy_fraction(
    starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Share of each moment in which at least one interval runs.

    Parameters
    ----------
    starts, ends : int64 [tiles], instants in cycles
    edges : float64 [moments + 1], instants in cycles, ascending

    Returns
    -------
    float64 [moments], 0 to 1
    """
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    # An interval counts from where all earlier ones have ended.
    before = np.concatenate([starts[:1], np.maximum.accumulate(ends)[:-1]])
    begins = np.maximum(starts, before)
    durations = np.maximum(ends - begins, 0)
    kept = durations > 0
    if not kept.any():
        return np.zeros(len(edges) - 1)
    begins, durations = begins[kept], durations[kept]
    instants = np.column_stack([begins, begins + durations]).ravel()
    total = np.cumsum(durations)
    busy = np.column_stack([total - durations, total]).ravel()
    share: npt.NDArray[np.float64] = np.diff(np.interp(edges, instants, busy)) / np.diff(edges)
    return share


def _longest(tables: RunTables, tiles: "pd.DataFrame") -> str:
    layers = tables.layers[tables.layers["layer"].isin(tiles["layer"])]
    return str(layers["layer"].iloc[int(layers["cycles"].to_numpy().argmax())])


def _title(tables: RunTables, layer: str, what: str) -> str:
    first = ", first input" if tables.inputs > 1 else ""
    return f"{tables.network} on {tables.chip.name}, layer {layer}{first}: {what}"


def _even_and_odd(
    axes: "Axes",
    track: int,
    starts: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
    label: str,
    colours: tuple[str, str],
) -> list[object]:
    from matplotlib.patches import Patch

    handles: list[object] = []
    for parity, (words, colour) in enumerate(zip(("even tiles", "odd tiles"), colours, strict=True)):
        _bars(axes, track, starts[parity::2], ends[parity::2], colour, 0.18 * (2 * parity - 1), 0.36)
        handles.append(Patch(color=colour, label=f"{label}, {words}"))
    return handles


def _bars(
    axes: "Axes",
    track: int,
    starts: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
    colour: str,
    offset: float,
    height: float,
) -> None:
    spans = np.column_stack([starts, ends - starts])[ends > starts]
    axes.broken_barh(
        [(float(start), float(width)) for start, width in spans],
        (track + offset - height / 2, height),
        facecolors=colour,
        edgecolors="white",
        linewidth=0.2,
    )
