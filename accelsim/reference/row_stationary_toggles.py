"""Reference of the toggles of `row_stationary`: every register, sum and wire, word by word.

Written from docs/dataflows/row_stationary_toggles.md, sections 1 to 3, and docs/dataflows/toggles.md.

::

    for each group
      for each pass                          # its weights cross their bus
        for each window n, q                 # its new activations cross theirs
          each PE: for each tap s, for each channel of its set
            for each filter of its set: load registers, multiply, add to the filter's sum
          sums rise from PE to PE; clear them
"""

from collections import Counter, defaultdict
from itertools import product

from accelsim.hardware.arrays import RowStationaryArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._row_toggles import Mapped, Pass, Pe, Sums, group_tiles
from accelsim.reference._words import Operands, Register, ValueWires, by_name, no_toggles
from accelsim.trace.layer import LayerTrace


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
        toggling = _Toggling(trace, group_tile, of_kind(chip.pe_array, RowStationaryArray), toggles)
        for of in toggling.mapped.passes():
            toggling.send_weights(of)
            for n, q in toggling.mapped.windows:
                toggling.send_activations(of, n, q)
                toggling.multiply(of, n, q)
                toggling.sums.end_window(of)
    return by_name(toggles)


class _Toggling:
    """The buses and the PEs of the array, through all passes of a tile of one group.

    Parameters
    ----------
    toggles : counts of the tile, added to
    """

    def __init__(
        self, trace: LayerTrace, tile: Tile, array: RowStationaryArray, toggles: Counter[str]
    ) -> None:
        self.mapped = Mapped(trace, tile, array)
        self.sums = Sums(self.mapped, array, toggles)
        self._layer, self._tile, self._array, self._operands = trace.layer, tile, array, Operands(trace)
        self._weights = defaultdict[Pe, Register](lambda: Register("weight", array, toggles))
        self._activations = defaultdict[Pe, Register](lambda: Register("activation", array, toggles))
        # By position.
        self._weight_wires = defaultdict[int, ValueWires](lambda: ValueWires("weight", array, toggles))
        self._activation_wires = defaultdict[int, ValueWires](
            lambda: ValueWires("activation", array, toggles)
        )

    def send_weights(self, of: Pass) -> None:
        """The weights of a pass, from position 0 on: filter, r, s, channel."""
        channels = range(self._tile.c0, self._tile.c1)
        every = product(of.filters, *map(range, self._layer.kernel), channels)
        for number, (k, r, s, c) in enumerate(every):
            wires = self._weight_wires[number % self._array.weights_per_cycle]
            wires.drive(self._operands.weight(k, r, s, c).stored, receivers=self.mapped.output_rows)

    def send_activations(self, of: Pass, n: int, q: int) -> None:
        """The new columns of a window, from position 0 on: row, column, channel; padding takes its turn."""
        places = product(range(self.mapped.kernel_rows), range(self.mapped.output_rows))
        rows = sorted({self.mapped.row(i, j) for i, j in places})
        columns = self.mapped.columns(q)
        if q > self._tile.q0:
            columns = columns[-min(self._layer.stride[1], len(columns)) :]
        channels = range(self._tile.c0, self._tile.c1)
        for number, (h, w, c) in enumerate(product(rows, columns, channels)):
            activation = self._operands.pixel(n, h, w, self.mapped.group, c)
            if not activation.padding:
                wires = self._activation_wires[number % self._array.activations_per_cycle]
                wires.drive(activation.stored, receivers=self.mapped.takers(h, of))

    def multiply(self, of: Pass, n: int, q: int) -> None:
        """The slots of a window in every PE: taps outer, channels next, filters inner."""
        for pe in self.mapped.pes(of):
            h, channels = self.mapped.row(pe.i, pe.j), self.mapped.channels[pe.u]
            for (s, w), c in product(enumerate(self.mapped.columns(q)), channels):
                activation = self._operands.pixel(n, h, w, self.mapped.group, c)
                for k in of.shares[pe.v]:
                    weight = self._operands.weight(k, pe.i, s, c)
                    gated = self._array.activation_policy == "gate" and activation.zero
                    self._activations[pe].load(activation.stored)  # it is read before it is tested
                    self._weights[pe].load(weight.stored, held=gated)
                    if not gated:
                        self.sums.add(pe, k, weight.value * activation.value)
