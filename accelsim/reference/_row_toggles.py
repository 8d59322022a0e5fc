"""What the toggles of `row_stationary` and `csc_row_stationary` share: groups, passes, PEs, rising sums.

Written from docs/dataflows/row_stationary.md, section 1, and docs/dataflows/row_stationary_toggles.md,
section 2.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from accelsim.errors import UnsupportedLayerError
from accelsim.hardware.arrays import RowSpads
from accelsim.plan import Tile
from accelsim.reference._row_stationary_pe import mapping_of
from accelsim.reference._words import Word
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div


class Pe(NamedTuple):
    """A PE through all passes of a tile: set row, set column, filter row and row of outputs."""

    u: int
    v: int
    i: int
    j: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Filters that are worked on together.

    Attributes
    ----------
    filters : of all sets
    shares : the filters of each set column v that has any
    """

    filters: range
    shares: list[range]


def group_tiles(trace: LayerTrace, tile: Tile) -> Iterator[Tile]:
    """A tile for each group, worked on alone; raises UnsupportedLayerError if the layer is dilated."""
    layer = trace.layer
    if layer.dilation != (1, 1):
        raise UnsupportedLayerError(f"{layer.name}: dilation must be 1 x 1, not {layer.dilation}")
    for group in range(tile.k0 // layer.group_filters, ceil_div(tile.k1, layer.group_filters)):
        first, end = group * layer.group_filters, (group + 1) * layer.group_filters
        yield replace(tile, k0=max(tile.k0, first), k1=min(tile.k1, end))


class Mapped:
    """A tile of one group on the array: its passes, its PEs, its windows, and where their operands lie.

    Attributes
    ----------
    group : int
    channels : of each set row u that has any
    windows : (n, q) in order
    """

    def __init__(self, trace: LayerTrace, tile: Tile, array: RowSpads) -> None:
        self._layer, self._tile = trace.layer, tile
        self._mapping = mapping_of(trace.layer, tile, array)
        self.group = tile.k0 // trace.layer.group_filters
        self.channels = _shares(range(tile.c0, tile.c1), self._mapping.q)
        self.windows = list(product(range(tile.n0, tile.n1), range(tile.q0, tile.q1)))

    @property
    def output_rows(self) -> int:
        """Rows of outputs that a set makes, e."""
        return self._tile.p1 - self._tile.p0

    @property
    def kernel_rows(self) -> int:
        """Rows of a filter, R."""
        return self._layer.kernel[0]

    def passes(self) -> list[Pass]:
        """Over the tile's filters, ascending."""
        together = _shares(range(self._tile.k0, self._tile.k1), self._mapping.p * self._mapping.t)
        return [Pass(filters, _shares(filters, self._mapping.p)) for filters in together]

    def pes(self, of: Pass) -> Iterator[Pe]:
        """The PEs whose sets have filters and channels."""
        us, vs = range(len(self.channels)), range(len(of.shares))
        return (Pe(*at) for at in product(us, vs, range(self.kernel_rows), range(self.output_rows)))

    def row(self, i: int, j: int) -> int:
        """Input row of filter row i and row j of outputs."""
        return (self._tile.p0 + j) * self._layer.stride[0] - self._layer.padding[0] + i

    def columns(self, q: int) -> range:
        """Input columns of output column q, one for each tap."""
        first = q * self._layer.stride[1] - self._layer.padding[1]
        return range(first, first + self._layer.kernel[1])

    def takers(self, h: int, of: Pass) -> int:
        """PEs that get an activation of row h: all (i, j) that need it, in each set column with filters."""
        places = product(range(self.kernel_rows), range(self.output_rows))
        return sum(self.row(i, j) == h for i, j in places) * len(of.shares)


def _shares(whole: range, size: int) -> list[range]:
    """A range in parts of a size; the last may be smaller."""
    return [whole[first : first + size] for first in range(0, len(whole), size)]


class Sums:
    """The sums in the spads of all PEs in a window.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, mapped: Mapped, array: RowSpads, toggles: Counter[str]) -> None:
        self._mapped, self._toggles = mapped, toggles
        self._sums = defaultdict[tuple[Pe, int], Word](lambda: Word(array.accumulator_bits))

    def add(self, pe: Pe, k: int, number: int) -> None:
        """Add to the sum of a filter in a PE: one change."""
        self._toggles["accumulator_toggles"] += self._sums[pe, k].add(number)

    def end_window(self, of: Pass) -> None:
        """Sums rise, u ascending and in each u from the lowest filter row up; then all are cleared."""
        us, rows = range(len(self._mapped.channels)), reversed(range(self._mapped.kernel_rows))
        way = list(product(us, rows))
        for v, share in enumerate(of.shares):
            for j, k in product(range(self._mapped.output_rows), share):
                handed_on = 0
                for u, i in way:
                    pe = Pe(u, v, i, j)
                    self.add(pe, k, handed_on)
                    handed_on = self._sums[pe, k].bits
        for word in self._sums.values():
            self._toggles["accumulator_toggles"] += word.take(0)
