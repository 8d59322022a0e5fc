"""Cycle-stepping reference of `structured`: N of M weights that pick their activations.

Written from docs/dataflows/structured.md. A PE holds the slots of its filter's tap and the activations of
its position's, and takes `lanes` slots a cycle; each slot picks its activation by its place. Meanwhile the
feed delivers the step's bytes and the drain takes the sums of finished sets. A step ends when the slots are
done and the bytes have come.

::

    for each set:  wait until one of the two accumulators of a PE is empty
        for each tap:  a cycle at a time until slots and bytes are through
    until all is drained: a cycle;  then the pipeline's cycles
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from accelsim.errors import AuditError, UnsupportedLayerError
from accelsim.hardware.arrays import StructuredArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.tables import COUNTERS
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div

Position = tuple[int, int, int]  # n, p, q
Place = tuple[int, int]  # row and column of a PE


@dataclass(frozen=True, slots=True)
class Slot:
    """A stored weight without its zero point, and its place in the block."""

    value: int
    place: int


@dataclass(frozen=True, slots=True)
class Activations:
    """What a column gets at a tap: a value per channel of the tile; zeros without bytes if `padding`."""

    values: list[int]
    padding: bool
    size: int


def block_of(array: StructuredArray, structured: bool) -> tuple[int, int]:
    """N and M; a dense layer's blocks are single channels, all stored, whose places take no bits."""
    return (array.kept_per_block, array.block_elements) if structured else (1, 1)


@dataclass
class Pe:
    """A mapped PE: its output's sum, and of the step in work the entries and the activations.

    An entry of None has no channel: a shorter last block is stored with N entries, too.
    """

    k: int
    position: Position
    array: StructuredArray
    structured: bool
    counts: Counter[str]
    total: int = 0
    entries: list[Slot | None] = field(default_factory=list)
    activations: Activations = field(default_factory=lambda: Activations([], False, 0))
    taken: int = 0
    picked: set[int] = field(default_factory=set)

    def begin(self, entries: list[Slot | None], activations: Activations) -> None:
        """A step begins."""
        self.entries, self.activations, self.taken, self.picked = entries, activations, 0, set()

    @property
    def busy(self) -> bool:
        """Whether entries are left."""
        return self.taken < len(self.entries)

    def cycle(self) -> list[str]:
        """A cycle's entries, one a lane; returns each lane's cause."""
        if not self.busy:
            return ["send_wait"] * self.array.lanes
        causes, found = [], False
        for _ in range(self.array.lanes):
            slot = self.entries[self.taken] if self.busy else None
            causes.append("lane_idle" if slot is None else self._multiply(slot))
            found = found or slot is not None
            self.taken += 1
        self.counts["accumulator_updates"] += found
        return causes

    def _multiply(self, slot: Slot) -> str:
        """One slot, done or gated; returns its cause."""
        kept, block = block_of(self.array, self.structured)
        channel = self.taken // kept * block + slot.place
        gates = self.array.activation_policy == "gate"
        self.picked.add(channel)
        activation = self.activations.values[channel]
        self.counts["mask_bits_read"] += (block - 1).bit_length() + gates
        if gates and activation == 0:
            self.counts["gated_macs"] += 1
            return "gated"
        effectual = slot.value != 0 and activation != 0
        self.counts.update(done_macs=1, effectual_macs=effectual, weight_operand_reads=1)
        self.counts["encoding_padding_macs"] += self.structured and slot.value == 0
        read = "padding" if self.activations.padding else "activation"
        self.counts[f"{read}_operand_reads"] += 1
        self.total += slot.value * activation
        return "mac" if effectual else "zero_mac"

    def finish(self) -> None:
        """A step ends: channels that no slot has picked were skipped."""
        channels = set(range(len(self.activations.values)))
        self.counts.update(dense_macs=len(channels), skipped_macs=len(channels - self.picked))


