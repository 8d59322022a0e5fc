"""Speed of the kernels alone, one thread, one tile a layer: MACs a second, or time of the slowest layer."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from accelsim.compress.prune import prune_magnitude
from accelsim.dataflows import (
    DATAFLOWS,
    cartesian,
    column_broadcast,
    inner_join,
    systolic,
)
from accelsim.hardware import Accelerator, load_hardware
from accelsim.plan import Unrolling, tile_boxes, whole
from accelsim.simulation import simulate
from accelsim.study.hold import policies_of
from accelsim.tables import COUNTERS
from accelsim.toggle_sample import layer_toggles
from accelsim.trace import LayerTrace, from_arrays
from accelsim.zoo import shape_network, synthetic_trace
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
        seconds = _median(partial(inner_join.tile_counters, prepared, boxes, chip), repeats)
        found[name] = trace.layer.dense_macs / seconds / 1e9
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
        found[name] = 1e3 * _median(partial(systolic.tile_counters, prepared, boxes, chip), repeats)
    slowest = max(found, key=lambda name: found[name])
    return slowest, found[slowest]


def column_broadcast_pairs(repeats: int) -> float:
    """Million (step, PE) pairs a second: AlexNet's fc7 on eie-64."""
    trace, chip = _fc7(), load_hardware("eie-64")
    prepared, boxes = column_broadcast.prepare(trace, chip), tile_boxes(whole(trace.layer), trace.layer)
    counted = column_broadcast.tile_counters(prepared, boxes, chip)[0]
    pairs = counted[COUNTERS.index("steps")] * chip.pe_array.multipliers
    seconds = _median(partial(column_broadcast.tile_counters, prepared, boxes, chip), repeats)
    return float(pairs) / seconds / 1e6


def _fc7() -> LayerTrace:
    """AlexNet's fc7 at EIE's densities, one vector."""
    generator = np.random.default_rng(0)
    weights = generator.integers(1, 16, (4096, 4096), np.int8)
    weights *= generator.random(weights.shape, np.float32) < 0.09
    activations = (generator.random((1, 4096)) < 0.353).astype(np.uint8)
    return from_arrays(weights, activations)


def cartesian_products(repeats: int) -> float:
    """Million products a second, bank conflicts counted: a 3 x 3 layer of VGG-16's kind on scnn-64."""
    trace, chip = layer("3x3 128 -> 128, 56 x 56", 56, 128, 128, 3), load_hardware("scnn-64")
    prepared, boxes = cartesian.prepare(trace, chip), tile_boxes(whole(trace.layer), trace.layer)
    row = dict(zip(COUNTERS, cartesian.tile_counters(prepared, boxes, chip)[0].tolist(), strict=True))
    seconds = _median(partial(cartesian.tile_counters, prepared, boxes, chip), repeats)
    return float(row["done_macs"] + row["surplus_products"]) / seconds / 1e6


def dense_equivalent(chip_name: str, repeats: int) -> dict[str, float]:
    """Median G dense MAC/s of convolutions pruned 2 of 4, in the tiles of the mapper, by the layer's name."""
    chip, found = load_hardware(chip_name), {}
    dataflow = DATAFLOWS[chip.dataflow]
    for name, side, channels, filters, taps in LAYERS[:6:2]:
        trace = layer(name, side, channels, filters, taps)
        kept = prune_magnitude(trace.weights, trace.weight_zero_points, 0.5, "n_m", 4)
        trace = replace(trace, weights=kept)
        (result,) = simulate(trace, chip, toggles="off").layer_results
        assert result.plan is not None
        prepared, boxes = dataflow.prepare(trace, chip), tile_boxes(result.plan, trace.layer)
        seconds = _median(partial(dataflow.tile_counters, prepared, boxes, chip), repeats)
        found[name] = trace.layer.dense_macs / seconds / 1e9
    return found


# Chips whose toggles are timed, under each policy that they have for zeros.
TOGGLING = ("both-skip-16x16", "systolic-weights-16x32", "sparse-tensor-core", "eyeriss-168")


def toggle_pairs(repeats: int) -> dict[str, float]:
    """Million operand pairs a second whose toggles are counted, by chip and policy: dense MACs over the best
    CPU time of all, since a kernel that a busy machine interrupts is not slower.
    """
    trace, found = layer("3x3 64 -> 64, 28 x 28", 28, 64, 64, 3), {}
    kept = prune_magnitude(trace.weights, trace.weight_zero_points, 0.5, "n_m", 4)
    trace = replace(trace, weights=kept)
    for preset, policy in [(name, policy) for name in TOGGLING for policy in policies_of(name)[0]]:
        operands = policies_of(preset)[1]
        chip = load_hardware(preset, [f"pe_array.{operand}_policy={policy}" for operand in operands])
        (result,) = simulate(trace, chip, toggles="off").layer_results
        assert result.plan is not None
        boxes = tile_boxes(result.plan, trace.layer)
        seconds = _best_toggle_seconds(trace, boxes, chip, repeats, result.plan.spatial)
        found[f"{preset}, {policy}"] = trace.layer.dense_macs / seconds / 1e6
    return found


def sparse_toggle_pairs(repeats: int) -> dict[str, float]:
    """The same, by the chip's name, of machines that store no zeros; zeros are among the pairs. On eie-64 a
    vector of AlexNet's fc7 meets each weight once, so that finding the entries is most of the time.
    """
    convolution, found = layer("3x3 128 -> 128, 28 x 28", 28, 128, 128, 3), {}
    for name in ("eie-64", "scnn-64", "eyeriss-v2-192"):
        trace, chip = _fc7() if name == "eie-64" else convolution, load_hardware(name)
        (result,) = simulate(trace, chip, toggles="off").layer_results
        assert result.plan is not None
        boxes = tile_boxes(result.plan, trace.layer)
        found[name] = trace.layer.dense_macs / _best_toggle_seconds(trace, boxes, chip, repeats) / 1e6
    return found


def _best_toggle_seconds(
    trace: LayerTrace,
    boxes: npt.NDArray[np.int64],
    chip: Accelerator,
    repeats: int,
    spatial: Unrolling | None = None,
) -> float:
    """The best CPU time of all: a kernel that a busy machine interrupts is not slower."""
    seconds = []
    for _ in range(repeats + 1):  # the first compiles
        before = time.process_time()
        layer_toggles(trace, boxes, chip, spatial, exact=True)
        seconds.append(time.process_time() - before)
    return min(seconds)


def vgg16_on_cartesian_s() -> float:
    """Seconds of a run of VGG-16's convolutions at published densities on scnn-64: two threads, no toggle."""
    network = shape_network("vgg16")
    convolutions = tuple(row for row in network.layers if row.layer.kind == "convolution")
    trace = synthetic_trace(replace(network, layers=convolutions))
    before = time.perf_counter()
    simulate(trace, "scnn-64", toggles="off", threads=2)
    return time.perf_counter() - before


def _median(call: Callable[[], object], repeats: int) -> float:
    """Median seconds of a call."""
    seconds = []
    for _ in range(repeats):
        before = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds)
