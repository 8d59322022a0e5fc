"""report, heatmap, compare."""

import json
from pathlib import Path

import typer

from accelsim.cli.app import JSON, app, guarded, show, wrapped
from accelsim.errors import InputError


@app.command("report")
@guarded
def report(
    source: Path = typer.Argument(help="folder of a finished run, or a study's store (.sqlite)"),
    out: Path | None = typer.Option(
        None, "--out", help="the file (default: report.html in the run's folder; the store's name with .html)"
    ),
) -> None:
    """One HTML file of a run or a study: figures, tables, pictures, provenance; it needs no network."""
    from accelsim.files import write_whole

    if source.is_dir():
        from accelsim.report.html import run_page

        text, path = run_page(source), out or source / "report.html"
    elif source.is_file():
        from accelsim.study.report import study_page

        text, path = study_page(source), out or source.with_suffix(".html")
    else:
        raise InputError(f"{source}: neither the folder of a run nor the store of a study")
    write_whole(path, text.encode())
    print(f"{path}: {len(text.encode()) / 1e6:.1f} MB")


@app.command("heatmap")
@guarded
def heatmap(
    trace: Path = typer.Argument(help="the run's trace (.safetensors, .npz, folder of .npy)"),
    folder: Path = typer.Argument(help="folder of the finished run"),
    layers: list[str] = typer.Option([], "--layer", help="layers to draw (default: the three most uneven)"),
    as_json: bool = JSON,
) -> None:
    """Count what each PE of a finished run did; draw the layers whose PEs are most uneven."""
    from accelsim.study.pe_balance import write_heatmaps

    done = write_heatmaps(trace, folder, layers)
    if as_json:
        rows = json.loads(done.balance.to_json(orient="records"))
        show({"layers": rows, "left_out": done.left_out, "files": [str(path) for path in done.files]})
        return
    shown = done.balance.head(10).assign(
        least_percent=100 * done.balance["least_fraction"],
        mean_percent=100 * done.balance["mean_fraction"],
        most_percent=100 * done.balance["most_fraction"],
    )
    columns = ["layer", "idle_pes", "least_percent", "mean_percent", "most_percent", "most_over_mean"]
    print("utilisation of the PEs, the most uneven layers first\n")
    print(wrapped(shown[[*columns, "uneven_lane_cycles"]]), end="\n")
    for text in done.left_out:
        print(f"not counted: {text}")
    print("\n".join(str(path) for path in done.files))


@app.command("compare")
@guarded
def compare(
    before: Path = typer.Argument(help="folder of a finished run"),
    after: Path = typer.Argument(help="folder of another"),
    as_json: bool = JSON,
) -> None:
    """Two runs, layer by layer: how many cycles more or fewer, and which cause explains it."""
    from accelsim.report import compare_runs, read_run

    was, now = read_run(before), read_run(after)
    table = compare_runs(was, now)
    if as_json:
        show(json.loads(table.to_json(orient="records")))
        return
    from accelsim.report import compare_text

    print(f"before: {was.title}\nafter:  {now.title}\n")
    print(compare_text(table), end="")
