"""A run's report, from its folder alone."""

import json
import shlex
from pathlib import Path
from typing import Any

from accelsim.hardware import load_hardware, presets
from accelsim.plots import RunTables
from accelsim.plots.style import CAUSE_LOOKS
from accelsim.report.files import read_document, read_run
from accelsim.report.html.bill import bill_table, component_table
from accelsim.report.html.chip import chip_rows, ideal_parts
from accelsim.report.html.definitions import defined, glossary
from accelsim.report.html.figures import figures
from accelsim.report.html.heatmaps import heatmap_sections
from accelsim.report.html.pictures import run_pictures
from accelsim.report.html.render import render
from accelsim.report.html.tables import Column, HtmlTable, number_text, records, table_of
from accelsim.tables import CAUSES
from accelsim.version import VERSION

# A page with more rows is slow on a phone; the run's CSV files have all.
MOST_ROWS = 1000

_LAYER_COLUMNS = (
    Column(key="layer", heading="layer", meaning="name of the layer or operation"),
    Column(key="input", heading="input", digits=0, meaning="number of the input, from 0"),
    Column(key="kind", heading="kind", meaning="what it computes"),
    Column(key="cycles", heading="duration", unit="cycles", digits=0),
    Column(
        key="share", heading="of the run", unit="%", digits=1, scale=100, meaning="cycles / cycles of the run"
    ),
    Column(key="bound_by", heading="bound by"),
    Column(
        key="loss", heading="most lost to", meaning="the cause of most lane-cycles that do no effectual MAC"
    ),
    Column(key="utilisation_fraction", heading="utilisation", unit="%", digits=1, scale=100),
    Column(key="weight_density_fraction", heading="weight density", unit="%", digits=0, scale=100),
    Column(key="activation_density_fraction", heading="activation density", unit="%", digits=0, scale=100),
    Column(key="dram_read_bytes", heading="DRAM read", unit="kB", digits=1, scale=1e-3),
    Column(key="dram_write_bytes", heading="DRAM written", unit="kB", digits=1, scale=1e-3),
    Column(key="energy_pj", heading="energy", unit="µJ", digits=2, scale=1e-6),
    Column(key="energy_p05_pj", heading="5 % of draws", unit="µJ", digits=2, scale=1e-6),
    Column(key="energy_p95_pj", heading="95 % of draws", unit="µJ", digits=2, scale=1e-6),
    Column(key="tiles", heading="tiles", digits=0),
    Column(key="plan", heading="plan"),
)
_PAIRS = (
    Column(key="what", heading="what", meaning="name of the fact"),
    Column(key="value", heading="value", wide=True, meaning="as the run's summary.json has it"),
)


def run_page(folder: str | Path) -> str:
    """The report of a finished run.

    Raises
    ------
    InputError
        If the folder is none of `write_run`, or the glossary is not there.
    """
    root = Path(folder)
    run, document = read_run(root), read_document(root / "summary.json")
    facts: dict[str, Any] = document.get("provenance", {})
    energy = [] if run.energy.empty else [component_table(run), bill_table(run, MOST_ROWS)]
    heatmaps, balance, no_heatmaps = heatmap_sections(root, run)
    content: dict[str, Any] = {
        "title": run.title,
        "kind": "Simulated run",
        "lead": _lead(run),
        "version": VERSION,
        "sections": _SECTIONS,
        "figures": figures(run.summary),
        "simulated": table_of(_simulated(run, facts), _PAIRS, "The run"),
        "chip": table_of(chip_rows(run.chip), _CHIP, f"The chip {run.chip.name}"),
        "causes": _causes(run),
        "layers": _layers(run),
        "energy": energy[0] if energy else None,
        "bill": energy[1] if energy else None,
        "pictures": run_pictures(run),
        "heatmaps": heatmaps,
        "balance": balance,
        "no_heatmaps": no_heatmaps,
        "missing": _missing(run, document),
        "command": document.get("command") or _command(run, facts),
        "command_note": _COMMAND_NOTE if document.get("command") else _FROM_PYTHON,
        "provenance": table_of(_rows(facts), _PAIRS, "Versions, seeds and hashes"),
    }
    content["definitions"] = defined(_terms(content, run))
    return render("run.html", **content)


