"""Bytes of every tile against a walk over elements written from docs/traffic.md, and the machine's own."""

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accelsim
from accelsim.dataflows import inner_join
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.machine import replay_layer
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.search import best_plan, checked
from accelsim.mapper.traffic import plan_traffic
from accelsim.plan import LOOPS, Plan, loop_extents, tile_boxes, whole
from accelsim.tables import TRAFFIC, WORK
from accelsim.trace import LayerTrace, from_arrays

CHUNK = 8


@st.composite
def layers(draw: st.DrawFn) -> LayerTrace:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels, filters = draw(st.integers(1, 20)), draw(st.integers(1, 9))
    taps, stride, dilation = draw(
        st.sampled_from([(1, 1, 1), (3, 1, 1), (3, 2, 1), (1, 3, 1), (2, 1, 2), (3, 1, 2)])
    )
    size = draw(st.integers((taps - 1) * dilation + 1, 9))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    weights = generator.integers(-1, 2, (filters * groups, taps, taps, channels))
    activations = generator.integers(0, 3, (1, size, size + 1, channels * groups))
    return from_arrays(
        weights.astype(np.int8),
        activations.astype(np.uint8),
        stride=stride,
        dilation=dilation,
        padding=draw(st.sampled_from([0, 1, (1, 0, 2, 1)])),
        groups=groups,
        activation_zero_point=draw(st.integers(0, 1)),
    )


@st.composite
def chips(draw: st.DrawFn) -> Accelerator:
    encodings = [draw(st.sampled_from(["dense", "bitmask"])) for _ in range(3)]
    settings = [
        f"encodings.{name}={e}"
        for name, e in zip(("weights", "activations", "outputs"), encodings, strict=True)
    ]
    return load_hardware(
        "dense-16x16",
        [
            *settings,
            f"pe_array.chunk_elements={CHUNK}",
            f"encodings.pointer_bits={draw(st.sampled_from([16, 20, 32]))}",
            f"pe_array.activation_bits={draw(st.sampled_from([8, 16]))}",
            f"pe_array.weight_bits={draw(st.sampled_from([8, 16]))}",
            f"dram.burst_bytes={draw(st.sampled_from([1, 32, 64]))}",
        ],
    )


@st.composite
def plans(draw: st.DrawFn, trace: LayerTrace) -> Plan:
    layer, extents = trace.layer, loop_extents(trace.layer)
    size = {letter: draw(st.integers(1, extents[letter])) for letter in "NPQ"}
    c = (
        extents["C"]
        if layer.groups > 1
        else draw(st.sampled_from([extents["C"], *range(CHUNK, extents["C"], CHUNK)]))
    )
    k = draw(st.integers(1, extents["K"]))
    if layer.groups > 1:
        k = layer.group_filters * draw(st.integers(1, layer.groups))
    resident = frozenset(draw(st.sets(st.sampled_from(["weights", "activations"]))))
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


def encoded(nonzero: Any, bits: int, encoding: str) -> tuple[int, int]:
    """(bytes with masks, mask bytes) of one segment."""
    n, z = nonzero.size, int(nonzero.sum())
    mask = ceil(n / 8) if encoding == "bitmask" else 0
    return ceil((z if encoding == "bitmask" else n) * bits / 8) + mask, mask


