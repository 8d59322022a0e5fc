"""Cycle-stepping reference of `csc_row_stationary`: PEs that walk compressed columns.

Written from docs/dataflows/csc_row_stationary.md. A pass puts a PE on every place of its sets; each PE has
rows of activations without their zeros and columns of entries, and takes `lanes` entries a cycle. What the
PEs have added up must be the layer's outputs.

::

    each cycle:  the pass waits for a buffer of sums, or each PE takes entries while the feed delivers bytes,
                 or the pipeline empties;  the oldest pass that has ended drains
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TypeAlias

import numpy as np

from accelsim.errors import AuditError, PlanError, UnsupportedLayerError
from accelsim.hardware.arrays import CscRowStationaryArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.network import Layer
from accelsim.plan import Tile
from accelsim.tables import COUNTERS, TILE_CAUSES
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div

MOST_ZEROS = 15  # what the 4 bits beside an entry can count

Entry: TypeAlias = tuple[int, int]  # zeros before it, its value
Columns: TypeAlias = dict[tuple[int, int], list[Entry]]  # by channel and tap column
Row: TypeAlias = dict[int, list[tuple[int, int]]]  # by input column: channels and values, without zeros
Rows: TypeAlias = dict[tuple[int, int], Row]  # by image and input row; there are none of padding
Step: TypeAlias = tuple[int, list[tuple[int, int]]]  # an activation, filters and weights of entries it meets


def _mapping(layer: Layer, tile: Tile, array: CscRowStationaryArray) -> tuple[int, int, int]:
    """p, q and t of a tile of one group; raises PlanError if the array cannot hold it."""
    (taps_down, taps_across), e = layer.kernel, tile.p1 - tile.p0
    m, z = tile.k1 - tile.k0, tile.c1 - tile.c0
    shelves = array.rows // taps_down
    sets = shelves * (array.columns // e) if e <= array.columns else shelves // ceil_div(e, array.columns)
    q_most = min(array.activation_spad_entries // taps_across, array.weight_spad_entries // taps_across)
    if q_most < 1 or sets < 1 or ceil_div(z, q_most) > sets:
        raise PlanError(f"{layer.name}: {z} channels at {q_most} a set do not lie on {sets} sets")
    r = ceil_div(z, q_most)
    q = ceil_div(z, r)
    t_most = sets // r
    p_most = min(array.sum_spad_entries, array.weight_spad_entries // (q * taps_across))
    p = min(range(1, min(p_most, m) + 1), key=lambda p: (ceil_div(m, p * t_most) * p, -p))
    return p, q, ceil_div(m, p * ceil_div(m, p * t_most))


def _shares(whole: range, size: int) -> list[range]:
    """A range in parts of a size; the last may be smaller."""
    return [whole[first : first + size] for first in range(0, len(whole), size)]


def _compressed(weights: list[int]) -> list[Entry]:
    """The entries of a column: no zero is stored but one that follows 15, and none at the end."""
    entries, zeros = [], 0
    last = max((place for place, value in enumerate(weights) if value), default=-1)
    for value in weights[: last + 1]:
        if value == 0 and zeros < MOST_ZEROS:
            zeros += 1
        else:
            entries.append((zeros, value))
            zeros = 0
    return entries


@dataclass
class Pe:
    """One PE in a pass: the columns of its filters, and input row `h` for output row `p`."""

    machine: "Machine"
    filters: range
    p: int
    h: int
    columns: Columns
    rows: Rows
    sums: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.walk = self._walk()
        self.ahead = next(self.walk, None)

    def _walk(self) -> Iterator[Step]:
        """The PE's cycles of work, in order; after each window its sums go to the next PE."""
        layer, tile, counts = self.machine.layer, self.machine.tile, self.machine.counts
        for n, q in product(range(tile.n0, tile.n1), range(tile.q0, tile.q1)):
            counts["dense_macs"] += len(self.filters) * len(self.columns)
            row = self.rows.get((n, self.h), {})
            for s in range(layer.kernel[1]):
                for c, activation in row.get(q * layer.stride[1] - layer.padding[1] + s, ()):
                    counts["activation_operand_reads"] += 1
                    yield from self._meet(activation, self.columns[c, s])
            for k in self.filters:
                self.machine.sums[n, k, self.p, q] += self.sums[k]
            counts["accumulator_updates"] += len(self.filters)
            self.sums.clear()

    def _meet(self, activation: int, column: list[Entry]) -> Iterator[Step]:
        """An activation and the entries of its column, `lanes` of them a cycle, and one cycle for none."""
        if not column:
            yield activation, []
        at, met = self.filters.start - 1, []
        for number, (zeros, value) in enumerate(column, start=1):
            at += zeros + 1
            met.append((at, value))
            if len(met) == self.machine.array.lanes or number == len(column):
                yield activation, met
                met = []

    def step(self, activation: int, met: list[tuple[int, int]]) -> list[str]:
        """One cycle of work: a cause for each lane."""
        counts, lanes = self.machine.counts, self.machine.array.lanes
        for k, weight in met:
            self.sums[k] += weight * activation
            counts.update(("done_macs", "accumulator_updates", "weight_operand_reads"))
            counts["effectual_macs" if weight else "encoding_padding_macs"] += 1
        self.ahead = next(self.walk, None)
        if not met:
            return ["empty_step"] * lanes
        return ["mac" if weight else "zero_mac" for _, weight in met] + ["lane_idle"] * (lanes - len(met))


