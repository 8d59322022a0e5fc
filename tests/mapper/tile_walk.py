"""A layer's tiles byte by byte, walked over their elements as docs/traffic.md says."""

from math import ceil
from typing import Any

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.plan import LOOPS, Plan, loop_extents
from accelsim.tables import TRAFFIC
from accelsim.trace import LayerTrace

CHUNK = 8


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
