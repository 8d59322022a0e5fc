"""A run's folder: tables, totals, timeline and pictures, the same bytes for the same run.

::

    folder/
      summary.json    the report's figures, the chip, where the network came from, what to know
      layers.csv      one row per input and layer
      energy.csv      one row per input, layer, component and action: count x pJ
      actions.csv     counts per component and action over the whole run
      tiles.csv       one row per tile: what it does (WORK) and when (TIMELINE)
      timeline.json   the same as Chrome trace events, for Perfetto
      plots/          pictures (.svg) and the data drawn (.csv)
"""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from accelsim import plots
from accelsim.energy import NOT_COUNTED
from accelsim.energy.dram import other_memory
from accelsim.errors import InputError, listed
from accelsim.files import write_whole
from accelsim.hardware import ARRAYS, Accelerator
from accelsim.plan import Plan
from accelsim.plan_file import plans_csv
from accelsim.plots import RunTables, tables_of
from accelsim.plots.run import TILE_COLUMNS
from accelsim.plots.save import csv_bytes
from accelsim.report.toggles import toggle_note, toggles_document
from accelsim.report.trace_events import MOST_TILES, trace_events
from accelsim.results import NetworkResult, ratio

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
TEXT_COLUMNS = (
    "layer",
    "kind",
    "bound_by",
    "plan",
    "fused",
    "component",
    "action",
    "unit",
    "source",
    "group",
    "priced_by",
)
ENERGY_COLUMNS = (
    "input",
    "layer",
    "component",
    "action",
    "count",
    "unit",
    "pj_each",
    "pj",
    "low_pj",
    "high_pj",
    "source",
    "group",
    "priced_by",
)


def write_run(
    result: NetworkResult, folder: str | Path, *, command: str = "", timeline_tiles: int = MOST_TILES
) -> list[Path]:
    """Write the whole run into `folder`; files of an earlier run are replaced.

    Each file appears whole or not at all. Equal runs give equal bytes (with one version of matplotlib,
    for the pictures).

    Parameters
    ----------
    command : of the command line that ran it, for its report
    timeline_tiles : tiles that the timeline draws at most

    Returns
    -------
    The files written.

    Raises
    ------
    InputError
        If a file cannot be written; names the path.
    """
    root = Path(folder)
    run = tables_of(result)
    content = {
        "layers.csv": csv_bytes(run.layers),
        "energy.csv": csv_bytes(_with_columns(run.energy, ENERGY_COLUMNS)),
        "actions.csv": csv_bytes(actions(run)),
        "tiles.csv": csv_bytes(run.tiles),
        "plans.csv": plans_csv(_plans(result)),
        "timeline.json": json.dumps(trace_events(result, timeline_tiles), separators=(",", ":")).encode()
        + b"\n",
        "summary.json": json.dumps(_document(result, run, command), indent=2, allow_nan=False).encode()
        + b"\n",
    }
    for name, data in content.items():
        write_whole(root / name, data)
    return [*(root / name for name in content), *_write_plots(run, root / "plots")]


def read_run(folder: str | Path) -> RunTables:
    """Read a folder of `write_run` back, for pictures and comparisons.

    Raises
    ------
    InputError
        If a file is missing, is no file of `write_run`, or a column is missing; names it.
    """
    root = Path(folder)
    document = read_document(root / "summary.json")
    try:
        return RunTables(
            chip=Accelerator.model_validate(document["chip"]),
            network=document["network"],
            inputs=document["inputs"],
            summary={k: math.nan if v is None else v for k, v in document["summary"].items()},
            layers=read_table(root / "layers.csv", ("input", "layer", "cycles", "energy_pj")),
            energy=read_table(root / "energy.csv", ENERGY_COLUMNS),
            tiles=read_table(root / "tiles.csv", TILE_COLUMNS),
        )
    except KeyError as error:
        raise InputError(f"{root / 'summary.json'}: key {error} is missing") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ARRAYS)
        raise InputError(f"{root / 'summary.json'}: chip.{where}: {first['msg']}") from error


