"""Parts of the `row_stationary` reference: the mapping rule, buses, and PEs with their spads."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from accelsim.errors import PlanError
from accelsim.hardware.arrays import RowSpads
from accelsim.network import Layer
from accelsim.plan import Tile
from accelsim.units import ceil_div

Index: TypeAlias = tuple[int, ...]
Token = TypeVar("Token")


class Mapping(NamedTuple):
    """Filters `p` and channels `q` of a PE, sets on other channels `r` and other filters `t`, passes."""

    p: int
    q: int
    r: int
    t: int
    passes: int


def mapping_of(layer: Layer, tile: Tile, array: RowSpads) -> Mapping:
    """Section 1 of the page."""
    (kernel_rows, taps), e = layer.kernel, tile.p1 - tile.p0
    m, z = tile.k1 - tile.k0, tile.c1 - tile.c0
    q_most = min(array.activation_spad_entries // taps, array.weight_spad_entries // taps)
    sets = array.rows // kernel_rows
    sets = sets * (array.columns // e) if e <= array.columns else sets // ceil_div(e, array.columns)
    if q_most < 1 or sets < 1 or ceil_div(z, q_most) > sets:
        raise PlanError(f"{layer.name}: {z} channels and {e} output rows do not fit {sets} PE sets")
    r = ceil_div(z, q_most)
    q, t_most = ceil_div(z, r), sets // r
    p_most = min(array.sum_spad_entries, array.weight_spad_entries // (q * taps))
    p = min(range(1, min(p_most, m) + 1), key=lambda one: (ceil_div(m, one * t_most) * one, -one))
    passes = ceil_div(m, p * t_most)
    return Mapping(p, q, r, ceil_div(m, p * passes), passes)


class Operand(NamedTuple):
    """What a bus carries: its indices, its value without the zero point, whether it is a padding tap's."""

    at: Index
    value: int
    padding: bool = False


@dataclass(slots=True)
class Bus(Generic[Token]):
    """`rate` tokens a cycle, of one batch at a time; `done` batches have been carried whole."""

    rate: int
    batches: deque[deque[Token]] = field(default_factory=deque)
    done: int = 0

    def cycle(self) -> list[Token]:
        """The tokens of this cycle."""
        batch: deque[Token] = self.batches[0] if self.batches else deque()
        carried = [batch.popleft() for _ in range(min(self.rate, len(batch)))]
        if carried and not batch:
            self.batches.popleft()
            self.done += 1
        return carried


@dataclass(slots=True)
class Pe:
    """One PE: its place in its set, its spads, the pairs of its window that are left."""

    i: int
    j: int
    filters: range
    channels: range
    weights: dict[Index, Operand] = field(default_factory=dict)  # k, i, s, c
    activations: dict[Index, Operand] = field(default_factory=dict)  # n, h, w, c
    sums: dict[int, int] = field(default_factory=dict)
    pairs: Iterator[tuple[Index, Index]] = field(default_factory=lambda: iter(()))

    def begin(self, n: int, h: int, first: int, taps: int) -> None:
        """A window: forget the columns before it; its pairs are filters inner, channels, then taps."""
        self.activations = {at: a for at, a in self.activations.items() if at[0] == n and at[2] >= first}
        self.sums = dict.fromkeys(self.filters, 0)
        order = product(range(taps), self.channels, self.filters)
        self.pairs = (((k, self.i, s, c), (n, h, first + s, c)) for s, c, k in order)
