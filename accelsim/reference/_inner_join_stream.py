"""What the sender of each broadcast domain of `inner_join` sends: sets of outputs, steps, chunks.

::

    for each output set                       # filter block outer, position block inner
      for r, s, channel chunk                 # one step
        weight chunk of each used row of the domain
        activation chunk of each group of these rows, of each used column
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from accelsim.hardware.arrays import ZeroPolicy
from accelsim.hardware.model import Accelerator, WeightEncoding
from accelsim.plan import Tile
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div

Position = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class OutputSet:
    """Outputs that the array accumulates together: filter i on row i, position (n, p, q) j on column j."""

    filters: range
    positions: list[Position]

    def maps(self, row: int, column: int) -> bool:
        """Whether the PE has an output in this set."""
        return row < len(self.filters) and column < len(self.positions)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of channels of one operand.

    Attributes
    ----------
    nonzero : bytes, one per element: 1 = the element differs from its zero point
    padding : whether the chunk lies outside the input
    scratchpad_bytes : bytes read from the scratchpad to send it
    queue_bytes : bytes written to the queue of each receiver
    """

    nonzero: bytes
    padding: bool
    scratchpad_bytes: int
    queue_bytes: int


@dataclass(frozen=True, slots=True)
class Step:
    """One broadcast: chunks by used row, and by group and used column of the domain.

    Attributes
    ----------
    set_ordinal : index of its output set in the domain's stream
    opens_set, closes_set : whether it is the set's first, last step
    row_groups : group of the filter on each used row
    columns : the used columns
    weights : by row
    activations : by group and column
    """

    set_ordinal: int
    opens_set: bool
    closes_set: bool
    row_groups: dict[int, int]
    columns: list[int]
    weights: dict[int, Chunk]
    activations: dict[tuple[int, int], Chunk]

    def activation(self, row: int, column: int) -> Chunk:
        """The activation chunk that the PE receives."""
        return self.activations[self.row_groups[row], column]

    def receivers(self, group: int) -> int:
        """How many rows an activation chunk of a group goes to."""
        return list(self.row_groups.values()).count(group)

    @property
    def scratchpad_bytes(self) -> int:
        """Bytes that the step takes from the scratchpad, each chunk once."""
        chunks = (*self.weights.values(), *self.activations.values())
        return sum(chunk.scratchpad_bytes for chunk in chunks)