@dataclass
class Machine:
    """One tile on the array: the feed, the sets that wait for the drain, and all that has been counted."""

    trace: LayerTrace
    tile: Tile
    chip: Accelerator
    counts: Counter[str] = field(default_factory=Counter)
    feed: deque[tuple[str, int]] = field(default_factory=deque)
    finished: deque[deque[Pe]] = field(default_factory=deque)
    sums: dict[tuple[Position, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.array = of_kind(self.chip.pe_array, StructuredArray)
        self.structured = self._is_structured()
        self.kept, self.block = block_of(self.array, self.structured)
        if not self.structured and not self.array.dense_fallback:
            limit = f"{self.array.kept_per_block} non-zero weights of {self.array.block_elements}"
            raise UnsupportedLayerError(f"{self.trace.layer.name}: {self.chip.name} takes at most {limit}")

    def _is_structured(self) -> bool:
        """Whether no block of the layer has more than N non-zero weights."""
        nonzero = self.trace.weights != self.trace.weight_zero_points[:, None, None, None]
        starts = range(0, nonzero.shape[3], self.array.block_elements)
        return bool(np.add.reduceat(nonzero, starts, axis=3, dtype=int).max() <= self.array.kept_per_block)

    def run(self) -> None:
        """All sets, then what is left to drain, then the pipeline."""
        for pes in self.sets():
            while len(self.finished) == 2:  # both accumulators hold sums
                self.cycle({place: ["queue_wait"] * self.array.lanes for place in pes}, "unmapped")
            for r, s in product(*map(range, self.trace.layer.kernel)):
                self.step(pes, r, s)
            self.finished.append(deque(pes.values()))
        while self.finished:
            self.cycle({}, "drain_wait")
        for _ in range(self.array.pipeline_cycles):
            self.cycle({}, "fill")

    def sets(self) -> Iterator[dict[Place, Pe]]:
        """The mapped PEs of each output set."""
        tile, array = self.tile, self.array
        ranges = (tile.n0, tile.n1), (tile.p0, tile.p1), (tile.q0, tile.q1)
        positions: list[Position] = [(n, p, q) for n, p, q in product(*(range(*each) for each in ranges))]
        for filters in self._filter_blocks():
            for first in range(0, len(positions), array.columns):
                columns = positions[first : first + array.columns]
                yield {
                    (i, j): Pe(k, position, array, self.structured, self.counts)
                    for (i, k), (j, position) in product(enumerate(filters), enumerate(columns))
                }

    def _filter_blocks(self) -> Iterator[list[int]]:
        block: list[int] = []
        for k in range(self.tile.k0, self.tile.k1):
            if block and (len(block) == self.array.rows or self._group(k) != self._group(block[0])):
                yield block
                block = []
            block.append(k)
        if block:
            yield block

    def _group(self, k: int) -> int:
        return k // self.trace.layer.group_filters

    def step(self, pes: dict[Place, Pe], r: int, s: int) -> None:
        """One tap of a set: until all slots are through and all bytes have come."""
        rows = {i: pe.k for (i, _), pe in pes.items()}
        columns = {j: pe.position for (_, j), pe in pes.items()}
        entries = {i: self.entries(k, r, s) for i, k in rows.items()}
        activations = {j: self._activations(at, rows[0], r, s) for j, at in columns.items()}
        for i in rows:
            self._send("weight", self._stored_bytes(entries[i]), receivers=len(columns))
        for j in columns:
            self._send("activation", activations[j].size, receivers=len(rows))
        for (i, j), pe in pes.items():
            pe.begin(entries[i], activations[j])
        while self.feed or any(pe.busy for pe in pes.values()):
            self._deliver()
            self.cycle({place: pe.cycle() for place, pe in pes.items()}, "unmapped")
        for pe in pes.values():
            pe.finish()
        self.counts["steps"] += 1

    def entries(self, k: int, r: int, s: int) -> list[Slot | None]:
        """A filter's stored weights at a tap, N entries for each block of the tile."""
        zero, tile = int(self.trace.weight_zero_points[k]), self.tile
        weights = [int(q) - zero for q in self.trace.weights[k, r, s, tile.c0 : tile.c1]]
        entries: list[Slot | None] = []
        for first in range(0, len(weights), self.block):
            block = [Slot(value, place) for place, value in enumerate(weights[first : first + self.block])]
            stored = sorted(block, key=lambda slot: slot.value == 0)[: self.kept]  # zeros last; stable
            entries += [*sorted(stored, key=lambda slot: slot.place), *[None] * (self.kept - len(stored))]
        return entries

    def _stored_bytes(self, entries: list[Slot | None]) -> int:
        widths = self.array.weight_bits, (self.block - 1).bit_length()
        return sum(ceil_div(len(entries) * bits, 8) for bits in widths)

    def _activations(self, position: Position, k: int, r: int, s: int) -> Activations:
        """A position's inputs at a tap, of the group of filter `k`, without their zero point."""
        layer, (n, p, q) = self.trace.layer, position
        h = p * layer.stride[0] - layer.padding[0] + r * layer.dilation[0]
        w = q * layer.stride[1] - layer.padding[1] + s * layer.dilation[1]
        channels = range(self.tile.c0, self.tile.c1)
        if not (0 <= h < layer.input_height and 0 <= w < layer.input_width):
            return Activations([0 for _ in channels], padding=True, size=0)
        first, zero = self._group(k) * layer.group_channels, self.trace.activation_zero_point
        values = [int(self.trace.activations[n, h, w, first + c]) - zero for c in channels]
        return Activations(values, padding=False, size=ceil_div(len(values) * self.array.activation_bits, 8))

    def _send(self, operand: str, size: int, receivers: int) -> None:
        """Operands are read from the scratchpad, word by word, and stand before the feed."""
        for byte in range(size):
            self.counts[f"{operand}_scratchpad_reads"] += byte % self.chip.scratchpad.word_bytes == 0
            self.feed.append((operand, receivers))

    def _deliver(self) -> None:
        """The bytes of one cycle."""
        for _ in range(min(self.array.array_feed_bytes_per_cycle, len(self.feed))):
            operand, receivers = self.feed.popleft()
            self.counts[f"{operand}_scratchpad_read_bytes"] += 1
            self.counts[f"{operand}_queue_write_bytes"] += receivers

    def cycle(self, causes: Mapping[Place, list[str]], others: str) -> None:
        """A cycle passes: the drain takes its elements, every lane gets a cause (or `others`)."""
        self.counts["compute_cycles"] += 1
        if self.finished:  # the next set's drain begins in the next cycle
            draining = self.finished[0]
            for _ in range(min(self.chip.postprocessor.drain_elements_per_cycle, len(draining))):
                pe = draining.popleft()
                self.sums[pe.position, pe.k] = pe.total
                self.counts["outputs"] += 1
            if not draining:
                self.finished.popleft()
        for place in product(range(self.array.rows), range(self.array.columns)):
            for cause in causes.get(place, [others] * self.array.lanes):
                self.counts[f"{cause}_lane_cycles"] += 1

    def check_sums(self) -> None:
        """Raise AuditError unless each output has left the array once and is its dot product."""
        tile, layer, drained = self.tile, self.trace.layer, self.counts["outputs"]
        if not drained == len(self.sums) == tile.outputs:
            raise AuditError(f"{layer.name}: {drained} sums were drained, not {tile.outputs}")
        weights = self.trace.weights.astype(np.int64) - self.trace.weight_zero_points[:, None, None, None]
        inputs = self.trace.activations.astype(np.int64) - self.trace.activation_zero_point
        (top, left, bottom, right), (down, across) = layer.padding, layer.dilation
        inputs = np.pad(inputs, ((0, 0), (top, bottom), (left, right), (0, 0)))
        for ((n, p, q), k), found in self.sums.items():
            h, w, c = p * layer.stride[0], q * layer.stride[1], self._group(k) * layer.group_channels
            window = inputs[n, h::down, w::across, c + tile.c0 : c + tile.c1]
            window = window[: layer.kernel[0], : layer.kernel[1]]
            expected = int((window * weights[k, :, :, tile.c0 : tile.c1]).sum())
            if found != expected:
                raise AuditError(f"{layer.name}: {n, p, q}, filter {k}: {found} was drained, not {expected}")


def tile_counts(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every counter of one tile, by stepping the machine.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.COUNTERS`, in that order

    Raises
    ------
    AuditError
        If slots picked wrongly: an output is not its dot product.
    UnsupportedLayerError
        If the layer breaks N of M and the chip has no dense fallback.
    """
    machine = Machine(trace, tile, chip)
    machine.run()
    machine.check_sums()
    return {name: int(machine.counts[name]) for name in COUNTERS}
