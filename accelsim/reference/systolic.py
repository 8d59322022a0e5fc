"""Cycle-stepping reference of `systolic`: operands that pass from PE to PE.

Written from docs/dataflows/systolic.md. Every operand is a token in a register: it enters at an edge and
moves on by one PE a cycle; sums move down, or stay and shift out. Cycles are those that pass until the
last token has left; the products that meet must add up to the layer's outputs.

::

    for each fold:  load, a row a cycle;  stream until the last token has passed;  shift out, a row a cycle
        each cycle: tokens move, each PE multiplies what has met in it or waits, with a cause
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from accelsim.errors import AuditError
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._systolic_folds import Fold, Index, folds, positions_of, runs
from accelsim.tables import COUNTERS
from accelsim.trace.layer import LayerTrace


@dataclass(frozen=True, slots=True)
class Operand:
    """What stands in a register: its value without the zero point, and whether it is a padding tap's."""

    value: int
    padding: bool = False


@dataclass
class Machine:
    """One tile on the array: what has been counted so far, and the sums that have left it."""

    trace: LayerTrace
    chip: Accelerator
    counts: Counter[str] = field(default_factory=Counter)
    sums: Counter[tuple[Index, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.array: Any = self.chip.pe_array
        self.pes = self.array.rows * self.array.columns

    def weight(self, k: int, index: Index) -> Operand:
        """The weight of a filter at a reduction index."""
        return Operand(int(self.trace.weights[k][index]) - int(self.trace.weight_zero_points[k]))

    def activation(self, position: Index, k: int, index: Index) -> Operand:
        """The input element of a position at a reduction index, for the group of filter `k`."""
        layer, (n, p, q), (r, s, c) = self.trace.layer, position, index
        h = p * layer.stride[0] - layer.padding[0] + r * layer.dilation[0]
        w = q * layer.stride[1] - layer.padding[1] + s * layer.dilation[1]
        if not (0 <= h < layer.input_height and 0 <= w < layer.input_width):
            return Operand(0, padding=True)
        channel = k // layer.group_filters * layer.group_channels + c
        stored = int(self.trace.activations[n, h, w, channel])
        return Operand(stored - int(self.trace.activation_zero_point))

    def run(self, fold: Fold, first: bool, last: bool) -> None:
        """One fold, cycle by cycle; `first` and `last` of the tile."""
        self.counts["steps"] += 1
        self._count_entries(fold)
        kept = self.array.stationary
        if kept != "outputs":
            held = self._load(fold, takes_time=first or not self.array.overlap)
            self._stream(fold, held)
        else:
            sums = self._stream_both(fold)
            self._shift_out(fold, sums, takes_time=last or not self.array.overlap)

    def _count_entries(self, fold: Fold) -> None:
        """Scratchpad bytes and accesses of all that enters the array in a fold."""
        weight_bytes, activation_bytes = self.array.weight_bits // 8, self.array.activation_bits // 8
        for k in fold.filters:
            entered = [[self.weight(k, i) for i in run] for run in runs(fold.reduction)]
            self._read("weight", entered, weight_bytes)
        for position in fold.positions:
            k = fold.filters[0]
            entered = [[self.activation(position, k, i) for i in run] for run in runs(fold.reduction)]
            self._read("activation", [run for run in entered if not run[0].padding], activation_bytes)

    def _read(self, operand: str, entered: list[list[Operand]], size: int) -> None:
        for run in entered:
            self.counts[f"{operand}_scratchpad_read_bytes"] += len(run) * size
            self.counts[f"{operand}_scratchpad_reads"] += -(
                -len(run) * size // self.chip.scratchpad.word_bytes
            )

    def _load(self, fold: Fold, takes_time: bool) -> dict[tuple[int, int], Operand]:
        """Stationary operands shift down from the top, the lowest row first."""
        rows, columns = self.array.rows, self.array.columns
        waiting = [[self._stationary(fold, i, j) for j in range(columns)] for i in range(rows)]
        grid: list[list[Operand | None]] = [[None] * columns for _ in range(rows)]
        while waiting:
            grid = [waiting.pop(), *grid[:-1]]
            if takes_time:
                self.cycle([], fold)
        kind = "weight" if self.array.stationary == "weights" else "activation"
        held = {(i, j): cell for i, row in enumerate(grid) for j, cell in enumerate(row) if cell is not None}
        for operand in held.values():
            self._written(kind, operand)
        return held

    def _stationary(self, fold: Fold, i: int, j: int) -> Operand | None:
        if not self._mapped(fold, (i, j)):
            return None
        if self.array.stationary == "weights":
            return self.weight(fold.across[j], fold.down[i])
        return self.activation(fold.across[j], fold.filters[0], fold.down[i])

    def _mapped(self, fold: Fold, pe: tuple[int, int]) -> bool:
        return pe[0] < len(fold.down) and pe[1] < len(fold.across)

    def _stream(self, fold: Fold, held: dict[tuple[int, int], Operand]) -> None:
        """The third dimension enters from the left, skewed; sums move down and leave at the foot."""
        right: dict[tuple[int, int], int] = {}  # which stream index stands in a PE
        sums: dict[tuple[int, int], int] = {}  # what comes into a PE from above
        for cycle in self._cycles_of_stream(fold):
            right = self._moved_right(fold, right, cycle)
            moved, causes = {}, []
            for pe, t in right.items():
                passing = self._passing(fold, pe[0], t)
                value, cause = self._slot(*self._pair(held[pe], passing))
                causes.append(cause)
                self._written("activation" if self.array.stationary == "weights" else "weight", passing)
                self.counts["accumulator_updates"] += 1
                total = sums.get(pe, 0) + value
                if pe[0] + 1 < len(fold.down):
                    moved[pe[0] + 1, pe[1]] = total
                else:  # no row below changes it
                    self._leave(fold, pe[1], t, total)
            sums = moved
            self.cycle(causes, fold)

    def _cycles_of_stream(self, fold: Fold) -> Iterator[int]:
        """The cycles until the last stream index has passed the last row's last PE, mapped or not."""
        cycle, at_column = 0, None
        while at_column != self.array.columns - 1:
            if at_column is not None:
                at_column += 1
            elif cycle - (self.array.rows - 1) == len(fold.stream) - 1:
                at_column = 0  # it enters the last row, a cycle later than the row above
            yield cycle
            cycle += 1

    def _moved_right(self, fold: Fold, right: dict[tuple[int, int], int], cycle: int) -> dict[Any, int]:
        """Stream indices one PE further, and those that enter: row i is i cycles behind row 0."""
        moved = {(i, j + 1): t for (i, j), t in right.items() if j + 1 < len(fold.across)}
        entering = ((i, cycle - i) for i in range(len(fold.down)))
        return moved | {(i, 0): t for i, t in entering if 0 <= t < len(fold.stream)}

    def _passing(self, fold: Fold, i: int, t: int) -> Operand:
        """The operand of row `i` at stream index `t`."""
        index = fold.down[i]
        if self.array.stationary == "weights":
            return self.activation(fold.stream[t], fold.filters[0], index)
        return self.weight(fold.stream[t], index)

    def _pair(self, held: Operand, passing: Operand) -> tuple[Operand, Operand]:
        return (held, passing) if self.array.stationary == "weights" else (passing, held)

    def _leave(self, fold: Fold, j: int, t: int, total: int) -> None:
        """A sum at the foot is added to its output's accumulator."""
        self.counts["accumulator_updates"] += 1
        across, streamed = fold.across[j], fold.stream[t]
        kept_weights = self.array.stationary == "weights"
        self.sums[(streamed, across) if kept_weights else (across, streamed)] += total

    def _stream_both(self, fold: Fold) -> dict[tuple[int, int], int]:
        """Activations from the left and weights from the top meet; each PE keeps its sum."""
        right: dict[tuple[int, int], int] = {}
        down: dict[tuple[int, int], int] = {}
        held = dict.fromkeys(product(range(len(fold.down)), range(len(fold.across))), 0)
        for cycle in self._cycles_of_stream(fold):
            right = self._moved_right(fold, right, cycle)
            down = {(i + 1, j): t for (i, j), t in down.items() if i + 1 < len(fold.down)}
            entering = ((j, cycle - j) for j in range(len(fold.across)))
            down |= {(0, j): t for j, t in entering if 0 <= t < len(fold.stream)}
            if right != down:
                raise AuditError(f"{self.trace.layer.name}: operands of two indices meet in cycle {cycle}")
            causes = []
            for pe, t in right.items():
                index = fold.stream[t]
                weight = self.weight(fold.across[pe[1]], index)
                activation = self.activation(fold.down[pe[0]], fold.filters[0], index)
                value, cause = self._slot(weight, activation)
                causes.append(cause)
                self._written("weight", weight)
                self._written("activation", activation)
                self.counts["accumulator_updates"] += cause != "gated"
                held[pe] += value
            self.cycle(causes, fold)
        return held

    def _shift_out(self, fold: Fold, held: dict[tuple[int, int], int], takes_time: bool) -> None:
        """Rows of results leave at the foot, the lowest first, until the array is empty."""
        for i in reversed(range(self.array.rows)):
            if takes_time:
                self.cycle(["drain_wait"] * self.pes)
            for j in range(self.array.columns):
                if (i, j) in held:
                    self.sums[fold.down[i], fold.across[j]] += held[i, j]

    def _slot(self, weight: Operand, activation: Operand) -> tuple[int, str]:
        """One multiplication, done or gated: its product, and the cause of the cycle."""
        gates = self.array.weight_policy == "gate", self.array.activation_policy == "gate"
        self.counts["dense_macs"] += 1
        self.counts["mask_bits_read"] += sum(gates)
        effectual = weight.value != 0 and activation.value != 0
        self.counts["effectual_macs"] += effectual
        if (gates[0] and weight.value == 0) or (gates[1] and activation.value == 0):
            self.counts["gated_macs"] += 1
            return 0, "gated"
        self.counts["done_macs"] += 1
        self.counts["weight_operand_reads"] += 1
        read = "padding" if activation.padding else "activation"
        self.counts[f"{read}_operand_reads"] += 1
        return weight.value * activation.value, "mac" if effectual else "zero_mac"

    def _written(self, kind: str, operand: Operand) -> None:
        """An operand is written to the register of a mapped PE; padding comes from no memory."""
        bits = self.array.weight_bits if kind == "weight" else self.array.activation_bits
        self.counts[f"{kind}_queue_write_bytes"] += 0 if operand.padding else bits // 8

    def cycle(self, causes: list[str], fold: Fold | None = None) -> None:
        """A cycle passes: a cause per PE that has one; of the others those that are mapped fill."""
        mapped = len(causes) if fold is None else len(fold.down) * len(fold.across)
        self.counts["compute_cycles"] += 1
        for cause in causes:
            self.counts[f"{cause}_lane_cycles"] += 1
        self.counts["fill_lane_cycles"] += mapped - len(causes)
        self.counts["unmapped_lane_cycles"] += self.pes - mapped

    def check_sums(self, tile: Tile) -> None:
        """Raise AuditError unless every output is the dot product of its operands."""
        r, s = self.trace.layer.kernel
        reduction = list(product(range(r), range(s), range(tile.c0, tile.c1)))
        for position, k in product(positions_of(tile), range(tile.k0, tile.k1)):
            pairs = ((self.weight(k, i).value, self.activation(position, k, i).value) for i in reduction)
            expected = sum(a * b for a, b in pairs)
            if self.sums[position, k] != expected:
                found = f"{position}, filter {k}: {self.sums[position, k]} left the array"
                raise AuditError(f"{self.trace.layer.name}: {found}, its operands make {expected}")


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
        If operands did not meet as they must: an output is not its dot product.
    """
    machine = Machine(trace, chip)
    every = list(folds(trace, tile, machine.array))
    for number, fold in enumerate(every):
        machine.run(fold, first=number == 0, last=number == len(every) - 1)
    for _ in range(machine.array.pipeline_cycles if every else 0):
        machine.cycle(["fill"] * machine.pes)
    machine.check_sums(tile)
    machine.counts["outputs"] = len(machine.sums)
    return {name: int(machine.counts[name]) for name in COUNTERS}
