"""Reference of the toggles of `csc_row_stationary`: every register, sum and wire, word by word.

Written from docs/dataflows/csc_row_stationary_toggles.md, sections 1 to 3, and docs/dataflows/toggles.md.

::

    for each group
      for each pass                          # its weights and its activations cross their buses in blocks
        for each window n, q
          each PE: for each tap s, for each channel of its set whose activation is not zero
            load it; for each entry of the column: load a lane's weight register, add to the filter's sum
          sums rise from PE to PE; clear them
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from accelsim.hardware.arrays import CscRowStationaryArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._row_toggles import Mapped, Pass, Pe, Sums, group_tiles
from accelsim.reference._words import (
    ZERO_COUNT_BITS,
    Operand,
    OperandName,
    Operands,
    Register,
    SideWires,
    ValueWires,
    by_name,
    no_toggles,
    stored_entries,
)
from accelsim.trace.layer import LayerTrace


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored weight or activation.

    Attributes
    ----------
    at : the filter of a weight, the channel of an activation
    zeros : before it since the entry before
    """

    operand: Operand
    at: int
    zeros: int


def tile_toggles(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every toggle count of one tile, its registers, sums and wires all 0 when a group of it begins.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.TOGGLES`, in that order, in bits

    Raises
    ------
    PlanError
        If the tile cannot be mapped.
    UnsupportedLayerError
        If the layer is dilated.
    """
    toggles = no_toggles()
    for group_tile in group_tiles(trace, tile):
        toggling = _Toggling(trace, group_tile, chip, toggles)
        for of in toggling.mapped.passes():
            toggling.send_weights(of)
            toggling.send_activations(of)
            for n, q in toggling.mapped.windows:
                for pe in toggling.mapped.pes(of):
                    toggling.walk(pe, of, n, q)
                toggling.sums.end_window(of)
    return by_name(toggles)


class _Bus:
    """A bus an entry wide: value, count and pointer wires.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, operand: OperandName, chip: Accelerator, toggles: Counter[str]) -> None:
        self._values = ValueWires(operand, chip.pe_array, toggles)
        self._counts = SideWires(ZERO_COUNT_BITS, toggles)
        self._pointers = SideWires(chip.encodings.pointer_bits, toggles)

    def cross(self, block: Iterable[list[Entry]], receivers: int) -> None:
        """A block of columns: the pointer of each, and its entries."""
        before = 0  # the block's entries in columns before this one
        for column in block:
            self._pointers.drive(before, receivers)
            for entry in column:
                self._values.drive(entry.operand.stored, receivers)
                self._counts.drive(entry.zeros, receivers)
            before += len(column)


class _Toggling:
    """The buses and the PEs of the array, through all passes of a tile of one group.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(self, trace: LayerTrace, tile: Tile, chip: Accelerator, toggles: Counter[str]) -> None:
        array = self._array = of_kind(chip.pe_array, CscRowStationaryArray)
        self.mapped = Mapped(trace, tile, array)
        self.sums = Sums(self.mapped, array, toggles)
        self._layer, self._tile, self._operands = trace.layer, tile, Operands(trace)
        self._activations = defaultdict[Pe, Register](lambda: Register("activation", array, toggles))
        self._weights = defaultdict[tuple[Pe, int], Register](
            lambda: Register("weight", array, toggles)
        )  # by lane
        self._weight_bus = _Bus("weight", chip, toggles)
        self._activation_bus = _Bus("activation", chip, toggles)

    def send_weights(self, of: Pass) -> None:
        """A block for each set column, set row and filter row: its columns by tap and channel."""
        for share, channels, i in product(of.shares, self.mapped.channels, range(self.mapped.kernel_rows)):
            taps = range(self._layer.kernel[1])
            block = (self._weight_column(share, i, s, c) for s, c in product(taps, channels))
            self._weight_bus.cross(block, receivers=self.mapped.output_rows)

    def send_activations(self, of: Pass) -> None:
        """A block for each image, input row and set row: its columns are those of the input."""
        places = product(range(self.mapped.kernel_rows), range(self.mapped.output_rows))
        rows = {self.mapped.row(i, j) for i, j in places} & {*range(self._layer.input_height)}
        columns = {w for _, q in self.mapped.windows for w in self.mapped.columns(q)}
        columns &= {*range(self._layer.input_width)}
        images = range(self._tile.n0, self._tile.n1)
        for n, h, channels in product(images, sorted(rows), self.mapped.channels):
            block = (self._activation_column(n, h, w, channels) for w in sorted(columns))
            self._activation_bus.cross(block, receivers=self.mapped.takers(h, of))

    def _weight_column(self, share: range, i: int, s: int, c: int) -> list[Entry]:
        """What is stored of a channel and tap over the filters of a set."""
        weights = [self._operands.weight(k, i, s, c) for k in share]
        return [Entry(weights[place], share[place], zeros) for place, zeros in stored_entries(weights)]

    def _activation_column(self, n: int, h: int, w: int, channels: range) -> list[Entry]:
        """The activations of a set's channels that are not zero; no zero is stored, counts wrap."""
        column, zeros = [], 0
        for c in channels:
            activation = self._operands.pixel(n, h, w, self.mapped.group, c)
            if activation.zero:
                zeros += 1
            else:
                column.append(Entry(activation, c, zeros))
                zeros = 0
        return column

    def walk(self, pe: Pe, of: Pass, n: int, q: int) -> None:
        """A PE's window: taps outer, channels inner; a zero, padding too, loads nothing."""
        h, channels = self.mapped.row(pe.i, pe.j), self.mapped.channels[pe.u]
        for (s, w), c in product(enumerate(self.mapped.columns(q)), channels):
            activation = self._operands.pixel(n, h, w, self.mapped.group, c)
            if activation.zero:
                continue
            self._activations[pe].load(activation.stored)
            for x, entry in enumerate(self._weight_column(of.shares[pe.v], pe.i, s, c)):
                self._weights[pe, x % self._array.lanes].load(entry.operand.stored)
                self.sums.add(pe, entry.at, entry.operand.value * activation.value)
