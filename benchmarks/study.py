"""Studies: points of ResNet-50-thin with and without reuse, a bandwidth axis, a store of a million points."""

import json
import multiprocessing
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from accelsim.study import answers
from accelsim.study.driver import run_study
from accelsim.study.store import Store
from accelsim.study.study_file import parse_study
from accelsim.study.traces import trace_file

GRID = """name: grid
base: both-skip-16x16
workloads: [resnet50-thin]
axes:
  - {key: pe_array.rows, values: [%s]}
  - {key: dram.peak_gb_per_s, linear: {from: 6.4, to: 51.2, points: %d}}
"""
AXIS = """name: axis
base: both-skip-16x16
workloads: [resnet50-thin]
axes:
  - {key: dram.peak_gb_per_s, linear: {from: 6.41, to: 51.23, points: %d}}
"""
STORE = """name: store
base: both-skip-16x16
workloads: [digits-mlp]
axes:
  - {key: pe_array.rows, values: [8, 16]}
  - {key: pe_array.columns, values: [8, 16]}
  - {key: dram.peak_gb_per_s, values: [12.8, 25.6]}
"""
_ROWS = (4, 8, 16, 32, 64)


def seconds(text: str, workers: int, reuse: bool, folder: Path) -> tuple[float, float, int]:
    """(seconds, processor seconds of all processes, points) of a study in a fresh store."""
    study = parse_study(text, "study.yaml")
    path = folder / f"{study.name}-{reuse}-{len(list(folder.iterdir()))}.sqlite"
    cpu, begun = _cpu(), time.perf_counter()
    done = run_study(
        study, text, path, file="study.yaml", workers=workers, reuse_bytes=2 * 10**9 if reuse else 0
    )
    took = time.perf_counter() - begun
    if done.failed:
        raise RuntimeError(f"{done.failed} points failed")
    return took, _cpu() - cpu, done.points


def _cpu() -> float:
    """Processor seconds of this process and of all that it has started, whose ends it waits for."""
    for child in multiprocessing.active_children():
        child.join()
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def points_seconds(quick: bool, workers: int = 2) -> dict[str, tuple[float, float]]:
    """By what is measured: (seconds, processor seconds), of two workers and a warm cache folder.

    The quick figures are of fewer points, so that the start of the workers weighs more in them.
    """
    trace_file("resnet50-thin")  # built once per machine
    rows = _ROWS[1:3] if quick else _ROWS
    rates, points = (2, 10) if quick else (20, 1000)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grid, axis = GRID % (", ".join(map(str, rows)), rates), AXIS % points
        for label, text, reuse, wanted in (
            ("100 points over PEs and bandwidths, no reuse", grid, False, 100),
            ("100 points over PEs and bandwidths", grid, True, 100),
            ("1000 points of a bandwidth axis", axis, True, 1000),
        ):
            took, cpu, done = seconds(text, workers, reuse, folder)
            found[label] = took * wanted / done, cpu * wanted / done
    return found


def store_seconds(points: int) -> float:
    """Processor seconds to open a store of so many points, filter them, plot the hundredth that is left."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "store.sqlite"
        study = parse_study(STORE, "study.yaml")
        run_study(study, STORE, path, file="study.yaml")
        made_store(path, points)
        begun = time.process_time()
        with Store(path) as store:
            answers.picture(
                store,
                "dram.peak_gb_per_s",
                "pe_array.rows",
                None,
                '"pe_array.columns" = 7 AND cycles_mean > 0',
            )
        return time.process_time() - begun


def made_store(path: Path, points: int) -> None:
    """Make a store's points many: 100 columns, 100 rates and as many rows as it takes, by SQL alone."""
    with sqlite3.connect(path) as store:
        names = [str(row[1]) for row in store.execute("PRAGMA table_info(points)")]
        made = {
            "id": "i + 100",
            "key": "printf('%064d', i)",
            "number": "i",
            '"pe_array.columns"': "i % 100",
            '"dram.peak_gb_per_s"': "1.0 + (i / 100) % 100",
            '"pe_array.rows"': "i / 10000",
            "cycles_mean": "cycles_mean + i",
        }
        quoted = [f'"{name}"' if "." in name else name for name in names]
        values = ", ".join(made.get(name, f"one.{name}") for name in quoted)
        store.execute(
            f"INSERT INTO points ({', '.join(quoted)}) "
            f"WITH RECURSIVE n(i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {int(points)}) "
            f"SELECT {values} FROM n, (SELECT * FROM points WHERE number = 0) AS one"
        )
        store.execute("ANALYZE")
    store.close()


def main() -> None:
    """Print the figures as JSON: `python -m benchmarks.study quick|whole`."""
    quick = sys.argv[1] == "quick"
    points = 100_000 if quick else 1_000_000
    print(json.dumps({"points": points_seconds(quick), "store": store_seconds(points)}))


if __name__ == "__main__":
    main()
