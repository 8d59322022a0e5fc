"""Words of `inner_join` that toggle: registers and accumulators of a PE, positions of a bus.

::

    chunk --> bus: positions of b wires, mask wires
          --> PE:  lane 0: weight register, activation register --> x --+
                   lane 1: weight register, activation register --> x --+--> + --> accumulator

With `lane_sync: set` every lane has an accumulator of its own. Held words are counted beside those of
a machine that holds none, in registers and wires of its own.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from accelsim.hardware.arrays import InnerJoinArray
from accelsim.hardware.model import Accelerator
from accelsim.reference._inner_join_machine import pair_outcome
from accelsim.reference._words import Word


@dataclass(frozen=True, slots=True)
class WordChunk:
    """A run of channels of one operand.

    Attributes
    ----------
    values : stored values, the zero point not subtracted
    zero : the zero point
    padding : whether the chunk lies outside the input
    """

    values: list[int]
    zero: int
    padding: bool = False


class Bus:
    """The wires that chunks of one operand cross.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(
        self, operand: Literal["weight", "activation"], chip: Accelerator, toggles: Counter[str]
    ) -> None:
        array = chip.pe_array
        weight = operand == "weight"
        self._name = f"{operand}_bus_toggles"
        self._toggles = toggles
        self._policy = array.weight_policy if weight else array.activation_policy
        self._encoding = chip.encodings.weights if weight else chip.encodings.activations
        bits = array.weight_bits if weight else array.activation_bits
        places = range(array.chunk_elements)
        self._positions = [Word(bits) for _ in places]
        self._unheld_positions = [Word(bits) for _ in places]
        self._mask = [Word(1) for _ in places] if self._policy != "compute" else []

    def cross(self, chunk: WordChunk, receivers: int) -> None:
        """Drive the wires with a chunk that so many PEs take."""
        for position, wire in enumerate(self._mask):
            nonzero = position < len(chunk.values) and chunk.values[position] != chunk.zero
            changed = wire.take(int(nonzero))
            self._count("mask_bus_toggles", changed, receivers, "multicast_toggles")
            self._toggles["multicast_toggles_without_hold"] += changed * receivers
        if chunk.padding:
            return  # a mask of zeros, and no values
        for position, value in self._driven(chunk):
            changed = self._positions[position].take(value)
            self._count(self._name, changed, receivers, "multicast_toggles")
        for position, value in enumerate(chunk.values):
            changed = self._unheld_positions[position].take(value)
            name = f"{self._name}_without_hold"
            self._count(name, changed, receivers, "multicast_toggles_without_hold")

    def _count(self, bus: str, changed: int, receivers: int, multicast: str) -> None:
        """Toggles of the bus itself, and of its way to each receiver."""
        self._toggles[bus] += changed
        self._toggles[multicast] += changed * receivers

    def _driven(self, chunk: WordChunk) -> list[tuple[int, int]]:
        """The positions that the chunk drives and their values; the others hold."""
        elements = list(enumerate(chunk.values))
        if self._policy == "compute":
            return elements
        nonzero = [(offset, value) for offset, value in elements if value != chunk.zero]
        if self._encoding == "dense":
            return nonzero
        return [(position, value) for position, (_, value) in enumerate(nonzero)]


@dataclass(frozen=True, slots=True)
class SlotPair:
    """A pair that takes a slot.

    Attributes
    ----------
    weight, activation : stored values
    product : of both without their zero points
    done : False if gated
    """

    weight: int
    activation: int
    product: int
    done: bool


class TogglingPe:
    """The lanes of a PE: operand registers, and one accumulator for all or one each.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, array: InnerJoinArray, toggles: Counter[str]) -> None:
        self._array = array
        self._toggles = toggles
        lanes = range(array.lanes)
        self._weights = [Word(array.weight_bits) for _ in lanes]
        self._activations = [Word(array.activation_bits) for _ in lanes]
        self._unheld_weights = [Word(array.weight_bits) for _ in lanes]
        self._unheld_activations = [Word(array.activation_bits) for _ in lanes]
        accumulators = array.lanes if array.lane_sync == "set" else 1
        self._accumulators = [Word(array.accumulator_bits) for _ in range(accumulators)]

    def step(self, weights: WordChunk, activations: WordChunk) -> None:
        """Load the slot pairs of two chunks in the lanes, and add the products of the done ones."""
        by_lane = self._slots(weights, activations)
        for lane, pairs in enumerate(by_lane):
            for pair in pairs:
                self._load(lane, pair)
        if self._array.lane_sync == "set":
            for accumulator, pairs in zip(self._accumulators, by_lane, strict=True):
                for pair in pairs:
                    self._add(accumulator, (pair,))
        else:
            for cycle in zip_longest(*by_lane):
                self._add(self._accumulators[0], cycle)

    def _slots(self, weights: WordChunk, activations: WordChunk) -> list[list[SlotPair]]:
        """The slot pairs of each lane, in ascending channel."""
        lanes = self._array.lanes
        pairs = [
            self._slot(weight, weights.zero, activation, activations.zero)
            for weight, activation in zip(weights.values, activations.values, strict=True)
        ]
        if self._array.lane_assignment == "pooled":
            slots = [pair for pair in pairs if pair is not None]
            return [slots[lane::lanes] for lane in range(lanes)]
        return [[pair for pair in pairs[lane::lanes] if pair is not None] for lane in range(lanes)]

    def _slot(self, weight: int, weight_zero: int, activation: int, activation_zero: int) -> SlotPair | None:
        """What becomes of a pair; None if it is skipped."""
        outcome = pair_outcome(weight != weight_zero, activation != activation_zero, self._array)
        if outcome == "skipped":
            return None
        product = (weight - weight_zero) * (activation - activation_zero)
        return SlotPair(weight, activation, product, outcome != "gated")

    def _load(self, lane: int, pair: SlotPair) -> None:
        counts = self._toggles
        if pair.done:
            counts["weight_register_toggles"] += self._weights[lane].take(pair.weight)
            counts["activation_register_toggles"] += self._activations[lane].take(pair.activation)
        unheld = self._unheld_weights[lane], self._unheld_activations[lane]
        counts["weight_register_toggles_without_hold"] += unheld[0].take(pair.weight)
        counts["activation_register_toggles_without_hold"] += unheld[1].take(pair.activation)

    def _add(self, accumulator: Word, pairs: tuple[SlotPair | None, ...]) -> None:
        """Add the done products of a cycle at once."""
        total = sum(pair.product for pair in pairs if pair is not None and pair.done)
        self._toggles["accumulator_toggles"] += accumulator.add(total)

    def clear(self) -> None:
        """The end of a set: every accumulator goes back to 0."""
        for accumulator in self._accumulators:
            self._toggles["accumulator_toggles"] += accumulator.take(0)
