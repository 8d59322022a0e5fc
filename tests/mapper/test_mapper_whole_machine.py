"""Predicted cycles where a chip's DMA and scratchpad have choices: those of the machine on the same work."""

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
from accelsim.dataflows import inner_join
from accelsim.machine import replay_layer, run_layer
from accelsim.machine.idle import layer_cycles
from accelsim.mapper import _cost_kernel, contenders, search, whole_machine
from accelsim.mapper.costs import OBJECTIVES
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.traffic import plan_traffic
from accelsim.plan import NOTHING_FIXED, Objective, tile_boxes
from accelsim.schedule.planning import as_fixed
from accelsim.schedule.reused import nonzero_outputs
from accelsim.tables import TRAFFIC

CHUNKS = ("dma.chunk_bytes=64", "dma.outstanding_chunks=2")
REGIONS = ("scratchpad.weight_bytes=1000", "scratchpad.activation_bytes=1500", "scratchpad.output_bytes=500")
CHOICES = {
    "chunks": CHUNKS,
    "descriptors": ("dma.descriptor_cycles=7",),
    "drains first": ("dma.arbitration=drains_first", "dma.chunk_bytes=64"),
    "banks": ("scratchpad.banks=4", "scratchpad.ports=shared"),
    "ports": ("scratchpad.banks=4", "scratchpad.ports=separate"),
    "regions": REGIONS,
    "order": ("dma.operand_order=weights activations partial_sums",),
    "order, regions": (*REGIONS, "dma.operand_order=activations partial_sums weights"),
    "blocked": (*REGIONS, "scratchpad.banks=6", "scratchpad.layout=blocked"),
    "all": (
        *CHUNKS,
        *REGIONS,
        "dma.descriptor_cycles=7",
        "dma.arbitration=fetches_first",
        "scratchpad.banks=6",
    ),
    "all, blocked, in order": (
        *CHUNKS,
        *REGIONS,
        "dma.descriptor_cycles=7",
        "dma.arbitration=drains_first",
        "dma.operand_order=partial_sums activations weights",
        "scratchpad.banks=6",
        "scratchpad.layout=blocked",
        "scratchpad.ports=separate",
    ),
}


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("seed", range(3))
def test_predicted_cycles_are_the_machines_on_the_predicted_work_and_the_runs_on_its_own(
    choice: str, seed: int
) -> None:
    drawn = np.random.default_rng(seed)
    trace = layer_of(int(drawn.integers(20, 48)), int(drawn.integers(8, 30)), 6, 3, seed=seed)
    chip = small_chip(3000, str(drawn.choice(["1.6", "6.4"])), *CHOICES[choice])
    prepared = inner_join.prepare(trace, chip)
    sizes = encoded_sizes(trace, chip, nonzero_outputs(trace, 0)[0])
    best = search.best_plan(prepared, sizes, chip)
    work, requests = whole_machine.predicted_work(best.plan, prepared, sizes, chip)
    assert best.cycles == layer_cycles(run_layer(work, chip, requests))

    result = accelsim.simulate(trace, chip, toggles="off").layer_results[0]
    assert result.plan == best.plan
    assert result.work is not None
    for name in TRAFFIC:
        np.testing.assert_array_equal(work[name], result.work[name])
    # What is estimated taken from the run, nothing is left that differs.
    for name in ("compute_cycles", "weight_scratchpad_reads", "activation_scratchpad_reads"):
        work[name] = result.work[name]
    assert layer_cycles(replay_layer(work, chip, requests)) == result.cycles


def test_energy_follows_the_cycles() -> None:
    trace, plain = layer_of(32, 16, 6, 3), small_chip(3000)
    chunked = small_chip(3000, "3.2", *CHUNKS)
    fixed, found = NOTHING_FIXED, []
    for chip in (plain, chunked):
        prepared = inner_join.prepare(trace, chip)
        sizes = encoded_sizes(trace, chip, nonzero_outputs(trace, 0)[0])
        found.append(search.best_plan(prepared, sizes, chip, fixed=fixed, with_energy=True))
        fixed = as_fixed(found[0].plan)
    before, after = found
    assert (after.plan, after.dram_bytes) == (before.plan, before.dram_bytes)
    assert after.cycles > before.cycles
    assert after.energy_pj > before.energy_pj
    assert (before.timed, after.timed) == (0, 1)
    assert not whole_machine.has_choices(plain)


@settings(max_examples=4, deadline=None)
@given(
    choice=st.sampled_from(sorted(CHOICES)),
    objective=st.sampled_from(sorted(OBJECTIVES)),
    rate=st.sampled_from(["0.8", "3.2", "12.8"]),
    seed=st.integers(0, 99),
)
def test_no_plan_at_all_costs_less_on_the_whole_machine_than_one_that_is_proven(
    choice: str, objective: Objective, rate: str, seed: int
) -> None:
    trace, chip = layer_of(16, 12, 2, seed=seed), small_chip(3000, rate, *CHOICES[choice])
    prepared, sizes = inner_join.prepare(trace, chip), sizes_of(trace, chip)
    kind, step = OBJECTIVES[objective], inner_join.step_cycles(prepared, chip)
    prices = slow_prices(trace, chip, prepared, True)
    costs = []
    for plan in every_plan(trace, max(8, sizes.filter_block), sizes.filter_block, 8):
        figures = figures_by_hand(plan, trace, small_chip(3000, rate), sizes, step)
        _, live = plan_traffic(plan, tile_boxes(plan, trace.layer), trace.layer, chip, sizes)
        if figures is not None and live.max() <= chip.scratchpad.capacity_bytes:
            figures[_cost_kernel.F_CYCLES] = whole_machine.machine_cycles(plan, prepared, sizes, chip)
            costs.append(cost_by_hand(kind, figures, prices, chip))
    for most in (1, 8, len(costs)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "MOST_TIMED", most)
            patch.setattr(contenders, "MOST_TIMED", most)
            best = search.best_plan(prepared, sizes, chip, objective=objective, with_energy=True)
        assert 1 <= best.timed <= most
        found = contenders.cost(best, kind, chip)
        assert found >= min(costs) or found == pytest.approx(min(costs), rel=1e-12)
        if best.proven:
            assert found == pytest.approx(min(costs), rel=1e-12)
    assert best.proven, "every plan that differs was a contender"


def test_more_plans_timed_are_never_worse() -> None:
    """And of these chips some need more than one: the order by the search's recurrence is not the machine's."""
    better = 0
    for seed in range(6):
        trace = layer_of(40, 24, 6, 3, seed=seed)
        chip = small_chip(3000, "3.2", *CHOICES["all"])
        prepared, sizes = inner_join.prepare(trace, chip), sizes_of(trace, chip)
        found = []
        for most in (1, 8, 64):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(search, "MOST_TIMED", most)
                patch.setattr(contenders, "MOST_TIMED", most)
                best = search.best_plan(prepared, sizes, chip)
            found.append(contenders.cost(best, OBJECTIVES["cycles"], chip))
        assert found == sorted(found, reverse=True)
        better += found[-1] < found[0]
    assert better
