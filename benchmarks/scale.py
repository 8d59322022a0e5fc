"""`python -m benchmarks.scale [--points N] [--workers 1 2 4] [--json FILE]`: a study beside its points.

::

    messages    bytes of a point and of what comes back, as pickled
    store       points written in a second, and their bytes on disk
    driver      the same study with workers that answer at once: what is left is driver, scheduler, messages
    scaling     a study on 1, 2 and 4 local Dask workers: wall and processor seconds, bytes, messages

Wall times mean something on a quiet machine only: the load is printed. docs/scale.md explains the figures.
"""

import argparse
import json
import os
import pickle
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pandas as pd

from accelsim import zoo
from accelsim.study import executors
from accelsim.study.driver import run_study
from accelsim.study.points import Outcome, Point, evaluate
from accelsim.study.space import Space
from accelsim.study.store import Store
from accelsim.study.store_tables import Rows
from accelsim.study.study_file import parse_study
from accelsim.trace import write
from benchmarks.machine import description
from benchmarks.scale_worker import answered

LAYERS = 54  # of ResNet-50
_MANY = 5  # times as many points, where workers answer at once
TEXT = """name: scale
base: both-skip-16x16
workloads: [{trace}]
axes:
  - {{key: pe_array.rows, values: [8, 16]}}
  - {{key: dram.peak_gb_per_s, linear: {{from: 1.5, to: 99.5, points: {half}}}}}
"""


def text_of(trace: Path, points: int) -> str:
    """A study of so many points, rounded down to an even number."""
    return TEXT.format(trace=trace, half=max(2, points // 2))


def sizes(text: str) -> tuple[dict[str, Any], Point, Outcome]:
    """Bytes of a point's messages; a point and its outcome, with as many layers as ResNet-50."""
    space = Space(parse_study(text, "scale.yaml"), text, "scale.yaml")
    point = space.point(space.chosen()[0])
    outcome = evaluate(point)
    assert outcome.layers is not None, outcome.error
    columns, values = outcome.layers
    few, name = len(values), columns.index("layer")
    rows = [
        (*row[:name], f"layer{i}", *row[name + 1 :]) for i, row in enumerate(islice(cycle(values), LAYERS))
    ]
    many = replace(outcome, layers=Rows(columns, rows))
    table = {
        "a point, driver to worker": len(pickle.dumps(point)),
        f"its figures and {few} rows of layers, worker to driver": len(pickle.dumps(outcome)),
        f"the same with {LAYERS} rows": len(pickle.dumps(many)),
        "the figures alone (keep: {layers: false})": len(pickle.dumps(replace(outcome, layers=None))),
        "the trace, where it is absent": os.path.getsize(point.trace.path),
    }
    return table, point, many


def store_rates(point: Point, outcome: Outcome, points: int) -> list[dict[str, Any]]:
    """Points that one driver writes in a second, with and without rows of layers."""
    rows = []
    for name, layers in ((f"{LAYERS} rows of layers", outcome.layers), ("none", None)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "s.sqlite"
            with Store(path, "name: s", [name for name in point.settings if name != "workload"]) as store:
                before = time.perf_counter(), time.process_time()
                for number in range(points):
                    store.add(
                        f"key{number}",
                        point.settings,
                        number=number,
                        figures=outcome.figures,
                        provenance=outcome.provenance,
                        layers=layers,
                    )
                wall, cpu = time.perf_counter() - before[0], time.process_time() - before[1]
            rows.append(
                {
                    "layers": name,
                    "points": points,
                    "points_per_s": points / wall,
                    "driver_ms_per_point": 1e3 * cpu / points,
                    "bytes_per_point": path.stat().st_size // points,
                }
            )
    return rows


class Traffic:
    """Messages that this process (driver and scheduler of a local cluster) writes, and their bytes."""

    messages = 0
    written = 0


@contextmanager
def counted() -> Iterator[Traffic]:
    """Count what Dask writes to its sockets."""
    from distributed.comm.tcp import TCP

    traffic, plain = Traffic(), TCP.write

    async def write_counted(self: Any, *given: Any, **options: Any) -> int:
        size = await plain(self, *given, **options)
        traffic.messages += 1
        traffic.written += size or 0
        return int(size or 0)

    TCP.write = write_counted
    try:
        yield traffic
    finally:
        TCP.write = plain


def run(text: str, workers: int, cluster: str | None) -> dict[str, Any]:
    """A study from nothing: where its seconds, bytes and messages go."""
    times: list[float] = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, counted() as traffic:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall, cpu = time.perf_counter(), time.process_time()
        done = run_study(
            parse_study(text, "scale.yaml"),
            text,
            Path(folder) / "s.sqlite",
            file="scale.yaml",
            workers=workers,
            cluster=cluster,
            reuse_bytes=0,
            progress=lambda _: times.append(time.perf_counter()),
        )
        took, driver = time.perf_counter() - wall, time.process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.done == done.points, done
    spent = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    return {
        "on": f"Dask, {workers} workers" if cluster else "this process",
        "points": done.points,
        "wall_s": took,
        "first_point_s": times[0] - wall,
        "points_per_s": (len(times) - 1) / (times[-1] - times[0]),
        "driver_cpu_ms_per_point": 1e3 * driver / done.points,
        "workers_cpu_s": spent,
        "messages_per_point": traffic.messages / done.points,
        "bytes_per_point": traffic.written / done.points,
        "load_before": load,
    }


def main() -> None:
    """Measure, print tables, write them as JSON if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="Measure studies.")
    parser.add_argument("--points", type=int, default=200, help="of each study (default: 200)")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4], help="local Dask workers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the tables to this file")
    given = parser.parse_args()
    for name, value in description().items():
        print(f"{name:<12} {value}")
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "digits.safetensors"
        write(zoo.digits_trace("digits-cnn"), trace)
        found: dict[str, Any] = {}
        text = text_of(trace, given.points)
        found["messages"], point, outcome = sizes(text)
        found["store"] = store_rates(point, outcome, given.points)
        plain = executors.evaluate
        executors.evaluate = answered
        many = text_of(trace, _MANY * given.points)
        found["driver"] = [run(many, 1, None), run(many, 2, "local")]
        bare = many + "keep: {layers: false}\n"
        found["driver, keep: {layers: false}"] = [run(bare, 1, None), run(bare, 2, "local")]
        executors.evaluate = plain
        if given.workers:
            found["scaling"] = [run(text, 1, None)] + [run(text, count, "local") for count in given.workers]
    for name, table in found.items():
        rows = [{"what": k, "bytes": v} for k, v in table.items()] if isinstance(table, dict) else table
        print(f"\n{name}\n{pd.DataFrame(rows).to_string(index=False, float_format='{:.2f}'.format)}")
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": description(), **found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
