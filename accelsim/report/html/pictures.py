"""Pictures of a run for its report: those of `accelsim.plots`, with each value on hover."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim import plots
from accelsim.plots.layers import ENERGY_BOUNDS
from accelsim.plots.run import RunTables
from accelsim.plots.style import CAUSE_LOOKS, component_looks
from accelsim.plots.timeline import MOST_TILES
from accelsim.report.html.definitions import glossary
from accelsim.report.html.svg import inline_svg
from accelsim.report.html.tables import Column, HtmlTable, Picture, number_text, records, table_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# The data of a picture stands below it up to here; its CSV in the run's folder has all.
MOST_DATA_ROWS = 400


def run_pictures(run: RunTables) -> dict[str, Picture | None]:
    """`cycles`, `energy`, `flow`, `roofline`, `timeline`; None where the run has nothing to draw."""
    energy, tiles = not run.energy.empty, not run.tiles.empty
    placed = plots.roofline_table(run)
    return {
        "cycles": _cycles(run),
        "energy": _energy(run) if energy else None,
        "flow": _flow(run) if energy else None,
        "roofline": _roofline(run, placed) if (placed["dram_bytes"] > 0).any() else None,
        "timeline": _timeline(run) if tiles else None,
    }


def data_table(rows: "pd.DataFrame", columns: Sequence[Column], caption: str, file: str) -> HtmlTable:
    """The data of a picture, as far as a page holds it."""
    note = f"All of it, with all digits: {file}."
    if len(rows) > MOST_DATA_ROWS:
        note = f"The first {MOST_DATA_ROWS} of {len(rows):,} rows; {file} has all."
    return table_of(records(rows.head(MOST_DATA_ROWS)), columns, caption, note=note)


def bar_tips(
    figure: "Figure",
    names: Sequence[str],
    shares: Mapping[str, Sequence[float]],
    text: Callable[[str, int], str],
) -> dict[str, str]:
    """Mark every bar of `plots.style.stacked_bars`; what each says, by its gid.

    Parameters
    ----------
    names : of the bars, from the top
    shares : by the label of a share, its value in each bar; those of 0 are not drawn
    text : of a label and the number of a bar
    """
    from matplotlib.container import BarContainer

    tips: dict[str, str] = {}
    for container in figure.axes[0].containers:
        label = str(container.get_label())
        if not isinstance(container, BarContainer) or label not in shares:
            continue
        drawn = [index for index, value in enumerate(shares[label]) if value]
        for index, patch in zip(drawn, container.patches, strict=True):
            gid = f"bar{len(tips)}"
            patch.set_gid(gid)
            tips[gid] = f"{names[index]}\n{text(label, index)}"
    return tips


def _stacked(
    figure: "Figure", table: "pd.DataFrame", columns: dict[str, str], total: str, scale: float, unit: str
) -> dict[str, str]:
    """`columns`: by the label of a share, its column."""
    whole = table[total].to_numpy(float)
    shares = {label: (table[column] * scale).tolist() for label, column in columns.items()}

    def text(label: str, index: int) -> str:
        share = 100 * table[columns[label]].iloc[index] / whole[index]
        return f"{label}: {number_text(shares[label][index], 1 if scale < 1 else 0)} {unit} ({share:.1f} %)"

    return bar_tips(figure, table["layer"].tolist(), shares, text)


def _cycles(run: RunTables) -> Picture:
    table = plots.cycles_table(run)
    figure = plots.cycles(run)
    by_label = {look.label: f"{cause}_cycles" for cause, look in CAUSE_LOOKS.items()}
    tips = _stacked(figure, table, by_label, "cycles", 1.0, "cycles")
    title = f"{run.title}: cycles of each layer by cause"
    used = {cause: look for cause, look in CAUSE_LOOKS.items() if table[f"{cause}_cycles"].any()}
    columns = [Column(key="layer", heading="layer", meaning="name of the layer or operation")]
    columns.append(Column(key="cycles", heading="all", unit="cycles", digits=0))
    columns += [
        Column(key=f"{cause}_cycles", heading=look.label, unit="cycles", digits=0, meaning=glossary()[cause])
        for cause, look in used.items()
    ]
    return Picture(
        title=title,
        svg=inline_svg(figure, "cycles", title, tips),
        text="Cycles of each layer, the first on top, split by what its lane-cycles went to. A bar's part "
        "says its cause and cycles on hover or touch.",
        data=data_table(table, columns, title, "plots/cycles.csv"),
    )


def _energy(run: RunTables) -> Picture:
    table = plots.energy_table(run)
    figure = plots.energy(run)
    components = [c.removesuffix("_pj") for c in table.columns if c not in ("layer", *ENERGY_BOUNDS)]
    looks = component_looks(components)
    by_label = {looks[c].label: f"{c}_pj" for c in components}
    tips = _stacked(figure, table, by_label, "energy_pj", 1e-6, "µJ")
    title = f"{run.title}: energy of each layer by component"
    columns = [Column(key="layer", heading="layer", meaning="name of the layer or operation")]
    for key, heading in zip(ENERGY_BOUNDS, ("all", "5 % of draws", "95 % of draws"), strict=True):
        columns.append(Column(key=key, heading=heading, unit="µJ", scale=1e-6, digits=3))
    columns += [
        Column(
            key=f"{c}_pj", heading=looks[c].label, unit="µJ", scale=1e-6, digits=3, meaning=f"energy of {c}"
        )
        for c in components
    ]
    return Picture(
        title=title,
        svg=inline_svg(figure, "energy", title, tips),
        text="Energy of each layer by component; the thin line is the middle 90 % of draws of all prices "
        "between their bounds.",
        data=data_table(table, columns, title, "plots/energy.csv"),
    )


def _flow(run: RunTables) -> Picture:
    title = f"{run.title}: bytes and energy from DRAM to MAC and back"
    return Picture(
        title=title,
        svg=inline_svg(plots.flow(run), "flow", title, {}),
        text="Bytes (bands) and energy (boxes) on their way from DRAM to the MACs and back: plots/flow.csv "
        "has the numbers.",
    )


def point_tips(figure: "Figure", text: dict[tuple[float, float], list[str]]) -> dict[str, list[str]]:
    """Mark scattered points and markers; `text` says what stands at a place (x, y), in the data's units."""
    from matplotlib.collections import PathCollection

    tips: dict[str, list[str]] = {}
    for axes in figure.axes:
        for collection in axes.collections:
            if not isinstance(collection, PathCollection):
                continue
            offsets: Any = collection.get_offsets()
            places = [(float(x), float(y)) for x, y in offsets]
            if any(place not in text for place in places):
                continue
            gid = f"points{len(tips)}"
            collection.set_gid(gid)
            tips[gid] = ["\n".join(text[place]) for place in places]
    return tips


