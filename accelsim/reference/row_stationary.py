"""Cycle-stepping reference of `row_stationary`: rows of filters that meet rows of activations.

Written from docs/dataflows/row_stationary.md. Every operand is a token that a bus carries into the spads of
the PEs that need it; a PE multiplies what it finds there, so that an operand that came late or nowhere is an
error. Cycles are those that pass until the last sum has left.

::

    for each cycle of a pass
      a window ends, its sums rise by a PE; the next window starts, if all it needs is there
      each PE multiplies one pair or waits, with a cause
      each bus carries as many operands as it is wide
"""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from itertools import product

from accelsim.errors import AuditError, UnsupportedLayerError
from accelsim.hardware.arrays import RowStationaryArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._row_stationary_pe import Bus, Index, Operand, Pe, mapping_of
from accelsim.tables import COUNTERS
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div


@dataclass(slots=True)
class Rising:
    """The sums of a window on their way up: filter row reached, what each PE made, what has been added."""

    window: Index
    row: int
    made: list[tuple[Pe, dict[int, int]]]
    totals: Counter[Index] = field(default_factory=Counter)  # n, p, q, k


class Pass:
    """One pass over some filters of a tile: its PEs by place in the array, its buses, its windows."""

    def __init__(self, machine: "Machine", filters: range) -> None:
        array, tile = machine.array, machine.tile
        self.machine, self.filters, self.counts = machine, filters, machine.counts
        self.name, self.taps = machine.trace.layer.name, machine.trace.layer.kernel[1]
        self.windows = list(product(range(tile.n0, tile.n1), range(tile.q0, tile.q1)))
        self.pes = self._place()
        self.rows = sorted({machine.row(pe.i, pe.j) for pe in self.pes.values()})
        weights = product(filters, *map(range, machine.trace.layer.kernel), machine.channels)
        self.weight_bus = Bus[Operand](array.weights_per_cycle, deque([deque(map(machine.weight, weights))]))
        self.value_bus = Bus[Operand](array.activations_per_cycle)
        self.in_bus = Bus[Index](array.sums_per_cycle)
        self.out_bus = Bus[tuple[Index, int]](array.sums_per_cycle)
        self.read: Counter[tuple[str, *Index]] = Counter()  # bytes: of all weights, of a row n, h, c
        self.begun, self.left_in_window = 0, 0  # windows; cycles
        self.rising: list[Rising] = []

    def _place(self) -> dict[tuple[int, int], Pe]:
        """The mapped PEs, by row and column of the array."""
        tile, array, use = self.machine.tile, self.machine.array, self.machine.mapping
        rows, e = self.machine.trace.layer.kernel[0], tile.p1 - tile.p0
        beside, shelves = max(1, array.columns // e), ceil_div(e, array.columns)
        placed: dict[tuple[int, int], Pe] = {}
        for v, u in product(range(use.t), range(use.r)):
            filters = self.filters[v * use.p : (v + 1) * use.p]
            channels = self.machine.channels[u * use.q : (u + 1) * use.q]
            shelf, start = (v * use.r + u) // beside * shelves, (v * use.r + u) % beside * e
            for i, j in product(range(rows), range(e)) if filters and channels else ():
                place = (shelf + j // array.columns) * rows + i, (start + j) % array.columns
                if place in placed or place[0] >= array.rows:
                    raise AuditError(f"{self.name}: no place for a PE at {place}")
                placed[place] = Pe(i, j, filters, channels)
        return placed

    def run(self) -> None:
        """Cycle by cycle until the last sum has left."""
        self._offer()
        while self.out_bus.done < len(self.windows):
            self._rise()
            if not self.left_in_window and self._may_start():
                self._start()
            self._cycle_of_pes()
            self._carry()
            self.counts["compute_cycles"] += 1
        for (operand, *_), size in self.read.items():
            self.counts[f"{operand}_scratchpad_read_bytes"] += size
            self.counts[f"{operand}_scratchpad_reads"] += ceil_div(size, self.machine.word_bytes)

    def _offer(self) -> None:
        """The operands of the next window may go on their buses."""
        machine, tile, (n, q) = self.machine, self.machine.tile, self.windows[self.begun]
        old = 0 if q == tile.q0 else max(0, self.taps - machine.trace.layer.stride[1])
        columns = range(machine.column(q), machine.column(q) + self.taps)[old:]
        values = product((n,), self.rows, columns, machine.channels)
        self.value_bus.batches.append(deque(map(machine.activation, values)))
        if tile.c0 > 0:
            self.in_bus.batches.append(deque(product((n,), range(tile.p0, tile.p1), (q,), self.filters)))

    def _operands_came(self) -> bool:
        return self.weight_bus.done == 1 and self.value_bus.done > self.begun

    def _may_start(self) -> bool:
        came = self._operands_came() and (self.machine.tile.c0 == 0 or self.in_bus.done > self.begun)
        return came and self.begun - self.out_bus.done < 2  # the buffer holds the sums of two windows

    def _start(self) -> None:
        (n, q), machine = self.windows[self.begun], self.machine
        for pe in self.pes.values():
            pe.begin(n, machine.row(pe.i, pe.j), machine.column(q), self.taps)
            if len(pe.activations) > machine.array.activation_spad_entries:
                raise AuditError(f"{self.name}: {len(pe.activations)} activations of a window in one PE")
        self.left_in_window = min(machine.mapping.p, len(self.filters)) * machine.mapping.q * self.taps
        self.begun += 1
        self.counts["steps"] += 1
        if self.begun < len(self.windows):
            self._offer()

    def _rise(self) -> None:
        """Sums move up by one PE and gain what it made; at the top row they may leave."""
        for sums in self.rising:
            sums.row -= 1
            for pe, made in sums.made:
                for k, value in made.items() if pe.i == sums.row else ():
                    n, q = sums.window
                    sums.totals[n, self.machine.tile.p0 + pe.j, q, k] += value
                    self.counts["accumulator_updates"] += 1
            if sums.row == 0:
                self.out_bus.batches.append(deque(sums.totals.items()))
        self.rising = [sums for sums in self.rising if sums.row]

    def _cycle_of_pes(self) -> None:
        array = self.machine.array
        if self.left_in_window:
            waits = "lane_idle"
        elif self.begun == len(self.windows):
            waits = "drain_wait"
        else:
            waits = "queue_wait" if self._operands_came() else "send_wait"
        for place in product(range(array.rows), range(array.columns)):
            pe = self.pes.get(place)
            cause = "unmapped" if pe is None else self._multiply(pe) or waits
            self.counts[f"{cause}_lane_cycles"] += 1
        if self.left_in_window:
            self.left_in_window -= 1
            if not self.left_in_window:
                self._end()

    def _end(self) -> None:
        made = [(pe, pe.sums) for pe in self.pes.values()]
        if any(next(pe.pairs, None) for pe, _ in made):
            raise AuditError(f"{self.name}: a window ended before its multiplications")
        below = self.machine.trace.layer.kernel[0]  # the lowest PE is the first that they reach
        self.rising.append(Rising(self.windows[self.begun - 1], below, made))

    def _multiply(self, pe: Pe) -> str | None:
        """The next pair of a PE's window: the cause of the cycle, None if there is none left."""
        pair = next(pe.pairs, None)
        if pair is None:
            return None
        activation = pe.activations[pair[1]]
        self.counts["dense_macs"] += 1
        self.counts["padding_operand_reads" if activation.padding else "activation_operand_reads"] += 1
        weight = pe.weights[pair[0]]
        effectual = weight.value != 0 and activation.value != 0
        self.counts["effectual_macs"] += effectual
        if self.machine.array.activation_policy == "gate" and activation.value == 0:
            self.counts["gated_macs"] += 1
            return "gated"
        for name in ("done_macs", "weight_operand_reads", "accumulator_updates"):
            self.counts[name] += 1
        pe.sums[pair[0][0]] += weight.value * activation.value
        return "mac" if effectual else "zero_mac"

    def _carry(self) -> None:
        """One cycle of each bus: operands into spads, sums to and from the scratchpad."""
        array = self.machine.array
        for weight in self.weight_bus.cycle():
            (k, i, _, c), size = weight.at, array.weight_bits // 8
            self.read["weight",] += size
            for pe in self.pes.values():
                if pe.i == i and k in pe.filters and c in pe.channels:
                    pe.weights[weight.at] = weight
                    self.counts["weight_queue_write_bytes"] += size
        for value in self.value_bus.cycle():
            (n, h, _, c), size = value.at, 0 if value.padding else array.activation_bits // 8
            self.read["activation", n, h, c] += size
            for pe in self.pes.values():
                if self.machine.row(pe.i, pe.j) == h and c in pe.channels:
                    pe.activations[value.at] = value
                    self.counts["activation_queue_write_bytes"] += size
        self.in_bus.cycle()
        for output, total in self.out_bus.cycle():
            self.machine.leave(output, total)


class Machine:
    """A tile of one group: its operands, what has been counted, the outputs that have left."""

    def __init__(self, trace: LayerTrace, tile: Tile, chip: Accelerator) -> None:
        self.trace, self.tile, self.word_bytes = trace, tile, chip.scratchpad.word_bytes
        self.array = of_kind(chip.pe_array, RowStationaryArray)
        self.mapping, self.channels = mapping_of(trace.layer, tile, self.array), range(tile.c0, tile.c1)
        self.counts: Counter[str] = Counter()
        self.outputs: set[Index] = set()
        self.name = trace.layer.name

    def row(self, i: int, j: int) -> int:
        """Input row of filter row `i` and the tile's output row `j`."""
        return (self.tile.p0 + j) * self.trace.layer.stride[0] - self.trace.layer.padding[0] + i

    def column(self, q: int) -> int:
        """First input column of an output column."""
        return q * self.trace.layer.stride[1] - self.trace.layer.padding[1]

    def weight(self, index: Index) -> Operand:
        """The weight at k, r, s, c."""
        zero = int(self.trace.weight_zero_points[index[0]])
        return Operand(index, int(self.trace.weights[index]) - zero)

    def activation(self, index: Index) -> Operand:
        """The input element at n, h, w and channel c of the tile's group."""
        layer, (n, h, w, c) = self.trace.layer, index
        if not (0 <= h < layer.input_height and 0 <= w < layer.input_width):
            return Operand(index, 0, padding=True)
        channel = self.tile.k0 // layer.group_filters * layer.group_channels + c
        stored = int(self.trace.activations[n, h, w, channel])
        return Operand(index, stored - self.trace.activation_zero_point)

    def leave(self, output: Index, total: int) -> None:
        """A sum has left: it must be its dot product over the tile's channels, and be the first."""
        (n, p, q, k), (rows, taps) = output, self.trace.layer.kernel
        expected = 0
        for i, s, c in product(range(rows), range(taps), self.channels):
            value = self.activation((n, self.row(i, p - self.tile.p0), self.column(q) + s, c)).value
            expected += value * self.weight((k, i, s, c)).value
        if output in self.outputs or total != expected:
            raise AuditError(f"{self.name}: {total} left for output {output}, its operands make {expected}")
        self.outputs.add(output)
        self.counts["outputs"] += 1

    def run(self) -> Counter[str]:
        """All passes over the tile's filters, then the tail."""
        filters, together = range(self.tile.k0, self.tile.k1), self.mapping.p * self.mapping.t
        for y in range(self.mapping.passes):
            Pass(self, filters[y * together : (y + 1) * together]).run()
        for _ in range(self.array.pipeline_cycles):
            self.counts["compute_cycles"] += 1
            self.counts["fill_lane_cycles"] += self.array.multipliers
        if len(self.outputs) != self.tile.outputs:
            raise AuditError(f"{self.name}: {len(self.outputs)} outputs left of {self.tile.outputs}")
        return self.counts


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
    PlanError
        If the tile cannot be mapped.
    UnsupportedLayerError
        If the layer is dilated.
    AuditError
        If an output is not the dot product of its operands.
    """
    layer = trace.layer
    if layer.dilation != (1, 1):
        raise UnsupportedLayerError(f"{layer.name}: dilation must be 1 x 1, not {layer.dilation}")
    counts: Counter[str] = Counter()
    group = min(tile.k1 - tile.k0, layer.group_filters)
    for k0 in range(tile.k0, tile.k1, group):
        counts += Machine(trace, replace(tile, k0=k0, k1=k0 + group), chip).run()
    return {name: counts[name] for name in COUNTERS}
