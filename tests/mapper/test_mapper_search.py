"""The search against every plan there is, for each objective; the Pareto set; what doubles never hurts."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans_by_hand import (
    cost_by_hand,
    every_plan,
    figures_by_hand,
    layer_of,
    sizes_of,
    slow_prices,
    small_chip,
)

import accelsim
from accelsim.dataflows import DATAFLOWS, inner_join
from accelsim.errors import InputError, PlanError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.mapper import _cost_kernel, search, space
from accelsim.mapper.costs import OBJECTIVES
from accelsim.plan import Fixed, Plan
from accelsim.trace import LayerTrace, from_arrays


@st.composite
def problems(draw: st.DrawFn) -> tuple[LayerTrace, Accelerator]:
    """Layers of few enough plans to try all, on scratchpads in which most of these do not fit."""
    shape = draw(
        st.sampled_from(
            [
                {"filters": 20, "channels": 20, "size": 3},
                {"filters": 20, "channels": 12, "size": 3, "taps": 3},
                {"filters": 9, "channels": 20, "size": 4, "taps": 3, "stride": 2},
                {"filters": 16, "channels": 5, "size": 4},
                {"filters": 16, "channels": 9, "size": 2, "groups": 2},
                {"filters": 3, "channels": 8, "size": 3, "groups": 4, "taps": 3},
                {"filters": 12, "channels": 8, "size": 2, "inputs": 3},
                {"filters": 30, "channels": 30, "size": 1, "inputs": 2},
            ]
        )
    )
    chip = small_chip(
        draw(st.integers(300, 4000)),
        draw(st.sampled_from(["0.4", "3.2", "25.6"])),
        *draw(
            st.sampled_from(
                [
                    (),
                    ("encodings.outputs=dense", "dram.burst_bytes=1"),
                    ("encodings.dram_activations=run_length5", "encodings.dram_weights=run_length4"),
                    ("encodings.dram_weight_bits=5", "encodings.dram_weight_codebook=true"),
                    ("encodings.activations=dense", "pe_array.activation_policy=compute"),
                ]
            )
        ),
    )
    return layer_of(**shape, seed=draw(st.integers(0, 99))), chip


def all_figures(trace: LayerTrace, chip: Accelerator) -> tuple[list[tuple[Plan, Any]], Any]:
    prepared, sizes = inner_join.prepare(trace, chip), sizes_of(trace, chip)
    rate = inner_join.step_cycles(prepared, chip)
    block = max(8, sizes.filter_block)
    priced = [
        (plan, figures_by_hand(plan, trace, chip, sizes, rate))
        for plan in every_plan(trace, block, sizes.filter_block, 8)
    ]
    return [(plan, figures) for plan, figures in priced if figures is not None], (prepared, sizes)


@settings(max_examples=20, deadline=None)
@given(problem=problems())
def test_no_plan_at_all_costs_less_than_the_one_that_is_found(
    problem: tuple[LayerTrace, Accelerator],
) -> None:
    trace, chip = problem
    every, (prepared, sizes) = all_figures(trace, chip)
    if not every:
        with pytest.raises(PlanError, match="bytes more"):
            search.best_plan(prepared, sizes, chip)
        return
    for name, objective in OBJECTIVES.items():
        prices = slow_prices(trace, chip, prepared, True)
        best = search.best_plan(prepared, sizes, chip, objective=name, with_energy=True)
        costs = [cost_by_hand(objective, figures, prices, chip) for _, figures in every]
        rate = inner_join.step_cycles(prepared, chip)
        figures = figures_by_hand(best.plan, trace, chip, sizes, rate)
        assert cost_by_hand(objective, figures, prices, chip) == min(costs), name
        assert best.cycles == figures[_cost_kernel.F_CYCLES]
        assert best.dram_bytes == figures[_cost_kernel.F_READ] + figures[_cost_kernel.F_WRITTEN]
        assert best.energy_pj == pytest.approx(_cost_kernel.energy_of(figures, prices), rel=1e-12)


@settings(max_examples=8, deadline=None)
@given(problem=problems())
def test_the_pareto_set_holds_every_plan_that_none_dominates(problem: tuple[LayerTrace, Accelerator]) -> None:
    trace, chip = problem
    every, (prepared, sizes) = all_figures(trace, chip)
    if not every:
        return
    prices = slow_prices(trace, chip, prepared, True)
    points = np.unique(
        [
            (f[_cost_kernel.F_READ] + f[_cost_kernel.F_WRITTEN], f[0], _cost_kernel.energy_of(f, prices))
            for _, f in every
        ],
        axis=0,
    )
    kept = {
        tuple(point)
        for point in points.tolist()
        if not ((points <= point).all(axis=1) & (points < point).any(axis=1)).any()
    }
    found = search.pareto_plans(prepared, sizes, chip)
    assert {(p.dram_bytes, p.cycles, p.energy_pj) for p in found} == kept
    assert len(found) == len(kept)  # of equal plans one


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_twice_the_scratchpad_never_needs_more_dram_bytes(problem: tuple[LayerTrace, Accelerator]) -> None:
    trace, chip = problem
    capacity, found = chip.scratchpad.capacity_bytes, []
    for times in (1, 2, 4, 8):
        larger = small_chip(capacity * times)
        prepared, sizes = inner_join.prepare(trace, larger), sizes_of(trace, larger)
        try:
            found.append(search.best_plan(prepared, sizes, larger, objective="dram").dram_bytes)
        except PlanError:
            assert not found, "it fitted in half of the scratchpad"
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("objective", ["cycles", "energy", "edp"])
def test_twice_the_scratchpad_never_costs_more_at_equal_prices(
    monkeypatch: pytest.MonkeyPatch, objective: Any
) -> None:
    """No law of the replay: what starts earlier may hold up a drain. Of these layers none is worse."""
    for seed in range(30):
        drawn = np.random.default_rng(seed)
        trace = layer_of(
            int(drawn.integers(8, 60)), int(drawn.integers(5, 40)), int(drawn.integers(2, 9)), seed=seed
        )
        capacity, rate = int(drawn.integers(400, 4000)), str(drawn.choice(["0.8", "3.2", "25.6"]))
        small = small_chip(capacity, rate)
        prices = slow_prices(trace, small, inner_join.prepare(trace, small), True)
        monkeypatch.setattr(search, "_prices", lambda *_, prices=prices: prices)
        costs = []
        for times in (1, 2, 4):
            chip = small_chip(capacity * times, rate)
            prepared, sizes = inner_join.prepare(trace, chip), sizes_of(trace, chip)
            try:
                best = search.best_plan(prepared, sizes, chip, objective=objective, with_energy=True)
            except PlanError:
                assert not costs
                continue
            occupied = int(best.dram_bytes / chip.dram_bytes_per_cycle)
            costs.append(
                {
                    "cycles": 100 * best.cycles + occupied,
                    "energy": best.energy_pj,
                    "edp": best.energy_pj * best.cycles,
                }[objective]
            )
        assert costs == sorted(costs, reverse=True), seed


def test_cycles_within_one_percent_are_given_for_dram_bytes() -> None:
    """The cost is cycles + 1 % of the DRAM's cycles, which are never more than the cycles."""
    for seed in range(6):
        trace, chip = layer_of(40, 40, 7, 3, seed=seed), small_chip(4096, "12.8")
        prepared, sizes = inner_join.prepare(trace, chip), sizes_of(trace, chip)
        points = search.pareto_plans(prepared, sizes, chip)
        best = search.best_plan(prepared, sizes, chip)
        fastest = min(point.cycles for point in points)
        assert best.cycles <= 1.01 * fastest
        assert best.dram_bytes <= min(p.dram_bytes for p in points if p.cycles == fastest)


