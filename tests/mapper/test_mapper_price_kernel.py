"""Pricing all plans of a layer at once finds what pricing each of them slowly finds."""

from itertools import permutations
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.dataflows import inner_join
from accelsim.errors import PlanError
from accelsim.hardware import load_hardware
from accelsim.machine import replay_layer
from accelsim.machine.inputs import drain_bytes, fetch_bytes
from accelsim.mapper import _price_kernel, search
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.traffic import extents_vector, plan_traffic
from accelsim.network import Layer
from accelsim.plan import LOOPS, Plan, tile_boxes
from accelsim.tables import TRAFFIC, WORK
from accelsim.trace import from_arrays

BIG = 1 << 30


def chip(capacity, rate, domain="array"):
    return load_hardware(
        "both-skip-16x16",
        [
            f"scratchpad.capacity_bytes={capacity}",
            f"dram.peak_gb_per_s={rate}",
            "pe_array.rows=8",
            "pe_array.columns=2",
            "pe_array.chunk_elements=8",
            f"pe_array.broadcast_domain={domain}",
        ],
    )


def layer_of(filters, channels, size, taps, groups, density, seed):
    random = np.random.default_rng(seed)
    weights = random.integers(1, 9, (filters * groups, taps, taps, channels)).astype(np.int8)
    activations = random.integers(1, 9, (1, size, size, channels * groups)).astype(np.uint8)
    weights *= random.random(weights.shape) < density
    activations *= random.random(activations.shape) < density
    return from_arrays(weights, activations, padding=taps // 2, groups=groups)


def sizes_of(trace, hardware):
    return encoded_sizes(trace, hardware, np.ones(trace.layer.output_shape, np.bool_))


def steps_of(box, layer, array):
    """Steps of a tile, counted by walking its blocks of filters."""
    n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 = box
    blocks = 0
    while k0 < k1:
        of_group, left = layer.group_filters, k1 - k0
        whole_groups = min(array.rows, left) // of_group
        if k0 % of_group == 0 and whole_groups >= 2:
            k0 += whole_groups * of_group
        else:
            k0 += min(array.rows, left, of_group - k0 % of_group)
        blocks += 1
    positions = ceil((n1 - n0) * (p1 - p0) * (q1 - q0) / array.columns)
    return blocks * positions * ceil((c1 - c0) / array.chunk_elements) * layer.kernel[0] * layer.kernel[1]


def slow_prices(trace, hardware, rate):
    """(cycles, bytes, tiles, plan) of every plan that fits, with the parts that a run itself uses."""
    layer, array = trace.layer, hardware.pe_array
    domains = {"array": 1, "column": array.columns, "row": array.rows}[array.broadcast_domain]
    sizes, found = sizes_of(trace, hardware), []
    for plan in search.candidates(layer, hardware):
        boxes = tile_boxes(plan, layer)
        traffic, live = plan_traffic(plan, boxes, layer, hardware, sizes)
        if live.max() > hardware.scratchpad.capacity_bytes:
            continue
        work = np.zeros(len(boxes), WORK)
        for i, name in enumerate(TRAFFIC):
            work[name] = traffic[:, i]
        steps = [steps_of(box, layer, array) for box in boxes.tolist()]
        work["compute_cycles"] = [ceil(s * rate * domains) + array.pipeline_cycles for s in steps]
        timeline = replay_layer(work, hardware)
        cycles = int(max(timeline["compute_end_cycle"].max(), timeline["drain_end_cycle"].max()))
        moved = int(fetch_bytes(work).sum() + drain_bytes(work).sum())
        found.append((cycles, moved, len(boxes), plan))
    return found


@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 6),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 2]),
    st.sampled_from([0.1, 0.5, 1.0]),
    st.sampled_from(["0.8", "3.2", "25.6"]),
    st.sampled_from(["array", "column", "row"]),
    st.integers(400, 6000),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_the_search_picks_what_pricing_every_plan_slowly_picks(
    filters, channels, size, taps, groups, density, rate, domain, capacity, seed
):
    trace = layer_of(filters, channels, size, taps, groups, density, seed)
    hardware = chip(capacity, rate, domain)
    prepared = inner_join.prepare(trace, hardware)
    slow = slow_prices(trace, hardware, inner_join.step_cycles(prepared, hardware))
    if not slow:
        with pytest.raises(PlanError, match="more than the scratchpad"):
            search.best_plan(prepared, sizes_of(trace, hardware), hardware)
        return
    fastest = min(price[0] for price in slow)
    as_fast = [price for price in slow if price[0] <= fastest * (1 + search.SAME_CYCLES_FRACTION)]
    best = search.best_plan(prepared, sizes_of(trace, hardware), hardware)
    assert (best.cycles, best.dram_bytes, best.tiles, best.plan) == min(
        as_fast, key=lambda price: (price[1], price[0], price[2])
    )


@pytest.mark.small
@pytest.mark.parametrize("order", ["".join(order) for order in permutations(LOOPS)][::7])
def test_tiles_of_the_kernel_are_the_tiles_of_the_plan(order):
    layer = Layer(name="l", batch=2, input_height=5, input_width=4, channels=16, filters=20)
    plan = Plan(tile_n=1, tile_k=8, tile_c=8, tile_p=2, tile_q=3, order=order)
    row = np.array([1, 8, 8, 2, 3, *(LOOPS.index(letter) for letter in order)], np.int64)
    boxes = _price_kernel.plan_boxes(row, extents_vector(layer))
    assert boxes.tolist() == tile_boxes(plan, layer).tolist()


@pytest.mark.small
def test_a_plan_is_passed_over_only_if_its_compute_alone_is_too_slow():
    """4 x 4 positions on 2 columns: 8 steps in one tile, 16 in tiles of one position."""
    trace = layer_of(8, 8, 4, 1, 1, 1.0, 0)
    hardware = chip(BIG, "1000")
    sizes, layer = sizes_of(trace, hardware), trace.layer
    whole, one_column = (
        Plan(tile_n=1, tile_k=8, tile_c=8, tile_p=4, tile_q=4),
        Plan(tile_n=1, tile_k=8, tile_c=8, tile_p=1, tile_q=1),
    )
    for plans, looked_at in (([whole, one_column], [True, False]), ([one_column, whole], [True, True])):
        prices = search.price_plans(plans, sizes, hardware, layer, 1000.0)
        assert (prices[:, _price_kernel.LIVE_BYTES] < _price_kernel.NEVER).tolist() == looked_at
