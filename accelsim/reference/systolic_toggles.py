"""Reference of the toggles of `systolic`: every register, sum and wire, word by word.

Written from docs/dataflows/systolic_toggles.md, sections 1 to 3, and docs/dataflows/toggles.md. Bubbles hold,
so neither the skew nor the time of loads is stepped: only the order of words at each register and wire.

::

    for each group, for each block across
      for each fold of the block
        stationary words cross the ports at the top, the lowest row first; each PE loads its own
        for each stream index t
          streamed words cross the ports at the left
          each PE loads, multiplies, and hands its sum down; below the foot it is added
      clear the accumulators below the foot

With `outputs` both operands stream, and a PE's sum stays until it is shifted down and out.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

from accelsim.hardware.arrays import SystolicArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._systolic_folds import Fold, Index, folds
from accelsim.reference._words import (
    Operand,
    OperandName,
    Operands,
    Register,
    SideWires,
    ValueWires,
    Word,
    by_name,
    no_toggles,
)
from accelsim.trace.layer import LayerTrace

Place = tuple[int, int]  # row and column of a PE


def tile_toggles(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every toggle count of one tile, its registers, sums and wires all 0 when it begins.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.TOGGLES`, in that order, in bits
    """
    toggling = _Toggling(trace, chip)
    for block in _blocks_across(trace, tile, toggling.array):
        for fold in block:
            if toggling.array.stationary == "outputs":
                toggling.accumulate(fold)
                toggling.shift_out(fold)
            else:
                toggling.load(fold)
                toggling.stream(fold)
        toggling.clear_foot()
    return by_name(toggling.toggles)


def _blocks_across(trace: LayerTrace, tile: Tile, array: SystolicArray) -> Iterator[Iterator[Fold]]:
    """The folds of each block across: they share a group's filters, or positions, on the columns."""
    for _, block in groupby(folds(trace, tile, array), key=lambda fold: (fold.filters[0], fold.across)):
        yield block


class _Port:
    """The wires at which an operand enters a row or a column: a word, and a mask where zeros gate."""

    def __init__(self, operand: OperandName, toggling: "_Toggling") -> None:
        self._gates = toggling.gates[operand]
        self._values = ValueWires(operand, toggling.array, toggling.toggles)
        self._mask = SideWires(1, toggling.toggles)

    def enter(self, operand: Operand, receivers: int) -> None:
        """Drive the port with an operand that so many PEs see; a zero that gates drives its mask only."""
        if self._gates:
            self._mask.drive(int(not operand.zero), receivers)
        self._values.drive(operand.stored, receivers, held=self._gates and operand.zero)


