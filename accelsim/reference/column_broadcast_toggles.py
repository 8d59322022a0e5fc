"""Reference of the toggles of `column_broadcast`: every register, sum and wire, word by word.

Written from docs/dataflows/column_broadcast_toggles.md, sections 1 to 4, and docs/dataflows/toggles.md.

::

    for each cell of filters
      for each position                       # one set
        for each non-zero activation          # one step
          it crosses the broadcast bus
          each mapped PE: its pointers, the words of its entries, its registers, its sums
        clear the sums
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from accelsim.hardware.arrays import ColumnBroadcastArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._words import (
    Operand,
    Operands,
    Register,
    SideWires,
    ValueWires,
    Word,
    by_name,
    no_toggles,
    stored_entries,
)
from accelsim.trace.layer import LayerTrace

NUMBER_BITS = 16  # of a channel's number on the broadcast bus


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored weight.

    Attributes
    ----------
    weight : the operand that its decoder makes; of a padding entry, its filter's zero point
    sum_number : which sum of the PE it adds to
    zeros : how many stand before it since the entry before
    """

    weight: Operand
    sum_number: int
    zeros: int


def tile_toggles(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every toggle count of one tile, its registers, sums and wires all 0 when it begins.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels, p and q

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.TOGGLES`, in that order, in bits
    """
    array, toggles, operands = of_kind(chip.pe_array, ColumnBroadcastArray), no_toggles(), Operands(trace)
    indices = _codebook(trace)
    bus = _BroadcastBus(array, toggles)
    pes = [_TogglingPe(chip, indices, toggles) for _ in range(array.rows * array.columns)]
    positions = list(product(range(tile.n0, tile.n1), range(tile.p0, tile.p1), range(tile.q0, tile.q1)))
    for filters in _cells(tile, array):
        mapped = pes[: len(filters)]  # filter i of the cell is on PE i mod PEs
        for number, pe in enumerate(mapped):
            pe.hold_columns(_columns(operands, filters[number :: len(pes)], tile))
        for position in positions:
            for pe in mapped:
                pe.begin_set()
            for c in range(tile.c0, tile.c1):
                activation = operands.activation(position, 0, 0, 0, c)
                bus.pass_channel(activation, c - tile.c0, receivers=len(mapped))
                if not activation.zero:  # a step
                    for pe in mapped:
                        pe.step(activation, c - tile.c0)
            for pe in mapped:
                pe.end_set()
    return by_name(toggles)


def _cells(tile: Tile, array: ColumnBroadcastArray) -> Iterator[range]:
    """The filters of each cell."""
    size = array.rows * array.columns * array.accumulators
    for first in range(tile.k0, tile.k1, size):
        yield range(first, min(first + size, tile.k1))


def _columns(operands: Operands, filters: range, tile: Tile) -> list[list[Entry]]:
    """A PE's entries of a cell: for each channel of the tile those of its column, filters ascending."""
    columns = []
    for c in range(tile.c0, tile.c1):
        weights = [operands.weight(k, 0, 0, c) for k in filters]
        stored = stored_entries(weights)
        columns.append([Entry(weights[place], place, zeros) for place, zeros in stored])
    return columns


def _codebook(trace: LayerTrace) -> dict[int, int]:
    """The index of each weight - zero point of the layer: from 1 on, ascending; 0 is a padding entry's."""
    values = trace.weights.astype(int) - trace.weight_zero_points.reshape(-1, 1, 1, 1)
    different = sorted({int(value) for value in values.flat} - {0})
    return {0: 0} | {value: index for index, value in enumerate(different, start=1)}


class _BroadcastBus:
    """The wires to all PEs: an activation's value and the number of its channel.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, array: ColumnBroadcastArray, toggles: Counter[str]) -> None:
        self._values = ValueWires("activation", array, toggles)
        self._numbers = SideWires(NUMBER_BITS, toggles)

    def pass_channel(self, activation: Operand, number: int, receivers: int) -> None:
        """A channel of a set: a step if its activation is not zero; without hold a zero is sent too."""
        self._values.drive(activation.stored, receivers, held=activation.zero)
        if not activation.zero:
            self._numbers.drive(number, receivers)


class _TogglingPe:
    """A PE: its memory's wires, one weight and one activation register, and its sums.

    Parameters
    ----------
    indices : codebook of the layer
    toggles : counts of the tile, added to
    """

    def __init__(self, chip: Accelerator, indices: dict[int, int], toggles: Counter[str]) -> None:
        array = of_kind(chip.pe_array, ColumnBroadcastArray)
        self._array, self._indices, self._toggles = array, indices, toggles
        self._weight = Register("weight", array, toggles)
        self._activation = Register("activation", array, toggles)
        self._sums = defaultdict[int, Word](lambda: Word(array.accumulator_bits))
        self._word_bits = 8 * chip.scratchpad.word_bytes
        self._memory_wires = Word(self._word_bits)
        self._banks = [SideWires(chip.encodings.pointer_bits, toggles) for _ in ("even", "odd")]

    def hold_columns(self, columns: list[list[Entry]]) -> None:
        """A cell begins: the entries by channel of the tile, where each column begins, and their bits."""
        self._columns = columns
        self._pointers = [0]
        for column in columns:
            self._pointers.append(self._pointers[-1] + len(column))
        self._string = 0  # bit x of the cell's bit string is bit x of this number
        for number, entry in enumerate(entry for column in columns for entry in column):
            self._string |= self._bits_of(entry) << number * self._array.entry_bits

    def _bits_of(self, entry: Entry) -> int:
        """An entry in memory: the stored weight in the low bits, the count of zeros above."""
        width = self._array.stored_weight_bits
        stored = self._indices[entry.weight.value] if self._array.codebook else entry.weight.value
        return stored & ((1 << width) - 1) | entry.zeros << width

    def begin_set(self) -> None:
        """No word is kept."""
        self._kept_word: int | None = None

    def step(self, activation: Operand, x: int) -> None:
        """The PE's column x meets its activation."""
        for pointer in (x, x + 1):
            self._banks[pointer % 2].drive(self._pointers[pointer], receivers=0)  # in no multicast
        for number, entry in enumerate(self._columns[x], start=self._pointers[x]):
            self._read(number)
            self._weight.load(entry.weight.stored)
            self._activation.load(activation.stored)
            added = self._sums[entry.sum_number].add(entry.weight.value * activation.value)
            self._toggles["accumulator_toggles"] += added

    def _read(self, number: int) -> None:
        """The words that an entry's bits touch, but the one that is kept."""
        first_bit = number * self._array.entry_bits
        for bit in range(first_bit, first_bit + self._array.entry_bits):
            word = bit // self._word_bits
            if word != self._kept_word:
                self._kept_word = word
                changed = self._memory_wires.take(self._string >> word * self._word_bits)
                self._toggles["weight_bus_toggles"] += changed
                self._toggles["weight_bus_toggles_without_hold"] += changed

    def end_set(self) -> None:
        """Every sum goes back to 0."""
        for held in self._sums.values():
            self._toggles["accumulator_toggles"] += held.take(0)
