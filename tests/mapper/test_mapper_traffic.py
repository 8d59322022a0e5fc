"""Bytes of every tile against a walk over elements written from docs/traffic.md, and the machine's own."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tile_walk import CHUNK, walked

import accelsim
from accelsim.dataflows import inner_join
from accelsim.errors import PlanError
from accelsim.formats import FORMATS
from accelsim.hardware import Accelerator, load_hardware
from accelsim.machine import replay_layer
from accelsim.mapper.encoded import encoded_sizes, filter_block
from accelsim.mapper.search import best_plan, checked
from accelsim.mapper.traffic import plan_traffic
from accelsim.plan import LOOPS, Plan, loop_extents, tile_boxes, whole
from accelsim.tables import TRAFFIC, WORK
from accelsim.trace import LayerTrace, from_arrays


@st.composite
def layers(draw: st.DrawFn, most_inputs: int = 1) -> LayerTrace:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels, filters = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    taps, stride, dilation = draw(
        st.sampled_from([(1, 1, 1), (3, 1, 1), (3, 2, 1), (1, 3, 1), (2, 1, 2), (3, 1, 2)])
    )
    size = draw(st.integers((taps - 1) * dilation + 1, 9))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    weights = generator.integers(-1, 2, (filters * groups, taps, taps, channels))
    inputs = draw(st.integers(1, most_inputs))
    activations = generator.integers(0, 3, (inputs, size, size + 1, channels * groups))
    return from_arrays(
        weights.astype(np.int8),
        activations.astype(np.uint8),
        stride=stride,
        dilation=dilation,
        padding=draw(st.sampled_from([0, 1, (1, 0, 2, 1)])),
        groups=groups,
        activation_zero_point=draw(st.integers(0, 1)),
    )


IN_DRAM = ["same", "dense", "bitmask", "run_length4", "run_length5"]


@st.composite
def chips(draw: st.DrawFn) -> Accelerator:
    encodings = ["dense", "bitmask"]
    drawn = {
        f"encodings.{o}": draw(st.sampled_from(encodings)) for o in ("weights", "activations", "outputs")
    }
    if draw(st.booleans()):
        # Every group of the drawn weights must fit in N of M: they do in 4 of 8 only if they are few.
        names = ["same", *(name for name in FORMATS if not name.startswith("n"))]
        drawn["encodings.dram_weights"] = draw(st.sampled_from(names))
        drawn["encodings.dram_activations"] = draw(st.sampled_from(IN_DRAM))
        drawn["encodings.dram_outputs"] = draw(st.sampled_from(IN_DRAM))
        drawn["encodings.dram_weight_bits"] = draw(st.sampled_from(["null", "2", "4"]))
        if drawn["encodings.dram_weight_bits"] != "null":
            drawn["encodings.dram_weight_codebook"] = draw(st.sampled_from(["true", "false"]))
    return load_hardware(
        "dense-16x16",
        [
            *(f"{key}={value}" for key, value in drawn.items()),
            f"pe_array.chunk_elements={CHUNK}",
            f"encodings.pointer_bits={draw(st.sampled_from([16, 20, 32]))}",
            f"pe_array.activation_bits={draw(st.sampled_from([8, 16]))}",
            f"pe_array.weight_bits={draw(st.sampled_from([8, 16]))}",
            f"dram.burst_bytes={draw(st.sampled_from([1, 32, 64]))}",
        ],
    )


@st.composite
def plans(draw: st.DrawFn, trace: LayerTrace, block: int) -> Plan:
    layer, extents = trace.layer, loop_extents(trace.layer)
    size = {letter: draw(st.integers(1, extents[letter])) for letter in "NPQ"}
    c = (
        extents["C"]
        if layer.groups > 1
        else draw(st.sampled_from([extents["C"], *range(CHUNK, extents["C"], CHUNK)]))
    )
    tiles = list(range(1, extents["K"] + 1))
    if layer.groups > 1:
        parts = [size for size in range(1, layer.group_filters + 1) if layer.group_filters % size == 0]
        tiles = [*parts, *(layer.group_filters * g for g in range(1, layer.groups + 1))]
    k = draw(st.sampled_from([size for size in tiles if size % block == 0 or size == extents["K"]]))
    resident = frozenset(draw(st.sets(st.sampled_from(["weights", "activations", "outputs"]))))
    order = "".join(draw(st.permutations(LOOPS)))
    return Plan(
        tile_n=size["N"],
        tile_k=k,
        tile_c=c,
        tile_p=size["P"],
        tile_q=size["Q"],
        order=order,
        resident=resident,
    )


@settings(max_examples=150)
@given(data=st.data(), trace=layers(most_inputs=2), chip=chips())
def test_every_tile_moves_the_bytes_that_a_walk_over_its_elements_counts(
    data: st.DataObject, trace: LayerTrace, chip: Accelerator
) -> None:
    plan = data.draw(plans(trace, filter_block(trace.layer, chip, 1)))
    outputs = np.random.default_rng(data.draw(st.integers(0, 9))).random(trace.layer.output_shape) < 0.5
    boxes = tile_boxes(plan, trace.layer)
    sizes = encoded_sizes(trace, chip, outputs, plan.tile_k)
    traffic, _ = plan_traffic(plan, boxes, trace.layer, chip, sizes)
    expected = walked(trace, chip, outputs, plan, boxes)
    for t, row in enumerate(expected):
        assert dict(zip(TRAFFIC, traffic[t].tolist(), strict=True)) == row, (plan, t)


def small_chip(capacity: int, *overrides: str) -> Accelerator:
    return load_hardware(
        "both-skip-16x16",
        [
            f"scratchpad.capacity_bytes={capacity}",
            "pe_array.rows=4",
            "pe_array.columns=4",
            f"pe_array.chunk_elements={CHUNK}",
            *overrides,
        ],
    )


@settings(max_examples=40)
@given(trace=layers(), capacity=st.integers(300, 6000))
def test_the_best_plan_fits_and_the_machine_moves_what_it_says(trace: LayerTrace, capacity: int) -> None:
    chip = small_chip(capacity)
    outputs = np.zeros(trace.layer.output_shape, np.uint8)
    given_trace = replace(trace, outputs=outputs)
    try:
        result = accelsim.simulate(given_trace, chip, toggles="off").layer_results[0]
    except PlanError:
        return  # its message is tested below
    assert result.plan is not None
    assert result.work is not None
    sizes = encoded_sizes(given_trace, chip, outputs != 0)
    _, traffic = checked(result.plan, trace.layer, chip, sizes)
    for name, column in zip(TRAFFIC, traffic.T, strict=True):
        np.testing.assert_array_equal(result.work[name], column)
    predicted = best_plan(inner_join.prepare(given_trace, chip), sizes, chip)
    assert predicted.plan == result.plan
    assert predicted.dram_bytes == result.dram_read_bytes + result.dram_write_bytes


def test_twice_the_scratchpad_never_needs_more_dram_bytes_for_a_fixed_plan() -> None:
    generator = np.random.default_rng(0)
    trace = from_arrays(
        generator.integers(-1, 2, (16, 3, 3, 16)).astype(np.int8),
        generator.integers(0, 2, (1, 9, 9, 16)).astype(np.uint8),
    )
    plan = Plan(tile_n=1, tile_k=8, tile_c=8, tile_p=2, tile_q=7)
    moved = []
    for capacity in (4096, 8192, 65536):
        result = accelsim.simulate(
            trace, small_chip(capacity), plans={"layer": plan}, toggles="off"
        ).layer_results[0]
        moved.append(result.dram_read_bytes + result.dram_write_bytes)
    assert len(set(moved)) == 1


def test_a_plan_that_cannot_cut_the_layer_is_refused_by_rule() -> None:
    trace = from_arrays(np.ones((4, 1, 1, 24), np.int8), np.ones((1, 2, 2, 24), np.uint8), name="conv1")
    base = whole(trace.layer)
    wrong = {
        "order must be a permutation of NKCPQ, not 'NKC'": replace(base, order="NKC"),
        "tile_p must be at least 1, not 0": replace(base, tile_p=0),
        "tile_c must be all 24 channels or a multiple of the chunk of 8, not 12": replace(base, tile_c=12),
    }
    for message, plan in wrong.items():
        with pytest.raises(PlanError, match=f"conv1: {message}"):
            accelsim.simulate(trace, small_chip(100000), plans={"conv1": plan}, toggles="off")


def test_replay_and_machine_agree_on_the_best_plans_time() -> None:
    generator = np.random.default_rng(3)
    trace = from_arrays(
        generator.integers(-1, 2, (24, 3, 3, 32)).astype(np.int8),
        generator.integers(0, 2, (1, 12, 12, 32)).astype(np.uint8),
        padding=1,
    )
    result = accelsim.simulate(trace, small_chip(4096), toggles="off").layer_results[0]
    assert result.work is not None
    assert result.timeline is not None
    assert result.work.dtype == WORK
    times = replay_layer(result.work, small_chip(4096))
    np.testing.assert_array_equal(times, result.timeline)


@pytest.mark.parametrize("taps", [1, 3])
@pytest.mark.parametrize("rate", ["1", "12.8", "200"])
def test_predicted_cycles_are_within_15_percent_of_the_machines(taps: int, rate: str) -> None:
    """Bound by DRAM, by both, by the array: only the compute cycles of a tile are an estimate."""
    generator = np.random.default_rng(5)
    weights = generator.integers(-9, 10, (64, taps, taps, 64))
    activations = generator.integers(1, 9, (1, 14, 14, 64))
    weights[generator.random(weights.shape) < 0.6] = 0
    activations[generator.random(activations.shape) < 0.5] = 0
    outputs = (generator.random((1, 14, 14, 64)) < 0.5).astype(np.uint8)
    trace = from_arrays(
        weights.astype(np.int8), activations.astype(np.uint8), padding=taps // 2, outputs=outputs
    )
    chip = load_hardware("both-skip-16x16", [f"dram.peak_gb_per_s={rate}", "scratchpad.capacity_bytes=16384"])
    result = accelsim.simulate(trace, chip, toggles="off").layer_results[0]
    sizes = encoded_sizes(trace, chip, outputs != 0)
    predicted = best_plan(inner_join.prepare(trace, chip), sizes, chip)
    assert result.bound_by == ("array" if rate == "200" else "dram")
    assert predicted.cycles == pytest.approx(result.cycles, rel=0.15)
