"""Reference of the toggles of `structured`: every register, accumulator and wire, word by word.

Written from docs/dataflows/structured_toggles.md, sections 1 to 3, and docs/dataflows/toggles.md.

::

    for each output set
      for each tap r, s                    # one step
        slots of each used row cross its bus, activations of each used column theirs
        each mapped PE: for each cycle: load the lanes' slots, add their products
      clear the accumulators
"""

from collections import Counter, defaultdict
from itertools import product

from accelsim.hardware.arrays import StructuredArray, of_kind
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
)
from accelsim.reference.structured import Machine, Pe, Place
from accelsim.trace.layer import LayerTrace

# A slot: its weight, its channel in the tile (from 0) and its place in its block.
WeightSlot = tuple[Operand, int, int]


def tile_toggles(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every toggle count of one tile, its registers, accumulators and wires all 0 when it begins.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.TOGGLES`, in that order, in bits

    Raises
    ------
    UnsupportedLayerError
        If the layer breaks N of M and the chip has no dense fallback.
    """
    toggling = _Toggling(trace, tile, chip)
    for pes in toggling.machine.sets():
        for r, s in product(*map(range, trace.layer.kernel)):
            toggling.step(pes, r, s)
        toggling.end_set()
    return by_name(toggling.toggles)


class _Toggling:
    """The buses and the PEs of the array, through all sets of a tile."""

    def __init__(self, trace: LayerTrace, tile: Tile, chip: Accelerator) -> None:
        self.machine = Machine(trace, tile, chip)  # it says which sets and slots there are
        self.toggles = no_toggles()
        self._trace, self._tile, self._operands = trace, tile, Operands(trace)
        array, toggles = of_kind(chip.pe_array, StructuredArray), self.toggles
        self._positions = array.chunk_elements
        # ceil(log2 M) place wires; a dense layer has none.
        place_bits = (array.block_elements - 1).bit_length() if self.machine.structured else 0
        # By row or column of PEs, and position.
        self._weight_wires = defaultdict[tuple[int, int], ValueWires](
            lambda: ValueWires("weight", array, toggles)
        )
        self._place_wires = defaultdict[tuple[int, int], SideWires](lambda: SideWires(place_bits, toggles))
        self._activation_wires = defaultdict[tuple[int, int], ValueWires](
            lambda: ValueWires("activation", array, toggles)
        )
        self._pes = defaultdict[Place, _TogglingPe](lambda: _TogglingPe(array, toggles))

    def step(self, pes: dict[Place, Pe], r: int, s: int) -> None:
        """One tap of a set: buses, then PEs."""
        filters = {i: pe.k for (i, _), pe in pes.items()}
        positions = {j: pe.position for (_, j), pe in pes.items()}
        group = filters[0] // self._trace.layer.group_filters
        channels = range(self._tile.c0, self._tile.c1)
        slots = {i: self._slots(k, r, s) for i, k in filters.items()}
        activations = {
            j: [self._operands.activation(position, group, r, s, c) for c in channels]
            for j, position in positions.items()
        }
        for i in filters:
            self._send_weights(i, slots[i], receivers=len(positions))
        for j in positions:
            self._send_activations(j, activations[j], receivers=len(filters))
        for i, j in pes:
            self._pes[i, j].step(slots[i], activations[j])

    def _slots(self, k: int, r: int, s: int) -> list[WeightSlot]:
        """The slots of a filter at a tap, in ascending channel; missing entries are none."""
        slots = []
        for number, entry in enumerate(self.machine.entries(k, r, s)):
            if entry is not None:
                channel = number // self.machine.kept * self.machine.block + entry.place
                weight = self._operands.weight(k, r, s, self._tile.c0 + channel)
                slots.append((weight, channel, entry.place))
        return slots

    def _send_weights(self, row: int, slots: list[WeightSlot], receivers: int) -> None:
        """Slot i drives position i mod `chunk_elements`, and its place wires."""
        for i, (weight, _, place) in enumerate(slots):
            position = i % self._positions
            self._weight_wires[row, position].drive(weight.stored, receivers)
            self._place_wires[row, position].drive(place, receivers)

    def _send_activations(self, column: int, activations: list[Operand], receivers: int) -> None:
        """Channel c drives position (c - c0) mod `chunk_elements`; a padding tap sends nothing."""
        for offset, activation in enumerate(activations):
            if not activation.padding:
                self._activation_wires[column, offset % self._positions].drive(activation.stored, receivers)

    def end_set(self) -> None:
        """Every accumulator goes back to 0."""
        for pe in self._pes.values():
            pe.clear()


class _TogglingPe:
    """A PE: a weight and an activation register for each lane, one accumulator.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, array: StructuredArray, toggles: Counter[str]) -> None:
        self._array, self._toggles = array, toggles
        self._weights = [Register("weight", array, toggles) for _ in range(array.lanes)]
        self._activations = [Register("activation", array, toggles) for _ in range(array.lanes)]
        self._accumulator = Word(array.accumulator_bits)

    def step(self, slots: list[WeightSlot], activations: list[Operand]) -> None:
        """`lanes` slots a cycle: load them, and add the products of the done ones at once."""
        lanes = self._array.lanes
        for first in range(0, len(slots), lanes):
            total = 0
            for lane, (weight, channel, _) in enumerate(slots[first : first + lanes]):
                activation = activations[channel]
                gated = self._array.activation_policy == "gate" and activation.zero
                self._weights[lane].load(weight.stored, held=gated)
                self._activations[lane].load(activation.stored, held=gated)
                total += 0 if gated else weight.value * activation.value
            self._toggles["accumulator_toggles"] += self._accumulator.add(total)

    def clear(self) -> None:
        """The end of a set."""
        self._toggles["accumulator_toggles"] += self._accumulator.take(0)
