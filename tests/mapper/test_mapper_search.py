"""The plan search against every tiling there is, the message of a layer that never fits, and ties."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from accelsim.dataflows import inner_join
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.mapper import _price_kernel, search
from accelsim.mapper.encoded import EncodedSizes, encoded_sizes
from accelsim.mapper.traffic import plan_traffic
from accelsim.plan import LOOPS, Plan, Unrolling, loop_extents, tile_boxes, whole
from accelsim.trace import LayerTrace, from_arrays

CHUNK = 8


def chip(capacity: int, rate: str = "3.2") -> Accelerator:
    return load_hardware(
        "both-skip-16x16",
        [
            f"scratchpad.capacity_bytes={capacity}",
            f"dram.peak_gb_per_s={rate}",
            "pe_array.rows=8",
            "pe_array.columns=2",
            f"pe_array.chunk_elements={CHUNK}",
        ],
    )


def layer_of(filters: int, channels: int, size: int, taps: int, seed: int) -> LayerTrace:
    random = np.random.default_rng(seed)
    weights = random.integers(1, 9, (filters, taps, taps, channels)).astype(np.int8)
    activations = random.integers(1, 9, (1, size, size, channels)).astype(np.uint8)
    weights *= random.random(weights.shape) < 0.5
    activations *= random.random(activations.shape) < 0.5
    return from_arrays(weights, activations, padding=taps // 2, name="conv1")


def sizes_of(trace: LayerTrace, hardware: Accelerator) -> EncodedSizes:
    return encoded_sizes(trace, hardware, np.ones(trace.layer.output_shape, np.bool_))


def every_plan(trace: LayerTrace) -> list[Plan]:
    """All tile sizes (filters in eights, channels in chunks) in all orders."""
    extents, plans = loop_extents(trace.layer), []
    eights = {letter: sorted({*range(8, extents[letter], 8), extents[letter]}) for letter in "KC"}
    rows, columns = (range(1, extents[letter] + 1) for letter in "PQ")
    for k, c, p, q in product(eights["K"], eights["C"], rows, columns):
        cut = [letter for letter, size in zip("KCPQ", (k, c, p, q), strict=True) if size < extents[letter]]
        rest = "".join(letter for letter in LOOPS if letter not in cut)
        plans += [
            Plan(tile_n=1, tile_k=k, tile_c=c, tile_p=p, tile_q=q, order=rest + "".join(order))
            for order in permutations(cut)
        ]
    return plans


# filters, channels, size, taps, capacity, DRAM rate
SMALL_LAYERS = [
    (26, 7, 3, 3, 3066, "0.8"),
    (24, 20, 4, 1, 3899, "3.2"),
    (30, 30, 2, 1, 1008, "25.6"),
    (12, 5, 4, 3, 2089, "25.6"),
    (9, 20, 5, 1, 2520, "25.6"),
    (32, 30, 5, 3, 4407, "0.8"),
    (16, 19, 6, 3, 2801, "0.8"),
    (4, 29, 3, 3, 1049, "3.2"),
    (14, 16, 5, 3, 2000, "25.6"),
    (5, 25, 6, 3, 1674, "0.8"),
    (28, 21, 4, 1, 1816, "0.8"),
    (20, 23, 6, 3, 1876, "3.2"),  # the first order of its loops alone is 20 % slower
    (38, 14, 4, 3, 993, "0.8"),  # and here 26 %
]


@pytest.mark.parametrize("case", SMALL_LAYERS)
def test_the_search_is_within_a_tenth_of_the_fastest_of_all_tilings(case: tuple[int, ...]) -> None:
    """The grid takes halvings only; on layers this small every other size can be tried as well."""
    *shape, capacity, rate = case
    trace, hardware = layer_of(*shape, seed=0), chip(int(capacity), str(rate))
    prepared, sizes = inner_join.prepare(trace, hardware), sizes_of(trace, hardware)
    plans = every_plan(trace)
    assert len(plans) > len(search.candidates(trace.layer, hardware))
    step = inner_join.step_cycles(prepared, hardware)
    prices = search.price_plans(plans, sizes, hardware, trace.layer, step)
    fastest = prices[:, _price_kernel.CYCLES]
    fastest = fastest[prices[:, _price_kernel.LIVE_BYTES] <= capacity].min()
    best = search.best_plan(prepared, sizes, hardware)
    assert best.cycles >= fastest
    assert best.cycles <= 1.1 * fastest


def test_every_plan_of_the_grid_is_one_of_all_tilings() -> None:
    trace = layer_of(24, 20, 4, 3, seed=1)

    def cut(plan: Plan) -> tuple[object, ...]:
        extents, sizes = loop_extents(trace.layer), plan.sizes()
        turning = [letter for letter in plan.order if sizes[letter] < extents[letter]]
        return (*sizes.values(), *turning)

    grid = [cut(plan) for plan in search.candidates(trace.layer, chip(4096))]
    assert len(set(grid)) == len(grid)
    assert set(grid) <= {cut(plan) for plan in every_plan(trace)}


@pytest.mark.parametrize("case", [(59, 36, 19, 1), (32, 14, 15, 1), (8, 8, 9, 3), (3, 3, 2, 1)])
def test_a_layer_that_never_fits_says_how_many_bytes_the_least_demanding_plan_lacks(
    case: tuple[int, int, int, int],
) -> None:
    trace, hardware = layer_of(*case, seed=0), chip(32)
    sizes, layer = sizes_of(trace, hardware), trace.layer
    needs = [
        int(plan_traffic(plan, tile_boxes(plan, layer), layer, hardware, sizes)[1].max())
        for plan in search.candidates(layer, hardware)
    ]
    least = min(needs)
    message = rf"conv1: tile \d+ \[.*\] needs {least} bytes, {least - 32} more than the scratchpad of 32"
    prepared = inner_join.prepare(trace, hardware)
    with pytest.raises(PlanError, match=message):
        search.best_plan(prepared, sizes, hardware)
    assert search.best_plan(prepared, sizes, chip(least)).cycles > 0
    with pytest.raises(PlanError, match="needs"):
        search.best_plan(prepared, sizes, chip(least - 1))


@pytest.mark.parametrize(
    ("prices", "chosen"),
    [
        ([(1000, 900, 1), (1010, 800, 9), (1011, 100, 1)], 1),  # within 1 %: the fewest bytes
        ([(1000, 900, 1), (1011, 800, 1), (1200, 100, 1)], 0),  # beyond: the fastest
        ([(1005, 800, 1), (1000, 800, 9), (1001, 800, 2)], 1),  # as many bytes: the fastest
        ([(1000, 800, 9), (1000, 800, 2), (1000, 801, 1)], 1),  # and as fast: the fewest tiles
        ([(1000, 800, 2), (1000, 800, 2)], 0),  # else the first
    ],
)
def test_of_plans_within_one_percent_the_one_of_fewest_dram_bytes_wins(
    monkeypatch: pytest.MonkeyPatch, prices: list[tuple[int, int, int]], chosen: int
) -> None:
    trace, hardware = layer_of(24, 20, 4, 3, seed=2), chip(4096)
    plans = search.candidates(trace.layer, hardware)[: len(prices)]
    monkeypatch.setattr(search, "candidates", lambda *_: plans)
    monkeypatch.setattr(
        search, "price_plans", lambda *_: np.array([(*price, 100) for price in prices], np.int64)
    )
    best = search.best_plan(inner_join.prepare(trace, hardware), sizes_of(trace, hardware), hardware)
    assert best == search.Price(*prices[chosen], plans[chosen])


def test_a_plan_that_does_not_fit_is_never_chosen_however_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, hardware = layer_of(24, 20, 4, 3, seed=2), chip(4096)
    plans = search.candidates(trace.layer, hardware)[:2]
    monkeypatch.setattr(search, "candidates", lambda *_: plans)
    prices = np.array([(1, 1, 1, 4097), (500, 500, 1, 4096)], np.int64)
    monkeypatch.setattr(search, "price_plans", lambda *_: prices)
    best = search.best_plan(inner_join.prepare(trace, hardware), sizes_of(trace, hardware), hardware)
    assert best.plan == plans[1]


def test_a_layer_of_too_many_tiles_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_TILES", 0)
    trace, hardware = layer_of(3, 3, 2, 1, seed=0), chip(4096)
    with pytest.raises(PlanError, match="conv1: no plan of at most 0 tiles"):
        search.best_plan(inner_join.prepare(trace, hardware), sizes_of(trace, hardware), hardware)


def test_a_flexible_array_is_predicted_no_slower_and_runs_a_connected_layer_faster() -> None:
    random = np.random.default_rng(3)
    weights = (random.integers(1, 9, (512, 512)) * (random.random((512, 512)) < 0.5)).astype(np.int8)
    trace = from_arrays(weights, random.integers(1, 9, (1, 512)).astype(np.uint8), name="fc")
    prices, cycles = [], []
    for unrolling in ("fixed", "flexible"):
        sets = [f"pe_array.unrolling={unrolling}", "dram.peak_gb_per_s=400"]
        hardware = load_hardware("both-skip-16x16", sets)
        prepared = inner_join.prepare(trace, hardware)
        sizes = encoded_sizes(trace, hardware, np.ones((1, 1, 1, 512), np.bool_))
        prices.append(search.best_plan(prepared, sizes, hardware))
        plan = prices[-1].plan
        boxes = tile_boxes(plan, trace.layer)
        cycles.append(inner_join.tile_counters(prepared, boxes, hardware, spatial=plan.spatial)[:, 0].sum())
    assert prices[0].plan.spatial is None
    assert prices[1].cycles <= prices[0].cycles
    assert 2 * cycles[1] < cycles[0]


def test_an_unrolling_that_a_machine_does_not_have_is_refused() -> None:
    trace = layer_of(4, 8, 3, 1, 0)
    plan = replace(whole(trace.layer), spatial=Unrolling(2, 2, 2))
    for name, message in (
        ("systolic-weights-16x32", "conv1: systolic-weights-16x32: systolic has one mapping of its own"),
        ("sparten-32x32", r"conv1: sparten-32x32: its unrolling is fixed to K32\+NPQ32\+CRS1"),
    ):
        hardware = load_hardware(name)
        sizes = encoded_sizes(trace, hardware, np.ones(trace.layer.output_shape, np.bool_))
        with pytest.raises(PlanError, match=message):
            search.checked(plan, trace.layer, hardware, sizes)
