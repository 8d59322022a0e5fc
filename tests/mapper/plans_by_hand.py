"""Every plan of a layer, each priced alone and slowly with the parts that a run itself uses."""

from collections.abc import Iterator
from itertools import combinations, permutations, product
from math import lcm
from typing import Any

import numpy as np

from accelsim.dataflows import DATAFLOWS
from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.energy import load_table
from accelsim.hardware import Accelerator, load_hardware
from accelsim.machine import replay_layer
from accelsim.machine.inputs import drain_bytes, fetch_bytes
from accelsim.mapper import _cost_kernel, costs
from accelsim.mapper.encoded import EncodedSizes, encoded_sizes
from accelsim.mapper.traffic import layer_vector, plan_traffic
from accelsim.plan import LOOPS, Plan, loop_extents, tile_boxes
from accelsim.tables import TRAFFIC, WORK
from accelsim.trace import LayerTrace, from_arrays
from accelsim.units import ceil_div

OPERANDS = ("weights", "activations", "outputs")


def small_chip(capacity: int, rate: str = "3.2", *overrides: str) -> Accelerator:
    return load_hardware(
        "both-skip-16x16",
        [
            f"scratchpad.capacity_bytes={capacity}",
            f"dram.peak_gb_per_s={rate}",
            "pe_array.rows=8",
            "pe_array.columns=2",
            "pe_array.chunk_elements=8",
            *overrides,
        ],
    )


def layer_of(
    filters: int,
    channels: int,
    size: int,
    taps: int = 1,
    groups: int = 1,
    stride: int = 1,
    inputs: int = 1,
    seed: int = 0,
) -> LayerTrace:
    random = np.random.default_rng(seed)
    weights = random.integers(1, 9, (filters * groups, taps, taps, channels)).astype(np.int8)
    activations = random.integers(1, 9, (inputs, size, size, channels * groups)).astype(np.uint8)
    weights *= random.random(weights.shape) < 0.5
    activations *= random.random(activations.shape) < 0.5
    return from_arrays(weights, activations, padding=taps // 2, groups=groups, stride=stride, name="conv1")


def sizes_of(trace: LayerTrace, chip: Accelerator) -> EncodedSizes:
    return encoded_sizes(trace, chip, np.random.default_rng(1).random(trace.layer.output_shape) < 0.5)


def all_sizes(extent: int, quantum: int) -> list[int]:
    """For each number of tiles the smallest size that has it, found by trying every size."""
    smallest: dict[int, int] = {}
    for size in [*range(quantum, extent, quantum), extent]:
        smallest.setdefault(ceil_div(extent, size), size)
    return sorted(smallest.values())


def every_plan(trace: LayerTrace, filters_at_once: int, block: int, chunk: int) -> Iterator[Plan]:
    """All sizes of every loop, all orders of those with more than one tile, all sets of resident operands."""
    extents, layer = loop_extents(trace.layer), trace.layer
    sizes = {letter: all_sizes(extents[letter], 1) for letter in "NPQ"}
    sizes["C"] = all_sizes(extents["C"], chunk)
    sizes["K"] = all_sizes(extents["K"], filters_at_once)
    if layer.groups > 1:
        groups = lcm(layer.group_filters, block)
        whole = ceil_div(filters_at_once, groups) * groups
        parts = [
            size
            for size in range(filters_at_once, layer.group_filters, filters_at_once)
            if layer.group_filters % size == 0
        ]
        sizes["K"] = [*parts, *all_sizes(extents["K"], whole)]
    for chosen in product(*(sizes[letter] for letter in LOOPS)):
        tile = dict(zip(LOOPS, chosen, strict=True))
        if tile["C"] < extents["C"] and tile["K"] > layer.group_filters:
            continue
        cut = [letter for letter in LOOPS if tile[letter] < extents[letter]]
        rest = "".join(letter for letter in LOOPS if letter not in cut)
        for order, count in product(permutations(cut), range(4)):
            for resident in combinations(OPERANDS, count):
                named = {f"tile_{letter.lower()}": size for letter, size in tile.items()}
                yield Plan(**named, order=rest + "".join(order), resident=frozenset(resident))  # type: ignore[arg-type]


def figures_by_hand(
    plan: Plan, trace: LayerTrace, chip: Accelerator, sizes: EncodedSizes, rate: float
) -> Any:
    """Figures of a plan as _cost_kernel has them, or None if it does not fit."""
    layer, word = trace.layer, chip.scratchpad.word_bytes
    boxes = tile_boxes(plan, layer)
    traffic, live = plan_traffic(plan, boxes, layer, chip, sizes)
    if live.max() > chip.scratchpad.capacity_bytes:
        return None
    work = np.zeros(len(boxes), WORK)
    for i, name in enumerate(TRAFFIC):
        work[name] = traffic[:, i]
    estimate = DATAFLOWS[chip.dataflow].estimate_vector(chip)
    work["compute_cycles"] = estimated_cycles(boxes, layer_vector(layer, chip), estimate, rate)
    timeline = replay_layer(work, chip)
    cycles = int(max(timeline["compute_end_cycle"].max(), timeline["drain_end_cycle"].max()))
    total = {name: int(work[name].sum()) for name in TRAFFIC}
    reads = ("output_write_bytes", "partial_sum_drain_bytes", "partial_sum_read_bytes")
    writes = (
        "weight_fill_bytes",
        "activation_fill_bytes",
        "partial_sum_fetch_bytes",
        "partial_sum_write_bytes",
        "output_write_bytes",
    )
    return np.array(
        [
            cycles,
            fetch_bytes(work).sum(),
            drain_bytes(work).sum(),
            sum(ceil_div(total[name], word) for name in reads),
            sum(ceil_div(total[name], word) for name in writes),
            work["compute_cycles"].sum(),
        ],
        np.int64,
    )


def slow_prices(trace: LayerTrace, chip: Accelerator, prepared: Any, sampled: bool) -> Any:
    """The prices that the search charges; its sample is drawn from the same tilings."""
    from accelsim.mapper.space import MOST_TILES, plan_space
    from accelsim.plan import NOTHING_FIXED

    sample = None
    if sampled:
        space = plan_space(trace.layer, chip, NOTHING_FIXED, MOST_TILES[0])
        tiles = space.choices[np.arange(5), space.tilings]
        sample = costs.sampled(prepared, chip, tiles)
    return costs.prices_of(trace.layer, chip, load_table(chip.energy.table), sample)


def cost_by_hand(objective: int, figures: Any, prices: Any, chip: Accelerator) -> tuple[float, float]:
    first, second = _cost_kernel.cost_of(objective, figures, prices, costs.machine_vector(chip))
    return float(first), float(second)
