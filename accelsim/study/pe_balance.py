"""PEs of a finished run, counted, checked against the run and drawn (docs/heatmap.md).

::

    trace + the run's own tiles (tiles.csv)  -> what each PE does     study.pes
    sums over the PEs == the run's counters  -> pes.csv, pictures
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim import plots
from accelsim.errors import AccelsimError, InputError, listed
from accelsim.files import write_whole
from accelsim.hardware.arrays import InnerJoinArray
from accelsim.mapper.balance import balanced
from accelsim.mapper.hamming import ordered_channels
from accelsim.plan import Unrolling
from accelsim.plan_file import whole_plans
from accelsim.plots import RunTables
from accelsim.plots.balance import PE_COLUMNS
from accelsim.plots.save import csv_bytes, save_png
from accelsim.report import read_run
from accelsim.report.files import read_document
from accelsim.report.html.heatmaps import FILE, MOST_PICTURES
from accelsim.study.pes import pe_lane_cycles
from accelsim.study.traces import open_trace
from accelsim.tables import BOX
from accelsim.trace import NetworkTrace

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]


def pe_table(trace: NetworkTrace, folder: str | Path) -> "tuple[pd.DataFrame, list[str]]":
    """What every PE did in a finished run, layer by layer, over all inputs.

    Parameters
    ----------
    trace : of the run
    folder : of the run

    Returns
    -------
    DataFrame of `plots.balance.PE_COLUMNS`: lane-cycles of products of two non-zero operands, and of all
    slots (done and gated MACs); and the layers that could not be counted, with the reason

    Raises
    ------
    InputError
        If the run is of another trace.
    AccelsimError
        If the sums over the PEs are not the run's own.
    """
    import pandas as pd

    root = Path(folder)
    run, facts = read_run(root), read_document(root / "summary.json").get("provenance", {})
    if facts.get("trace_hash") != trace.content_hash:
        raise InputError(
            f"{root}: a run of another trace (hash {str(facts.get('trace_hash'))[:12]}), not this one"
        )
    held, left_out = _held(run, root)
    found: dict[str, tuple[Ints, Ints]] = {}
    for index, one in _inputs(trace, bool(run.summary.get("together"))):
        tiles = run.tiles[run.tiles["input"] == index]
        for name, rows in tiles.groupby("layer", sort=False):
            if name not in held:
                continue
            layer = one.layer(str(name))
            layer = balanced(layer) if "filters" in facts else layer
            layer = ordered_channels(layer, run.chip) if "channels" in facts else layer
            boxes = rows[list(BOX)].to_numpy(np.int64)
            mac, slot = pe_lane_cycles(layer, boxes, run.chip, held[str(name)])
            _check(str(name), mac, slot, rows)
            before = found.get(str(name), (0, 0))
            found[str(name)] = (before[0] + mac, before[1] + slot)
    frames = [_frame(name, mac, slot) for name, (mac, slot) in found.items()]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(PE_COLUMNS))
    return table, left_out


def _inputs(trace: NetworkTrace, together: bool) -> Iterator[tuple[int, NetworkTrace]]:
    """As the run numbers them: one by one, or all as input 0."""
    if together:
        yield 0, trace
        return
    for index in range(trace.inputs_count):
        yield index, trace.select_input(index)


def _held(run: RunTables, root: Path) -> tuple[dict[str, Unrolling | None], list[str]]:
    """What the PEs held at once in each layer; layers of which the run does not say, with the reason."""
    names, array = list(dict.fromkeys(run.tiles["layer"])), run.chip.pe_array
    if not isinstance(array, InnerJoinArray) or array.unrolling == "fixed":
        return dict.fromkeys(names), []
    plans = whole_plans(root / "plans.csv")
    held = {name: plans[name].spatial for name in names if name in plans}
    return held, [f"{name}: fused, its unrolling is not in plans.csv" for name in names if name not in plans]


def _check(name: str, mac: Ints, slot: Ints, rows: "pd.DataFrame") -> None:
    """Raise AccelsimError unless PEs add up to what the kernel counted."""
    wanted = int(rows["mac_lane_cycles"].sum()), int((rows["done_macs"] + rows["gated_macs"]).sum())
    if (found := (int(mac.sum()), int(slot.sum()))) != wanted:
        raise AccelsimError(
            f"{name}: its PEs do {found[0]} effectual MACs in {found[1]} slots, but the run counted "
            f"{wanted[0]} in {wanted[1]}"
        )


def _frame(name: str, mac: Ints, slot: Ints) -> "pd.DataFrame":
    import pandas as pd

    part, row, column = (axis.ravel() for axis in np.indices(mac.shape))
    values = (name, part, row, column, mac.ravel(), slot.ravel())
    return pd.DataFrame(dict(zip(PE_COLUMNS, values, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmaps:
    """How uneven the PEs of each layer are, what could not be counted, and the files written."""

    balance: "pd.DataFrame"
    left_out: list[str]
    files: list[Path]


def write_heatmaps(trace_path: Path, folder: Path, layers: Sequence[str] = ()) -> Heatmaps:
    """Count the PEs of a run into its folder's pes.csv, and draw layers: SVG, PNG and CSV in plots/pes.

    Parameters
    ----------
    layers : those drawn; the most uneven ones if none

    Raises
    ------
    InputError
        If a layer was not counted, a file cannot be written, or as `pe_table` and `open_trace`.
    """
    run = read_run(folder)
    table, left_out = pe_table(open_trace(trace_path), folder)
    used, balance = plots.with_utilisation(run, table), plots.balance_table(run, table)
    known = balance["layer"].tolist()
    if unknown := [name for name in layers if name not in known]:
        raise InputError(f"--layer must be one of {listed(known)}, not {unknown[0]!r}")
    files = [folder / FILE]
    write_whole(files[0], csv_bytes(table))
    for name in layers or known[:MOST_PICTURES]:
        those = used[used["layer"] == name].reset_index(drop=True)
        figure = plots.heatmap(those, name, run.title, plots.pe_axes(run.chip))
        stem = folder / "plots" / "pes" / re.sub(r"[^\w.-]", "_", name)
        files += [*plots.save(figure, stem, those), save_png(figure, stem)]
    return Heatmaps(balance=balance, left_out=left_out, files=files)
