"""Speed of pricing a stored run again, with draws of every price."""

import statistics
import tempfile
import time
from pathlib import Path

from accelsim.hardware import load_hardware
from accelsim.report import write_run
from accelsim.simulation import simulate
from accelsim.study.whatif import DRAWS, layer_table, repriced
from benchmarks.synthetic import layer

LAYERS = 54


def reprice_seconds(repeats: int) -> float:
    """Median seconds of reading a run of 54 layers, pricing it and drawing 10 000 energies a layer."""
    layers = [layer(f"layer{i}", 7, 64, 64, 3) for i in range(LAYERS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_run(simulate(layers, load_hardware("both-skip-16x16")), folder)
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            layer_table(repriced(folder), DRAWS)
            times.append(time.perf_counter() - start)
    return statistics.median(times)
