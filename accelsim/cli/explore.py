"""sweep, between-layers, hold, verify, reproduce, formats."""

import json
import sys
from functools import partial
from pathlib import Path
from textwrap import fill

import typer

from accelsim.cli.app import (
    JSON,
    OBJECTIVE,
    SKIP_UNSUPPORTED,
    TOGGLES,
    app,
    guarded,
    objective_of,
    show,
    steps,
    toggling_of,
    wrapped,
)
from accelsim.cli.runs import CHIPS, ORDER_CHANNELS, OVERRIDES, open_trace

# Headings of `hold`, short enough for a line.
_HOLD = {
    "accesses_m": "accesses",
    "register_toggles_m": "register_toggles",
    "accumulator_toggles_m": "sum_toggles",
    "bus_toggles_m": "bus_toggles",
    "accesses_saved_m": "accesses_saved",
    "toggles_saved_m": "toggles_saved",
}
_MOST_ROWS = 40  # of a table that is printed


@app.command("sweep")
@guarded
def sweep(
    trace: Path = typer.Argument(help=".safetensors or .npz"),
    over: list[str] = typer.Option(..., "--over", metavar="KEY=A,B,C", help="an axis; several make a grid"),
    hardware: str = typer.Option("both-skip-16x16", "--hardware", help="a shipped chip or a YAML file"),
    overrides: list[str] = typer.Option([], "--set", metavar="KEY=VALUE", help="override a key of the chip"),
    out: Path = typer.Option(Path("results/sweep"), "--out", help="folder of the table and the plot"),
    workers: int = typer.Option(2, "--workers", min=1, help="processes"),
    objective: str = OBJECTIVE,
    skip_unsupported: bool = SKIP_UNSUPPORTED,
    toggles: str = TOGGLES,
    reuse: bool = typer.Option(True, "--reuse/--no-reuse", help="of what points share"),
    as_json: bool = JSON,
) -> None:
    """Run a trace over a grid of dotted keys: a tidy table, a plot, a sentence per step."""
    from accelsim.report.tables import DIGITS, number
    from accelsim.reuse import DISK_BYTES
    from accelsim.study.sweep import points, run_sweep

    axes, chosen_for, toggling = points(over), objective_of(objective), toggling_of(toggles)
    open_trace(trace)  # a bad file is an error before any process starts
    with steps("points", len(axes)) as progress:
        done = run_sweep(
            trace,
            hardware,
            overrides,
            axes,
            out,
            workers=workers,
            objective=chosen_for,
            skip_unsupported=skip_unsupported,
            toggles=toggling,
            reuse_bytes=DISK_BYTES if reuse else 0,
            progress=progress,
        )
    if as_json:
        show(
            {
                "points": json.loads(done.table.to_json(orient="records")),
                "sentences": done.sentences,
                "files": [str(path) for path in done.files],
            }
        )
    else:
        shown = [*axes[0], "cycles_mean", "energy_uj_mean", "energy_uj_p05", "energy_uj_p95"]
        shown += ["energy_uj_toggle_error", "utilisation_fraction", "bound_by"]
        table = done.table[[c for c in shown if c in done.table]]
        formats = {name: partial(number, digits=DIGITS[name]) for name in table if name in DIGITS}
        formats["energy_uj_toggle_error"] = partial(number, digits=1)
        print(table.to_string(index=False, formatters=formats, na_rep="-"))
        for row in done.table[done.table["error"] != ""].to_dict("records"):  # too long for a column
            print(f"{', '.join(f'{key}={row[key]}' for key in axes[0])} failed: {row['error']}")
        print("\n".join(done.sentences))
        print("\n".join(str(path) for path in done.files))
    if done.failed:
        raise typer.Exit(1)


