"""A grid over dotted keys of a chip, in parallel processes; finished points are never lost.

Workers get the trace by path and run one thread each; the table is written, in the order of the grid,
after every finished point, so it does not depend on the number of workers.
"""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import AccelsimError, InputError
from accelsim.plan import Objective
from accelsim.reuse import DISK_BYTES
from accelsim.toggles import Toggling

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.trace import NetworkTrace

Point = dict[str, str]
_Options = tuple[Objective, bool, Toggling, int]  # of `_point`


@dataclass
class Sweep:
    """A finished sweep: a row per point of the grid, a sentence per step, files, how many points failed."""

    table: "pd.DataFrame"
    sentences: list[str]
    files: list[Path]
    failed: int


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
    objective: Objective = "cycles",
    skip_unsupported: bool = False,
    toggles: Toggling = "sampled",
    reuse_bytes: int = DISK_BYTES,
    progress: Callable[[str], None] | None = None,
) -> Sweep:
    """Run every point; `out` gets `points.csv` after each, at the end `sweep.svg` with its `sweep.csv`.

    Raises
    ------
    InputError
        If a point's chip is wrong: all points are checked before any runs.
    AccelsimError
        If a worker dies (out of memory, say).
    KeyboardInterrupt
        With where the finished points are.
    """
    from accelsim.files import check_folder
    from accelsim.hardware import load_hardware

    check_folder(out)
    for point in grid:
        load_hardware(hardware, [*overrides, *_settings(point)])
    rows: list[dict[str, Any] | None] = [None] * len(grid)
    options = objective, skip_unsupported, toggles, reuse_bytes
    done: set[int] = set()
    try:
        for index, row in _finished(trace, hardware, overrides, grid, workers, options):
            rows[index] = row
            done.add(index)
            _write(_table(rows), out)
            if progress is not None:
                progress(", ".join(_settings(grid[index])))
    except (KeyboardInterrupt, BrokenProcessPool) as error:
        kept = f"{len(done)} of {len(grid)} points are finished" + (
            f" and in {out / 'points.csv'}" if done else ""
        )
        if isinstance(error, BrokenProcessPool):
            raise AccelsimError(
                f"a worker died (out of memory?); {kept}; fewer --workers may help"
            ) from error
        raise KeyboardInterrupt(kept) from None
    table = _table(rows)
    return Sweep(
        table=table,
        sentences=_sentences(table, grid),
        files=[out / "points.csv", *_plot(table, grid, out)],
        failed=int((table["error"] != "").sum()),
    )


def _settings(point: Point) -> list[str]:
    return [f"{key}={value}" for key, value in point.items()]


def _finished(
    trace: Path,
    hardware: str,
    overrides: Sequence[str],
    grid: Sequence[Point],
    workers: int,
    options: _Options,
) -> Any:
    """(index, row) of each point as it finishes."""
    jobs = [(str(trace), hardware, [*overrides, *_settings(point)], point, *options) for point in grid]
    if workers == 1:
        for index, job in enumerate(jobs):
            yield index, _point(*job)
        return
    # Workers must not start threads of their own in the libraries below numpy.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=_ignore_interrupts
    ) as pool:
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


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; only the driver answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _point(
    trace: str,
    hardware: str,
    overrides: list[str],
    point: Point,
    objective: Objective,
    skip_unsupported: bool,
    toggles: Toggling,
    reuse_bytes: int,
) -> dict[str, Any]:
    """One row; a point that fails is a row with its error."""
    from accelsim.dataflows import unsupported_layers
    from accelsim.hardware import load_hardware
    from accelsim.report import run_row
    from accelsim.reuse import of_process
    from accelsim.simulation import simulate

    try:
        opened = _opened(Path(trace))
        machine = load_hardware(hardware, overrides)
        left_out = unsupported_layers(opened, machine) if skip_unsupported else {}
        result = simulate(
            opened,
            machine,
            objective=objective,
            left_out=left_out,
            toggles=toggles,
            threads=1,
            reuse=of_process(reuse_bytes),
        )
    except AccelsimError as error:
        return {**point, "error": str(error)}
    chip = machine.model_dump()
    swept = {key: _value(chip, key) for key in point}
    pe_count = chip["pe_array"]["rows"] * chip["pe_array"]["columns"]
    return {**swept, "pe_count": pe_count, **run_row(result), "left_out": " ".join(left_out), "error": ""}


@lru_cache(maxsize=1)
def _opened(path: Path) -> "NetworkTrace":
    """A worker's trace, opened once: what it shares between points goes by it."""
    from accelsim.trace import from_npz, read

    return from_npz(path) if path.suffix == ".npz" else read(path)


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

    write_whole(out / "points.csv", csv_bytes(table))


def _sentences(table: "pd.DataFrame", grid: Sequence[Point]) -> list[str]:
    """A sentence per step along the last axis; it begins with the values of the others, if there are any."""
    from accelsim.report import sentence

    key = list(grid[0])[-1]
    others = list(grid[0])[:-1]
    good = table[table["error"] == ""]
    rows = [{str(name): value for name, value in row.items()} for row in good.to_dict("records")]
    return [
        "".join(f"{other} {after[other]}, " for other in others) + sentence(before, after, key)
        for before, after in pairwise(rows)
        if all(before[other] == after[other] for other in others)
    ]


def _plot(table: "pd.DataFrame", grid: Sequence[Point], out: Path) -> list[Path]:
    """One line over one axis, a line per value of the first over two; more axes do not fit a picture."""
    from accelsim import plots

    good = table[table["error"] == ""]
    *others, key = grid[0]
    if len(others) > 1 or len(good) < 2:
        return []
    axis = "pe_count" if not others and key in ("pe_array.rows", "pe_array.columns") else key
    by = others[0] if others else None
    return list(plots.save(plots.sweep(good, axis, by), out / "sweep", plots.sweep_table(good, axis, by)))
