"""What all pictures share: colours, labels, units, and the frame they are drawn in.

A cause has one colour in every picture. The palette extends Paul Tol's "muted" scheme, made for
colour-blind readers; hatches tell apart what 14 colours cannot. Figures are made without pyplot, so
no window, backend or global state is involved.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONT_POINTS = 8.0
SMALL_FONT_POINTS = 6.5
WIDTH_INCHES = 9.0
# Of curves, in order.
LINE_COLOURS = ("#332288", "#D55E00", "#117733", "#AA4499", "#88CCEE", "#999933", "#CC6677", "#444444")
MARKERS = "osD^vP*X"
# Beyond this many bars the height stays, and only every second, third, ... bar is named.
MOST_NAMED_BARS = 150


class Look(NamedTuple):
    """How a share of a bar is drawn."""

    label: str
    colour: str
    hatch: str = ""


CAUSE_LOOKS = {
    "mac": Look("effectual MAC", "#332288"),
    "zero_mac": Look("MAC with a zero", "#88CCEE"),
    "gated": Look("gated", "#44AA99"),
    "lane_idle": Look("lane idle in a working PE", "#117733"),
    "empty_step": Look("step without pairs", "#999933"),
    "queue_wait": Look("wait for a step", "#DDCC77"),
    "send_wait": Look("wait for the array feed", "#E69F00", "////"),
    "conflict": Look("bank conflict", "#AA4499"),
    "imbalance": Look("imbalance between PEs", "#CC6677", "...."),
    "unmapped": Look("PE without work", "#DDDDDD"),
    "fill": Look("pipeline fill", "#888888"),
    "drain_wait": Look("wait for outputs to drain", "#661100", "////"),
    "scratchpad_wait": Look("wait for scratchpad banks", "#88CCEE", "xxxx"),
    "descriptor_wait": Look("wait for DMA descriptors", "#117733", "...."),
    "fetch_wait": Look("wait for fetch from DRAM", "#D55E00"),
    "postprocess": Look("postprocessor", "#444444", "xxxx"),
}
COMPONENT_LOOKS = {
    "mac": Look("MAC", "#332288"),
    "operand_register": Look("operand register", "#88CCEE"),
    "mask": Look("zero test on masks", "#44AA99"),
    "accumulator": Look("accumulator", "#117733"),
    "queue": Look("operand queue", "#DDCC77"),
    "wires": Look("wires", "#E69F00", "////"),
    "scratchpad": Look("scratchpad", "#CC6677"),
    "postprocessor": Look("postprocessor", "#444444", "xxxx"),
    "dram": Look("DRAM", "#D55E00"),
    "leakage": Look("leakage", "#DDDDDD"),
}
# For components that only some chips have, in order of appearance.
OTHER_COLOURS = ("#999933", "#AA4499", "#661100", "#888888")
BOUND_COLOURS = {"array": "#332288", "dram": "#D55E00", "postprocessor": "#444444"}


def component_looks(components: Iterable[str]) -> dict[str, Look]:
    """Looks of energy components: the same in every picture for those that every chip has."""
    others = [name for name in components if name not in COMPONENT_LOOKS]
    hatches = ("....", "////", "xxxx")
    looks = dict(COMPONENT_LOOKS)
    for i, name in enumerate(others):
        hatch = hatches[i // len(OTHER_COLOURS) % len(hatches)]
        looks[name] = Look(name.replace("_", " "), OTHER_COLOURS[i % len(OTHER_COLOURS)], hatch)
    return looks


def cycle_scale(largest_cycles: float) -> tuple[float, str]:
    """Divisor and name of the unit in which an axis of cycles is readable."""
    for divisor, unit in ((1e9, "billion cycles"), (1e6, "million cycles"), (1e3, "thousand cycles")):
        if largest_cycles >= 2 * divisor:
            return divisor, unit
    return 1.0, "cycles"


def energy_scale(largest_pj: float) -> tuple[float, str]:
    """Divisor of pJ and name of the unit in which an axis of energy is readable."""
    for divisor, unit in ((1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ")):
        if largest_pj >= 2 * divisor:
            return divisor, unit
    return 1.0, "pJ"


def shortened(name: str, most: int = 30) -> str:
    """A name of at most `most` characters: its beginning and its end, which tell layers apart."""
    if len(name) <= most:
        return name
    head = (most - 1) // 3
    return f"{name[:head]}…{name[len(name) - (most - 1 - head) :]}"


def new_figure(height_inches: float) -> "Figure":
    """An empty figure of the common width whose layout keeps labels and legends apart."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")


def frame(axes: "Axes", *, x: str, y: str, title: str = "") -> None:
    """Axis labels with units, a title to the left, and no lines that carry no data."""
    axes.set_xlabel(x, fontsize=FONT_POINTS)
    axes.set_ylabel(y, fontsize=FONT_POINTS)
    axes.set_title(title, fontsize=FONT_POINTS + 1, loc="left")
    axes.tick_params(labelsize=FONT_POINTS)
    axes.spines[["top", "right"]].set_visible(False)


def legend(figure: "Figure", handles: Sequence[Any], title: str | None = None) -> None:
    """A legend to the right of all axes, in the order of `handles`."""
    figure.legend(
        handles=handles,
        loc="outside right upper",
        fontsize=FONT_POINTS,
        title=title,
        title_fontsize=FONT_POINTS,
        alignment="left",
        frameon=False,
    )


def stacked_bars(
    axes: "Axes", names: Sequence[str], shares: Mapping[str, Sequence[float]], looks: dict[str, Look]
) -> list[Any]:
    """Horizontal bars, the first name on top; shares that are 0 everywhere are left out.

    Returns the legend's handles, in the order of the stack.
    """
    import numpy as np

    positions = np.arange(len(names))
    left = np.zeros(len(names))
    handles = []
    for share, values in shares.items():
        widths = np.asarray(values, float)
        drawn = widths != 0  # a bar without width is an artist nonetheless: most of the time, and of the file
        if not drawn.any():
            continue
        look = looks[share]
        handles.append(
            axes.barh(
                positions[drawn],
                widths[drawn],
                left=left[drawn],
                height=0.82,
                color=look.colour,
                hatch=look.hatch,
                edgecolor="white",
                linewidth=0.2,
                label=look.label,
            )
        )
        left = left + widths
    step = -(-len(names) // MOST_NAMED_BARS)
    small = SMALL_FONT_POINTS if len(names) > 25 else FONT_POINTS
    axes.set_yticks(positions[::step], [shortened(n) for n in names[::step]], fontsize=small)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.02)
    axes.grid(axis="x", linewidth=0.3, color="#BBBBBB")
    axes.set_axisbelow(True)
    return handles


def bars_height_inches(bars: int) -> float:
    """Height of a figure of horizontal bars, so that their names do not touch."""
    each = 0.24 if bars <= 25 else 0.155
    return max(2.8, 1.0 + each * min(bars, MOST_NAMED_BARS))
