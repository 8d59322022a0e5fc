"""Cycle-stepping reference of `column_broadcast`: compressed columns, one broadcast activation at a time.

Written from docs/dataflows/column_broadcast.md. Entries are built from the raw weights of each PE, words
are found by the bits of each entry, and one clock moves sender, queues, PEs and drain; no recurrence.

::

    for each cycle
      finish:  PEs whose last entry is done are idle
      drain:   a set whose outputs have all left makes room, the next complete one begins to leave
      start:   idle PEs take the oldest step of their queue, if it has arrived
      send:    the next non-zero activation goes to the queues of all mapped PEs, if it may
      each PE: one entry, or it waits; one cause
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import product

from accelsim.hardware.arrays import ColumnBroadcastArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.tables import COUNTERS
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div

MOST_ZEROS = 15  # what the 4 bits beside a stored weight can count
ZERO_COUNT_BITS = 4
CHANNEL_NUMBER_BYTES = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored weight: whether it is a padding zero, and its bits among the PE's entries of the cell."""

    padding: bool
    bits: range


@dataclass(frozen=True, slots=True)
class Cell:
    """Filters whose sums the array holds at once, and the entries: by mapped PE, by channel."""

    filters: range
    columns: list[dict[int, list[Entry]]]


@dataclass(slots=True)
class OutputSet:
    """A cell at a position: the channels still to be sent, and how many steps of PEs have not ended."""

    ordinal: int
    cell: Cell
    channels: deque[int]
    unfinished: int
    opened: bool = False


@dataclass(slots=True)
class Step:
    """A broadcast activation: when it reaches the queues, and how many PEs have not started it."""

    output_set: OutputSet
    channel: int
    arrival: int
    not_started: int


@dataclass(slots=True)
class Pe:
    """A PE: its queue, the step it works at, and how many steps of the tile it has still to start."""

    number: int
    to_start: int
    queue: deque[Step] = field(default_factory=deque)
    step: Step | None = None
    entries: deque[Entry] = field(default_factory=deque)
    cycles_left: int = 0
    started: bool = False
    last_set: int = -1
    kept_word: int | None = None


def column_entries(zeros: list[bool]) -> list[bool]:
    """The entries of a column whose weights are zero or not: for each whether it is a padding entry."""
    stored: list[bool] = []
    skipped, pending = 0, 0  # zeros since the last entry, padding entries that wait for a weight
    for zero in zeros:
        if not zero:
            stored += [True] * pending + [False]
            skipped, pending = 0, 0
        elif skipped == MOST_ZEROS:
            skipped, pending = 0, pending + 1
        else:
            skipped += 1
    return stored


def pe_columns(trace: LayerTrace, filters: range, channels: range, bits: int) -> dict[int, list[Entry]]:
    """One PE's entries of a cell by channel, packed without gaps from the first channel on."""
    columns: dict[int, list[Entry]] = {}
    first_bit = 0
    for c in channels:
        columns[c] = []
        zeros = [int(trace.weights[k, 0, 0, c]) == int(trace.weight_zero_points[k]) for k in filters]
        for padding in column_entries(zeros):
            columns[c].append(Entry(padding, range(first_bit, first_bit + bits)))
            first_bit += bits
    return columns


def tile_cells(trace: LayerTrace, tile: Tile, array: ColumnBroadcastArray) -> list[Cell]:
    """The tile's cells; filter i of a cell is on PE i mod PEs."""
    pes = array.rows * array.columns
    bits = array.stored_weight_bits + ZERO_COUNT_BITS
    channels = range(tile.c0, tile.c1)
    cells = []
    for first in range(tile.k0, tile.k1, pes * array.accumulators):
        filters = range(first, min(first + pes * array.accumulators, tile.k1))
        of_pes = [filters[pe::pes] for pe in range(min(pes, len(filters)))]
        cells.append(Cell(filters, [pe_columns(trace, of_pe, channels, bits) for of_pe in of_pes]))
    return cells


def tile_sets(trace: LayerTrace, tile: Tile, cells: list[Cell]) -> list[OutputSet]:
    """The tile's sets in order: cells outer, positions inner."""
    positions = product(range(tile.n0, tile.n1), range(tile.p0, tile.p1), range(tile.q0, tile.q1))
    zero = int(trace.activation_zero_point)
    sets = []
    for ordinal, (cell, (n, p, q)) in enumerate(product(cells, positions)):
        values = {c: int(trace.activations[n, p, q, c]) for c in range(tile.c0, tile.c1)}
        channels = deque(c for c, value in values.items() if value != zero)
        sets.append(OutputSet(ordinal, cell, channels, len(channels) * len(cell.columns)))
    return sets


