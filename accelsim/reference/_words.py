"""Words that toggle, and the operands that they take: what the references of toggles share.

Written from docs/dataflows/toggles.md, sections 1 to 3. A register or wire whose words may be held is two:
one that holds, and one of its own that takes every word ("without hold").
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from accelsim.hardware.arrays import PeArray
from accelsim.tables import TOGGLES
from accelsim.trace.layer import LayerTrace

OperandName = Literal["weight", "activation"]
ZERO_COUNT_BITS = 4
MOST_ZEROS = 15  # what those bits can count


class Word:
    """A register, an accumulator or the wires of a position: `bits` bits, all 0 when the tile begins."""

    def __init__(self, bits: int) -> None:
        self._kept = (1 << bits) - 1
        self._bits = 0

    @property
    def bits(self) -> int:
        """What it holds, as an unsigned number."""
        return self._bits

    def take(self, number: int) -> int:
        """Hold `number`, two's complement and cut to its bits; how many bits toggle."""
        new = number & self._kept
        changed = new ^ self._bits
        self._bits = new
        return changed.bit_count()

    def add(self, number: int) -> int:
        """Hold the sum of what it holds and `number`; how many bits toggle."""
        return self.take(self._bits + number)


def operand_bits(array: PeArray, operand: OperandName) -> int:
    """Bits of a weight or of an activation on this chip."""
    return array.weight_bits if operand == "weight" else array.activation_bits


class Register:
    """A register at an input of a multiplier, with and without hold.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, operand: OperandName, array: PeArray, toggles: Counter[str]) -> None:
        self._name, self._toggles = f"{operand}_register_toggles", toggles
        self._word, self._unheld = (Word(operand_bits(array, operand)) for _ in range(2))

    def load(self, stored: int, *, held: bool = False) -> None:
        """Load a stored value, or hold (without hold it is loaded all the same)."""
        if not held:
            self._toggles[self._name] += self._word.take(stored)
        self._toggles[f"{self._name}_without_hold"] += self._unheld.take(stored)


class ValueWires:
    """The wires of one position of a bus of values, with and without hold.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, operand: OperandName, array: PeArray, toggles: Counter[str]) -> None:
        self._name, self._toggles = f"{operand}_bus_toggles", toggles
        self._word, self._unheld = (Word(operand_bits(array, operand)) for _ in range(2))

    def drive(self, stored: int, receivers: int, *, held: bool = False) -> None:
        """Send a stored value to so many PEs, or hold (without hold it is sent all the same)."""
        if not held:
            changed = self._word.take(stored)
            self._toggles[self._name] += changed
            self._toggles["multicast_toggles"] += changed * receivers
        changed = self._unheld.take(stored)
        self._toggles[f"{self._name}_without_hold"] += changed
        self._toggles["multicast_toggles_without_hold"] += changed * receivers


class SideWires:
    """Wires beside the values: masks, places, counts of zeros, numbers or pointers. Nothing holds them.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, bits: int, toggles: Counter[str]) -> None:
        self._word, self._toggles = Word(bits), toggles

    def drive(self, number: int, receivers: int) -> None:
        """Send a number to so many PEs; 0 where the page has these wires in no multicast."""
        changed = self._word.take(number)
        self._toggles["mask_bus_toggles"] += changed
        self._toggles["multicast_toggles"] += changed * receivers
        self._toggles["multicast_toggles_without_hold"] += changed * receivers


def no_toggles() -> Counter[str]:
    """All counts of a tile, 0."""
    return Counter(dict.fromkeys(TOGGLES, 0))


def by_name(toggles: Counter[str]) -> dict[str, int]:
    """The counts in the order of `accelsim.tables.TOGGLES`."""
    return {name: toggles[name] for name in TOGGLES}


@dataclass(frozen=True, slots=True)
class Operand:
    """A weight or an activation.

    Attributes
    ----------
    stored : what registers and wires see
    value : what is multiplied, `stored` without its zero point
    padding : whether it is that of a padding tap
    """

    stored: int
    value: int
    padding: bool = False

    @property
    def zero(self) -> bool:
        """Whether it equals its zero point."""
        return self.value == 0


class Operands:
    """The weights and activations of a layer, one by one."""

    def __init__(self, trace: LayerTrace) -> None:
        self._trace = trace

    def weight(self, k: int, r: int, s: int, c: int) -> Operand:
        """The weight of filter k at a tap and a channel of its group."""
        stored, zero = int(self._trace.weights[k, r, s, c]), int(self._trace.weight_zero_points[k])
        return Operand(stored, stored - zero)

    def pixel(self, n: int, h: int, w: int, group: int, c: int) -> Operand:
        """The activation at h, w and a channel of a group; the zero point outside of the input."""
        layer, zero = self._trace.layer, int(self._trace.activation_zero_point)
        if not (0 <= h < layer.input_height and 0 <= w < layer.input_width):
            return Operand(zero, 0, padding=True)
        stored = int(self._trace.activations[n, h, w, group * layer.group_channels + c])
        return Operand(stored, stored - zero)

    def activation(self, position: tuple[int, int, int], group: int, r: int, s: int, c: int) -> Operand:
        """The activation that output position (n, p, q) meets at a tap and a channel of a group."""
        layer, (n, p, q) = self._trace.layer, position
        h = p * layer.stride[0] - layer.padding[0] + r * layer.dilation[0]
        w = q * layer.stride[1] - layer.padding[1] + s * layer.dilation[1]
        return self.pixel(n, h, w, group, c)


def stored_entries(operands: Sequence[Operand]) -> list[tuple[int, int]]:
    """What is stored of a sequence: the place of each entry, and the zeros before it since the entry before.

    After 15 zeros in a row a 16th is stored itself, a padding entry; nothing after the last that is no zero.
    """
    entries, zeros = [], 0
    end = max((place + 1 for place, operand in enumerate(operands) if not operand.zero), default=0)
    for place, operand in enumerate(operands[:end]):
        if operand.zero and zeros < MOST_ZEROS:
            zeros += 1
        else:
            entries.append((place, zeros))
            zeros = 0
    return entries
