"""A layer's tiles byte by byte, walked over their elements as docs/traffic.md says."""

from collections import Counter
from functools import cache, cached_property
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np

from accelsim.formats import FORMATS, RunLength
from accelsim.formats.huffman import code_lengths
from accelsim.hardware import Accelerator
from accelsim.plan import LOOPS, Plan, loop_extents
from accelsim.tables import TRAFFIC
from accelsim.trace import LayerTrace

CHUNK = 8
IN_CELLS = {
    "csc": 64,
    "csc_relative4": 64,
    "csr": 8,
    "run_length4": 8,
    "run_length5": 8,
    "huffman_run_length5": 8,
}
IN_CELLS |= dict.fromkeys(("block2", "block4", "block8", "n1_m4", "n2_m4", "n4_m8"), 8)


def encoded(values: Any, zero: int, bits: int, encoding: str) -> tuple[int, int]:
    """(bytes with metadata, metadata bytes) of one segment."""
    if encoding.startswith("run_length"):
        return of_format(values, zero, bits, encoding)
    n, z = values.size, int((values != zero).sum())
    mask = ceil(n / 8) if encoding == "bitmask" else 0
    return ceil((z if encoding == "bitmask" else n) * bits / 8) + mask, mask


def of_format(values: Any, zero: Any, bits: int, encoding: str) -> tuple[int, int]:
    """(bytes with metadata, metadata bytes) of anything, as its format says."""
    stream = FORMATS[encoding].encode(np.ascontiguousarray(values), zero)
    return ceil(
        FORMATS[encoding].size_bits(np.ascontiguousarray(values), zero, bits) / 8
    ), stream.metadata.size


