"""Reference of the toggles of `inner_join`: every register, accumulator and wire, word by word.

Written from docs/dataflows/inner_join_toggles.md, sections 1 to 3.

::

    for each broadcast domain                 # buses and PEs of its own
      for each output set that it takes part in
        for each step, each part
          its chunks cross the buses of their rows and columns
          each mapped PE loads its slot pairs and adds their products
        clear the accumulators
"""

from collections import Counter, defaultdict

from accelsim.hardware.arrays import InnerJoinArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile, Unrolling
from accelsim.reference._inner_join_stream import DealtChunk, OutputSet, Position, deal, output_sets
from accelsim.reference._inner_join_words import Bus, TogglingPe, WordChunk
from accelsim.reference.inner_join import domain_ranges
from accelsim.tables import TOGGLES
from accelsim.trace.layer import LayerTrace


def tile_toggles(
    trace: LayerTrace, tile: Tile, chip: Accelerator, spatial: Unrolling | None = None
) -> dict[str, int]:
    """Every toggle count of one tile, its registers, accumulators and wires all 0 when it begins.

    Parameters
    ----------
    tile : half-open ranges of n, filters, channels of a group, p and q
    spatial : what the array holds at once; None is the array's own, a filter on each row and a position on
        each column

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.TOGGLES`, in that order, in bits
    """
    array = of_kind(chip.pe_array, InnerJoinArray)
    spatial = spatial or Unrolling(array.rows, array.columns)
    toggles = Counter(dict.fromkeys(TOGGLES, 0))
    sets = output_sets(trace, tile, spatial)
    hands = deal(tile, trace.layer, array.chunk_elements, spatial.parts)
    for rows, columns in domain_ranges(array, spatial):
        domain = _Domain(trace, chip, rows, columns, toggles)
        for output_set in sets:
            domain.take(output_set, hands)
    return {name: toggles[name] for name in TOGGLES}


class _Domain:
    """The buses and the PEs of one broadcast domain.

    Parameters
    ----------
    rows, columns : of PEs in the domain
    toggles : counts of the tile, added to
    """

    def __init__(
        self,
        trace: LayerTrace,
        chip: Accelerator,
        rows: range,
        columns: range,
        toggles: Counter[str],
    ) -> None:
        self._trace = trace
        self._rows = rows
        self._columns = columns
        array = of_kind(chip.pe_array, InnerJoinArray)
        # By row and part; by column, place of the group among those of the set, and part.
        self._weight_buses = defaultdict[tuple[int, int], Bus](lambda: Bus("weight", chip, toggles))
        self._activation_buses = defaultdict[tuple[int, int, int], Bus](
            lambda: Bus("activation", chip, toggles)
        )
        # By row, column and part.
        self._pes = defaultdict[tuple[int, int, int], TogglingPe](lambda: TogglingPe(array, toggles))

    def take(self, output_set: OutputSet, hands: list[list[DealtChunk | None]]) -> None:
        """All steps of a set, then its end; nothing if the set maps none of the domain's PEs."""
        if not output_set.maps(self._rows.start, self._columns.start):
            return
        for hand in hands:
            for part, dealt in enumerate(hand):
                if dealt is not None:  # an absent chunk crosses no bus and loads nothing
                    self._take_chunks(output_set, part, dealt)
        for pe in self._pes.values():
            pe.clear()

    def _take_chunks(self, output_set: OutputSet, part: int, dealt: DealtChunk) -> None:
        """What the PEs of one part get in one step."""
        group_filters = self._trace.layer.group_filters
        set_groups = sorted({k // group_filters for k in output_set.filters})
        filters = {row: output_set.filters[row] for row in self._rows if row < len(output_set.filters)}
        groups = {row: k // group_filters for row, k in filters.items()}
        weights = {row: self._weights(k, dealt) for row, k in filters.items()}
        activations = {
            (group, column): self._activations(output_set.positions[column], group, dealt)
            for group in sorted(set(groups.values()))
            for column in self._columns
            if column < len(output_set.positions)
        }
        for row, chunk in weights.items():
            takers = sum(group == groups[row] for group, _ in activations)
            self._weight_buses[row, part].cross(chunk, takers)
        for (group, column), chunk in activations.items():
            takers = sum(of_row == group for of_row in groups.values())
            self._activation_buses[column, set_groups.index(group), part].cross(chunk, takers)
        for row, weight_chunk in weights.items():
            for (group, column), activation_chunk in activations.items():
                if group == groups[row]:
                    self._pes[row, column, part].step(weight_chunk, activation_chunk)

    def _weights(self, k: int, dealt: DealtChunk) -> WordChunk:
        """The chunk of filter k."""
        r, s, channels = dealt
        values = self._trace.weights[k, r, s, channels.start : channels.stop]
        return WordChunk([int(value) for value in values], int(self._trace.weight_zero_points[k]))

    def _activations(self, position: Position, group: int, dealt: DealtChunk) -> WordChunk:
        """The chunk that an output position reads; of a padding tap, the zero point for each channel."""
        (r, s, channels), (n, p, q), layer = dealt, position, self._trace.layer
        zero = self._trace.activation_zero_point
        h = p * layer.stride[0] - layer.padding[0] + r * layer.dilation[0]
        w = q * layer.stride[1] - layer.padding[1] + s * layer.dilation[1]
        if not (0 <= h < layer.input_height and 0 <= w < layer.input_width):
            return WordChunk([zero] * len(channels), zero, padding=True)
        first = group * layer.group_channels
        values = self._trace.activations[n, h, w, first + channels.start : first + channels.stop]
        return WordChunk([int(value) for value in values], zero)
