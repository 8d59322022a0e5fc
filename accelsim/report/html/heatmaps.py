"""How evenly the PEs work, of runs whose PEs were counted (`accelsim heatmap`, docs/heatmap.md)."""

from pathlib import Path
from typing import TYPE_CHECKING

from accelsim import plots
from accelsim.errors import InputError
from accelsim.plots import RunTables
from accelsim.plots.balance import PE_COLUMNS
from accelsim.report.files import read_table
from accelsim.report.html.svg import inline_svg
from accelsim.report.html.tables import Column, HtmlTable, Picture, records, table_of

if TYPE_CHECKING:
    import pandas as pd

FILE = "pes.csv"
MOST_PICTURES = 3
# Above, a picture is an image: a square for each PE would be most of the page.
_MOST_PES = 1024

_COLUMNS = (
    Column(key="layer", heading="layer", meaning="name of the layer"),
    Column(
        key="idle_pes", heading="idle PEs", digits=0, meaning="PEs that meet no pair of non-zero operands"
    ),
    Column(
        key="least_fraction",
        heading="least",
        unit="%",
        scale=100,
        digits=1,
        meaning="least utilisation of a PE",
    ),
    Column(key="mean_fraction", heading="mean", unit="%", scale=100, digits=1, meaning="mean over all PEs"),
    Column(
        key="most_fraction", heading="most", unit="%", scale=100, digits=1, meaning="that of the busiest PE"
    ),
    Column(key="most_over_mean", heading="most / mean", digits=2),
    Column(key="uneven_lane_cycles", heading="uneven", unit="lane-cycles", digits=0),
)
_NOT_COUNTED = (
    "The PEs of this run were not counted: accelsim heatmap TRACE RUN_FOLDER does it; the report made after "
    "it shows them."
)


def heatmap_sections(folder: Path, run: RunTables) -> tuple[list[Picture], HtmlTable | None, str]:
    """Pictures of the most uneven layers and a table of all; or none, and a sentence why.

    Raises
    ------
    InputError
        If the folder's pes.csv is no such table, or of another run.
    """
    if not (folder / FILE).is_file():
        return [], None, _NOT_COUNTED
    pes = read_table(folder / FILE, PE_COLUMNS)
    try:
        used, balance = plots.with_utilisation(run, pes), plots.balance_table(run, pes)
    except InputError as error:
        raise InputError(f"{folder / FILE}: {error}") from error
    shown = balance["layer"].head(MOST_PICTURES).tolist()
    pictures = [_picture(run, layer, used[used["layer"] == layer], i) for i, layer in enumerate(shown)]
    table = table_of(
        records(balance),
        _COLUMNS,
        "How uneven the PEs of each layer are, the most uneven first",
        name="balance",
        note=f"{FILE} has every PE of every layer.",
    )
    return pictures, table, ""


def _picture(run: RunTables, layer: str, those: "pd.DataFrame", number: int) -> Picture:
    figure = plots.heatmap(those, layer, run.title, plots.pe_axes(run.chip))
    tips: dict[str, list[str]] = {}
    if len(those) <= _MOST_PES:
        mesh = figure.axes[0].collections[0]
        mesh.set_gid("pes")
        ordered = those.sort_values(["row", "part", "column"])
        several = int(those["part"].max()) > 0
        columns = ["part", "row", "column", "mac_lane_cycles", "slot_lane_cycles"]
        tips["pes"] = [
            f"{f'part {part}, ' if several else ''}row {row}, column {column}: {100 * used:.1f} %\n"
            f"{mac:,} effectual MACs in {slot:,} slots"
            for (part, row, column, mac, slot), used in zip(
                ordered[columns].to_numpy(int).tolist(), ordered["utilisation_fraction"], strict=True
            )
        ]
    title = f"{layer}: utilisation of each PE"
    text = f"{layer}: share of the layer's lane-cycles that each PE spends on effectual MACs."
    return Picture(title=title, svg=inline_svg(figure, f"pes{number}", title, tips), text=text, small=True)