class Walk:
    """A layer's tiles, byte by byte: in DRAM, or as the scratchpad holds them."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, outputs: Any, tile_k: int, held: bool = False
    ) -> None:
        self.trace, self.chip, self.outputs, self.tile_k = trace, chip, outputs, tile_k
        self.pointer = ceil(chip.encodings.pointer_bits / 8)
        e, self.weight_bits = chip.encodings, chip.pe_array.weight_bits
        self.encodings = {"weights": e.weights, "activations": e.activations, "outputs": e.outputs}
        self.tables = 0
        if not held:
            stored = {o: getattr(e, f"dram_{o}") for o in self.encodings}
            self.encodings |= {o: name for o, name in stored.items() if name != "same"}
            self.weight_bits = e.dram_weight_bits or self.weight_bits
            if e.dram_weight_codebook:
                self.tables = 2**self.weight_bits * (chip.pe_array.weight_bits // 8)
            if self.encodings["weights"] == "huffman_run_length5":
                symbols = 2 ** min(self.weight_bits, 8)
                self.tables += 32 + min(symbols + (e.dram_weight_codebook is True), 256)

    def sums(self, runs: list[tuple[int, int, int]], pointers: list[tuple[int, int]]) -> tuple[int, int, int]:
        """(bytes, metadata, waste) of runs of (start, bytes, metadata bytes), and of (first, count) pointers."""
        places = [(first * self.pointer, count * self.pointer) for first, count in pointers]
        data, masks = (sum(run[i] for run in runs) for i in (1, 2))
        told = sum(count for _, count in places)
        touched = 0
        for start, size in [*((run[0], run[1]) for run in runs), *places]:
            burst = self.chip.dram.burst_bytes
            touched += burst * len({byte // burst for byte in range(start, start + size)})
        return data + told, masks + told, touched - data - told

    def weight_tile(self, box: Any) -> tuple[int, int, int]:
        _, _, k0, k1, c0, c1, *_ = box
        name, weights, zeros = self.encodings["weights"], self.trace.weights, self.trace.weight_zero_points
        parts = []
        if name in IN_CELLS:
            for k in range(k0, k1, IN_CELLS[name]):
                for c in range(c0, c1, CHUNK):
                    end, stop = min(k + IN_CELLS[name], k1), min(c + CHUNK, c1)
                    parts.append(self.cell(weights[k:end, :, :, c:stop], zeros[k:end], name))
            return self.sums([(0, sum(p[0] for p in parts), sum(p[1] for p in parts))], [])
        for k in range(k0, k1):
            for tap in weights[k].reshape(-1, weights.shape[3]):
                for c in range(c0, c1, CHUNK):
                    parts.append(encoded(tap[c : min(c + CHUNK, c1)], zeros[k], self.weight_bits, name))
        runs = [(0, sum(p[0] for p in parts), sum(p[1] for p in parts))]
        return self.sums(runs, [(0, k1 - k0)] if name == "bitmask" else [])

    def cell(self, values: Any, zeros: Any, name: str) -> tuple[int, int]:
        length = 0 if name.startswith("n") else self.pointer
        if name == "huffman_run_length5":
            runs, stored = self.huffman
            own = [x.tolist() for x in RunLength(5).entries(np.ascontiguousarray(values), zeros)]
            coded = [
                ceil(sum(code[x] for x in part) / 8) for code, part in zip((runs, stored), own, strict=True)
            ]
            return sum(coded) + length, coded[0] + length
        size, metadata = of_format(values, zeros, self.weight_bits, name)
        return size + length, metadata + length

    @cached_property
    def huffman(self) -> tuple[dict[int, int], dict[int, int]]:
        """Code lengths of runs and values over all cells of the layer."""
        weights, zeros, runs, values = self.trace.weights, self.trace.weight_zero_points, [], []
        for k in range(0, len(weights), 8):
            for c in range(0, weights.shape[3], CHUNK):
                cell = np.ascontiguousarray(weights[k : k + 8, :, :, c : c + CHUNK])
                own = RunLength(5).entries(cell, zeros[k : k + 8])
                runs += own[0].tolist()
                values += own[1].tolist()
        return lengths_of(runs), lengths_of(values)

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
        layer, e = self.trace.layer, self.encodings["activations"]
        zero, pixels = self.trace.activation_zero_point, self.trace.activations
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
                before = sum(self.stored(n, y, range(layer.input_width), every) for y in range(h))
                before += self.stored(n, h, range(layer.input_width), [s for s in every if s < read[0]])
                before += self.stored(n, h, range(columns[0]), read)
                parts = [
                    encoded(pixels[n, h, w, s[0] : s[1]], zero, self.chip.pe_array.activation_bits, e)
                    for w in columns
                    for s in read
                ]
                lines.append((before, sum(p[0] for p in parts), sum(p[1] for p in parts)))
            joined = len(rows) == len(spanned) and len(columns) == layer.input_width and read == every
            runs += joined_run(lines) if joined else lines
        ranks = sorted(h for h in windows if 0 <= h < layer.input_height)
        pointers = [(n * len(ranks) + ranks.index(rows[0]), len(rows)) for n in range(n0, n1) if rows]
        return self.sums(runs, pointers if e != "dense" else [])

    @cache  # noqa: B019
    def stored_pixel(self, n: int, h: int, w: int, c0: int, c1: int) -> int:
        e, bits = self.encodings["activations"], self.chip.pe_array.activation_bits
        trace = self.trace
        return encoded(trace.activations[n, h, w, c0:c1], trace.activation_zero_point, bits, e)[0]

    def stored(self, n: int, h: int, columns: range, segments: list[tuple[int, int]]) -> int:
        """Bytes of some columns and segments of an input row."""
        return sum(self.stored_pixel(n, h, w, *s) for w in columns for s in segments)

    def output_tile(self, box: Any) -> tuple[int, int, int]:
        n0, n1, k0, k1, _, _, p0, p1, q0, q1 = box
        layer, e = self.trace.layer, self.encodings["outputs"]
        bits = self.chip.pe_array.activation_bits
        runs = []
        for n in range(n0, n1):
            lines = []
            for p in range(p0, p1):
                tiles = [
                    (k, min(k + self.tile_k, layer.filters)) for k in range(0, layer.filters, self.tile_k)
                ]
                before = [self.outputs[n, y, :, k:end] for y in range(p) for k, end in tiles]
                before += [self.outputs[n, p, :, k:end] for k, end in tiles if k < k0]
                before += [self.outputs[n, p, :q0, k0:k1]] if q0 else []
                start = sum(self.output_line(part, bits, e)[0] for part in before)
                lines.append((start, *self.output_line(self.outputs[n, p, q0:q1, k0:k1], bits, e)))
            joined = (q0, q1) == (0, layer.output_width) and (k0, k1) == (0, layer.filters)
            runs += joined_run(lines) if joined else lines
        pointers = [(n * layer.output_height + p0, p1 - p0) for n in range(n0, n1)]
        return self.sums(runs, pointers if e != "dense" else [])

    def output_line(self, kept: Any, bits: int, encoding: str) -> tuple[int, int]:
        if encoding.startswith("run_length"):
            segments = [
                encoded(pixel[k : k + CHUNK].astype(np.uint8), 0, bits, encoding)
                for pixel in kept
                for k in range(0, pixel.size, CHUNK)
            ]
            return sum(s[0] for s in segments), sum(s[1] for s in segments)
        mask = sum(ceil(kept[0, k : k + CHUNK].size / 8) for k in range(0, kept.shape[1], CHUNK))
        mask = mask * len(kept) if encoding == "bitmask" else 0
        z = int(kept.sum()) if encoding == "bitmask" else kept.size
        return ceil(z * bits / 8) + mask, mask


def joined_run(lines: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Rows that lie one after the other, as one run."""
    for before, after in pairwise(lines):
        assert before[0] + before[1] == after[0]
    return [(lines[0][0], sum(x[1] for x in lines), sum(x[2] for x in lines))] if lines else []


