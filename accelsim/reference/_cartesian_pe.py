"""A PE of `cartesian`: what it stores, the steps it issues, and the queues before its banks.

::

    pixels of its rectangle, taps of a filter block --> entries --> vectors --> F x I products --> banks
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from accelsim.reference._cartesian_plane import Rectangle, Side
from accelsim.trace.layer import LayerTrace

_LONGEST = 15  # zeros that an entry can tell


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored value: where it is (a pixel's u, v; a tap's j, l and its filter) and whether it is no zero."""

    at: tuple[int, int]
    real: bool
    filter_index: int = 0


def stored(values: Sequence[Entry]) -> list[Entry]:
    """What is stored of a sequence: non-zero values, and a zero after each 15 in a row before one of them."""
    kept: list[Entry] = []
    end = 0
    zeros = 0
    for value in values:
        if value.real or zeros == _LONGEST:
            kept.append(value)
            zeros = 0
            end = len(kept) if value.real else end
        else:
            zeros += 1
    return kept[:end]


def vectors(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    """Entries cut in vectors."""
    for first in range(0, len(entries), size):
        yield entries[first : first + size]


@dataclass(frozen=True, slots=True)
class Product:
    """Of a multiplier: the bank it goes to, or None if it is surplus, and whether no operand is zero."""

    bank: int | None
    effectual: bool


def product_of(
    activation: Entry, weight: Entry, of: Rectangle, both: tuple[Side, Side], banks: int
) -> Product:
    """Where the product of a pixel of a PE's rectangle and a tap goes."""
    effectual = activation.real and weight.real
    p, q = activation.at[0] - weight.at[0], activation.at[1] - weight.at[1]
    if p not in both[0].outputs or q not in both[1].outputs:
        return Product(None, effectual)
    halo_height, halo_width = of.height + both[0].reach - 1, of.width + both[1].reach - 1
    y = p - (of.rows.start - (both[0].reach - 1))
    x = q - (of.columns.start - (both[1].reach - 1))
    address = weight.filter_index * halo_height * halo_width + y * halo_width + x
    return Product(address % banks, effectual)


@dataclass(slots=True)
class Pe:
    """A PE in an output group: the steps left, and the queues before its banks."""

    steps: deque[list[Product]]
    lanes: int
    depth: int
    queues: dict[int, deque[Product]] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Whether a step or a product is left."""
        return bool(self.steps) or any(self.queues.values())

    def cycle(self, counts: dict[str, int], causes: Counter[str]) -> None:
        """Issue the next step if all its products find room; then every bank takes one."""
        if self.steps and self._has_room(self.steps[0]):
            done = [one for one in self.steps.popleft() if self._enter(one, counts)]
            counts["steps"] += 1
            for one in done:
                counts["done_macs"] += 1
                counts["effectual_macs" if one.effectual else "encoding_padding_macs"] += 1
                causes["mac" if one.effectual else "zero_mac"] += 1
            causes["lane_idle"] += self.lanes - len(done)
        else:
            causes["conflict"] += self.lanes
        for queue in self.queues.values():
            if queue:
                queue.popleft()

    def _has_room(self, step: list[Product]) -> bool:
        wanted = Counter(one.bank for one in step if one.bank is not None)
        return all(len(self.queues.get(bank, ())) + more <= self.depth for bank, more in wanted.items())

    def _enter(self, one: Product, counts: dict[str, int]) -> bool:
        if one.bank is None:
            counts["surplus_products"] += 1
            return False
        self.queues.setdefault(one.bank, deque()).append(one)
        return True


def activation_entries(
    trace: LayerTrace, n: int, channel: int, phase: tuple[int, int], of: Rectangle, both: tuple[Side, Side]
) -> list[Entry]:
    """What a PE stores of a channel's phase."""
    values = []
    for u, v in product(of.rows, of.columns):
        h, w = both[0].pixel(u, phase[0]), both[1].pixel(v, phase[1])
        if h is not None and w is not None:
            value = int(trace.activations[n, h, w, channel])
            values.append(Entry((u, v), value != trace.activation_zero_point))
    return stored(values)


def weight_entries(
    trace: LayerTrace, filters: range, channel: int, phase: tuple[int, int], both: tuple[Side, Side]
) -> list[Entry]:
    """What is stored of a filter block's channel (of a group) and phase."""
    values = []
    for index, k in enumerate(filters):
        for r, s in product(both[0].phase_taps(phase[0]), both[1].phase_taps(phase[1])):
            real = int(trace.weights[k, r, s, channel]) != int(trace.weight_zero_points[k])
            values.append(Entry((both[0].shift(r), both[1].shift(s)), real, index))
    return stored(values)
