"""What the sender of each broadcast domain of `inner_join` sends: sets of outputs, steps, chunks.

::

    for each output set                       # filter block outer, position block inner
      for `parts` chunks of r, s, channels    # one step
        for each part, of its chunk
          weights of each used row of the domain
          activations of each group of these rows, of each used column

A row is the PEs of one filter, a column those of one position, whatever their places in the array.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from accelsim.hardware.arrays import ZeroPolicy
from accelsim.hardware.model import Accelerator, WeightEncoding
from accelsim.network import Layer
from accelsim.plan import Tile, Unrolling
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div

Position = tuple[int, int, int]
Place = tuple[int, int, int]  # row, column, part
DealtChunk = tuple[int, int, range]  # r, s, channels of the group


@dataclass(frozen=True, slots=True)
class OutputSet:
    """Outputs that the array accumulates together: filter i on row i, position (n, p, q) j on column j."""

    filters: range
    positions: list[Position]

    def maps(self, row: int, column: int) -> bool:
        """Whether the PEs of the row and the column have an output in this set, each a part of it."""
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


# What a part gets when a set's last step has fewer chunks than parts.
ABSENT = Chunk(b"", padding=False, scratchpad_bytes=0, queue_bytes=0)


@dataclass(frozen=True, slots=True)
class Step:
    """One broadcast: the chunks of each part by used row, and by group and used column of the domain.

    Attributes
    ----------
    set_ordinal : index of its output set in the domain's stream
    opens_set, closes_set : whether it is the set's first, last step
    row_groups : group of the filter on each used row
    columns : the used columns
    parts : parts of each output's reduction
    weights : by row and part
    activations : by group, column and part
    """

    set_ordinal: int
    opens_set: bool
    closes_set: bool
    row_groups: dict[int, int]
    columns: list[int]
    parts: range
    weights: dict[tuple[int, int], Chunk]
    activations: dict[tuple[int, int, int], Chunk]

    @property
    def outputs(self) -> int:
        """Outputs of the set in the domain."""
        return len(self.row_groups) * len(self.columns)

    @property
    def places(self) -> Iterator[Place]:
        """The mapped PEs of the domain: all parts of each output."""
        return product(self.row_groups, self.columns, self.parts)

    def chunks(self, place: Place) -> tuple[Chunk, Chunk]:
        """The weights and the activations that a PE receives."""
        row, column, part = place
        return self.weights[row, part], self.activations[self.row_groups[row], column, part]

    def receivers(self, group: int) -> int:
        """How many PEs an activation chunk of a group goes to: those of its part on the group's rows."""
        return list(self.row_groups.values()).count(group)

    @property
    def scratchpad_bytes(self) -> int:
        """Bytes that the step takes from the scratchpad, each chunk once."""
        chunks = (*self.weights.values(), *self.activations.values())
        return sum(chunk.scratchpad_bytes for chunk in chunks)


def output_sets(trace: LayerTrace, tile: Tile, spatial: Unrolling) -> list[OutputSet]:
    """The tile's sets in order: filter blocks outermost, position blocks inside."""
    rows, columns = spatial.filters, spatial.positions
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

    def weights(self, k: int, dealt: DealtChunk | None) -> Chunk:
        """The chunk of filter k."""
        if dealt is None:
            return ABSENT
        r, s, channels = dealt
        key = (k, r, s, channels)
        if key not in self._cut:
            values = self._trace.weights[k, r, s, channels.start : channels.stop]
            zero = int(self._trace.weight_zero_points[k])
            array, encoding = self._chip.pe_array, self._chip.encodings.weights
            mask = bytes(int(value) != zero for value in values)
            self._cut[key] = _chunk(mask, encoding, array.weight_policy, array.weight_bits)
        return self._cut[key]

    def activations(self, position: Position, group: int, dealt: DealtChunk | None) -> Chunk:
        """The chunk that an output position reads."""
        if dealt is None:
            return ABSENT
        r, s, channels = dealt
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
    sets: list[OutputSet],
    rows: range,
    columns: range,
    parts: range,
    tile: Tile,
    chip: Accelerator,
    reader: OperandReader,
) -> Iterator[Step]:
    """The steps sent to the PEs of a domain, in order; sets that map none of them are left out."""
    layer = reader.layer
    hands = deal(tile, layer, chip.pe_array.chunk_elements, len(parts))
    mapped = [output_set for output_set in sets if output_set.maps(rows.start, columns.start)]
    for ordinal, output_set in enumerate(mapped):
        filters = {row: output_set.filters[row] for row in rows if row < len(output_set.filters)}
        row_groups = {row: k // layer.group_filters for row, k in filters.items()}
        positions = {j: output_set.positions[j] for j in columns if j < len(output_set.positions)}
        for index, hand in enumerate(hands):
            yield Step(
                set_ordinal=ordinal,
                opens_set=index == 0,
                closes_set=index == len(hands) - 1,
                row_groups=row_groups,
                columns=list(positions),
                parts=parts,
                weights={
                    (row, part): reader.weights(k, hand[part]) for row, k in filters.items() for part in parts
                },
                activations={
                    (group, column, part): reader.activations(position, group, hand[part])
                    for group in sorted(set(row_groups.values()))
                    for column, position in positions.items()
                    for part in parts
                },
            )


def deal(tile: Tile, layer: Layer, chunk_elements: int, parts: int) -> list[list[DealtChunk | None]]:
    """The chunks of a set dealt out in turn: one for each part in each step, None for an absent one."""
    cuts = range(tile.c0, tile.c1, chunk_elements)
    channels = [range(c, min(c + chunk_elements, tile.c1)) for c in cuts]
    left = deque(product(range(layer.kernel[0]), range(layer.kernel[1]), channels))
    hands = []
    while left:
        hands.append([left.popleft() if left else None for _ in range(parts)])
    return hands
