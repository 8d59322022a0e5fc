"""study run, resume, status, export, plot, front, explain."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from accelsim.cli.app import JSON, app, guarded, show, steps, wrapped
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.reuse import Counts
    from accelsim.study.study_file import Study

study_app = typer.Typer(help="Studies as files: many points, one store, resumable.", no_args_is_help=True)
app.add_typer(study_app, name="study")

STORE = typer.Argument(help="the study's store (.sqlite)")
WORKERS = typer.Option(2, "--workers", help="processes; with 1, this one")
CLUSTER = typer.Option(
    None, "--cluster", metavar="ADDRESS", help="a Dask scheduler, tcp://host:8786; or local: of --workers"
)
REUSE = typer.Option(None, "--reuse/--no-reuse", help="of what points share (default: as the study says)")
REUSE_GB = typer.Option(
    2.0, "--reuse-gb", min=0.01, help="most that it takes in the cache folder, in 10^9 bytes"
)
_MOST_ROWS = 30  # of a front that is printed
RETRY = typer.Option(False, "--retry-failed", help="run points again that failed before")


@study_app.command("run")
@guarded
def run(
    file: Path = typer.Argument(help="the study (YAML)"),
    store: Path | None = typer.Option(None, "--store", help="(default: results/studies/NAME.sqlite)"),
    workers: int = WORKERS,
    cluster: str | None = CLUSTER,
    retry_failed: bool = RETRY,
    reuse: bool | None = REUSE,
    reuse_gb: float = REUSE_GB,
    as_json: bool = JSON,
) -> None:
    """Run the points of a study that its store does not hold yet."""
    from accelsim.study.answers import default_store
    from accelsim.study.study_file import read_study

    study, text = read_study(file)
    kept = _reuse_bytes(study, reuse, reuse_gb)
    _run(study, text, str(file), store or default_store(study), workers, cluster, retry_failed, kept, as_json)


@study_app.command("resume")
@guarded
def resume(
    store: Path = STORE,
    workers: int = WORKERS,
    cluster: str | None = CLUSTER,
    retry_failed: bool = RETRY,
    reuse: bool | None = REUSE,
    reuse_gb: float = REUSE_GB,
    as_json: bool = JSON,
) -> None:
    """Go on with the study of a store; its paths are seen from the folder one stands in."""
    from accelsim.study.store import Store
    from accelsim.study.study_file import parse_study

    with Store(store) as opened:
        text, file = opened.study(), opened.fact("file")
    study = parse_study(text, file)
    kept = _reuse_bytes(study, reuse, reuse_gb)
    _run(study, text, file, store, workers, cluster, retry_failed, kept, as_json)


def _run(
    study: "Study",
    text: str,
    file: str,
    store: Path,
    workers: int,
    cluster: str | None,
    retry_failed: bool,
    reuse_bytes: int,
    as_json: bool,
) -> None:
    from accelsim.study.driver import run_study

    with steps(study.name) as progress:
        done = run_study(
            study,
            text,
            store,
            file=file,
            workers=workers,
            cluster=cluster,
            retry_failed=retry_failed,
            reuse_bytes=reuse_bytes,
            progress=progress,
        )
    if as_json:
        show(dataclasses.asdict(done))
    else:
        print(
            f"{done.points} points ({done.excluded} excluded by constraints): {done.before} done before, "
            f"{done.done} now, {done.failed} failed\n{done.store}"
        )
        _print_reused(done.reused)
    if done.failed:
        raise typer.Exit(1)


def _reuse_bytes(study: "Study", reuse: bool | None, gigabytes: float) -> int:
    wanted = study.reuse if reuse is None else reuse
    return int(gigabytes * 10**9) if wanted else 0


def _print_reused(reused: "Counts") -> None:
    """Results that points shared, and those that they had to make."""
    for kind, count in reused.items():
        found = count["memory"] + count["disk"]
        share = 100 * found / (found + count["made"])
        print(f"reused {kind}: {found} of {found + count['made']} ({share:.0f} %), {count['disk']} from disk")


@study_app.command("status")
@guarded
def status(store: Path = STORE, as_json: bool = JSON) -> None:
    """How far a study is, what failed and why, the best point of each objective."""
    from accelsim.study import answers
    from accelsim.study.store import Store

    with Store(store) as opened:
        found = answers.status(opened)
    if as_json:
        show(found)
        return
    print(
        f"{found['study']}: {found['points']} points ({found['excluded']} excluded by constraints): "
        f"{found['done']} done, {found['failed']} failed, {found['left']} left; "
        f"{found['infeasible']} over a budget"
    )
    for text, count in found["errors"].items():
        print(f"failed, {count} x: {text}")
    for figure, best in found["best"].items():
        settings = ", ".join(f"{key}={value}" for key, value in best["settings"].items())
        print(f"best {figure}: {best['value']:.6g}, point {best['number']}: {settings}")
    _print_reused(found["reused"])


@study_app.command("export")
@guarded
def export(
    store: Path = STORE,
    table: str = typer.Option("points", "--table", help="points, layers or tiles"),
    csv: Path | None = typer.Option(None, "--csv", help="CSV file to write"),
    parquet: Path | None = typer.Option(None, "--parquet", help="Parquet file to write (needs pyarrow)"),
) -> None:
    """Write a table of the store as CSV or Parquet."""
    from accelsim.files import write_whole
    from accelsim.plots.save import csv_bytes
    from accelsim.study import answers
    from accelsim.study.store import Store

    if csv is None and parquet is None:
        raise InputError("export: --csv FILE or --parquet FILE must be given")
    with Store(store) as opened:
        rows = answers.exported(opened, table)
    for path, written in ((csv, csv_bytes), (parquet, answers.parquet_bytes)):
        if path is not None:
            write_whole(path, written(rows))
            print(f"{path}: {len(rows)} rows")


@study_app.command("plot")
@guarded
def plot(
    store: Path = STORE,
    over: str | None = typer.Option(None, "--over", help="axis across (default: the last that varies)"),
    by: str | None = typer.Option(None, "--by", help="axis with a line per value (default: the first other)"),
    figure: str | None = typer.Option(None, "--figure", help="column drawn (default: cycles and energy)"),
    where: str = typer.Option("", "--where", help="SQL condition, such as '\"pe_array.lanes\" = 2'"),
    out: Path = typer.Option(Path("results/study"), "--out", help="picture and data: without ending"),
) -> None:
    """Draw the finished points of a store along an axis."""
    from accelsim.plots import save
    from accelsim.study import answers
    from accelsim.study.store import Store

    with Store(store) as opened:
        drawn, table = answers.picture(opened, over, by, figure, where)
    print("\n".join(str(path) for path in save(drawn, out, table)))


@study_app.command("front")
@guarded
def front(
    store: Path = STORE,
    minimise: list[str] = typer.Option([], "--minimise", help="column in place of the study's objectives"),
    maximise: list[str] = typer.Option([], "--maximise", help="as --minimise"),
    where: str = typer.Option("", "--where", help="SQL condition over the columns"),
    out: Path = typer.Option(Path("results/front"), "--out", help="picture and data: without ending"),
    as_json: bool = JSON,
) -> None:
    """The Pareto front of each workload, its knee, and which axis moves an objective most."""
    from accelsim.plots import save
    from accelsim.study import answers
    from accelsim.study.store import Store

    with Store(store) as opened:
        found = answers.fronts(opened, minimise, maximise, where)
    files = [str(path) for path in save(found.picture, out, found.table)]
    best = found.table[found.table["front"]].drop(columns="front")
    if as_json:
        tables = {"front": best, "sensitivity": found.sensitivity}
        show({name: json.loads(t.to_json(orient="records")) for name, t in tables.items()} | {"files": files})
        return
    shown = best.head(_MOST_ROWS).assign(
        knee=["knee" if knee else "" for knee in best["knee"].head(_MOST_ROWS)]
    )
    print(f"front: {len(best)} of {len(found.table)} feasible points\n")
    print(wrapped(shown), end="")
    if len(best) > len(shown):
        print(f"... and {len(best) - len(shown)} more, in {files[1]}")
    print("\nwhat moves an objective, from step to step of one axis\n")
    print(wrapped(found.sensitivity))
    print("\n".join(files))


@study_app.command("explain")
@guarded
def explain(
    store: Path = STORE,
    first: int = typer.Argument(help="number of a point"),
    second: int | None = typer.Argument(None, help="number of another: why it is faster or slower"),
    what_if: bool = typer.Option(
        True, "--what-ifs/--no-what-ifs", help="simulate the (second) point with one change at a time"
    ),
    as_json: bool = JSON,
) -> None:
    """Why a point is slow, or faster than another, and what to change first."""
    from accelsim.study.explain import explain
    from accelsim.study.store import Store

    with Store(store) as opened, steps("what if") as progress:
        told = explain(opened, first, second, what_if=what_if, progress=progress)
    if as_json:
        show(dataclasses.asdict(told))
        return
    print("\n".join(told.sentences))
    if told.what_ifs is not None:
        again = ", itself simulated again: its row is of other code or another trace" * told.what_ifs.fresh
        print(f"\nwith one change (ratios to point {first if second is None else second}{again}):")
        for one in told.what_ifs.tried:
            gives = f"{one.speedup:.2f}x as fast, energy {one.energy_ratio:.2f}x, area {one.area_ratio:.2f}x"
            print(f"  {one.change}: {one.error or gives}")