@dataclass
class Pass:
    """Filters that are worked on together: the PEs, the bytes still to come and the cycles to fill."""

    filters: range
    fill: int
    to_feed: int = 0
    pes: dict[tuple[int, int], Pe] = field(default_factory=dict)

    @property
    def works(self) -> bool:
        """Whether a PE has something left to multiply."""
        return any(pe.ahead for pe in self.pes.values())


class Machine:
    """The array with one tile of one group: what has been counted so far, and the sums it has made."""

    def __init__(self, trace: LayerTrace, tile: Tile, chip: Accelerator) -> None:
        self.layer, self.tile, self.chip = trace.layer, tile, chip
        self.array = of_kind(chip.pe_array, CscRowStationaryArray)
        self.counts: Counter[str] = Counter()
        self.sums: Counter[tuple[int, int, int, int]] = Counter()
        self.p, self.q, self.t = _mapping(self.layer, tile, self.array)
        self.places = list(product(range(self.array.rows), range(self.array.columns)))
        self.lanes = len(self.places) * self.array.lanes
        group = tile.k0 // self.layer.group_filters
        own = slice(group * self.layer.group_channels, (group + 1) * self.layer.group_channels)
        self.inputs = trace.activations[..., own].astype(np.int64) - trace.activation_zero_point
        zeros = trace.weight_zero_points.astype(np.int64)
        self.weights = trace.weights.astype(np.int64) - zeros[:, None, None, None]

    def run(self) -> None:
        """Step the clock until the last sum of the last pass has left."""
        waiting = deque(_shares(range(self.tile.k0, self.tile.k1), self.p * self.t))
        a_filter = self.tile.outputs // (self.tile.k1 - self.tile.k0)  # its sums, in one pass
        draining: deque[int] = deque()  # sums of the passes that have ended, the oldest first
        now: Pass | None = None
        while waiting or now or draining:
            if now is None and waiting:
                now = self._mapped(waiting.popleft())
            self.counts["compute_cycles"] += 1
            waits = len(draining) > 1  # there are two buffers of sums
            causes = self._cycle(now, waits) if now else ["drain_wait"] * self.lanes
            self.counts.update(f"{cause}_lane_cycles" for cause in causes)
            if draining:
                draining[0] -= self.chip.postprocessor.drain_elements_per_cycle
                if draining[0] <= 0:
                    draining.popleft()
            if now and not now.works and now.to_feed <= 0 and now.fill <= 0:
                draining.append(a_filter * len(now.filters))
                now = None

    def _cycle(self, now: Pass, waits: bool) -> list[str]:
        """A cycle of a pass, or of the wait before it: a cause for each lane of each PE."""
        working = "imbalance" if now.works else "send_wait" if now.to_feed > 0 else "fill"
        without_work, causes = "queue_wait" if waits else working, []
        for place in self.places:
            pe = now.pes.get(place)
            if pe and pe.ahead and not waits:
                causes += pe.step(*pe.ahead)
            else:
                causes += [without_work if pe else "unmapped"] * self.array.lanes
        if not waits:
            now.to_feed -= self.array.array_feed_bytes_per_cycle
            now.fill -= working == "fill"
        return causes

    def _mapped(self, filters: range) -> Pass:
        """A pass with its PEs on their places, and the bytes that it will be fed."""
        self.counts["steps"] += 1
        now = Pass(filters, fill=self.array.pipeline_cycles)
        shares = _shares(filters, self.p)
        for u, channels in enumerate(_shares(range(self.tile.c0, self.tile.c1), self.q)):
            rows = self._fed_rows(now, channels, copies=len(shares))
            for (v, own), i in product(enumerate(shares), range(self.layer.kernel[0])):
                columns = self._fed_columns(now, own, channels, i)
                for p in range(self.tile.p0, self.tile.p1):
                    place = self._place(u * self.t + v, i, p - self.tile.p0)
                    if place in now.pes or place not in self.places:
                        raise AuditError(f"{self.layer.name}: no PE for filter row {i} at {place}")
                    h = p * self.layer.stride[0] - self.layer.padding[0] + i
                    now.pes[place] = Pe(self, own, p, h, columns, rows)
        return now

    def _place(self, number: int, i: int, j: int) -> tuple[int, int]:
        """Where the PE (i, j) of a set stands: sets side by side, or each cut over several shelves."""
        e, columns = self.tile.p1 - self.tile.p0, self.array.columns
        beside = max(1, columns // e)
        shelf = number // beside * ceil_div(e, columns) + j // columns
        return shelf * self.layer.kernel[0] + i, number % beside * e + j % columns

    def _fed_columns(self, now: Pass, filters: range, channels: range, i: int) -> Columns:
        """The weights of filter row `i` of a set, for the PEs of that row."""
        columns: Columns = {}
        for c, s in product(channels, range(self.layer.kernel[1])):
            columns[c, s] = _compressed([int(self.weights[k, i, s, c]) for k in filters])
        bits = sum(map(len, columns.values())) * (self.array.weight_bits + 4)
        self._feed(now, "weight", bits, len(columns), copies=self.tile.p1 - self.tile.p0)
        return columns

    def _fed_rows(self, now: Pass, channels: range, copies: int) -> Rows:
        """The activations of a set row by image and input row, for all PEs that need them."""
        layer, tile = self.layer, self.tile
        down = product(range(tile.p0, tile.p1), range(layer.kernel[0]))
        pes_of = Counter(p * layer.stride[0] - layer.padding[0] + i for p, i in down)
        across = product(range(tile.q0, tile.q1), range(layer.kernel[1]))
        needed = {q * layer.stride[1] - layer.padding[1] + s for q, s in across} & {*range(layer.input_width)}
        rows: Rows = {}
        for n, h in product(range(tile.n0, tile.n1), sorted(pes_of.keys() & range(layer.input_height))):
            stored = {w: [(c, int(self.inputs[n, h, w, c])) for c in channels] for w in needed}
            row = rows[n, h] = {w: [(c, value) for c, value in stored[w] if value] for w in needed}
            bits = sum(map(len, row.values())) * (self.array.activation_bits + 4)
            self._feed(now, "activation", bits, len(row), copies=pes_of[h] * copies)
        return rows

    def _feed(self, now: Pass, kind: str, bits: int, pointers: int, copies: int) -> None:
        """Entries and pointers that are read together, delivered once and written in `copies` PEs."""
        size = ceil_div(bits, 8) + ceil_div(pointers * self.chip.encodings.pointer_bits, 8)
        now.to_feed += size
        self.counts[f"{kind}_scratchpad_read_bytes"] += size
        self.counts[f"{kind}_scratchpad_reads"] += ceil_div(size, self.chip.scratchpad.word_bytes)
        self.counts[f"{kind}_queue_write_bytes"] += size * copies

    def check(self) -> None:
        """Raise AuditError unless each output is its dot product and each lane had one cause a cycle."""
        tile, name, (r, s), (down, across) = self.tile, self.layer.name, self.layer.kernel, self.layer.stride
        top, left, bottom, right = self.layer.padding
        padded = np.pad(self.inputs, ((0, 0), (top, bottom), (left, right), (0, 0)))[..., tile.c0 : tile.c1]
        caused = sum(self.counts[f"{cause}_lane_cycles"] for cause in TILE_CAUSES)
        if caused != self.lanes * self.counts["compute_cycles"]:
            raise AuditError(f"{name}: {caused} causes in {self.counts['compute_cycles']} cycles")
        images, filters = range(tile.n0, tile.n1), range(tile.k0, tile.k1)
        for n, k, p, q in product(images, filters, range(tile.p0, tile.p1), range(tile.q0, tile.q1)):
            window = padded[n, p * down : p * down + r, q * across : q * across + s]
            expected = int((window * self.weights[k, :, :, tile.c0 : tile.c1]).sum())
            found = self.sums.get((n, k, p, q))
            if found != expected:
                raise AuditError(f"{name}: {found} left the array at {n, k, p, q}, not {expected}")


def tile_counts(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every counter of one tile, by stepping the machine, group by group.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.COUNTERS`, in that order

    Raises
    ------
    UnsupportedLayerError, PlanError
        If the layer is dilated, or the tile cannot be mapped.
    AuditError
        If entries did not meet as they must: an output is not its dot product.
    """
    layer, counts = trace.layer, Counter[str]()
    if layer.dilation != (1, 1):
        raise UnsupportedLayerError(f"{layer.name}: csc_row_stationary runs dilation 1 x 1 only")
    for group in range(tile.k0 // layer.group_filters, ceil_div(tile.k1, layer.group_filters)):
        first = max(tile.k0, group * layer.group_filters)
        last = min(tile.k1, (group + 1) * layer.group_filters)
        machine = Machine(trace, replace(tile, k0=first, k1=last), chip)
        machine.run()
        machine.check()
        counts += machine.counts + Counter(outputs=len(machine.sums))
    counts["skipped_macs"] = counts["dense_macs"] - counts["done_macs"]
    return {name: int(counts[name]) for name in COUNTERS}
