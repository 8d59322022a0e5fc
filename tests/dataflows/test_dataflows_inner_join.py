"""The kernel of inner_join and its cycle-stepping reference agree on every counter."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim.dataflows import inner_join
from accelsim.errors import PlanError
from accelsim.hardware import load_hardware
from accelsim.plan import Tile
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
def layers(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.sampled_from([1, 1, 2, 3, 5, 7]))
    channels = draw(st.sampled_from([1, 2, 5, 8, 9, 17, 40] if groups == 1 else [1, 1, 2, 9]))
    filters = groups * draw(st.sampled_from([1, 2, 3, 4, 5] if groups < 3 else [1, 1, 2, 3]))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    size = [
        draw(st.integers((k - 1) * d + 1, (k - 1) * d + 4)) for k, d in zip(kernel, dilation, strict=True)
    ]
    signed = draw(st.booleans())
    zero = draw(st.integers(-5, 5)) if signed else draw(st.integers(0, 5))
    weight_zeros = generator.integers(-3, 4, filters)
    weights = generator.integers(-100, 100, (filters, *kernel, channels)).astype(np.int8)
    kept = generator.random(weights.shape) < draw(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    weights = np.where(kept, weights, weight_zeros[:, None, None, None]).astype(np.int8)
    dtype = np.int8 if signed else np.uint8
    shape = (draw(st.integers(1, 2)), *size, channels * groups)
    activations = generator.integers(0, 100, shape).astype(dtype)
    kept = generator.random(shape) < draw(st.sampled_from([0.0, 0.45, 1.0]))
    return from_arrays(
        weights,
        np.where(kept, activations, zero).astype(dtype),
        stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=tuple(draw(st.integers(0, 2)) for _ in range(4)),
        dilation=dilation,
        groups=groups,
        weight_zero_points=weight_zeros,
        activation_zero_point=zero,
    )


def _span(draw, extent, quantum=1):
    start = draw(st.integers(0, (extent - 1) // quantum)) * quantum
    stop = draw(st.integers(start // quantum + 1, -(-extent // quantum))) * quantum
    return start, min(stop, extent)


@st.composite
def cases(draw):
    chip, trace = draw(chips()), draw(layers())
    layer = trace.layer
    n, p, q, k = layer.output_shape
    c = _span(draw, layer.group_channels, chip.pe_array.chunk_elements)
    # A part of one group, or whole groups.
    per_group = layer.group_filters
    filters = _span(draw, k, per_group) if draw(st.booleans()) else _span(draw, per_group)
    spans = [_span(draw, n), filters, c, _span(draw, min(p, 4)), _span(draw, min(q, 4))]
    return chip, trace, Tile(*(edge for span in spans for edge in span))


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile = case
    prepared = inner_join.prepare(trace, chip.pe_array.chunk_elements)
    counted = inner_join.tile_counters(prepared, inner_join.box_array(tile)[None], chip)[0]
    expected = tile_counts(trace, tile, chip)
    assert dict(zip(COUNTERS, counted.tolist(), strict=True)) == expected


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_by_cause_add_up(case):
    chip, trace, tile = case
    prepared = inner_join.prepare(trace, chip.pe_array.chunk_elements)
    counted = inner_join.tile_counters(prepared, inner_join.box_array(tile)[None], chip)[0]
    row = dict(zip(COUNTERS, counted.tolist(), strict=True))
    assert min(row.values()) >= 0
    by_cause = sum(row[f"{cause}_lane_cycles"] for cause in TILE_CAUSES)
    assert by_cause == chip.pe_array.multipliers * row["compute_cycles"]


@pytest.mark.small
def test_a_tile_that_cuts_a_chunk_is_refused():
    trace = from_arrays(np.ones((1, 1, 1, 128), np.int8), np.ones((1, 1, 1, 128), np.int8), name="conv1")
    chip = load_hardware("both-skip-16x16")
    prepared = inner_join.prepare(trace, chip.pe_array.chunk_elements)
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
    prepared = inner_join.prepare(trace, chip.pe_array.chunk_elements)
    boxes = np.array([[0, 1, k, k + 8, 0, 64, p, p + 3, 0, 9] for k in range(0, 40, 8) for p in (0, 3, 6)])
    one = inner_join.tile_counters(prepared, boxes, chip, threads=1)
    assert np.array_equal(one, inner_join.tile_counters(prepared, boxes, chip, threads=3))
