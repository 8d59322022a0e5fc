"""Speed of the kernels alone, one thread, one tile a layer: MACs a second, or time of the slowest layer."""

import statistics
import time

from accelsim.dataflows import inner_join, systolic
from accelsim.hardware import load_hardware
from accelsim.plan import tile_boxes, whole
from benchmarks.synthetic import layer, resnet50

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
        prepared = inner_join.prepare(trace, chip)
        boxes = tile_boxes(whole(trace.layer), trace.layer)
        inner_join.tile_counters(prepared, boxes, chip)  # compiled, and in the caches
        seconds = []
        for _ in range(repeats):
            before = time.perf_counter()
            inner_join.tile_counters(prepared, boxes, chip)
            seconds.append(time.perf_counter() - before)
        found[name] = trace.layer.dense_macs / statistics.median(seconds) / 1e9
    return found


def slowest_systolic_ms(repeats: int) -> tuple[str, float]:
    """The layer of ResNet-50 that takes `systolic` longest, and its median milliseconds."""
    chip, network = load_hardware("systolic-weights-16x32"), resnet50()
    found = {}
    for name in network.layers:
        trace = network.layer(name)
        prepared = systolic.prepare(trace, chip)
        boxes = tile_boxes(whole(trace.layer), trace.layer)
        systolic.tile_counters(prepared, boxes, chip)
        seconds = []
        for _ in range(repeats):
            before = time.perf_counter()
            systolic.tile_counters(prepared, boxes, chip)
            seconds.append(time.perf_counter() - before)
        found[name] = 1e3 * statistics.median(seconds)
    slowest = max(found, key=lambda name: found[name])
    return slowest, found[slowest]
