"""Cycle-stepping reference of `row_stationary`: buses, PEs and sums move by one clock.

Written from docs/dataflows/row_stationary.md.

::

    for each cycle of a pass
      start:   a window begins if its operands are there, the one before has ended and the sums have room
      buses:   weights, activations, sums in, sums out carry so many operands, of one window at a time
      each PE: one multiplication of its window's list, or it waits; one cause
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

from accelsim.errors import AuditError
from accelsim.hardware.arrays import RowStationaryArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.network import Layer
from accelsim.plan import Tile
from accelsim.tables import COUNTERS
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div

Position: TypeAlias = tuple[int, int, int]
Pe: TypeAlias = tuple[int, int, int, int]  # set column, set row, filter row, output row


@dataclass(frozen=True, slots=True)
class Mapping:
    """Section 1: filters and channels of a PE, sets of channels and of filters, passes."""

    p: int
    q: int
    r: int
    t: int
    passes: int


def mapping_of(layer: Layer, tile: Tile, array: RowStationaryArray) -> Mapping:
    """The mapping rule."""
    kernel_rows, taps = layer.kernel
    m, z, e = tile.k1 - tile.k0, tile.c1 - tile.c0, tile.p1 - tile.p0
    q_most = min(array.activation_spad_entries // taps, array.weight_spad_entries // taps)
    if e <= array.columns:
        sets = (array.rows // kernel_rows) * (array.columns // e)
    else:
        sets = (array.rows // kernel_rows) // ceil_div(e, array.columns)
    r = ceil_div(z, q_most)
    q = ceil_div(z, r)
    t_most = sets // r
    p_most = min(array.sum_spad_entries, array.weight_spad_entries // (q * taps))
    best = None
    for p in range(1, min(p_most, m) + 1):
        cost = ceil_div(m, p * t_most) * p
        if best is None or cost <= best[0]:
            best = cost, p
    assert best is not None
    p = best[1]
    passes = ceil_div(m, p * t_most)
    return Mapping(p, q, r, ceil_div(m, p * passes), passes)


@dataclass(slots=True)
class Bus:
    """Carries operands of one window after the other; a window's may start when it is released."""

    rate: int
    left: list[int]  # operands of each window
    released: int = 0  # windows that may be carried
    done: int = 0  # windows carried
    after: list[int] = field(default_factory=list)  # earliest cycle of each, if later than its release

    def step(self, cycle: int) -> None:
        """One cycle; a window without operands takes none."""
        self.skip()
        if self.done < min(self.released, len(self.left)) and not (
            self.after and cycle < self.after[self.done]
        ):
            self.left[self.done] -= min(self.rate, self.left[self.done])
            if not self.left[self.done]:
                self.done += 1
        self.skip()

    def skip(self) -> None:
        """Pass over windows without operands."""
        while self.done < len(self.left) and not self.left[self.done]:
            self.done += 1


