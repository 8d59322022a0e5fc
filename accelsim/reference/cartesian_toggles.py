"""Reference of the toggles of `cartesian`: every register, entry of a bank and wire, word by word.

Written from docs/dataflows/cartesian_toggles.md, sections 1 to 3, and docs/dataflows/toggles.md.

::

    for each output group
      for each channel, each phase             # PEs share no register: all may take the same channel
        the block's weights cross the bus; the activations of each PE cross its own
        each PE: for each vector of activations, for each vector of weights
          load registers, add each product to its entry
      sums in the halo go to their owners; clear the entries
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from accelsim.hardware.arrays import CartesianArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._cartesian_plane import (
    Output,
    OutputGroup,
    Rectangle,
    made_outputs,
    output_groups,
    owned_outputs,
    rectangles,
    sides,
)
from accelsim.reference._words import (
    ZERO_COUNT_BITS,
    Operand,
    OperandName,
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

T = TypeVar("T")
Sum = tuple[int, Output]  # a filter and an output


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored value.

    Attributes
    ----------
    at : a pixel's u, v, or a tap's j, l
    zeros : before it since the entry before
    k : of a weight, its filter
    """

    operand: Operand
    at: tuple[int, int]
    zeros: int
    k: int = -1


def tile_toggles(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every toggle count of one tile, its registers, entries and wires all 0 when it begins.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q; a PE's banks hold its haloed part

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.TOGGLES`, in that order, in bits
    """
    toggling = _Toggling(trace, tile, chip)
    for group in toggling.output_groups():
        toggling.run(group)
    return by_name(toggling.toggles)


class _Toggling:
    """The buses and the PEs of the array, through all output groups of a tile."""

    def __init__(self, trace: LayerTrace, tile: Tile, chip: Accelerator) -> None:
        array = self._array = of_kind(chip.pe_array, CartesianArray)
        self._trace, self._tile, self._operands = trace, tile, Operands(trace)
        self.toggles = no_toggles()
        self._sides = sides(trace, tile)
        self._rectangles = rectangles(self._sides, array)
        self._pes = [_TogglingPe(array, self.toggles) for _ in self._rectangles]
        self._weight_bus = _Bus("weight", array, array.weights_per_step, self.toggles)
        self._activation_buses = [
            _Bus("activation", array, array.activations_per_step, self.toggles) for _ in self._rectangles
        ]

    def output_groups(self) -> Iterator[OutputGroup]:
        """In order."""
        return output_groups(self._trace, self._tile, self._array, self._rectangles[0], self._sides)

    def run(self, of: OutputGroup) -> None:
        """All channels of an output group, then its halos, then its end."""
        phases = list(product(range(self._sides[0].stride), range(self._sides[1].stride)))
        for c, phase in product(range(self._tile.c0, self._tile.c1), phases):
            weights = self._weights(of, c, phase)
            activations = [self._activations(of, c, phase, one) for one in self._rectangles]
            if weights:
                self._weight_bus.cross(weights, receivers=sum(bool(own) for own in activations))
                for number, own in enumerate(activations):
                    self._activation_buses[number].cross(own, receivers=1)
                    self._multiply(number, own, weights)
        self._give_halos(of)
        for pe in self._pes:
            pe.clear()

    def _weights(self, of: OutputGroup, c: int, phase: tuple[int, int]) -> list[Entry]:
        """What is stored of a channel and phase of the block: filters, then r, then s."""
        rows, columns = self._sides
        every = [
            (self._operands.weight(k, r, s, c), (rows.shift(r), columns.shift(s)), k)
            for k, r, s in product(of.filters, rows.phase_taps(phase[0]), columns.phase_taps(phase[1]))
        ]
        stored = stored_entries([operand for operand, _, _ in every])
        return [Entry(every[place][0], every[place][1], zeros, every[place][2]) for place, zeros in stored]

    def _activations(self, of: OutputGroup, c: int, phase: tuple[int, int], own: Rectangle) -> list[Entry]:
        """What is stored of a channel and phase of a PE's pixels: u, then v, inside of the input."""
        every = []
        for u, v in product(own.rows, own.columns):
            h, w = self._sides[0].pixel(u, phase[0]), self._sides[1].pixel(v, phase[1])
            if h is not None and w is not None:
                every.append((self._operands.pixel(of.n, h, w, of.group, c), (u, v)))
        stored = stored_entries([operand for operand, _ in every])
        return [Entry(*every[place], zeros) for place, zeros in stored]

    def _multiply(self, number: int, activations: list[Entry], weights: list[Entry]) -> None:
        """The steps of a PE: activations outer, weights inner; of a step too."""
        pe, (rows, columns) = self._pes[number], self._sides
        for held in _vectors(activations, self._array.activations_per_step):
            pe.load_activations(held)
            for passing in _vectors(weights, self._array.weights_per_step):
                pe.load_weights(passing)
                for activation, weight in product(held, passing):
                    p, q = activation.at[0] - weight.at[0], activation.at[1] - weight.at[1]
                    if p in rows.outputs and q in columns.outputs:  # else it is surplus
                        pe.add((weight.k, (p, q)), activation.operand.value * weight.operand.value)

    def _give_halos(self, of: OutputGroup) -> None:
        """Each PE, in ascending number, gives what its own products made of outputs that others own."""
        made = [pe.sums() for pe in self._pes]
        owner = {
            output: number
            for number, rectangle in enumerate(self._rectangles)
            for output in owned_outputs(rectangle, self._rectangles, self._sides)
        }
        for number, rectangle in enumerate(self._rectangles):
            for k, output in product(of.filters, made_outputs(rectangle, self._sides)):
                if owner[output] != number:
                    self._pes[owner[output]].add((k, output), made[number].get((k, output), 0))


def _vectors(entries: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Entries cut in vectors; the last may be shorter."""
    for first in range(0, len(entries), size):
        yield entries[first : first + size]


class _Bus:
    """Positions of value wires and count wires.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(
        self, operand: OperandName, array: CartesianArray, positions: int, toggles: Counter[str]
    ) -> None:
        self._values = [ValueWires(operand, array, toggles) for _ in range(positions)]
        self._counts = [SideWires(ZERO_COUNT_BITS, toggles) for _ in range(positions)]

    def cross(self, entries: list[Entry], receivers: int) -> None:
        """A sequence crosses from position 0 on, if anybody receives it."""
        for i, entry in enumerate(entries if receivers else ()):
            self._values[i % len(self._values)].drive(entry.operand.stored, receivers)
            self._counts[i % len(self._counts)].drive(entry.zeros, receivers)


class _TogglingPe:
    """A PE: F weight registers, I activation registers, and entries of banks.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, array: CartesianArray, toggles: Counter[str]) -> None:
        self._toggles = toggles
        self._weights = [Register("weight", array, toggles) for _ in range(array.weights_per_step)]
        self._activations = [
            Register("activation", array, toggles) for _ in range(array.activations_per_step)
        ]
        self._entries = defaultdict[Sum, Word](lambda: Word(array.accumulator_bits))

    def load_activations(self, vector: Sequence[Entry]) -> None:
        """A vector that stays while weights pass; registers beyond it hold."""
        for x, entry in enumerate(vector):
            self._activations[x].load(entry.operand.stored)

    def load_weights(self, vector: Sequence[Entry]) -> None:
        """The weights of a step; registers beyond them hold."""
        for x, entry in enumerate(vector):
            self._weights[x].load(entry.operand.stored)

    def add(self, to: Sum, number: int) -> None:
        """Add a product or a halo sum to its entry alone."""
        self._toggles["accumulator_toggles"] += self._entries[to].add(number)

    def sums(self) -> dict[Sum, int]:
        """What the entries hold, but those that nothing was added to."""
        return {of: word.bits for of, word in self._entries.items()}

    def clear(self) -> None:
        """The end of an output group."""
        for word in self._entries.values():
            self._toggles["accumulator_toggles"] += word.take(0)
        self._entries.clear()
