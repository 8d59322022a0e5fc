"""run, plot."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from accelsim.cli.app import (
    JSON,
    OBJECTIVE,
    SKIP_UNSUPPORTED,
    TOGGLES,
    app,
    command_text,
    guarded,
    objective_of,
    show,
    steps,
    toggling_of,
)
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.hardware import Accelerator
    from accelsim.results import NetworkResult
    from accelsim.schedule.held import BetweenLayers
    from accelsim.toggles import Toggling
    from accelsim.trace import NetworkTrace

TRACES = typer.Argument(None, help="traces (.safetensors, .npz, folder of .npy); none: the shipped example")
PLANS = typer.Option(
    None,
    "--plans",
    help="plans of layers (plans.csv of a run); the mapper chooses the others and empty cells",
)
OVERRIDES = typer.Option([], "--set", metavar="KEY=VALUE", help="override a key of every chip")
BASELINE = typer.Option(None, "--baseline", help="chip that speed-ups refer to (default: the first)")
BALANCE_FILTERS = typer.Option(
    False, "--balance-filters", help="filters run in the order of their non-zero weights"
)
ORDER_CHANNELS = typer.Option(
    False, "--order-channels", help="channels run in an order in which successive words differ in few bits"
)
BETWEEN_LAYERS = typer.Option(
    "dram",
    "--between-layers",
    help="dram: every tensor goes to DRAM and back; keep: those that spare most stay in the scratchpad; "
    "fuse: chains of convolutions run band by band, too",
)
KEEP = typer.Option(
    [], "--keep", metavar="TENSOR", help="a tensor that must stay (--between-layers keep or fuse)"
)
FUSE = typer.Option([], "--fuse", metavar="A+B", help="layers that must be fused (--between-layers fuse)")
DRAM_TRACE = typer.Option(
    None,
    "--dram-trace",
    metavar="FOLDER",
    help="write the DRAM requests of every layer as traces of Ramulator 2 and DRAMsim3 (banked DRAM)",
)
TIMELINE_TILES = typer.Option(
    10_000, "--timeline-tiles", min=1, help="tiles that timeline.json draws; of more, every 2nd, 3rd, ..."
)
TOGETHER = typer.Option(False, "--together", help="a trace's inputs run as one batch")
THREADS = typer.Option(None, "--threads", min=1, help="layers counted at once")
OUT = typer.Option(Path("results"), "--out", help="folder of the results")
CHIPS = ("dense-16x16", "activation-skip-16x16", "both-skip-16x16")


def open_trace(path: Path) -> "NetworkTrace":
    """A trace from its file, for commands: what they import stays light."""
    from accelsim.study import traces

    return traces.open_trace(path)


def _between(mode: str, keep: list[str], fuse: list[str]) -> "BetweenLayers":
    from accelsim.schedule.held import BetweenLayers

    return BetweenLayers(mode, tuple(keep), tuple(tuple(chain.split("+")) for chain in fuse))


@app.command("run")
@guarded
def run(
    context: typer.Context,
    traces: list[Path] = TRACES,
    hardware: list[str] = typer.Option(list(CHIPS), "--hardware", help="a shipped chip or a YAML file"),
    overrides: list[str] = OVERRIDES,
    plans: Path | None = PLANS,
    objective: str = OBJECTIVE,
    baseline: str | None = BASELINE,
    out: Path = OUT,
    threads: int | None = THREADS,
    skip_unsupported: bool = SKIP_UNSUPPORTED,
    balance_filters: bool = BALANCE_FILTERS,
    order_channels: bool = ORDER_CHANNELS,
    toggles: str = TOGGLES,
    together: bool = TOGETHER,
    between_layers: str = BETWEEN_LAYERS,
    keep: list[str] = KEEP,
    fuse: list[str] = FUSE,
    dram_trace: Path | None = DRAM_TRACE,
    timeline_tiles: int = TIMELINE_TILES,
    seed: int = typer.Option(0, "--seed", min=0, help="of sampled checks and toggles, drawn outputs"),
    as_json: bool = JSON,
) -> None:
    """Run traces on chips; without a trace: a real network and a real photograph on three chips."""
    between, toggling = _between(between_layers, keep, fuse), toggling_of(toggles)
    if not traces:
        return _main_job(out, between, toggling, order_channels, threads, seed, as_json)
    from accelsim.plan_file import read_plans
    from accelsim.study.runs import run_on_chips

    chips, chosen = _chips(hardware, overrides, baseline)
    _check_dram_trace(dram_trace, chips, order_channels)
    documents: dict[str, Any] = {}
    for path in traces:
        trace = open_trace(path)
        with steps(path.stem, len(chips) * len(trace.network.nodes) * trace.inputs_count) as progress:
            results = run_on_chips(
                trace,
                chips,
                out / path.stem,
                plans=read_plans(plans) if plans is not None else None,
                objective=objective_of(objective),
                skip_unsupported=skip_unsupported,
                together=together,
                balance_filters=balance_filters,
                order_channels=order_channels,
                toggles=toggling,
                between_layers=between,
                threads=threads,
                seed=seed,
                progress=progress,
                command=command_text(context, ("out", "threads", "as_json")),
                timeline_tiles=timeline_tiles,
            )
        _write_dram_traces(dram_trace, trace, results, balance_filters, seed)
        documents[str(path)] = _told(results, chosen, None if as_json else out / path.stem)
    if as_json:
        show(documents)


def _chips(
    hardware: list[str], overrides: list[str], baseline: str | None
) -> tuple[list["Accelerator"], str]:
    """The chips, and the name of the baseline."""
    from accelsim.hardware import load_hardware

    chips = [load_hardware(name, overrides) for name in hardware]
    chosen = baseline or chips[0].name
    if chosen not in (names := [chip.name for chip in chips]):
        raise InputError(f"--baseline must be one of {', '.join(names)}, not {chosen!r}")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--hardware: two chips are named {twice[0]!r}; results go to a folder per name")
    return chips, chosen


def _check_dram_trace(folder: Path | None, chips: "Sequence[Accelerator]", order_channels: bool) -> None:
    """Before anything is run."""
    if folder is not None and order_channels:
        raise InputError(
            "--dram-trace: requests are those of channels as they stand, without --order-channels"
        )
    for chip in chips if folder is not None else ():
        if chip.dram.model != "banked":
            raise InputError(f"--dram-trace: dram.model of {chip.name} must be banked, not {chip.dram.model}")


def _write_dram_traces(
    folder: Path | None,
    trace: "NetworkTrace",
    results: "Sequence[NetworkResult]",
    balance_filters: bool,
    seed: int,
) -> None:
    from accelsim.study.dram_trace import write_run_requests

    for result in results if folder is not None else ():
        assert folder is not None
        write_run_requests(trace, result, folder / result.network, balance_filters=balance_filters, seed=seed)


def _main_job(
    out: Path,
    between: "BetweenLayers",
    toggles: "Toggling",
    order_channels: bool,
    threads: int | None,
    seed: int,
    as_json: bool,
) -> None:
    from accelsim.report import as_text, kinds_table
    from accelsim.study.main_job import BASELINE, NETWORK, main_job

    with steps(NETWORK) as progress:
        job = main_job(
            out,
            between_layers=between,
            toggles=toggles,
            order_channels=order_channels,
            threads=threads,
            seed=seed,
            progress=progress,
        )
    if as_json:
        show(job.document())
        return
    print(job.licence_text())
    print(job.agreement_text())
    print(job.answer_text(), end="\n\n")
    _print_summaries([r.summary() for r in job.results], BASELINE)
    print(as_text([kinds_table(job.results)]), end="")
    _print_notes(job.results)
    print(f"results in {job.folder}")


def _told(results: "Sequence[NetworkResult]", baseline: str, folder: Path | None) -> list[dict[str, Any]]:
    """The rows of the results, for JSON; printed, unless there is no folder to name."""
    from accelsim.report import summary_rows

    summaries = [result.summary() for result in results]
    if folder is not None:
        _print_summaries(summaries, baseline)
        _print_notes(results)
        print(f"results in {folder}")
    return summary_rows(summaries, baseline)


def _print_summaries(summaries: Sequence[dict[str, Any]], baseline: str) -> None:
    from accelsim.report import as_text, summary_tables

    print(as_text(summary_tables(summaries, baseline)), end="")


def _print_notes(results: "Sequence[NetworkResult]") -> None:
    """What readers of the tables have to know, each said once."""
    from accelsim.report import notes

    told = [note for result in results for note in notes(result)]
    for result in results:
        # Names are in summary.json; here, how many of each operator.
        counts = Counter(text.split()[0] for text in result.not_modelled)
        if counts:
            listed = ", ".join(f"{count} {kind}" for kind, count in counts.items())
            told.append(
                f"{result.network}: not modelled, before the first or after the last layer: {listed}."
            )
    print("\n".join(dict.fromkeys(told)))


@app.command("plot")
@guarded
def plot(
    folder: Path = typer.Argument(help="folder of a finished run"),
    kind: str = typer.Option("all", "--kind", help="cycles, energy, flow, roofline, timeline or all"),
    layer: str | None = typer.Option(None, "--layer", help="layer of the timeline (default: the longest)"),
    as_json: bool = JSON,
) -> None:
    """Draw a finished run again: vector pictures, each with the data drawn."""
    from accelsim import plots
    from accelsim.report import read_run

    drawers = {
        "cycles": (plots.cycles, plots.cycles_table),
        "energy": (plots.energy, plots.energy_table),
        "flow": (plots.flow, plots.flow_table),
        "roofline": (plots.roofline, plots.roofline_table),
    }
    kinds = [*drawers, "timeline"] if kind == "all" else [kind]
    if unknown := [k for k in kinds if k not in (*drawers, "timeline")]:
        raise InputError(
            f"--kind must be one of {', '.join([*drawers, 'timeline', 'all'])}, not {unknown[0]!r}"
        )
    tables = read_run(folder)
    written: list[str] = []
    for name in kinds:
        if name == "timeline":
            figure, data = plots.timeline(tables, layer), plots.timeline_table(tables, layer)
        else:
            draw, table = drawers[name]
            figure, data = draw(tables), table(tables)
        written += [str(path) for path in plots.save(figure, folder / "plots" / name, data)]
    if as_json:
        show(written)
    else:
        print("\n".join(written))