class Machine:
    """One tile of one group."""

    def __init__(self, trace: LayerTrace, tile: Tile, chip: Accelerator) -> None:
        self.trace, self.tile, self.chip = trace, tile, chip
        self.array = of_kind(chip.pe_array, RowStationaryArray)
        self.map = mapping_of(trace.layer, tile, self.array)
        self.counts: Counter[str] = Counter()
        self.sums: Counter[tuple[Position, int]] = Counter()
        self.channel0 = tile.k0 // trace.layer.group_filters * trace.layer.group_channels
        self.e = tile.p1 - tile.p0

    def activation(self, n: int, h: int, w: int, c: int) -> int | None:
        """Value above the zero point; None is padding."""
        layer = self.trace.layer
        if not (0 <= h < layer.input_height and 0 <= w < layer.input_width):
            return None
        value = int(self.trace.activations[n, h, w, self.channel0 + c])
        return value - self.trace.activation_zero_point

    def weight(self, k: int, r: int, s: int, c: int) -> int:
        """Value above the filter's zero point."""
        return int(self.trace.weights[k, r, s, c]) - int(self.trace.weight_zero_points[k])

    def row(self, j: int, i: int) -> int:
        """Input row of a PE."""
        layer = self.trace.layer
        return (self.tile.p0 + j) * layer.stride[0] - layer.padding[0] + i

    def pes(self, filters: range) -> dict[Pe, tuple[range, range]]:
        """Mapped PEs (v, u, i, j) with their filters and channels."""
        found: dict[Pe, tuple[range, range]] = {}
        for v, u in product(range(self.map.t), range(self.map.r)):
            own = filters[v * self.map.p : (v + 1) * self.map.p]
            channels = range(self.tile.c0, self.tile.c1)[u * self.map.q : (u + 1) * self.map.q]
            if own and channels:
                for i, j in product(range(self.trace.layer.kernel[0]), range(self.e)):
                    found[v, u, i, j] = own, channels
        return found

    def windows(self) -> list[tuple[int, int]]:
        """Images and output columns, in order."""
        return list(product(range(self.tile.n0, self.tile.n1), range(self.tile.q0, self.tile.q1)))

    def columns(self, x: int) -> Iterator[int]:
        """New input columns of the q-th window of an image."""
        layer = self.trace.layer
        taps, stride = layer.kernel[1], layer.stride[1]
        first = x * stride - layer.padding[1]
        new = taps if x == self.tile.q0 else min(stride, taps)
        return iter(range(first + taps - new, first + taps))

    def run(self) -> dict[str, int]:
        """All passes, then the pipeline's tail."""
        filters = range(self.tile.k0, self.tile.k1)
        together = self.map.p * self.map.t
        for y in range(self.map.passes):
            self.run_pass(filters[y * together : (y + 1) * together])
        for _ in range(self.array.pipeline_cycles):
            self.counts["compute_cycles"] += 1
            self.counts["fill_lane_cycles"] += self.array.multipliers
        self.counts["outputs"] = len(self.sums)
        self.check()
        return {name: self.counts[name] for name in COUNTERS}

    def deliveries(self, filters: range) -> tuple[Bus, Bus, Bus, Bus]:
        """Buses of weights, activations, sums in and sums out."""
        layer, array = self.trace.layer, self.array
        rows = {self.row(j, i) for i in range(layer.kernel[0]) for j in range(self.e)}
        channels = self.tile.c1 - self.tile.c0
        windows = self.windows()
        values = [len(list(self.columns(q))) * len(rows) * channels for _, q in windows]
        sums = [len(filters) * self.e] * len(windows)
        weights = len(filters) * channels * layer.kernel[0] * layer.kernel[1]
        return (
            Bus(array.weights_per_cycle, [weights], 1),
            Bus(array.activations_per_cycle, values, 1),
            Bus(array.sums_per_cycle, sums if self.tile.c0 > 0 else [0] * len(windows), 1),
            Bus(array.sums_per_cycle, list(sums)),
        )

    def run_pass(self, filters: range) -> None:
        """Cycle by cycle until the last sum has left."""
        self.count_deliveries(filters)
        pes, windows = self.pes(filters), self.windows()
        weights, values, sums_in, sums_out = self.deliveries(filters)
        taps, rows = self.trace.layer.kernel[1], self.trace.layer.kernel[0]
        duration = min(self.map.p, len(filters)) * self.map.q * taps
        work: dict[Pe, list[str]] = {}
        x, ends, cycle = 0, 0, 0
        sums_in.skip()
        while sums_out.done < len(windows):
            running = x > 0 and cycle < ends
            if not running and x < len(windows):
                ready = weights.done == 1 and values.done > x
                room = sums_in.done > x and sums_out.done >= x - 1
                if ready and room:
                    work = {pe: self.slots(pe, own, windows[x]) for pe, own in pes.items()}
                    x, ends, running = x + 1, cycle + duration, True
                    values.released = sums_in.released = x + 1
                    sums_out.released = x
                    sums_out.after.append(ends + rows - 1)
                    self.counts["steps"] += 1
            delivered = weights.done == 1 and values.done > x
            for pe in pes:
                cause = self.cause(work.get(pe, []), running, x == len(windows), delivered)
                self.counts[f"{cause}_lane_cycles"] += 1
            self.counts["unmapped_lane_cycles"] += self.array.multipliers - len(pes)
            for bus in (weights, values, sums_in, sums_out):
                bus.step(cycle)
            self.counts["compute_cycles"] += 1
            cycle += 1

    def cause(self, slots: list[str], running: bool, all_begun: bool, delivered: bool) -> str:
        """What a mapped PE does in a cycle."""
        if running:
            return slots.pop(0) if slots else "lane_idle"
        if all_begun:
            return "drain_wait"
        return "queue_wait" if delivered else "send_wait"

    def slots(self, pe: Pe, own: tuple[range, range], window: tuple[int, int]) -> list[str]:
        """Causes of a PE's multiplications in a window, which are done here."""
        (_, _, i, j), (filters, channels), (n, q) = pe, own, window
        layer = self.trace.layer
        found: list[str] = []
        self.counts["accumulator_updates"] += len(filters)
        for s, c, k in product(range(layer.kernel[1]), channels, filters):
            value = self.activation(n, self.row(j, i), q * layer.stride[1] - layer.padding[1] + s, c)
            self.counts["dense_macs"] += 1
            self.counts["padding_operand_reads" if value is None else "activation_operand_reads"] += 1
            key = ((n, self.tile.p0 + j, q), k)
            self.sums[key] += 0
            if self.array.activation_policy == "gate" and not value:
                self.counts["gated_macs"] += 1
                found.append("gated")
                continue
            weight = self.weight(k, i, s, c)
            self.counts["done_macs"] += 1
            self.counts["weight_operand_reads"] += 1
            self.counts["accumulator_updates"] += 1
            effectual = bool(value) and weight != 0
            self.counts["effectual_macs"] += effectual
            self.sums[key] += weight * (value or 0)
            found.append("mac" if effectual else "zero_mac")
        return found

    def count_deliveries(self, filters: range) -> None:
        """Bytes and accesses of a pass."""
        layer, word = self.trace.layer, self.chip.scratchpad.word_bytes
        wb, ab = self.array.weight_bits // 8, self.array.activation_bits // 8
        channels = range(self.tile.c0, self.tile.c1)
        size = len(filters) * len(channels) * layer.kernel[0] * layer.kernel[1] * wb
        self.counts["weight_scratchpad_read_bytes"] += size
        self.counts["weight_scratchpad_reads"] += ceil_div(size, word)
        self.counts["weight_queue_write_bytes"] += size * self.e
        pes = list(self.pes(filters))
        rows = {self.row(j, i) for i in range(layer.kernel[0]) for j in range(self.e)}
        for _, c, h in product(range(self.tile.n0, self.tile.n1), channels, rows):
            if not 0 <= h < layer.input_height:
                continue
            sent = 0
            for q in range(self.tile.q0, self.tile.q1):
                sent += ab * sum(0 <= w < layer.input_width for w in self.columns(q))
            u = (c - self.tile.c0) // self.map.q
            receivers = sum(1 for _, own, i, j in pes if own == u and self.row(j, i) == h)
            self.counts["activation_scratchpad_read_bytes"] += sent
            self.counts["activation_scratchpad_reads"] += ceil_div(sent, word)
            self.counts["activation_queue_write_bytes"] += sent * receivers

    def check(self) -> None:
        """Raise AuditError unless every sum is the dot product of its operands."""
        layer, tile = self.trace.layer, self.tile
        for ((n, p, q), k), found in self.sums.items():
            taps = product(range(layer.kernel[0]), range(layer.kernel[1]), range(tile.c0, tile.c1))
            wanted = 0
            for r, s, c in taps:
                h = p * layer.stride[0] - layer.padding[0] + r
                w = q * layer.stride[1] - layer.padding[1] + s
                wanted += self.weight(k, r, s, c) * (self.activation(n, h, w, c) or 0)
            if found != wanted:
                raise AuditError(f"{layer.name}: output {n, p, q}, filter {k}: {found}, not {wanted}")


def tile_counts(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every counter of one tile, by stepping the machine.

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.COUNTERS`, in that order

    Raises
    ------
    AuditError
        If an output is not the dot product of its operands.
    """
    layer = trace.layer
    filters = min(tile.k1 - tile.k0, layer.group_filters)
    total: Counter[str] = Counter()
    for k in range(tile.k0, tile.k1, filters):
        part = Tile(tile.n0, tile.n1, k, k + filters, tile.c0, tile.c1, tile.p0, tile.p1, tile.q0, tile.q1)
        total.update(Machine(trace, part, chip).run())
    return {name: total[name] for name in COUNTERS}
