"""Tensors kept between layers: what the runs' own bytes say."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from drawn_networks import Builder, chip, drawn, residual

import accelsim
from accelsim.energy.table import table_of
from accelsim.errors import InputError
from accelsim.network import LayerNode
from accelsim.plan import Objective
from accelsim.results import NetworkResult
from accelsim.schedule.between import keep_schedule
from accelsim.schedule.costs import Costs
from accelsim.schedule.held import BetweenLayers
from accelsim.schedule.keep_search import Cost
from accelsim.schedule.lives import Life, held_bytes, lives, may_stay
from accelsim.schedule.planning import LayerInput, Wanted, layer_input
from accelsim.schedule.weighing import weigh_of
from accelsim.tables import COUNTERS
from accelsim.trace.graph import node_inputs, node_name


def moved(result: NetworkResult) -> list[int]:
    return [r.dram_read_bytes + r.dram_write_bytes for r in result.layer_results]


def peaks(result: NetworkResult) -> list[int]:
    """The most bytes of the scratchpad in use at once in each node, from its own tables."""
    found = []
    for r in result.layer_results:
        most = 0
        if r.work is not None:
            cycles = np.concatenate(
                [r.timeline[n] for n in ("compute_end_cycle", "drain_end_cycle", "reserved_cycle")]
            )
            change = np.concatenate(
                [
                    -r.work["release_after_compute_bytes"],
                    -r.work["release_after_drain_bytes"],
                    r.work["reserve_bytes"],
                ]
            )
            most = int(np.cumsum(change[np.argsort(cycles, kind="stable")]).max())
        found.append(most + r.held_bytes)
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("capacity", [1500, 2500, 4000, 100_000])
def test_keeping_saves_exactly_what_it_says_and_never_moves_more(seed: int, capacity: int) -> None:
    trace, hardware = drawn(seed), chip(capacity)
    apart, kept = (
        accelsim.simulate(trace, hardware, between_layers=mode, objective="dram") for mode in ("dram", "keep")
    )
    saved = [r.saved_dram_bytes for r in kept.layer_results]
    assert [a - k for a, k in zip(moved(apart), moved(kept), strict=True)] == saved
    assert sum(moved(kept)) <= sum(moved(apart))
    assert kept.summary()["saved_dram_mb_per_inference"] == sum(saved) / 1e6
    assert max(peaks(kept)) <= capacity
    assert sum(r.saved_dram_bytes for r in apart.layer_results) == 0
    for name in COUNTERS:
        if "macs" in name:
            assert apart.total(name) == kept.total(name)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("capacity", [1600, 2400])
def test_the_choice_is_the_best_of_all_that_can_be_asked_for(seed: int, capacity: int) -> None:
    """Brute force: every subset of tensors, asked for by name; the run itself says what it moves."""
    trace, hardware = drawn(seed), chip(capacity)
    best = accelsim.simulate(trace, hardware, between_layers="keep", objective="dram")
    names = [node.output for node in trace.network.nodes if node.output not in trace.network.outputs]
    least = sum(moved(accelsim.simulate(trace, hardware, objective="dram")))
    for count in range(1, 4):
        for subset in combinations(names, count):
            try:
                wish = BetweenLayers("keep", subset)
                one = accelsim.simulate(trace, hardware, between_layers=wish, objective="dram")
            except InputError:
                continue
            assert set(subset) <= {tensor.tensor for tensor in one.kept}
            least = min(least, sum(moved(one)))
    assert sum(moved(best)) == least


def predicted(costs: Costs, kept: frozenset[str], found: dict[str, Life]) -> Cost | None:
    """What a network costs, layer by layer, with these tensors kept; None: something does not fit."""
    total = Cost(0, 0)
    for index in range(len(costs.nodes)):
        alive = [found[name] for name in kept if found[name].first <= index <= found[name].last]
        left = costs.chip.scratchpad.capacity_bytes - sum(life.bytes for life in alive)
        held = frozenset(life.tensor for life in alive)
        one = costs.at((index, index + 1), held, left) if left >= 0 else None
        if one is None:
            return None
        total = total.plus(one)
    return total


@pytest.mark.parametrize("objective", ["dram", "cycles", "energy", "edp"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate", ["0.8", "25.6"])
def test_of_all_subsets_the_one_with_least_of_the_objective_is_kept(
    objective: Objective, seed: int, rate: str
) -> None:
    trace, hardware = drawn(seed), chip(1900, f"dram.peak_gb_per_s={rate}")
    table = table_of(hardware)

    def prepare(node: LayerNode) -> LayerInput:
        wanted = Wanted(None, objective, table)
        return layer_input(
            trace.layer(node.layer.name), hardware, wanted, balance_filters=False, toggles="off", seed=0
        )

    nodes = trace.network.nodes
    schedule = keep_schedule(
        trace, nodes, hardware, prepare, BetweenLayers("keep"),
        plans={}, left_out={}, objective=objective, table=table,
    )  # fmt: skip
    found = lives(nodes, may_stay(trace, hardware, {}), 1900)
    costs = Costs(trace, nodes, hardware, prepare, objective, table)
    weigh = weigh_of(objective, hardware)
    every = [
        cost
        for count in range(len(found) + 1)
        for names in combinations(found, count)
        if (cost := predicted(costs, frozenset(names), found)) is not None
    ]
    mine = predicted(costs, frozenset(life.tensor for life in schedule.lives), found)
    assert mine is not None
    assert weigh(mine)[0] == pytest.approx(min(weigh(cost)[0] for cost in every), rel=1e-12)
    apart = predicted(costs, frozenset(), found)
    assert apart is None or weigh(mine) <= weigh(apart)


def test_a_residual_is_kept_over_the_two_layers_between() -> None:
    trace = residual()
    result = accelsim.simulate(trace, chip(100_000), between_layers="keep")
    kept = {tensor.tensor: tensor for tensor in result.kept}
    assert set(kept) == {"a", "b", "c", "sum", "pool"}
    assert (kept["a"].written_by, kept["a"].read_last_by) == ("a", "sum")
    size = {name: held_bytes(trace.tensors[name], 0, result.chip) for name in kept}
    assert {name: tensor.bytes for name, tensor in kept.items()} == size
    held = {r.name: r.held_bytes for r in result.layer_results}
    assert held == {
        "a": size["a"],
        "b": size["a"] + size["b"],
        "c": size["a"] + size["b"] + size["c"],
        "sum": size["a"] + size["c"] + size["sum"],
        "pool": size["sum"] + size["pool"],
        "d": size["pool"],
    }


def test_kept_tensors_move_no_byte_and_the_networks_own_tensors_always_do() -> None:
    result = accelsim.simulate(residual(), chip(100_000), between_layers="keep")
    rows = {r.name: r for r in result.layer_results}
    for name in ("sum", "pool"):
        assert rows[name].dram_read_bytes == rows[name].dram_write_bytes == 0
    assert rows["a"].totals["activation_fetch_bytes"] > 0
    assert rows["a"].dram_write_bytes == 0
    for name in ("b", "c", "d"):
        assert rows[name].totals["activation_fetch_bytes"] == 0
        assert rows[name].totals["activation_fill_bytes"] == 0
    assert rows["d"].dram_write_bytes > 0
    elements = 2 * 8 * 8 * 16
    assert rows["sum"].cycles == elements // result.chip.postprocessor.elements_per_cycle


@pytest.mark.parametrize("name", ["dense-16x16", "activation-skip-16x16"])
def test_other_encodings_keep_too(name: str) -> None:
    trace, hardware = residual(), chip(3000, name=name)
    apart, kept = (accelsim.simulate(trace, hardware, between_layers=mode) for mode in ("dram", "keep"))
    assert sum(moved(kept)) < sum(moved(apart))
    assert max(peaks(kept)) <= 3000


def test_tensors_of_another_encoding_in_dram_are_kept_as_the_scratchpad_holds_them() -> None:
    hardware = chip(100_000, "encodings.dram_activations=run_length4", "encodings.dram_outputs=run_length4")
    trace = residual()
    result = accelsim.simulate(trace, hardware, between_layers="keep")
    assert len(result.kept) == 5
    assert result.kept[0].bytes == held_bytes(trace.tensors["a"], 0, hardware)


def test_outputs_and_activations_of_two_encodings_are_not_kept() -> None:
    hardware = chip(100_000, "encodings.outputs=dense")
    result = accelsim.simulate(residual(), hardware, between_layers="keep")
    assert result.kept == ()
    with pytest.raises(InputError, match="holds outputs as dense and activations as bitmask"):
        accelsim.simulate(residual(), hardware, between_layers=BetweenLayers("keep", ("a",)))


@pytest.mark.parametrize(
    ("tensor", "capacity", "why"),
    [
        ("x", 9000, "keep 'x': it is an input of the network"),
        ("d", 9000, "keep 'd': it is an output of the network"),
        ("nothing", 9000, "keep 'nothing': drawn has no such tensor"),
        ("a", 600, r"keep 'a': it takes \d+ bytes, \d+ more than the scratchpad of 600"),
        ("a", 1500, r"keep 'a' \(\d+ bytes\): . does not fit in what is left, \d+ bytes"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(tensor: str, capacity: int, why: str) -> None:
    with pytest.raises(InputError, match=why):
        accelsim.simulate(residual(), chip(capacity), between_layers=BetweenLayers("keep", (tensor,)))


def test_words_that_are_not_known_are_refused() -> None:
    with pytest.raises(InputError, match=r"between_layers must be one of dram, keep.*, not 'cache'"):
        accelsim.simulate(residual(), chip(9000), between_layers="cache")
    with pytest.raises(InputError, match="keep 'a': between_layers is 'dram', which keeps nothing"):
        BetweenLayers("dram", ("a",))


def test_what_a_left_out_layer_reads_or_writes_goes_through_dram() -> None:
    result = accelsim.simulate(residual(), chip(100_000), between_layers="keep", left_out={"b": "a reason"})
    assert {tensor.tensor for tensor in result.kept} == {"c", "sum", "pool"}


def test_every_input_of_a_trace_has_its_own_kept_bytes_and_threads_change_nothing() -> None:
    b = Builder((2, 8, 8, 8))
    b.convolution("last", b.convolution("b", b.convolution("a", "x", 16), 16), 8)
    trace = b.trace("last")
    one, two = (
        accelsim.simulate(trace, chip(5000), between_layers="keep", threads=threads) for threads in (1, 2)
    )
    pd.testing.assert_frame_equal(one.layers, two.layers)
    assert {tensor.input for tensor in one.kept} == {0, 1}
    assert len({tensor.bytes for tensor in one.kept if tensor.tensor == "a"}) == 2
    together = accelsim.simulate(trace, chip(9000), between_layers="keep", together=True)
    assert together.kept[0].bytes == sum(t.bytes for t in one.kept if t.tensor == "a")


def test_a_plan_that_a_user_fixed_is_kept_and_keeping_goes_around_it() -> None:
    trace = residual()
    fixed = accelsim.simulate(trace, chip(4000)).layer_results[1].plan
    assert fixed is not None
    result = accelsim.simulate(trace, chip(4000), between_layers="keep", plans={"b": fixed})
    assert result.layer_results[1].plan == fixed


def test_the_graph_that_runs_is_the_one_that_the_tables_name() -> None:
    trace = residual()
    result = accelsim.simulate(trace, chip(100_000), between_layers="keep")
    reads = {node_name(node): node_inputs(node) for node in trace.network.nodes}
    kept = {tensor.tensor: tensor.bytes for tensor in result.kept}
    for r in result.layer_results:
        assert r.kept_in_bytes == sum(kept.get(name, 0) for name in reads[r.name])
        assert r.kept_out_bytes == kept.get(r.name, 0)
    assert sum(isinstance(node, LayerNode) for node in trace.network.nodes) == 4
    assert result.provenance["between_layers"] == "keep"