_CHIP = (
    Column(key="key", heading="key", meaning="as in the chip's file"),
    Column(key="value", heading="value", meaning="of this chip; a dash: not set"),
    Column(key="meaning", heading="meaning", wide=True, meaning="what the key says"),
    Column(
        key="source", heading="source or assumption", wide=True, meaning="what the chip's file says beside it"
    ),
)
_SECTIONS = (
    ("figures", "Figures"),
    ("simulated", "What was simulated"),
    ("cycles", "Where the cycles go"),
    ("layers", "Layers"),
    ("energy", "Energy"),
    ("time", "Time inside a layer"),
    ("pes", "PEs"),
    ("missing", "Not modelled"),
    ("provenance", "Provenance"),
    ("definitions", "Definitions"),
)
_COMMAND_NOTE = (
    "Paths are seen from the folder it ran in; the hashes below say whether trace and chip are the same."
)
_FROM_PYTHON = (
    "The run was made from Python, so this is its equal on the command line: TRACE is the file whose hash "
    "stands below, CHIP.yaml the chip of this page (accelsim hardware show writes its like)."
)


def _lead(run: RunTables) -> str:
    s = run.summary
    lanes = run.lane_cycles()
    total = sum(lanes.values())
    most = max((cause for cause in CAUSES if cause != "mac"), key=lambda cause: lanes[cause])
    return (
        f"{s['cycles_mean']:,.0f} cycles, {s['ms_per_inference']:.4g} ms at {run.chip.clock_mhz:g} MHz, and "
        f"{number_text(s['energy_uj_mean'], 0)} µJ ({number_text(s['energy_uj_p05'], 0)} to "
        f"{number_text(s['energy_uj_p95'], 0)}{_sampled(s)}) an inference. "
        f"Of the lane-cycles {100 * lanes['mac'] / total:.1f} % are effectual MACs; most of the others, "
        f"{100 * lanes[most] / total:.1f} %, are: {CAUSE_LOOKS[most].label}."
    )


def _sampled(summary: dict[str, Any]) -> str:
    """What the sample of toggles makes of the energy, where one was drawn."""
    error = summary.get("energy_uj_toggle_error", 0.0)
    return f"; standard error of sampled toggles {number_text(error, 2)}" if error > 0 else ""


def _simulated(run: RunTables, facts: dict[str, Any]) -> list[dict[str, Any]]:
    array = run.layers[run.layers["bound_by"] != "postprocessor"]["layer"].nunique()
    told = {
        "network": run.network,
        "chip": f"{run.chip.name}: {run.chip.description}" if run.chip.description else run.chip.name,
        "dataflow": run.chip.dataflow,
        "inputs": f"{run.inputs}{' as one batch' if run.summary.get('together') else ''}",
        "layers on the array": array,
        "operations of the postprocessor": run.layers["layer"].nunique() - array,
        "trace (content hash)": facts.get("trace_hash"),
        "accuracy": facts.get("accuracy", "not stated by the trace"),
    }
    return [{"what": what, "value": value} for what, value in told.items() if value is not None]


def _causes(run: RunTables) -> HtmlTable:
    lanes = run.lane_cycles()
    total = sum(lanes.values())
    lanes_of = {CAUSE_LOOKS[cause].label: lanes[cause] for cause in CAUSES}
    rows = [
        {
            "cause": CAUSE_LOOKS[cause].label,
            "cycles": lanes[cause] / run.chip.pe_array.multipliers / run.inputs,
            "lane_cycles": lanes[cause],
            "share": lanes[cause] / total,
            "meaning": glossary()[cause],
        }
        for cause in CAUSES
        if lanes[cause]
    ]
    columns = (
        Column(key="cause", heading="cause", meaning="what a lane does, or waits for"),
        Column(
            key="share",
            heading="share",
            unit="%",
            scale=100,
            digits=1,
            meaning="of all lane-cycles of the run",
        ),
        Column(
            key="cycles",
            heading="cycles",
            unit="an inference",
            digits=0,
            meaning="its lane-cycles / lanes of the chip / inputs: they add up to the cycles of an inference",
        ),
        Column(key="lane_cycles", heading="lane-cycles", digits=0, meaning="a lane, for a cycle"),
        Column(key="meaning", heading="meaning", wide=True, meaning="the glossary's words"),
    )
    rows.sort(key=lambda row: -lanes_of[str(row["cause"])])
    return table_of(rows, columns, "Lane-cycles by cause", name="causes")


