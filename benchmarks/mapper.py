"""The plan search: seconds of each of ResNet-50's layers, and of all on two threads."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from accelsim.dataflows import DATAFLOWS
from accelsim.hardware import load_hardware
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.search import best_plan
from benchmarks.synthetic import resnet50

CHIP, THREADS = "both-skip-16x16", 2


def search_seconds(layers: int | None) -> tuple[str, float, float]:
    """(name of the slowest layer, its seconds alone, seconds of all layers on THREADS threads), warm."""
    chip, trace = load_hardware(CHIP), resnet50(layers)
    problems = []
    for name in trace.layers:
        layer = trace.layer(name)
        outputs = np.random.default_rng(0).random(layer.layer.output_shape) < 0.5
        problems.append((DATAFLOWS[chip.dataflow].prepare(layer, chip), encoded_sizes(layer, chip, outputs)))

    def one(index: int) -> float:
        before = time.perf_counter()
        best_plan(*problems[index], chip)
        return time.perf_counter() - before

    one(0)  # compiled kernels are loaded
    alone = [min(one(index), one(index)) for index in range(len(problems))]
    slowest = int(np.argmax(alone))
    before = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, range(len(problems))))
    return list(trace.layers)[slowest], alone[slowest], time.perf_counter() - before