def _roofline(run: RunTables, placed: "pd.DataFrame") -> Picture:
    figure = plots.roofline(run)
    drawn = placed[placed["dram_bytes"] > 0]
    at: dict[tuple[float, float], list[str]] = {}
    for row in drawn.to_dict("records"):
        place = (float(row["dense_operations_per_byte"]), float(row["effective_tops"]))
        at.setdefault(place, []).append(
            f"{row['layer']}: {place[1]:.3g} TOPS at {place[0]:.3g} operations/byte, "
            f"{100 * row['ceiling_fraction']:.0f} % of its ceiling ({row['ceiling']})"
        )
    title = f"{run.title}: roofline"
    numbers = (
        ("dense_operations_per_byte", "operations per DRAM byte", "operations/byte", 1),
        ("effective_tops", "throughput", "TOPS", 3),
        ("skipping_ceiling_tops", "skipping ceiling", "TOPS", 3),
        ("dram_ceiling_tops", "DRAM ceiling", "TOPS", 3),
        ("scratchpad_ceiling_tops", "scratchpad ceiling", "TOPS", 3),
    )
    columns = [
        Column(key="layer", heading="layer", meaning="name of the layer"),
        *(Column(key=k, heading=h, unit=u, digits=d) for k, h, u, d in numbers),
        Column(key="ceiling", heading="lowest", meaning="the ceiling that binds: the lowest of the three"),
        Column(key="ceiling_fraction", heading="of its ceiling", unit="%", scale=100, digits=1),
    ]
    return Picture(
        title=title,
        svg=inline_svg(figure, "roofline", title, point_tips(figure, at)),
        text="Throughput of each layer against its operations per DRAM byte, under the ceilings that bind "
        "it; the thin line is the distance to its own ceiling.",
        data=data_table(placed, columns, title, "plots/roofline.csv"),
    )


def _timeline(run: RunTables) -> Picture:
    table = plots.timeline_table(run)
    figure = plots.timeline(run)
    tips: dict[str, list[str]] = {}
    if len(table) <= MOST_TILES:
        _tile_tips(figure, table, tips)
    name = str(table["layer"].iloc[0])
    title = f"{run.title}: the tiles of {name}, the longest layer"
    columns = [Column(key="tile", heading="tile", digits=0, meaning="number of the tile, in order")]
    for part in ("fetch", "compute", "drain"):
        for end in ("start", "end"):
            key = f"{part}_{end}_cycle"
            columns.append(Column(key=key, heading=f"{part} {end}", unit="cycle", digits=0, meaning=_INSTANT))
    return Picture(
        title=title,
        svg=inline_svg(figure, "timeline", title, tips),
        text=f"When each tile of {name} is fetched, computed and drained, from the layer's start.",
        data=data_table(table, columns, title, "plots/timeline.csv"),
    )


_INSTANT = "instant, in cycles from the layer's start"


def _tile_tips(figure: "Figure", table: "pd.DataFrame", tips: dict[str, list[str]]) -> None:
    """Broken bars come in order of track, even tiles before odd ones; spans without length are not drawn."""
    collections = iter(figure.axes[0].collections)
    for part in ("fetch", "compute", "drain"):
        starts, ends = table[f"{part}_start_cycle"].to_numpy(), table[f"{part}_end_cycle"].to_numpy()
        for parity in (0, 1):
            said = [
                f"tile {tile}, {part}: cycle {starts[tile]:,} to {ends[tile]:,} "
                f"({ends[tile] - starts[tile]:,})"
                for tile in range(parity, len(table), 2)
                if ends[tile] > starts[tile]
            ]
            collection = next(collections)
            gid = f"tiles-{part}-{parity}"
            collection.set_gid(gid)
            tips[gid] = said