def _layers(run: RunTables) -> HtmlTable:
    rows = run.layers.copy()
    causes = rows[[f"{cause}_lane_cycles" for cause in CAUSES]].set_axis(list(CAUSES), axis=1)
    lost = causes.drop(columns="mac")
    rows["loss"] = [
        f"{CAUSE_LOOKS[str(cause)].label} {100 * most / every:.0f}\u00a0%" if most else "-"
        for cause, most, every in zip(lost.idxmax(axis=1), lost.max(axis=1), causes.sum(axis=1), strict=True)
    ]
    rows["share"] = rows["cycles"] / rows["cycles"].sum()
    columns = [c for c in _LAYER_COLUMNS if c.key in rows and (c.key != "input" or run.inputs > 1)]
    note = "A heading sorts by its column, again in the other order. layers.csv has all columns."
    if len(rows) > MOST_ROWS:
        note = (
            f"The {MOST_ROWS:,} rows with most cycles of {len(rows):,}, in order; layers.csv has all. {note}"
        )
        rows = rows.loc[rows["cycles"].nlargest(MOST_ROWS).index.sort_values()]
    return table_of(records(rows), columns, "Layers, in order of execution", name="layer-table", note=note)


def _missing(run: RunTables, document: dict[str, Any]) -> list[tuple[str, list[str]]]:
    left_out = [f"{layer}: {reason}" for layer, reason in document.get("left_out", {}).items()]
    return [
        ("What the reader of the figures has to know", list(document.get("notes", []))),
        ("Left ideal by this chip's file", ideal_parts(run.chip)),
        ("Layers that were not run", left_out),
        ("Before the first and after the last layer", list(document.get("not_modelled", []))),
        ("In no price", list(document.get("unpriced", []))),
    ]


def _rows(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"what": what, "value": value if isinstance(value, str | int | float) else json.dumps(value)}
        for what, value in facts.items()
    ]


def _command(run: RunTables, facts: dict[str, Any]) -> str:
    """The command line's equal of a run from Python, as far as its provenance says."""
    name = run.chip.name
    shipped = name in presets() and load_hardware(name) == run.chip
    words = ["accelsim", "run", "TRACE", "--hardware", name if shipped else "CHIP.yaml"]
    for key, option in (
        ("objective", "--objective"),
        ("between_layers", "--between-layers"),
        ("seed", "--seed"),
    ):
        if key in facts:
            words += [option, str(facts[key])]
    if (toggles := facts.get("toggles", "off")) != "sampled":  # a run that does not say counted none
        words += ["--toggles", str(toggles)]
    words += [flag for key, flag in _FLAGS.items() if key in facts]
    words += ["--together"] if run.summary.get("together") else []
    return shlex.join(words)


_FLAGS = {"filters": "--balance-filters", "channels": "--order-channels"}


def _terms(content: dict[str, Any], run: RunTables) -> list[str]:
    """The glossary's words that this page uses: its figures, headings and causes."""
    tables = [content[name] for name in ("layers", "causes") if content[name]]
    tables += [p.data for p in content["pictures"].values() if p and p.data]
    keys = [figure.key for figure in content["figures"]]
    keys += [column.key for table in tables for column in table.columns]
    keys += [cause for cause in CAUSES if run.lane_cycles()[cause]]
    words = ["lane", "lane-cycle", "tile", "plan", "draw", "effectual MACs", "dense MACs"]
    return list(dict.fromkeys([*keys, *words]))
