"""The kernel of inner_join and its cycle-stepping reference agree on every counter."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twin_cases import layers, tiles

from accelsim.dataflows import inner_join
from accelsim.errors import PlanError
from accelsim.hardware import load_hardware
from accelsim.plan import box_array
from accelsim.reference.inner_join import tile_counts
from accelsim.tables import COUNTERS, TILE_CAUSES
from accelsim.trace import from_arrays

POLICIES = ("compute", "gate", "skip")


@st.composite
def chips(draw):
    assignment = draw(st.sampled_from(["pooled", "fixed"]))
    weight, activation = draw(st.sampled_from(POLICIES)), draw(st.sampled_from(POLICIES))
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
        "pe_array.broadcast_domain": draw(st.sampled_from(["array", "column", "row"])),
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
    return chip, trace, draw(tiles(trace.layer, chip.pe_array.chunk_elements))


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile = case
    prepared = inner_join.prepare(trace, chip)
    counted = inner_join.tile_counters(prepared, box_array(tile)[None], chip)[0]
    expected = tile_counts(trace, tile, chip)
    assert dict(zip(COUNTERS, counted.tolist(), strict=True)) == expected


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_by_cause_add_up(case):
    chip, trace, tile = case
    prepared = inner_join.prepare(trace, chip)
    counted = inner_join.tile_counters(prepared, box_array(tile)[None], chip)[0]
    row = dict(zip(COUNTERS, counted.tolist(), strict=True))
    assert min(row.values()) >= 0
    by_cause = sum(row[f"{cause}_lane_cycles"] for cause in TILE_CAUSES)
    assert by_cause == chip.pe_array.multipliers * row["compute_cycles"]


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
