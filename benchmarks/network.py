"""A whole network on two chips; a process of its own, whose peak memory is the network's.

`python -m benchmarks.network LAYERS REPEATS` prints one line of JSON.
"""

import json
import resource
import statistics
import sys
import time

import accelsim
from accelsim.trace import LayerTrace
from benchmarks.synthetic import resnet50

CHIP, OTHER_CHIP = "both-skip-16x16", "activation-skip-16x16"
THREADS = 2


def measured(layers: int | None, repeats: int) -> dict[str, float]:
    """Median seconds of the network on one chip, then on another; peak memory of this process."""
    traces = resnet50(layers)
    accelsim.simulate(traces[:2], CHIP, threads=THREADS)  # compiled kernels are loaded
    runs = [_timed(traces, CHIP) for _ in range(repeats)]
    others = [_timed(traces, OTHER_CHIP) for _ in range(repeats)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "layers": len(traces),
        "gmacs": sum(trace.layer.dense_macs for trace in traces) / 1e9,
        "seconds": statistics.median(runs),
        "other_chip_seconds": statistics.median(others),
        "peak_gb": peak / (1e9 if sys.platform == "darwin" else 1e6),
    }


def _timed(traces: list[LayerTrace], chip: str) -> float:
    before = time.perf_counter()
    accelsim.simulate(traces, chip, threads=THREADS)
    return time.perf_counter() - before


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]) or None, int(sys.argv[2]))))