def notes(result: NetworkResult) -> list[str]:
    """What a reader of the figures has to know, one sentence each."""
    array = [r for r in result.layer_results if r.layer is not None]
    drawn = list(dict.fromkeys(r.name for r in array if r.outputs_drawn))
    unchecked = list(dict.fromkeys(r.name for r in array if not r.outputs_checked))
    sampled = list(dict.fromkeys(r.name for r in array if r.outputs_checked and not r.outputs_checked_whole))
    pe = result.chip.pe_array
    told = [
        "Network cycles are those of the array's layers and of the postprocessor's operations, one after "
        "the other; nothing else is in the time."
    ]
    if chains := list(dict.fromkeys(r.fused for r in result.layer_results if r.fused)):
        told.append(
            f"{result.chip.name}: fused, run band by band of rows: {', '.join('+'.join(c) for c in chains)}; "
            "a tile's gap and cycles count with its own layer."
        )
    if result.kept or chains:
        moved = sum(r.dram_read_bytes + r.dram_write_bytes for r in result.layer_results)
        saved = sum(r.saved_dram_bytes for r in result.layer_results)
        told.append(
            f"{result.chip.name}: {len({t.tensor for t in result.kept})} tensors stay in the scratchpad "
            f"between layers: {saved / 1e6 / result.inputs:.2f} MB of DRAM traffic less per inference, "
            f"{100 * ratio(saved, moved + saved):.0f} % of what moves if none stays."
        )
    told += toggle_note(result)
    told += [other] if (other := other_memory(result.chip)) else []
    if result.left_out:
        reasons = "; ".join(dict.fromkeys(result.left_out.values()))
        told.append(f"Not run: {_listed(list(result.left_out))} ({reasons}).")
    if functions := list(dict.fromkeys(r.name for r in result.layer_results if r.kind == "function")):
        told.append(
            f"Functions of the postprocessor are timed, their values those captured, not recomputed: "
            f"{_listed(functions)}."
        )
    if "parameters" in result.provenance:
        told.append(f"{result.network}: {result.provenance['parameters']}.")
    if drawn:
        told.append(
            f"Outputs drawn at a stated density, because the trace has none, in {_listed(drawn)}: "
            "the bytes drained, and what waits for them, depend on it."
        )
    if sampled:
        told.append(f"Outputs compared with numpy at sampled positions in {_listed(sampled)}.")
    if unchecked:
        told.append(f"Outputs not compared with numpy in {_listed(unchecked)}.")
    if max(pe.weight_bits, pe.activation_bits) > 8:
        told.append(
            f"8-bit values run on a chip of {pe.weight_bits}-bit weights and {pe.activation_bits}-bit "
            "activations, at the chip's sizes."
        )
    return told


def actions(run: RunTables) -> "pd.DataFrame":
    """Counts of each component's actions over all layers and inputs, in the order of the bill."""
    keys = ["component", "action", "unit"]
    bill = _with_columns(run.energy, ENERGY_COLUMNS)
    return bill.groupby(keys, sort=False)["count"].sum().reset_index()


def _write_plots(run: RunTables, folder: Path) -> list[Path]:
    pictures = [("cycles", plots.cycles(run), plots.cycles_table(run))]
    if not run.energy.empty:
        pictures.append(("energy", plots.energy(run), plots.energy_table(run)))
        pictures.append(("flow", plots.flow(run), plots.flow_table(run)))
    drawable = plots.roofline_table(run)
    if (drawable["dram_bytes"] > 0).any():
        pictures.append(("roofline", plots.roofline(run), drawable))
    if not run.tiles.empty:
        pictures.append(("timeline", plots.timeline(run), plots.timeline_table(run)))
    return [path for name, figure, data in pictures for path in plots.save(figure, folder / name, data)]


def _document(result: NetworkResult, run: RunTables, command: str) -> dict[str, Any]:
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in run.summary.items()}
    return {
        "schema_version": SCHEMA_VERSION,
        "network": run.network,
        "inputs": run.inputs,
        "summary": finite,
        "notes": notes(result),
        "not_modelled": list(result.not_modelled),
        "left_out": result.left_out,
        "unpriced": [f"{what}: {reason}" for what, reason in NOT_COUNTED.items()],
        "between_layers": between_layers(result),
        **toggles_document(result),
        "provenance": result.provenance,
        **({"command": command} if command else {}),
        "chip": run.chip.model_dump(mode="json"),
    }


def _plans(result: NetworkResult) -> dict[str, Plan]:
    """Plans of layers that ran alone: bands of fused layers are no plan of one layer."""
    return {r.name: r.plan for r in result.layer_results if r.plan is not None and not r.fused}


def between_layers(result: NetworkResult) -> dict[str, Any]:
    """What stayed in the scratchpad between layers, and the DRAM bytes that it spared, over all inputs."""
    return {
        "mode": result.provenance.get("between_layers", "dram"),
        "saved_dram_bytes": sum(r.saved_dram_bytes for r in result.layer_results),
        "kept": [asdict(tensor) for tensor in result.kept],
        "fused": [
            {"input": r.input, "layers": list(r.fused), "band_rows": r.plan.tile_p}
            for r in result.layer_results
            if r.fused and r.plan is not None and r.name == r.fused[-1]
        ],
    }


def read_document(path: Path) -> dict[str, Any]:
    """What summary.json says; raises InputError if it is none of `write_run`."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(f"{path}: schema_version must be {SCHEMA_VERSION}, not {version!r}")
    return dict(document)


def read_table(path: Path, needed: tuple[str, ...]) -> "pd.DataFrame":
    """A table of a run's folder; raises InputError if it is none, or a column that is needed is missing."""
    import pandas as pd

    try:
        columns = list(pd.read_csv(path, nrows=0).columns)
        missing = [name for name in needed if name not in columns]
        if missing:
            raise InputError(f"{path}: column {missing[0]!r} is missing")
        # A layer may be called NA: only numbers have values that are not there.
        empty = {name: [""] for name in columns if name not in TEXT_COLUMNS}
        text = {name: str for name in columns if name in TEXT_COLUMNS}
        return pd.read_csv(path, keep_default_na=False, na_values=empty, dtype=text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: is not a table of accelsim: {error}") from error


def _with_columns(table: "pd.DataFrame", columns: tuple[str, ...]) -> "pd.DataFrame":
    return table.reindex(columns=list(columns)) if table.empty else table


def _listed(names: list[str]) -> str:
    return ("layers " if len(names) > 1 else "layer ") + listed(names)