class Walk:
    """A layer's tiles, byte by byte."""

    def __init__(self, trace: LayerTrace, chip: Accelerator, outputs: Any) -> None:
        self.trace, self.chip, self.outputs = trace, chip, outputs
        self.pointer = ceil(chip.encodings.pointer_bits / 8)
        self.weights = trace.weights != trace.weight_zero_points[:, None, None, None]
        self.activations = trace.activations != trace.activation_zero_point

    def sums(self, runs: list[tuple[int, int]], pointers: int, encoding: str) -> tuple[int, int, int]:
        """(bytes, metadata, waste) of runs of (bytes, mask bytes)."""
        pointer_bytes = pointers * self.pointer if encoding == "bitmask" else 0
        burst = self.chip.dram.burst_bytes
        data, masks = (sum(run[i] for run in runs) for i in range(2))
        waste = sum(-run[0] % burst for run in runs) + -pointer_bytes % burst
        return data + pointer_bytes, masks + pointer_bytes, waste

    def weight_tile(self, box: Any) -> tuple[int, int, int]:
        _, _, k0, k1, c0, c1, *_ = box
        e = self.chip.encodings.weights
        parts = [
            encoded(tap[start : min(start + CHUNK, c1)], self.chip.pe_array.weight_bits, e)
            for tap in self.weights[k0:k1].reshape(-1, self.weights.shape[3])
            for start in range(c0, c1, CHUNK)
        ]
        return self.sums([(sum(p[0] for p in parts), sum(p[1] for p in parts))], k1 - k0, e)

    def segments(self) -> list[tuple[int, int]]:
        """All segments of a pixel as (first channel, end)."""
        layer = self.trace.layer
        span = layer.group_channels if layer.group_channels % 8 == 0 else layer.channels
        return [
            (g + c, min(g + c + CHUNK, g + span))
            for g in range(0, layer.channels, span)
            for c in range(0, span, CHUNK)
        ]

    def activation_tile(self, box: Any) -> tuple[int, int, int]:
        n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 = box
        layer, e = self.trace.layer, self.chip.encodings.activations
        groups = (k0 // layer.group_filters, (k1 - 1) // layer.group_filters)
        first, end = groups[0] * layer.group_channels + c0, groups[1] * layer.group_channels + c1
        every = self.segments()
        read = [s for s in every if s[1] > first and s[0] < end]

        def span(o0: int, o1: int, axis: int, size: int) -> range:
            low = o0 * layer.stride[axis] - layer.padding[axis]
            high = (
                (o1 - 1) * layer.stride[axis]
                - layer.padding[axis]
                + (layer.kernel[axis] - 1) * layer.dilation[axis]
                + 1
            )
            return range(max(low, 0), min(high, size))

        windows = {
            p * layer.stride[0] - layer.padding[0] + r * layer.dilation[0]
            for p in range(layer.output_height)
            for r in range(layer.kernel[0])
        }
        spanned, columns = span(p0, p1, 0, layer.input_height), span(q0, q1, 1, layer.input_width)
        rows = [h for h in spanned if h in windows]
        if not len(spanned) or not len(columns):
            return 0, 0, 0
        runs = []
        for n in range(n0, n1):
            lines = []
            for h in rows:
                parts = [
                    encoded(self.activations[n, h, w, s[0] : s[1]], self.chip.pe_array.activation_bits, e)
                    for w in columns
                    for s in read
                ]
                lines.append((sum(p[0] for p in parts), sum(p[1] for p in parts)))
            joined = len(rows) == len(spanned) and len(columns) == layer.input_width and read == every
            runs += [(sum(x[0] for x in lines), sum(x[1] for x in lines))] if joined else lines
        return self.sums(runs, (n1 - n0) * len(rows), e)

    def output_tile(self, box: Any) -> tuple[int, int, int]:
        n0, n1, k0, k1, _, _, p0, p1, q0, q1 = box
        layer, e = self.trace.layer, self.chip.encodings.outputs
        bits = self.chip.pe_array.activation_bits
        mask = sum(ceil(min(CHUNK, k1 - k) / 8) for k in range(k0, k1, CHUNK)) if e == "bitmask" else 0
        runs = []
        for n in range(n0, n1):
            lines = []
            for p in range(p0, p1):
                kept = self.outputs[n, p, q0:q1, k0:k1]
                z = int(kept.sum()) if e == "bitmask" else kept.size
                lines.append((ceil(z * bits / 8) + mask * (q1 - q0), mask * (q1 - q0)))
            joined = (q0, q1) == (0, layer.output_width) and (k0, k1) == (0, layer.filters)
            runs += [(sum(x[0] for x in lines), sum(x[1] for x in lines))] if joined else lines
        return self.sums(runs, (n1 - n0) * (p1 - p0), e)


def walked(walk: Walk, plan: Plan, boxes: Any) -> list[dict[str, int]]:
    """The traffic of every tile by column, from sets of open boxes."""
    layer, extents = walk.trace.layer, loop_extents(walk.trace.layer)
    loops = {"weights": "KC", "activations": "NCPQ" + ("K" if layer.groups > 1 else ""), "outputs": "NKPQ"}
    keys = {
        o: [tuple(int(box[2 * LOOPS.index(x)]) for x in letters) for box in boxes]
        for o, letters in loops.items()
    }
    rows = []
    for t, box in enumerate(boxes.tolist()):
        row = dict.fromkeys(TRAFFIC, 0)
        opens, closes = {}, {}
        for o, key in keys.items():
            others = (
                range(len(boxes))
                if o in plan.resident
                else [x for x in (t - 1, t + 1) if 0 <= x < len(boxes)]
            )
            opens[o] = not any(key[x] == key[t] for x in others if x < t)
            closes[o] = not any(key[x] == key[t] for x in others if x > t)
        for o, tile in (("weights", walk.weight_tile), ("activations", walk.activation_tile)):
            data, metadata, waste = tile(box)
            if opens[o]:
                row[f"{o[:-1]}_fetch_bytes"] = data
                row["metadata_fetch_bytes"] += metadata
                row["fetch_burst_waste_bytes"] += waste
                row["reserve_bytes"] += data
            if closes[o]:
                row["release_after_compute_bytes"] += data
        n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 = box
        count = (n1 - n0) * (k1 - k0) * (p1 - p0) * (q1 - q0)
        partial, burst = 4 * count, walk.chip.dram.burst_bytes
        first, last = c0 == 0, c1 == extents["C"]
        full = Walk(walk.trace, walk.chip, np.ones_like(walk.outputs))
        pixels = (n1 - n0) * (p1 - p0) * (q1 - q0)
        bitmask = walk.chip.encodings.outputs == "bitmask"
        mask = sum(ceil(min(CHUNK, k1 - k) / 8) for k in range(k0, k1, CHUNK)) if bitmask else 0
        worst = ceil(count * walk.chip.pe_array.activation_bits / 8) + pixels * mask
        worst += (n1 - n0) * (p1 - p0) * walk.pointer if bitmask else 0
        assert full.output_tile(box)[0] <= worst + (n1 - n0) * (p1 - p0)
        reserve = worst if first and last else max(worst, partial)
        if opens["outputs"]:
            row["reserve_bytes"] += reserve
            if not first:
                row["partial_sum_fetch_bytes"] = partial
                row["fetch_burst_waste_bytes"] += -partial % burst
        if closes["outputs"]:
            row["release_after_drain_bytes"] = reserve
        row["partial_sum_read_bytes"] = 0 if first else partial
        row["partial_sum_write_bytes"] = 0 if last else partial
        if last:
            data, metadata, waste = walk.output_tile(box)
            row["output_drain_bytes"] = row["output_write_bytes"] = data
            row["metadata_drain_bytes"] = metadata
            row["drain_burst_waste_bytes"] = waste
        elif closes["outputs"]:
            row["partial_sum_drain_bytes"] = partial
            row["drain_burst_waste_bytes"] = -partial % burst
        rows.append(row)
    return rows


@settings(max_examples=150)
@given(data=st.data(), trace=layers(), chip=chips())
def test_every_tile_moves_the_bytes_that_a_walk_over_its_elements_counts(
    data: st.DataObject, trace: LayerTrace, chip: Accelerator
) -> None:
    plan = data.draw(plans(trace))
    outputs = np.random.default_rng(data.draw(st.integers(0, 9))).random(trace.layer.output_shape) < 0.5
    boxes = tile_boxes(plan, trace.layer)
    sizes = encoded_sizes(trace, chip, outputs, 1)
    traffic, _ = plan_traffic(plan, boxes, trace.layer, chip, sizes)
    expected = walked(Walk(trace, chip, outputs), plan, boxes)
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
        result = accelsim.simulate(given_trace, chip).layer_results[0]
    except PlanError:
        return  # its message is tested below
    assert result.plan is not None
    assert result.work is not None
    sizes = encoded_sizes(given_trace, chip, outputs != 0)
    _, traffic = checked(result.plan, trace.layer, chip, sizes)
    for name, column in zip(TRAFFIC, traffic.T, strict=True):
        np.testing.assert_array_equal(result.work[name], column)
    predicted = best_plan(inner_join.prepare(given_trace, CHUNK), sizes, chip)
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
        result = accelsim.simulate(trace, small_chip(capacity), plans={"layer": plan}).layer_results[0]
        moved.append(result.dram_read_bytes + result.dram_write_bytes)
    assert len(set(moved)) == 1


def test_a_layer_that_cannot_be_cut_to_fit_says_how_many_bytes_are_missing() -> None:
    trace = from_arrays(np.ones((1, 3, 3, 8), np.int8), np.ones((1, 9, 9, 8), np.uint8))
    with pytest.raises(PlanError, match=r"layer: .* needs \d+ bytes, \d+ more than the scratchpad of 64"):
        accelsim.simulate(trace, small_chip(64))


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
            accelsim.simulate(trace, small_chip(100000), plans={"conv1": plan})


def test_replay_and_machine_agree_on_the_best_plans_time() -> None:
    generator = np.random.default_rng(3)
    trace = from_arrays(
        generator.integers(-1, 2, (24, 3, 3, 32)).astype(np.int8),
        generator.integers(0, 2, (1, 12, 12, 32)).astype(np.uint8),
        padding=1,
    )
    result = accelsim.simulate(trace, small_chip(4096)).layer_results[0]
    assert result.work is not None
    assert result.timeline is not None
    assert result.work.dtype == WORK
    times = replay_layer(result.work, small_chip(4096))
    np.testing.assert_array_equal(times, result.timeline)
