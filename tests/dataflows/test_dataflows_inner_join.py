"""The kernel of inner_join and its cycle-stepping reference agree on every counter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twin_cases import adds_up, counted, layers, tiles, unrollings, whole_tile

from accelsim.dataflows import inner_join
from accelsim.errors import PlanError
from accelsim.hardware import load_hardware
from accelsim.plan import Unrolling, whole
from accelsim.reference.inner_join import tile_counts
from accelsim.trace import from_arrays

POLICIES = ("compute", "gate", "skip")


@st.composite
def chips(draw):
    assignment = draw(st.sampled_from(["pooled", "fixed"]))
    weight, activation = draw(st.sampled_from(POLICIES)), draw(st.sampled_from(POLICIES))
    domain = draw(st.sampled_from(["array", "array", "column", "row"]))
    sync = "step" if assignment == "pooled" else draw(st.sampled_from(["step", "set"]))
    settings_ = {
        "pe_array.rows": draw(st.sampled_from([1, 2, 3, 4, 6])),
        "pe_array.columns": draw(st.integers(1, 4)),
        "pe_array.lanes": draw(st.integers(1, 5)),
        "pe_array.weight_policy": weight,
        "pe_array.activation_policy": activation,
        "pe_array.chunk_elements": draw(st.sampled_from([8, 16, 128])),
        "pe_array.queue_depth": draw(st.integers(1, 4)),
        "pe_array.queue_latency_cycles": draw(st.integers(1, 3)),
        "pe_array.pipeline_cycles": draw(st.integers(0, 3)),
        "pe_array.lane_assignment": assignment,
        "pe_array.lane_sync": sync,
        "pe_array.broadcast_domain": domain,
        "pe_array.unrolling": "flexible" if domain == "array" else "fixed",
        "pe_array.array_feed_bytes_per_cycle": draw(st.sampled_from([1, 7, 16, 1000])),
        "pe_array.weight_bits": draw(st.sampled_from([8, 16])),
        "postprocessor.drain_elements_per_cycle": draw(st.integers(1, 4)),
        "scratchpad.word_bytes": draw(st.sampled_from([1, 3, 8])),
        "encodings.weights": "bitmask" if weight == "skip" else draw(st.sampled_from(["dense", "bitmask"])),
        "encodings.activations": "bitmask"
        if activation == "skip"
        else draw(st.sampled_from(["dense", "bitmask"])),
    }
    return load_hardware("both-skip-16x16", [f"{key}={value}" for key, value in settings_.items()])


@st.composite
def cases(draw):
    chip, trace = draw(chips()), draw(layers())
    array, spatial = chip.pe_array, None
    if array.unrolling == "flexible" and draw(st.integers(0, 3)):
        spatial = draw(unrollings(array.rows * array.columns))
    return chip, trace, draw(tiles(trace.layer, array.chunk_elements)), spatial


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile, spatial = case
    assert counted(inner_join, trace, tile, chip, spatial) == tile_counts(trace, tile, chip, spatial)


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_by_cause_add_up(case):
    chip, trace, tile, spatial = case
    adds_up(counted(inner_join, trace, tile, chip, spatial), chip)


@pytest.mark.small
def test_a_tile_that_cuts_a_chunk_is_refused():
    trace = from_arrays(np.ones((1, 1, 1, 128), np.int8), np.ones((1, 1, 1, 128), np.int8), name="conv1")
    chip = load_hardware("both-skip-16x16")
    prepared = inner_join.prepare(trace, chip)
    box = np.array([[0, 1, 0, 1, 0, 100, 0, 1, 0, 1]], np.int64)
    with pytest.raises(PlanError, match=r"conv1: a tile of channels 0\.\.100 cuts a chunk of 64"):
        inner_join.tile_counters(prepared, box, chip)


def test_tiles_on_threads_count_the_same():
    generator = np.random.default_rng(0)
    trace = from_arrays(
        (generator.integers(1, 9, (40, 3, 3, 64)) * (generator.random((40, 3, 3, 64)) < 0.3)).astype(np.int8),
        (generator.integers(1, 9, (1, 9, 9, 64)) * (generator.random((1, 9, 9, 64)) < 0.5)).astype(np.uint8),
        padding=1,
    )
    chip = load_hardware("both-skip-16x16")
    prepared = inner_join.prepare(trace, chip)
    boxes = np.array([[0, 1, k, k + 8, 0, 64, p, p + 3, 0, 9] for k in range(0, 40, 8) for p in (0, 3, 6)])
    one = inner_join.tile_counters(prepared, boxes, chip, threads=1)
    assert np.array_equal(one, inner_join.tile_counters(prepared, boxes, chip, threads=3))


def row_of(trace, chip, spatial):
    return counted(inner_join, trace, whole_tile(trace), chip, spatial)


def dense(filters, channels, positions=1):
    weights = np.ones((filters, 1, 1, channels), np.int8)
    return from_arrays(weights, np.ones((1, 1, positions, channels), np.uint8), name="fc")


FLEXIBLE = ["pe_array.unrolling=flexible", "pe_array.array_feed_bytes_per_cycle=100000"]


@pytest.mark.small
def test_parts_divide_the_steps_and_add_their_sums():
    """4 filters x 1 position, 16 chunks of 64 ones on 2 lanes: 32 cycles a chunk.

    Alone: 16 steps. In 8 parts: 2 steps, 3 cycles of adder tree, 7 additions an output. In 7 parts: 3 steps, 5 of
    the last have no chunk.
    """
    trace, chip = dense(4, 1024), load_hardware("both-skip-16x16", FLEXIBLE)
    alone, eight, seven = (row_of(trace, chip, Unrolling(4, 1, parts)) for parts in (1, 8, 7))
    assert [row["steps"] for row in (alone, eight, seven)] == [16, 2, 3]
    assert alone["compute_cycles"] - eight["compute_cycles"] == 14 * 32 - 3
    assert seven["compute_cycles"] - eight["compute_cycles"] == 32
    assert eight["accumulator_updates"] - alone["accumulator_updates"] == 7 * 4
    assert seven["empty_step_lane_cycles"] == 5 * 4 * 2
    assert eight["outputs"] == alone["outputs"] == 4


@pytest.mark.small
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(cases())
def test_an_unrolling_changes_no_product(case):
    chip, trace, tile, spatial = case
    own = counted(inner_join, trace, tile, chip)
    other = counted(inner_join, trace, tile, chip, spatial)
    for name in ("outputs", "done_macs", "gated_macs", "skipped_macs", "effectual_macs", "mask_bits_read"):
        assert own[name] == other[name]


@pytest.mark.small
def test_an_array_refuses_what_it_cannot_unroll():
    trace = dense(4, 64)
    plan = replace(whole(trace.layer), spatial=Unrolling(32, 8, 2))
    fixed, flexible = (load_hardware("both-skip-16x16", sets) for sets in ([], FLEXIBLE))
    assert "fixed to K16+NPQ16+CRS1" in inner_join.plan_refusal(plan, trace.layer, fixed)
    assert "takes 512 PEs, but the array has 256" in inner_join.plan_refusal(plan, trace.layer, flexible)
    assert inner_join.plan_refusal(replace(plan, spatial=Unrolling(16, 16)), trace.layer, fixed) is None
    assert inner_join.plan_refusal(replace(plan, spatial=Unrolling(16, 8, 2)), trace.layer, flexible) is None


@pytest.mark.small
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 300), st.integers(1, 12), st.integers(1, 40))
def test_every_unrolling_offered_fits_the_array_and_its_own_is_first(groups, filters, channels, side, rows):
    weights = np.ones((groups * filters, 1, 1, channels), np.int8)
    trace = from_arrays(weights, np.ones((1, side, side, groups * channels), np.uint8), groups=groups)
    chip = load_hardware("both-skip-16x16", [*FLEXIBLE, f"pe_array.rows={rows}"])
    own, *others = inner_join.unrollings(trace.layer, chip)
    assert own == Unrolling(rows, 16)
    assert own not in others
    assert len(set(others)) == len(others)
    assert all(1 <= found.pes <= rows * 16 for found in others)
    fixed = load_hardware("both-skip-16x16")
    assert inner_join.unrollings(trace.layer, fixed) == [None]


@pytest.mark.small
def test_a_connected_layer_is_offered_the_whole_array():
    chip = load_hardware("both-skip-16x16", FLEXIBLE)
    offered = inner_join.unrollings(dense(4096, 4096).layer, chip)
    assert Unrolling(256, 1, 1) in offered
    assert Unrolling(10, 1, 22) in inner_join.unrollings(dense(10, 4096).layer, chip)