def lengths_of(symbols: list[int]) -> dict[int, int]:
    """Bits of each symbol's Huffman code."""
    if not symbols:  # a layer whose weights are all zero
        return {}
    counts = Counter(symbols)
    shift = min(counts)
    frequencies = np.array([counts[s] for s in range(shift, max(counts) + 1)], np.int64)
    return {s + shift: int(bits) for s, bits in enumerate(code_lengths(frequencies))}


def walked(
    trace: LayerTrace, chip: Accelerator, outputs: Any, plan: Plan, boxes: Any
) -> list[dict[str, int]]:
    """The traffic of every tile by column, from sets of open boxes."""
    walk, held = (Walk(trace, chip, outputs, plan.tile_k, held=held) for held in (False, True))
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
        for o in ("weights", "activations"):
            data, metadata, waste = getattr(walk, f"{o[:-1]}_tile")(box)
            kept = getattr(held, f"{o[:-1]}_tile")(box)[0]
            if opens[o]:
                row[f"{o[:-1]}_fetch_bytes"] = data
                row["metadata_fetch_bytes"] += metadata
                row["fetch_burst_waste_bytes"] += waste
                row[f"{o[:-1]}_fill_bytes"] = kept
                row["reserve_bytes"] += kept
            if closes[o]:
                row["release_after_compute_bytes"] += kept
                row["weight_release_bytes"] += kept * (o == "weights")
        if t == 0:
            row["weight_fetch_bytes"] += walk.tables
            row["metadata_fetch_bytes"] += walk.tables
            row["fetch_burst_waste_bytes"] += -walk.tables % chip.dram.burst_bytes
        n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 = box
        count = (n1 - n0) * (k1 - k0) * (p1 - p0) * (q1 - q0)
        partial, burst = 4 * count, chip.dram.burst_bytes
        first, last = c0 == 0, c1 == extents["C"]
        full = Walk(trace, chip, np.ones_like(outputs), plan.tile_k, held=True)
        pixels = (n1 - n0) * (p1 - p0) * (q1 - q0)
        bitmask = chip.encodings.outputs == "bitmask"
        mask = sum(ceil(min(CHUNK, k1 - k) / 8) for k in range(k0, k1, CHUNK)) if bitmask else 0
        worst = ceil(count * chip.pe_array.activation_bits / 8) + pixels * mask
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
            row["output_drain_bytes"], row["output_write_bytes"] = data, held.output_tile(box)[0]
            row["metadata_drain_bytes"] = metadata
            row["drain_burst_waste_bytes"] = waste
        elif closes["outputs"]:
            row["partial_sum_drain_bytes"] = partial
            row["drain_burst_waste_bytes"] = -partial % burst
        rows.append(row)
    return rows