class Machine:
    """One tile on the array: the state of sender, queues, PEs and drain, and what has been counted."""

    def __init__(self, trace: LayerTrace, tile: Tile, chip: Accelerator) -> None:
        self.chip = chip
        self.array = of_kind(chip.pe_array, ColumnBroadcastArray)
        cells = tile_cells(trace, tile, self.array)
        self.sets = tile_sets(trace, tile, cells)
        self.mapped_first, self.mapped_last = len(cells[0].columns), len(cells[-1].columns)
        self.pes = [
            Pe(number, sum(len(s.channels) for s in self.sets if number < len(s.cell.columns)))
            for number in range(self.array.rows * self.array.columns)
        ]
        self.to_send = deque(output_set for output_set in self.sets if output_set.channels)
        self.in_flight: deque[Step] = deque(maxlen=self.array.queue_depth)  # the last steps sent
        self.drained = 0  # sets whose outputs have left
        self.outputs_left = 0  # of the set that drains
        self.drains = False
        self.counts: Counter[str] = Counter()

    def run(self) -> None:
        """Every cycle of the tile."""
        cycle = 0
        while True:
            self._finish()
            self._drain()
            if self.drained == len(self.sets):
                break
            self._start(cycle)
            self._send(cycle)
            self._work()
            cycle += 1
        for _ in range(self.array.pipeline_cycles):
            self.counts["fill_lane_cycles"] += len(self.pes)
            cycle += 1
        self.counts["compute_cycles"] = cycle

    def _finish(self) -> None:
        for pe in self.pes:
            if pe.step is not None and pe.cycles_left == 0:
                pe.step.output_set.unfinished -= 1
                pe.step = None

    def _drain(self) -> None:
        """One set after the other leaves, once its sums are complete."""
        if self.drains and self.outputs_left <= 0:
            self.drained += 1
            self.drains = False
        if not self.drains and self.drained < len(self.sets):
            output_set = self.sets[self.drained]
            if output_set.unfinished == 0:
                self.drains = True
                self.outputs_left = len(output_set.cell.filters)

    def _start(self, cycle: int) -> None:
        for pe in self.pes:
            if pe.step is None and pe.queue and pe.queue[0].arrival <= cycle:
                self._take(pe, pe.queue.popleft())

    def _take(self, pe: Pe, step: Step) -> None:
        """An idle PE starts a step: it reads where its column begins and ends."""
        step.not_started -= 1
        pe.step, pe.started = step, True
        pe.to_start -= 1
        pe.entries = deque(step.output_set.cell.columns[pe.number][step.channel])
        pe.cycles_left = max(len(pe.entries), 1)
        if pe.last_set != step.output_set.ordinal:
            pe.last_set, pe.kept_word = step.output_set.ordinal, None
        self.counts["weight_scratchpad_reads"] += 2
        self.counts["weight_scratchpad_read_bytes"] += 2 * ceil_div(self.chip.encodings.pointer_bits, 8)

    def _send(self, cycle: int) -> None:
        """Broadcast the next step if queues and accumulators have room for it."""
        if not self.to_send:
            return
        output_set = self.to_send[0]
        # The oldest of the last `queue_depth` steps must have been started by all its PEs.
        if len(self.in_flight) == self.array.queue_depth and self.in_flight[0].not_started:
            return
        # A set opens in the accumulators that the set before the last has left.
        if not output_set.opened and self.drained < output_set.ordinal - 1:
            return
        output_set.opened = True
        mapped = len(output_set.cell.columns)
        arrival = cycle + self.array.queue_latency_cycles
        step = Step(output_set, output_set.channels.popleft(), arrival, mapped)
        self.in_flight.append(step)
        if not output_set.channels:
            self.to_send.popleft()
        self.counts["steps"] += 1
        for pe in self.pes[:mapped]:
            pe.queue.append(step)
            self.counts["activation_queue_write_bytes"] += self.array.activation_bits // 8
            self.counts["activation_queue_write_bytes"] += CHANNEL_NUMBER_BYTES

    def _work(self) -> None:
        """The cycle passes: every PE has one cause, and outputs leave."""
        computing = any(pe.step is not None or pe.to_start for pe in self.pes)
        for pe in self.pes:
            if not computing:
                cause = "drain_wait"
            elif pe.step is not None:
                cause = self._work_of(pe)
            else:
                cause = self._idle_cause(pe)
            self.counts[f"{cause}_lane_cycles"] += 1
        if self.drains:
            self.outputs_left -= self.chip.postprocessor.drain_elements_per_cycle

    def _work_of(self, pe: Pe) -> str:
        """A cycle of a step: multiply an entry, or find that there is none."""
        pe.cycles_left -= 1
        if not pe.entries:
            return "empty_step"
        entry = pe.entries.popleft()
        word_bytes = self.chip.scratchpad.word_bytes
        for bit in entry.bits:
            word = bit // (8 * word_bytes)
            if word != pe.kept_word:
                pe.kept_word = word
                self.counts["weight_scratchpad_reads"] += 1
                self.counts["weight_scratchpad_read_bytes"] += word_bytes
        self.counts["done_macs"] += 1
        for name in ("accumulator_updates", "weight_operand_reads", "activation_operand_reads"):
            self.counts[name] += 1
        self.counts["encoding_padding_macs" if entry.padding else "effectual_macs"] += 1
        return "zero_mac" if entry.padding else "mac"

    def _idle_cause(self, pe: Pe) -> str:
        if not pe.started:
            return "fill" if pe.number < self.mapped_first else "unmapped"
        if pe.to_start:
            return "queue_wait"
        return "imbalance" if pe.number < self.mapped_last else "unmapped"


def tile_counts(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every counter of one tile, by stepping the machine.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels, p and q; the last tile of a layer is smaller

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.COUNTERS`, in that order
    """
    machine = Machine(trace, tile, chip)
    machine.run()
    counts, channels = machine.counts, tile.c1 - tile.c0
    for output_set in machine.sets:
        scanned_bytes = ceil_div(channels * machine.array.activation_bits, 8)
        counts["outputs"] += len(output_set.cell.filters)
        counts["dense_macs"] += len(output_set.cell.filters) * channels
        counts["mask_bits_read"] += channels
        counts["activation_scratchpad_read_bytes"] += scanned_bytes
        counts["activation_scratchpad_reads"] += ceil_div(scanned_bytes, chip.scratchpad.word_bytes)
    counts["skipped_macs"] = counts["dense_macs"] - counts["done_macs"]
    return {name: counts[name] for name in COUNTERS}