@app.command("between-layers")
@guarded
def between_layers(
    trace: Path = typer.Argument(help=".safetensors or .npz"),
    hardware: list[str] = typer.Option(list(CHIPS), "--hardware", help="a shipped chip or a YAML file"),
    overrides: list[str] = OVERRIDES,
    objective: str = OBJECTIVE,
    toggles: str = TOGGLES,
    out: Path = typer.Option(
        Path("results/between-layers"), "--out", help="folder of the runs and the table"
    ),
    threads: int | None = typer.Option(None, "--threads", min=1, help="layers counted at once"),
    seed: int = typer.Option(0, "--seed", min=0, help="of sampled checks and toggles, drawn outputs"),
    as_json: bool = JSON,
) -> None:
    """What keeping tensors in the scratchpad between layers saves: DRAM bytes, cycles, energy."""
    from accelsim.hardware import load_hardware
    from accelsim.schedule.held import MODES
    from accelsim.study.between_layers import between_layers as compared

    chosen_for, toggling, opened = objective_of(objective), toggling_of(toggles), open_trace(trace)
    chips = [load_hardware(name, overrides) for name in hardware]
    count = len(chips) * len(MODES) * len(opened.network.nodes) * opened.inputs_count
    with steps(trace.stem, count) as progress:
        table = compared(
            opened,
            chips,
            out / trace.stem,
            objective=chosen_for,
            toggles=toggling,
            threads=threads,
            seed=seed,
            progress=progress,
        )
    if as_json:
        show(json.loads(table.to_json(orient="records")))
        return
    print(table.to_string(index=False, formatters=dict.fromkeys(("dram_mb", "saved_mb"), "{:.3f}".format)))
    print(f"results in {out / trace.stem}")


@app.command("hold")
@guarded
def hold(
    trace: str = typer.Argument(help="a trace, or a network by its name (accelsim workloads list)"),
    hardware: list[str] = typer.Option(
        ["dense-16x16", "both-skip-16x16"],
        "--hardware",
        help="a chip that multiplies or holds zeros, or a file",
    ),
    overrides: list[str] = OVERRIDES,
    toggles: str = typer.Option("sampled", "--toggles", help="sampled or exact"),
    order_channels: bool = ORDER_CHANNELS,
    threads: int | None = typer.Option(None, "--threads", min=1, help="layers counted at once"),
    seed: int = typer.Option(0, "--seed", min=0, help="of the sample"),
    as_json: bool = JSON,
) -> None:
    """What holding operands saves: accesses and toggles of compute, gate without and with hold, skip."""
    import pandas as pd

    from accelsim.study.hold import hold_table, policies_of
    from accelsim.study.traces import open_network

    toggling, opened = toggling_of(toggles), open_network(trace, seed)
    runs = sum(len(policies_of(name, overrides)[0]) for name in hardware)
    count = runs * len(opened.network.nodes) * opened.inputs_count
    with steps(opened.network.name, count * (1 + order_channels)) as progress:
        found = [
            hold_table(
                opened, name, overrides, toggles=toggling, order_channels=order_channels, seed=seed,
                threads=threads, progress=progress,
            )
            for name in hardware
        ]  # fmt: skip
    table = pd.concat(found, ignore_index=True)
    if as_json:
        show(json.loads(table.to_json(orient="records")))
        return
    table["cycles"] /= 1e6
    table = table.rename(columns=_HOLD)
    for chip, rows in table.groupby("chip", sort=False):
        print(f"{chip}\n{wrapped(rows.drop(columns=['chip', 'toggles_error', 'toggle_saved_fraction']))}")
    print("An inference; cycles, accesses and toggles in millions; saved: against compute.")
    print(f"Standard error of toggles at most {100 * table['toggles_error'].max():.2f} %.")


@app.command("verify")
@guarded
def verify(
    trace: Path | None = typer.Argument(None, help="a trace; none: drawn layers only"),
    hardware: list[str] = typer.Option(list(CHIPS), "--hardware", help="a shipped chip or a YAML file"),
    every: bool = typer.Option(False, "--all", help="every shipped chip"),
    seconds: float = typer.Option(60, "--seconds", min=0.1, help="budget, shared by the chips"),
    seed: int = typer.Option(0, "--seed", min=0, help="of the tiles and layers drawn"),
    as_json: bool = JSON,
) -> None:
    """Hold the fast kernel to the cycle-stepping reference, on every counter, on your own tensors."""
    from accelsim.hardware import load_hardware, presets
    from accelsim.study.verify import verify as verified

    hardware = list(presets()) if every else hardware
    opened = None if trace is None else open_trace(trace)
    reports = []
    for name in hardware:
        with steps(name) as progress:
            reports.append(verified(opened, load_hardware(name), seconds / len(hardware), seed, progress))
    if as_json:
        show([report.document() for report in reports])
    else:
        for report in reports:
            print(report.text())
    if any(report.differences for report in reports):
        raise typer.Exit(1)


