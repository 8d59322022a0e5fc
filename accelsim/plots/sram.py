"""Energy of an SRAM access against size: CACTI's points and the fit."""

from typing import TYPE_CHECKING, Any

from accelsim.plots.style import LINE_COLOURS, MARKERS, frame, legend, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def sram_fit(table: "pd.DataFrame", node_nm: float) -> "Figure":
    """Reads and writes, a line per width; points beyond the fit are hollow.

    Parameters
    ----------
    table : of `study.sram_fit.fit_table`
    """
    figure = new_figure(3.6)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, what in zip(panels, ("read", "write"), strict=True):
        handles: list[Any] = []
        for i, (width, points) in enumerate(table.groupby("width_bits", sort=True)):
            colour, marker = LINE_COLOURS[i % len(LINE_COLOURS)], MARKERS[i % len(MARKERS)]
            size = points["size_bytes"] / 1024
            fitted = points["in_fit"] == 1
            if fitted.any():
                axes.plot(size[fitted], points[f"{what}_fit_pj"][fitted], color=colour, linewidth=0.8)
            (handle,) = axes.plot(
                size[fitted],
                points[f"{what}_pj"][fitted],
                marker,
                color=colour,
                markersize=3.5,
                label=f"{width} bit",
            )
            hollow = axes.plot(
                size[~fitted],
                points[f"{what}_pj"][~fitted],
                marker,
                color=colour,
                markersize=3.5,
                fillstyle="none",
                label=f"{width} bit, beyond the fit",
            )[0]
            handles.append(handle if fitted.any() else hollow)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.grid(linewidth=0.3, color="#BBBBBB")
        title = f"{what}s at {node_nm:g} nm: CACTI (marks), fit (lines)"
        frame(
            axes,
            x="size of the macro (KiB)",
            y="energy of an access (pJ)" if what == "read" else "",
            title=title,
        )
        if what == "write":
            legend(figure, handles, "width")
    return figure
