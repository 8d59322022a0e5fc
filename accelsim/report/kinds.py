"""Where a network's time goes by kind of layer: what zeros give on each chip, and where they give little."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from accelsim.results import LayerResult, NetworkResult, ratio

if TYPE_CHECKING:
    from rich.table import Table

_OPERATIONS = "postprocessor"


def kind_of(result: LayerResult) -> str:
    """`1x1`, `3x3`, ... for convolutions, `depthwise`, the layer's kind, or `postprocessor`."""
    layer = result.layer
    if layer is None:
        return _OPERATIONS
    if layer.kind != "convolution":
        return layer.kind.replace("_", " ")
    if layer.groups == layer.channels > 1:
        return "depthwise"
    size = "x".join(map(str, layer.kernel))
    return size if layer.groups == 1 else f"{size}, grouped"


def kind_rows(results: Sequence[NetworkResult]) -> list[dict[str, Any]]:
    """One row per kind of layer and chip, in order of first appearance.

    Returns
    -------
    dicts of `kind`, `chip`, `dense_macs`, `effectual_fraction`, `cycles`, `cycles_fraction` (of the
    network's), `effective_tops` (of this kind's layers while they run) and `peak_tops`; sums over inputs
    """
    rows = []
    kinds = dict.fromkeys(kind_of(layer) for result in results for layer in result.layer_results)
    for kind in kinds:
        for result in results:
            of_kind = [layer for layer in result.layer_results if kind_of(layer) == kind]
            macs = sum(layer.totals["dense_macs"] for layer in of_kind)
            cycles = sum(layer.cycles for layer in of_kind)
            tops = 2 * ratio(macs, cycles) * result.chip.clock_mhz / 1e6
            rows.append(
                {
                    "kind": kind,
                    "chip": result.chip.name,
                    "dense_macs": macs,
                    "effectual_fraction": ratio(sum(r.totals["effectual_macs"] for r in of_kind), macs),
                    "cycles": cycles,
                    "cycles_fraction": ratio(cycles, sum(r.cycles for r in result.layer_results)),
                    "effective_tops": tops,
                    "peak_tops": result.chip.peak_tops,
                }
            )
    return rows


def kinds_table(results: Sequence[NetworkResult]) -> "Table":
    """For people: per kind, its share of the MACs and of each chip's cycles, and effective TOPS."""
    from rich import box
    from rich.table import Table

    rows = kind_rows(results)
    total = sum(row["dense_macs"] for row in rows if row["chip"] == results[0].chip.name)
    peaks = ", ".join(f"{result.chip.name} {result.chip.peak_tops:.2f}" for result in results)
    title = f"{results[0].network}: effective TOPS (share of cycles) by kind of layer; peak TOPS: {peaks}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("kind")
    for heading in ("share of\nMACs", "effec-\ntual", *(result.chip.name for result in results)):
        table.add_column(heading, justify="right", overflow="fold")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        macs = mine[0]["dense_macs"]
        table.add_row(
            kind,
            f"{ratio(macs, total):.1%}" if macs else "-",
            f"{mine[0]['effectual_fraction']:.3f}" if macs else "-",
            *(f"{_tops(row)} ({row['cycles_fraction']:.0%})" for row in mine),
        )
    return table


def _tops(row: dict[str, Any]) -> str:
    return f"{row['effective_tops']:.3f}" if row["dense_macs"] else "-"
