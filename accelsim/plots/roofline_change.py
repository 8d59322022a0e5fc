"""Two runs of a network in one roofline: an arrow per layer from before to after, and one of the network.

Fewer bytes move a layer to the right, fewer cycles up. A layer that moves right and not up was not
waiting for DRAM; one that moves up along the DRAM ceiling was.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import InputError
from accelsim.plots.ceilings import roofline_table
from accelsim.plots.roofline import CEILING_COLOURS, chip_ceilings, cpu_ceilings, dress, name_points
from accelsim.plots.run import Run, RunTables, tables_of
from accelsim.plots.style import legend, new_figure, shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]
NETWORK = "all layers"
_NAMED = 6
_KEPT = ("cycles", "dram_bytes", "dense_operations_per_byte", "effective_tops", "ceiling", "ceiling_fraction")


def roofline_change_table(before: Run, after: Run) -> "pd.DataFrame":
    """One row per layer with MACs, and a last one of all of them together: `before_...` and `after_...`.

    Columns: `layer`, `speedup` (cycles before / after), and for each run `cycles`, `dram_bytes`,
    `dense_operations_per_byte`, `effective_tops`, `ceiling` and `ceiling_fraction`, as `roofline_table`
    (the last two are empty for all layers).

    Raises
    ------
    InputError
        If the runs do not have the same layers with the same dense operations.
    """
    import pandas as pd

    sides = {}
    for side, run in (("before", tables_of(before)), ("after", tables_of(after))):
        sides[side] = _with_network(roofline_table(run), run)
    first, second = sides["before"], sides["after"]
    same = ["layer", "dense_operations"]
    if not first[same].equals(second[same]):
        raise InputError(
            f"roofline: {tables_of(before).title} and {tables_of(after).title} must have the same layers "
            "with the same dense operations"
        )
    speedup = (first["cycles"] / second["cycles"]).rename("speedup")
    parts = [side[list(_KEPT)].add_prefix(f"{name}_") for name, side in sides.items()]
    return pd.concat([first["layer"], speedup, *parts], axis=1)


def _with_network(table: "pd.DataFrame", run: RunTables) -> "pd.DataFrame":
    """The layers, and behind them all of them as one."""
    import pandas as pd

    total = table[["cycles", "dram_bytes", "dense_operations"]].sum()
    seconds = total["cycles"] / (run.chip.clock_mhz * 1e6)
    row = total.to_dict() | {
        "layer": NETWORK,
        "dense_operations_per_byte": total["dense_operations"] / total["dram_bytes"],
        "effective_tops": total["dense_operations"] / seconds / 1e12,
        "ceiling": "",
        "ceiling_fraction": np.nan,
    }
    columns = ["layer", "dense_operations", *_KEPT]
    return pd.concat([table[columns], pd.DataFrame([row])[columns]], ignore_index=True)


def roofline_change(before: Run, after: Run, cpu: "pd.DataFrame | None" = None) -> "Figure":
    """Arrows from before to after, coloured by the ceiling that binds after; the longest layers are named.

    Parameters and errors as `roofline_change_table` and `roofline`.
    """
    was, now = tables_of(before), tables_of(after)
    every = roofline_change_table(was, now)
    table = every[(every["before_dram_bytes"] > 0) & (every["after_dram_bytes"] > 0)].reset_index(drop=True)
    if len(table) < 2:
        raise InputError(f"{was.title}: no layer has both MACs and DRAM traffic to draw")
    starts, ends = (
        table[[f"{side}_dense_operations_per_byte", f"{side}_effective_tops"]].to_numpy(float)
        for side in ("before", "after")
    )
    figure = new_figure(5.2)
    axes = figure.add_subplot()
    lines = chip_ceilings(axes, [was.chip, now.chip], np.concatenate([starts, ends]), np.empty(0))
    of_cpu = cpu_ceilings(axes, cpu)
    legend(figure, [*_arrows(axes, table, starts, ends), *lines, *of_cpu])
    chips, networks = (was.chip.name, now.chip.name), (was.network, now.network)
    of, on = (" to ".join(dict.fromkeys(shortened(name) for name in names)) for names in (networks, chips))
    dress(axes, f"{of}, on {on}")
    longest = table["before_cycles"].iloc[:-1].sort_values(ascending=False, kind="stable").index[:_NAMED]
    colours = [CEILING_COLOURS.get(name, "black") for name in table["after_ceiling"]]
    name_points(
        axes,
        table["layer"].tolist(),
        np.concatenate([ends, starts]),
        colours,
        [len(table) - 1, *longest],
        [*lines, *of_cpu],
    )
    return figure


def _arrows(axes: "Axes", table: "pd.DataFrame", starts: Floats, ends: Floats) -> list[object]:
    from matplotlib.lines import Line2D

    look: dict[str, Any]
    for start, end, ceiling in zip(starts, ends, table["after_ceiling"], strict=True):
        network = ceiling == ""
        colour = CEILING_COLOURS.get(ceiling, "black")
        width = 2.0 if network else 0.7
        axes.annotate(
            "",
            tuple(end),
            xytext=tuple(start),
            arrowprops={
                "arrowstyle": "-|>",
                "linewidth": width,
                "color": colour,
                "shrinkA": 0,
                "shrinkB": 0,
                "mutation_scale": 14 if network else 8,
                "alpha": 1.0 if network else 0.75,
            },
            zorder=6 if network else 3,
        )
        look = {"facecolors": "white", "edgecolors": colour, "linewidths": width / 2 + 0.3, "zorder": 4}
        axes.scatter([start[0]], [start[1]], s=10, **look)
    handles: list[object] = [
        Line2D(
            [], [], color=colour, marker=">", markersize=4, linewidth=0.8, label=f"layer, after under {name}"
        )
        for name, colour in CEILING_COLOURS.items()
        if (table["after_ceiling"] == name).any()
    ]
    total = table.iloc[-1]
    label = f"{NETWORK}: {total['speedup']:.2f}x as fast,\n" + (
        f"{total['before_dram_bytes'] / 1e6:.3g} to {total['after_dram_bytes'] / 1e6:.3g} MB"
    )
    handles.append(Line2D([], [], color="black", marker=">", linewidth=2, label=label))
    return handles
