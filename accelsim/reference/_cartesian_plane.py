"""The plane of `cartesian`: its sides, the rectangle of each PE, output groups, and who owns an output.

Written from docs/dataflows/cartesian.md, sections 1 and 2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from accelsim.hardware.arrays import CartesianArray
from accelsim.plan import Tile
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div

Output = tuple[int, int]  # p, q


@dataclass(frozen=True, slots=True)
class Side:
    """Rows or columns of the plane: how pixels and taps meet there, and what a tile needs of it.

    Attributes
    ----------
    outputs : of the tile
    """

    length: int
    stride: int
    padding: int
    dilation: int
    taps: int
    outputs: range

    def shift(self, tap: int) -> int:
        """How many outputs before its own a pixel reaches by a tap."""
        return tap * self.dilation // self.stride

    @property
    def reach(self) -> int:
        """Outputs that a pixel can reach."""
        return self.shift(self.taps - 1) + 1

    def phase_taps(self, phase: int) -> list[int]:
        """Taps that meet pixels of a phase."""
        return [tap for tap in range(self.taps) if tap * self.dilation % self.stride == phase]

    def extent(self) -> range:
        """Places that outputs of the tile may need and that hold pixels."""
        low = max(self.outputs.start, self.padding // self.stride)
        last_pixel = (self.length - 1 + self.padding) // self.stride
        return range(low, max(low, min(self.outputs.stop + self.reach - 1, last_pixel + 1)))

    def pixel(self, place: int, phase: int) -> int | None:
        """The pixel at a place, or None outside of the input."""
        at = place * self.stride + phase - self.padding
        return at if 0 <= at < self.length else None


def sides(trace: LayerTrace, tile: Tile) -> tuple[Side, Side]:
    """Rows and columns of a tile."""
    layer = trace.layer
    lengths = (layer.input_height, layer.input_width)
    outputs = (range(tile.p0, tile.p1), range(tile.q0, tile.q1))
    rows, columns = (
        Side(lengths[i], layer.stride[i], layer.padding[i], layer.dilation[i], layer.kernel[i], outputs[i])
        for i in range(2)
    )
    return rows, columns


@dataclass(frozen=True, slots=True)
class Rectangle:
    """What a PE owns of the plane; `height`, `width` are those of the tile's PEs."""

    rows: range
    columns: range
    height: int
    width: int

    @property
    def mapped(self) -> bool:
        """Whether it has any place."""
        return bool(self.rows) and bool(self.columns)


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """Filters whose sums the banks hold at once, of one input."""

    group: int
    filters: range
    n: int


def rectangles(both: tuple[Side, Side], array: CartesianArray) -> list[Rectangle]:
    """The rectangle of each PE, row by row."""
    parts: list[list[range]] = []
    sizes = []
    for side, pes in zip(both, (array.rows, array.columns), strict=True):
        extent = side.extent()
        size = ceil_div(len(extent), pes)
        sizes.append(size)
        parts.append([extent[i * size : (i + 1) * size] for i in range(pes)])
    return [Rectangle(rows, columns, *sizes) for rows, columns in product(*parts)]


def block_filters(array: CartesianArray, any_pe: Rectangle, both: tuple[Side, Side]) -> int | None:
    """Filters whose sums the banks of a PE hold; None where a tile has no sum, and a block all filters."""
    area = (any_pe.height + both[0].reach - 1) * (any_pe.width + both[1].reach - 1)
    return array.banks * array.bank_entries // area if area else None


def output_groups(
    trace: LayerTrace, tile: Tile, array: CartesianArray, any_pe: Rectangle, both: tuple[Side, Side]
) -> Iterator[OutputGroup]:
    """The output groups of a tile, in order."""
    per_group = trace.layer.group_filters
    held = block_filters(array, any_pe, both)
    for group in range(tile.k0 // per_group, ceil_div(tile.k1, per_group)):
        filters = range(max(tile.k0, group * per_group), min(tile.k1, (group + 1) * per_group))
        size = len(filters) if held is None else held
        for k in range(filters.start, filters.stop, size):
            for n in range(tile.n0, tile.n1):
                yield OutputGroup(group, range(k, min(k + size, filters.stop)), n)


def made_outputs(rectangle: Rectangle, both: tuple[Side, Side]) -> list[Output]:
    """Outputs of the tile that pixels of a PE may reach; none if it is unmapped."""
    if not rectangle.mapped:
        return []
    made = []
    for own, side in zip((rectangle.rows, rectangle.columns), both, strict=True):
        reached = range(own.start - side.reach + 1, own.stop)
        made.append(range(max(reached.start, side.outputs.start), min(reached.stop, side.outputs.stop)))
    rows, columns = made
    return list(product(rows, columns))


def owned_outputs(rectangle: Rectangle, every: Sequence[Rectangle], both: tuple[Side, Side]) -> list[Output]:
    """Outputs of the tile whose sums a PE gets from its neighbours; none if it is unmapped."""
    if not rectangle.mapped:
        return []
    mapped = [one for one in every if one.mapped]
    owned = []
    for i, side in enumerate(both):
        parts = [(one.rows, one.columns)[i] for one in mapped]
        own = (rectangle.rows, rectangle.columns)[i]
        shift = (side.reach - 1) // 2
        first = side.outputs.start if own.start == parts[0].start else own.start - shift
        end = side.outputs.stop if own.stop == parts[-1].stop else own.stop - shift
        owned.append([at for at in range(first, end) if at in side.outputs])
    rows, columns = owned
    return list(product(rows, columns))