def output_sets(trace: LayerTrace, tile: Tile, chip: Accelerator) -> list[OutputSet]:
    """The tile's sets in order: filter blocks outermost, position blocks inside."""
    rows, columns = chip.pe_array.rows, chip.pe_array.columns
    group_filters = trace.layer.group_filters
    blocks = []
    first = tile.k0
    while first < tile.k1:
        group_end = (first // group_filters + 1) * group_filters
        stop = min(first + rows, tile.k1, group_end)
        if first % group_filters == 0:
            # Further whole groups join as long as they fit on the rows and lie in the tile.
            while group_end <= tile.k1 and group_end - first <= rows:
                stop = group_end
                group_end += group_filters
        blocks.append(range(first, stop))
        first = stop
    positions = list(product(range(tile.n0, tile.n1), range(tile.p0, tile.p1), range(tile.q0, tile.q1)))
    return [
        OutputSet(block, positions[j : j + columns])
        for block in blocks
        for j in range(0, len(positions), columns)
    ]


class OperandReader:
    """Cuts chunks out of a trace's tensors, each distinct chunk once."""

    def __init__(self, trace: LayerTrace, chip: Accelerator) -> None:
        self.layer = trace.layer
        self._trace = trace
        self._chip = chip
        self._cut: dict[tuple[int | range, ...], Chunk] = {}

    def weights(self, k: int, r: int, s: int, channels: range) -> Chunk:
        """The chunk of filter k at tap (r, s); `channels` counts inside the group."""
        key = (k, r, s, channels)
        if key not in self._cut:
            values = self._trace.weights[k, r, s, channels.start : channels.stop]
            zero = int(self._trace.weight_zero_points[k])
            array, encoding = self._chip.pe_array, self._chip.encodings.weights
            mask = bytes(int(value) != zero for value in values)
            self._cut[key] = _chunk(mask, encoding, array.weight_policy, array.weight_bits)
        return self._cut[key]

    def activations(self, position: Position, group: int, r: int, s: int, channels: range) -> Chunk:
        """The chunk that tap (r, s) of an output position reads; `channels` counts inside the group."""
        layer, (n, p, q) = self.layer, position
        h = p * layer.stride[0] - layer.padding[0] + r * layer.dilation[0]
        w = q * layer.stride[1] - layer.padding[1] + s * layer.dilation[1]
        if not (0 <= h < layer.input_height and 0 <= w < layer.input_width):
            return Chunk(bytes(len(channels)), padding=True, scratchpad_bytes=0, queue_bytes=0)
        key = (n, h, w, group, channels)
        if key not in self._cut:
            first = group * layer.group_channels
            values = self._trace.activations[n, h, w, first + channels.start : first + channels.stop]
            array, encoding = self._chip.pe_array, self._chip.encodings.activations
            mask = bytes(int(value) != self._trace.activation_zero_point for value in values)
            self._cut[key] = _chunk(mask, encoding, array.activation_policy, array.activation_bits)
        return self._cut[key]


def _chunk(nonzero: bytes, encoding: WeightEncoding, policy: ZeroPolicy, bits: int) -> Chunk:
    """A chunk of real elements with its sizes in the scratchpad and in a queue."""
    mask_bytes = ceil_div(len(nonzero), 8)
    dense_bytes = ceil_div(len(nonzero) * bits, 8)
    if encoding == "bitmask":
        scratchpad_bytes = mask_bytes + ceil_div(sum(nonzero) * bits, 8)
        # PEs that look at no mask get plain values from a decoder at the scratchpad.
        queue_bytes = dense_bytes if policy == "compute" else scratchpad_bytes
    else:
        # A zero detector at the scratchpad's port makes the mask, which travels along.
        scratchpad_bytes = dense_bytes + (0 if policy == "compute" else mask_bytes)
        queue_bytes = scratchpad_bytes
    return Chunk(nonzero, padding=False, scratchpad_bytes=scratchpad_bytes, queue_bytes=queue_bytes)


def domain_steps(
    sets: list[OutputSet], rows: range, columns: range, tile: Tile, chip: Accelerator, reader: OperandReader
) -> Iterator[Step]:
    """The steps sent to the PEs of `rows` x `columns`, in order; sets that map none of them are left out."""
    layer = reader.layer
    elements = chip.pe_array.chunk_elements
    chunks = [range(c, min(c + elements, tile.c1)) for c in range(tile.c0, tile.c1, elements)]
    taps = list(product(range(layer.kernel[0]), range(layer.kernel[1]), chunks))
    mapped = [output_set for output_set in sets if output_set.maps(rows.start, columns.start)]
    for ordinal, output_set in enumerate(mapped):
        used_rows = [row for row in rows if row < len(output_set.filters)]
        row_groups = {row: output_set.filters[row] // layer.group_filters for row in used_rows}
        used_columns = [column for column in columns if column < len(output_set.positions)]
        for index, (r, s, channels) in enumerate(taps):
            yield Step(
                set_ordinal=ordinal,
                opens_set=index == 0,
                closes_set=index == len(taps) - 1,
                row_groups=row_groups,
                columns=used_columns,
                weights={row: reader.weights(output_set.filters[row], r, s, channels) for row in used_rows},
                activations={
                    (group, column): reader.activations(output_set.positions[column], group, r, s, channels)
                    for group in sorted(set(row_groups.values()))
                    for column in used_columns
                },
            )