def test_what_a_user_fixed_is_kept_and_the_rest_is_the_best_of_such_plans() -> None:
    trace, chip = layer_of(20, 20, 3), small_chip(1200)
    every, (prepared, sizes) = all_figures(trace, chip)
    prices = slow_prices(trace, chip, prepared, False)
    for fixed, holds in (
        (Fixed(tile_k=8, order="QPCKN"), lambda p: p.tile_k == 8),
        (Fixed(tile_p=2, tile_c=8), lambda p: (p.tile_p, p.tile_c) == (2, 8)),
        (Fixed(resident=frozenset({"weights"})), lambda p: p.resident == {"weights"}),
        (Fixed(resident=frozenset()), lambda p: not p.resident),
    ):
        best = search.best_plan(prepared, sizes, chip, fixed=fixed, objective="dram")
        assert holds(best.plan)
        if fixed.order:
            assert best.plan.order == fixed.order
            continue
        alike = [cost_by_hand(_cost_kernel.DRAM, f, prices, chip) for plan, f in every if holds(plan)]
        assert (best.dram_bytes, best.cycles) == min(alike)


def test_a_size_that_is_no_useful_one_can_be_fixed() -> None:
    trace, chip = layer_of(20, 8, 7), small_chip(1 << 20)
    prepared, sizes = inner_join.prepare(trace, chip), sizes_of(trace, chip)
    assert 5 not in space.useful_sizes(7, 1)
    assert search.best_plan(prepared, sizes, chip, fixed=Fixed(tile_p=5)).plan.tile_p == 5


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        (Fixed(tile_c=12), "conv1: tile_c must be all 20 channels or a multiple of the chunk of 8, not 12"),
        (Fixed(order="NKC"), "conv1: order must be a permutation of NKCPQ, not 'NKC'"),
        (Fixed(tile_p=0), "conv1: tile_p must be at least 1, not 0"),
        (Fixed(tile_p=3, tile_q=3, tile_k=20, tile_c=20), "conv1: no plan fits the scratchpad of 400 bytes"),
    ],
)
def test_fixed_parts_that_cannot_be_are_refused(fixed: Fixed, message: str) -> None:
    trace, chip = layer_of(20, 20, 3), small_chip(400)
    with pytest.raises(PlanError, match=message):
        search.best_plan(inner_join.prepare(trace, chip), sizes_of(trace, chip), chip, fixed=fixed)