class _Toggling:
    """The ports and the PEs of the array, through all folds of a tile.

    Attributes
    ----------
    gates : whether zeros of an operand gate
    kept, streamed : the operand that stays in the PEs and the other; with `outputs`, what enters at the top
        and what enters at the left
    """

    def __init__(self, trace: LayerTrace, chip: Accelerator) -> None:
        array = self.array = of_kind(chip.pe_array, SystolicArray)
        self.toggles = no_toggles()
        self._operands, self._group_filters = Operands(trace), trace.layer.group_filters
        self.gates: dict[OperandName, bool] = {
            "weight": array.weight_policy == "gate",
            "activation": array.activation_policy == "gate",
        }
        self.kept: OperandName = "activation" if array.stationary == "activations" else "weight"
        self.streamed: OperandName = "weight" if array.stationary == "activations" else "activation"
        self._top = defaultdict[int, _Port](lambda: _Port(self.kept, self))  # by column
        self._left = defaultdict[int, _Port](lambda: _Port(self.streamed, self))  # by row
        self._kept = defaultdict[Place, Register](lambda: Register(self.kept, array, self.toggles))
        self._streamed = defaultdict[Place, Register](lambda: Register(self.streamed, array, self.toggles))
        self._sums = defaultdict[Place, Word](lambda: Word(array.accumulator_bits))
        self._foot = defaultdict[Place, Word](lambda: Word(array.accumulator_bits))  # by column and t

    def load(self, fold: Fold) -> None:
        """Stationary words enter at the top and pass down to their rows, the lowest first."""
        self._words = {
            (i, j): self._stationary(fold, i, j)
            for i in range(len(fold.down))
            for j in range(len(fold.across))
        }
        for i in reversed(range(len(fold.down))):
            for j in range(len(fold.across)):
                word = self._words[i, j]
                self._top[j].enter(word, receivers=i + 1)
                self._kept[i, j].load(word.stored, held=self.gates[self.kept] and word.zero)

    def stream(self, fold: Fold) -> None:
        """For each stream index: words enter at the left, and sums go down through the rows."""
        for t in range(len(fold.stream)):
            passing = [self._passing(fold, i, t) for i in range(len(fold.down))]
            for i, word in enumerate(passing):
                self._left[i].enter(word, receivers=len(fold.across))
            for j in range(len(fold.across)):
                total = 0  # what comes into row 0 from above
                for i, word in enumerate(passing):
                    gated = self._gated({self.kept: self._words[i, j], self.streamed: word})
                    self._streamed[i, j].load(word.stored, held=gated)
                    total += 0 if gated else self._words[i, j].value * word.value
                    self._count(self._sums[i, j].take(total))
                self._count(self._foot[j, t].add(total))

    def clear_foot(self) -> None:
        """After the last fold of a block across."""
        for accumulator in self._foot.values():
            self._count(accumulator.take(0))

    def accumulate(self, fold: Fold) -> None:
        """`outputs`: activations enter at the left, weights at the top; a PE adds what is done."""
        for t in range(len(fold.stream)):
            activations = [self._activation(fold, at, fold.stream[t]) for at in fold.down]
            weights = [self._operands.weight(k, *fold.stream[t]) for k in fold.across]
            for i, activation in enumerate(activations):
                self._left[i].enter(activation, receivers=len(fold.across))
            for j, weight in enumerate(weights):
                self._top[j].enter(weight, receivers=len(fold.down))
            for i, activation in enumerate(activations):
                for j, weight in enumerate(weights):
                    gated = self._gated({"weight": weight, "activation": activation})
                    self._kept[i, j].load(weight.stored, held=gated)
                    self._streamed[i, j].load(activation.stored, held=gated)
                    if not gated:
                        self._count(self._sums[i, j].add(weight.value * activation.value))

    def shift_out(self, fold: Fold) -> None:
        """`outputs`: the results move down a row at a time, and zeros follow."""
        for _ in fold.down:
            for j in range(len(fold.across)):
                for i in reversed(range(len(fold.down))):
                    above = self._sums[i - 1, j].bits if i > 0 else 0
                    self._count(self._sums[i, j].take(above))

    def _gated(self, pair: dict[OperandName, Operand]) -> bool:
        """Whether an operand that gates is zero."""
        return any(self.gates[name] and operand.zero for name, operand in pair.items())

    def _count(self, changed: int) -> None:
        self.toggles["accumulator_toggles"] += changed

    def _stationary(self, fold: Fold, i: int, j: int) -> Operand:
        """The word that stays in a PE."""
        if self.kept == "weight":
            return self._operands.weight(fold.across[j], *fold.down[i])
        return self._activation(fold, fold.across[j], fold.down[i])

    def _passing(self, fold: Fold, i: int, t: int) -> Operand:
        """The word of a row at a stream index."""
        if self.streamed == "weight":
            return self._operands.weight(fold.stream[t], *fold.down[i])
        return self._activation(fold, fold.stream[t], fold.down[i])

    def _activation(self, fold: Fold, position: Index, index: Index) -> Operand:
        """The input element of a position at a reduction index, of the fold's group."""
        return self._operands.activation(position, fold.filters[0] // self._group_filters, *index)
