"""A whole network on two chips; a process of its own, whose peak memory is the network's.

`python -m benchmarks.network LAYERS REPEATS` prints one line of JSON.
"""

import json
import statistics
import sys
import time

import accelsim
from accelsim.trace import NetworkTrace
from benchmarks.machine import peak_bytes
from benchmarks.synthetic import resnet50

CHIP, OTHER_CHIP = "both-skip-16x16", "activation-skip-16x16"
THREADS = 2


def measured(layers: int | None, repeats: int) -> dict[str, float]:
    """Median seconds of the network on one chip, then on another; peak memory of this process."""
    trace = resnet50(layers)
    accelsim.simulate(resnet50(2), CHIP, threads=THREADS)  # compiled kernels are loaded
    runs = [_timed(trace, CHIP) for _ in range(repeats)]
    others = [_timed(trace, OTHER_CHIP) for _ in range(repeats)]
    return {
        "layers": len(trace.layers),
        "gmacs": sum(trace.layer(name).layer.dense_macs for name in trace.layers) / 1e9,
        "seconds": statistics.median(runs),
        "other_chip_seconds": statistics.median(others),
        "peak_gb": peak_bytes() / 1e9,
    }


def _timed(trace: NetworkTrace, chip: str) -> float:
    before = time.perf_counter()
    accelsim.simulate(trace, chip, threads=THREADS)
    return time.perf_counter() - before


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]) or None, int(sys.argv[2]))))
