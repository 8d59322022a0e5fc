"""A grid over dotted keys of a chip, in parallel processes; finished points are never lost.

Workers get the trace by path and run one thread each; the table is written, in the order of the grid,
after every finished point, so it does not depend on the number of workers.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import pairwise, product
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import AccelsimError, InputError

if TYPE_CHECKING:
    import pandas as pd

Point = dict[str, str]


@dataclass
class Sweep:
    """A finished sweep: one row per point of the grid, one sentence per step, how many points failed."""

    table: "pd.DataFrame"
    sentences: list[str] = field(default_factory=list)
    failed: int = 0


def points(over: Sequence[str]) -> list[Point]:
    """The grid of `KEY=A,B,C` axes, the last axis fastest.

    Raises
    ------
    InputError
        If an axis is not of that form or a key comes twice.
    """
    axes: dict[str, list[str]] = {}
    for text in over:
        key, equals, values = text.partition("=")
        listed = [value.strip() for value in values.split(",")]
        if not equals or not key or not all(listed):
            raise InputError(f"--over must be KEY=A,B,C, not {text!r}")
        if key in axes:
            raise InputError(f"--over {key}: the axis is given twice")
        axes[key] = listed
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def run_sweep(
    trace: Path,
    hardware: str,
    overrides: Sequence[str],
    grid: Sequence[Point],
    out: Path,
    *,
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> Sweep:
    """Run every point and write `sweep.csv` and the plot to `out`.

    Raises
    ------
    InputError
        If a point's chip is wrong: all points are checked before any runs.
    KeyboardInterrupt
        With where the finished points are.
    """
    from accelsim.hardware import load_hardware

    for point in grid:
        load_hardware(hardware, [*overrides, *_settings(point)])
    rows: list[dict[str, Any] | None] = [None] * len(grid)
    done: set[int] = set()
    try:
        for index, row in _finished(trace, hardware, overrides, grid, workers):
            rows[index] = row
            done.add(index)
            _write(_table(rows), out)
            if progress is not None:
                progress(", ".join(_settings(grid[index])))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{len(done)} of {len(grid)} finished points are in {out / 'sweep.csv'}"
        ) from None
    table = _table(rows)
    sentences = _sentences(table, grid)
    _plot(table, grid, out)
    failed = int((table["error"] != "").sum())
    return Sweep(table, sentences, failed)


def _settings(point: Point) -> list[str]:
    return [f"{key}={value}" for key, value in point.items()]


def _finished(
    trace: Path, hardware: str, overrides: Sequence[str], grid: Sequence[Point], workers: int
) -> Any:
    """(index, row) of each point as it finishes."""
    jobs = [(str(trace), hardware, [*overrides, *_settings(point)], point) for point in grid]
    if workers == 1:
        for index, job in enumerate(jobs):
            yield index, _point(*job)
        return
    # Workers must not start threads of their own in the libraries below numpy.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        pending: dict[Future[dict[str, Any]], int] = {
            pool.submit(_point, *job): index for index, job in enumerate(jobs)
        }
        try:
            while pending:
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield pending.pop(future), future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _point(trace: str, hardware: str, overrides: list[str], point: Point) -> dict[str, Any]:
    """One row; a point that fails is a row with its error."""
    from accelsim.hardware import load_hardware
    from accelsim.report import run_row
    from accelsim.simulation import simulate
    from accelsim.trace import from_npz, read

    try:
        path = Path(trace)
        opened = from_npz(path) if path.suffix == ".npz" else read(path)
        result = simulate(opened, load_hardware(hardware, overrides), threads=1)
    except AccelsimError as error:
        return {**point, "error": str(error)}
    chip = load_hardware(hardware, overrides).model_dump()
    return {**{key: _value(chip, key) for key in point}, **run_row(result), "error": ""}


def _value(chip: dict[str, Any], key: str) -> Any:
    value: Any = chip
    for part in key.split("."):
        value = value[part]
    return value


def _table(rows: Sequence[dict[str, Any] | None]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame([row for row in rows if row is not None])


def _write(table: "pd.DataFrame", out: Path) -> None:
    from accelsim.files import write_whole
    from accelsim.plots.save import csv_bytes

    write_whole(out / "sweep.csv", csv_bytes(table))


def _sentences(table: "pd.DataFrame", grid: Sequence[Point]) -> list[str]:
    """A sentence per step along the last axis."""
    from accelsim.report import sentence

    key = list(grid[0])[-1]
    others = list(grid[0])[:-1]
    good = table[table["error"] == ""]
    rows = [{str(name): value for name, value in row.items()} for row in good.to_dict("records")]
    return [
        sentence(before, after, key)
        for before, after in pairwise(rows)
        if all(before[other] == after[other] for other in others)
    ]


def _plot(table: "pd.DataFrame", grid: Sequence[Point], out: Path) -> None:
    from accelsim import plots

    good = table[table["error"] == ""]
    key = list(grid[0])[-1]
    if len(grid[0]) == 1 and len(good) > 1:
        plots.save(plots.sweep(good, key), out / "sweep", plots.sweep_table(good, key))