@app.command("reproduce")
@guarded
def reproduce(
    name: str = typer.Argument("list", help="a published table, `list` or `all`"),
    seed: int = typer.Option(0, "--seed", min=0, help="of what is drawn at random"),
    out: Path | None = typer.Option(None, "--out", help="folder of the tables as CSV"),
    as_json: bool = JSON,
) -> None:
    """Published tables: published, ours, difference, reason."""
    from accelsim.study.published.reproduce import ENTRIES
    from accelsim.study.published.reproduce import reproduce as reproduced

    if name == "list":
        if as_json:
            show([{"name": key, "title": e.title, "source": e.source} for key, e in ENTRIES.items()])
        else:
            for key, entry in ENTRIES.items():
                print(f"{key:<18} {entry.title}\n{'':<18} {entry.source}")
        return
    names = list(ENTRIES) if name == "all" else [name]
    done = {}
    with steps(name, len(names)) as progress:
        for key in names:
            done[key] = reproduced(key, seed, out)
            progress(key)
    missed = {key: ENTRIES[key].misses(tables) for key, tables in done.items()}
    if as_json:
        show(
            {
                key: {n: json.loads(t.to_json(orient="records")) for n, t in tables.items()}
                | {"notes": list(ENTRIES[key].notes), "outside_of_bands": missed[key]}
                for key, tables in done.items()
            }
        )
    for key, tables in () if as_json else done.items():
        print(f"{key}: {ENTRIES[key].title}\n{ENTRIES[key].source}")
        for table_name, table in tables.items():
            if len(table) > _MOST_ROWS:
                print(f"\n{table_name}: {len(table)} rows; --out FOLDER writes and draws them")
            else:
                print(f"\n{wrapped(table)}", end="")
        for note in ENTRIES[key].notes:
            print(fill(note, 110, subsequent_indent="  "))
        bands = len(ENTRIES[key].bands)
        verdict = "every value within its band" if not missed[key] else "\n".join(missed[key])
        print(f"{bands} band{'s' * (bands > 1)}: {verdict}\n" if bands else "no bands: printed, not judged\n")
    if any(missed.values()):
        if len(names) > 1:
            told = (f"{key} ({len(texts)})" for key, texts in missed.items() if texts)
            print(f"outside of bands: {', '.join(told)}", file=sys.stderr)
        raise typer.Exit(1)


@app.command("formats")
@guarded
def formats(
    out: Path = typer.Option(Path("results/formats"), "--out", help="folder of the tables and the picture"),
    seed: int = typer.Option(0, "--seed", min=0, help="of positions and values"),
    as_json: bool = JSON,
) -> None:
    """Bytes of every encoding against density: a table, the crossings, a picture."""
    from accelsim import plots
    from accelsim.files import write_whole
    from accelsim.plots.save import csv_bytes
    from accelsim.study.format_sizes import crossings, size_table

    table = size_table(seed=seed)
    crossed = crossings(table)
    write_whole(out / "crossings.csv", csv_bytes(crossed))
    files = [out / "crossings.csv", *plots.save(plots.formats(table), out / "formats", table)]
    if as_json:
        show(
            {
                "sizes": json.loads(table.to_json(orient="records")),
                "crossings": json.loads(crossed.to_json(orient="records")),
                "files": [str(path) for path in files],
            }
        )
        return
    wide = table.pivot_table(index="format", columns="density_fraction", values="size_fraction", sort=False)
    print("size in percent of the dense one, by density")
    print((100 * wide).round(1).to_string(na_rep="-"))
    print("\n".join(str(path) for path in files))
