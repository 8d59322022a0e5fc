"""Speed and size of the report of a run."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from accelsim.hardware import load_hardware
from accelsim.report import write_run
from accelsim.simulation import simulate
from benchmarks.energy import LAYERS
from benchmarks.synthetic import layer


def report_seconds_and_mb(repeats: int) -> tuple[float, float]:
    """Median seconds of `accelsim report` of a run of 54 layers, a process of its own; MB of the file."""
    layers = [layer(f"layer{i}", 7, 64, 64, 3) for i in range(LAYERS)]
    command = [sys.executable, "-c", "from accelsim.cli import main; main()", "report"]
    with tempfile.TemporaryDirectory() as name:
        write_run(simulate(layers, load_hardware("both-skip-16x16")), Path(name))
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            subprocess.run([*command, name], stdout=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - start)
        return statistics.median(times), (Path(name) / "report.html").stat().st_size / 1e6
