"""Speed of the inner_join kernel alone: dense-equivalent MACs a second, one thread, one tile a layer."""

import statistics
import time

from accelsim.dataflows import inner_join
from accelsim.hardware import load_hardware
from accelsim.plan import tile_boxes, whole
from benchmarks.synthetic import layer

# name, height = width, channels, filters, kernel
LAYERS = [
    ("3x3 64 -> 64, 56 x 56", 56, 64, 64, 3),
    ("3x3 128 -> 128, 28 x 28", 28, 128, 128, 3),
    ("3x3 256 -> 256, 14 x 14", 14, 256, 256, 3),
    ("3x3 512 -> 512, 7 x 7", 7, 512, 512, 3),
    ("1x1 64 -> 64, 56 x 56", 56, 64, 64, 1),
    ("1x1 64 -> 256, 56 x 56", 56, 64, 256, 1),
    ("1x1 128 -> 512, 28 x 28", 28, 128, 512, 1),
    ("1x1 512 -> 128, 28 x 28", 28, 512, 128, 1),
]


def speeds(repeats: int) -> dict[str, float]:
    """Median G MAC/s of each layer on both-skip-16x16, by the layer's name."""
    chip = load_hardware("both-skip-16x16")
    found = {}
    for name, side, channels, filters, taps in LAYERS:
        trace = layer(name, side, channels, filters, taps)
        prepared = inner_join.prepare(trace, chip.pe_array.chunk_elements)
        boxes = tile_boxes(whole(trace.layer), trace.layer)
        inner_join.tile_counters(prepared, boxes, chip)  # compiled, and in the caches
        seconds = []
        for _ in range(repeats):
            before = time.perf_counter()
            inner_join.tile_counters(prepared, boxes, chip)
            seconds.append(time.perf_counter() - before)
        found[name] = trace.layer.dense_macs / statistics.median(seconds) / 1e9
    return found