def test_where_nothing_fits_in_few_tiles_more_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, chip = layer_of(16, 8, 8), small_chip(600)
    prepared, sizes = inner_join.prepare(trace, chip), sizes_of(trace, chip)
    best = search.best_plan(prepared, sizes, chip)
    assert best.tiles > 2
    monkeypatch.setattr(search, "MOST_TILES", (2, 1 << 17))
    assert search.best_plan(prepared, sizes, chip) == best
    monkeypatch.setattr(search, "MOST_TILES", (2,))
    with pytest.raises(PlanError, match="conv1: no plan fits"):
        search.best_plan(prepared, sizes, chip)


@pytest.mark.parametrize("objective", ["dram", "energy", "edp", "cycles"])
def test_a_run_takes_the_plan_of_its_objective(objective: Any) -> None:
    trace, chip = layer_of(40, 40, 7, 3), small_chip(3000, "12.8")
    result = accelsim.simulate(trace, chip, objective=objective, toggles="off")
    assert result.provenance["objective"] == objective
    (layer,) = result.layer_results
    sampled = search.best_plan(
        inner_join.prepare(trace, chip),
        _outputs_of_a_run(trace, chip),
        chip,
        objective=objective,
        with_energy=True,
    )
    assert layer.plan == sampled.plan
    assert layer.dram_read_bytes + layer.dram_write_bytes == sampled.dram_bytes
    assert sum(row.pj for row in layer.energy) == pytest.approx(sampled.energy_pj, rel=0.1)


def _outputs_of_a_run(trace: LayerTrace, chip: Accelerator) -> Any:
    from accelsim.mapper.encoded import encoded_sizes
    from accelsim.schedule.reused import nonzero_outputs

    return encoded_sizes(trace, chip, nonzero_outputs(trace, 0)[0])


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(InputError, match="objective must be one of cycles, dram, energy, edp, not 'time'"):
        accelsim.simulate(layer_of(8, 8, 2), "both-skip-16x16", objective="time", toggles="off")  # type: ignore[arg-type]


def connected_layer() -> LayerTrace:
    """For machines that run fully connected layers alone."""
    random = np.random.default_rng(5)
    weights = (random.integers(1, 9, (32, 24)) * (random.random((32, 24)) < 0.5)).astype(np.int8)
    activations = (random.integers(1, 9, (1, 24)) * (random.random((1, 24)) < 0.5)).astype(np.uint8)
    return from_arrays(weights, activations, name="fc1")


@pytest.mark.parametrize(
    "name",
    [
        "dense-16x16",
        "scnn-64",
        "eyeriss-168",
        "eyeriss-v2-192",
        "systolic-weights-16x32",
        "sparse-tensor-core",
        "eie-64",
    ],
)
def test_every_dataflow_moves_what_its_best_plan_predicts(name: str) -> None:
    chip = load_hardware(name)
    trace = connected_layer() if name == "eie-64" else layer_of(32, 24, 10, 3, seed=5)
    result = accelsim.simulate(trace, chip, objective="energy", toggles="off").layer_results[0]
    prepared = DATAFLOWS[chip.dataflow].prepare(trace, chip)
    best = search.best_plan(prepared, _outputs_of_a_run(trace, chip), chip, objective="energy")
    assert best.plan == result.plan
    assert best.dram_bytes == result.dram_read_bytes + result.dram_write_bytes
