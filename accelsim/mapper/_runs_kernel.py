"""The contiguous runs of DRAM bytes that each tile moves, with their addresses (docs/traffic.md).

::

    for tile:  tables | weights, pointers | activation rows, pointers | partial sums      # its fetch
               outputs rows, pointers  or  partial sums                                   # its drain
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper._tile_bytes_kernel import (
    BURST,
    GROUP_CHANNELS,
    GROUP_FILTERS,
    GROUPS,
    OUTPUT_BITS,
    OUTPUT_KIND,
    PARTIAL_BYTES,
    POINTER_BYTES_A,
    POINTER_BYTES_O,
    POINTER_BYTES_W,
    TABLE_BYTES,
    WIDTH,
    activation_span,
    activation_start,
    area,
    output_masks,
    output_row_bytes,
    output_row_start,
    weight_bytes,
)
from accelsim.mapper._traffic_kernel import reuse

# Regions of the address map, in their order in DRAM: what an operand's runs are found in.
(
    TABLES,
    WEIGHTS,
    WEIGHT_POINTERS,
    ACTIVATIONS,
    ACTIVATION_POINTERS,
    OUTPUTS,
    OUTPUT_POINTERS,
    PARTIAL_SUMS,
) = range(8)
# Columns of a run.
START, LENGTH, REGION = range(3)


PAGE = 4096


@kernel
def put(runs, at, start, length, region):
    """Write a run into the next row, or only count it where there are no rows; runs of 0 bytes are none."""
    if length == 0:
        return at
    if runs.shape[0] > 0:
        runs[at, START] = start
        runs[at, LENGTH] = length
        runs[at, REGION] = region
    return at + 1


@kernel
def tile_numbers(boxes, extents, uses):
    """Number of each tile's box in the loops that an operand uses, and how many there are."""
    numbers = np.zeros(boxes.shape[0], np.int64)
    count = np.int64(1)
    for loop in range(5):
        if uses[loop]:
            size = boxes[0, 2 * loop + 1] - boxes[0, 2 * loop]  # the first tile is of full size
            tiles = (extents[loop] + size - 1) // size
            for t in range(boxes.shape[0]):
                numbers[t] = numbers[t] * tiles + boxes[t, 2 * loop] // size
            count *= tiles
    return numbers, count


@kernel
def packed_starts(numbers, count, tile_bytes, burst):
    """Where each tile's bytes stand, packed in order of first use, each at a burst's start; and their end."""
    place = np.full(count, -1, np.int64)
    starts = np.zeros(numbers.size, np.int64)
    end = np.int64(0)
    for t in range(numbers.size):
        if place[numbers[t]] < 0:
            place[numbers[t]] = end
            end += (tile_bytes[t] + burst - 1) // burst * burst
        starts[t] = place[numbers[t]]
    return starts, end


@kernel
def channel_blocks(box, whole_box, layer):
    """Block of channels that a tile reads, and how many there are; `whole_box` is the plan's first tile."""
    groups_at_once = max(1, (whole_box[3] - whole_box[2]) // layer[GROUP_FILTERS])
    size = whole_box[5] - whole_box[4]
    cuts = (layer[GROUP_CHANNELS] + size - 1) // size
    blocks = (layer[GROUPS] + groups_at_once - 1) // groups_at_once * cuts
    return box[2] // layer[GROUP_FILTERS] // groups_at_once * cuts + box[4] // size, blocks


@kernel
def activation_runs(runs, at, box, whole_box, bases, apart, layer, chip, sizes):
    """Runs of one tile's activations and their pointers; returns the next free row."""
    activations, segment_of, used = sizes[3], sizes[10], sizes[11]
    h0, h1, w0, w1, s0, s1 = activation_span(box, layer, segment_of)
    if h1 <= h0 or w1 <= w0:
        return at
    rows = used[h1] - used[h0]
    whole = rows == h1 - h0 and w0 == 0 and w1 == layer[WIDTH] and s1 - s0 == activations.shape[3] - 1
    for n in range(box[0], box[1]):
        base = bases[ACTIVATIONS] + n * apart
        if whole:
            start = base + activation_start(activations, n, h0, w0, s0, s1)
            at = put(runs, at, start, area(activations, n, h0, h1, w0, w1, s0, s1), ACTIVATIONS)
        else:
            for h in range(h0, h1):
                if used[h + 1] > used[h]:
                    start = base + activation_start(activations, n, h, w0, s0, s1)
                    length = area(activations, n, h, h + 1, w0, w1, s0, s1)
                    at = put(runs, at, start, length, ACTIVATIONS)
    size = chip[POINTER_BYTES_A]
    # Each block of channels has pointers of its own, from a page on.
    images = activations.shape[0]
    pages = (images * used[-1] * size + PAGE - 1) // PAGE * PAGE
    base = bases[ACTIVATION_POINTERS] + channel_blocks(box, whole_box, layer)[0] * pages
    for n in range(box[0], box[1]):
        start = base + (n * used[-1] + used[h0]) * size
        at = put(runs, at, start, rows * size, ACTIVATION_POINTERS)
    return at


@kernel
def output_runs(runs, at, box, tile_filters, bases, apart, extents, layer, chip, sizes):
    """Runs of one tile's encoded outputs and their pointers; returns the next free row."""
    table, block, kind, bits = sizes[7], sizes[9], chip[OUTPUT_KIND], chip[OUTPUT_BITS]
    b0, b1, filters = box[2] // block, (box[3] + block - 1) // block, box[3] - box[2]
    masks = output_masks(filters, layer, kind)
    whole = box[9] - box[8] == extents[4] and b0 == 0 and b1 == table.shape[3] - 1
    for n in range(box[0], box[1]):
        joined = first = np.int64(0)
        for p in range(box[6], box[7]):
            length = output_row_bytes(table, n, p, box[8], box[9], b0, b1, filters, masks, bits, kind)
            joined += length
            if not whole or p == box[6]:
                start = output_row_start(box, layer, bits, kind, table, block, tile_filters, n, p)
                start += bases[OUTPUTS] + n * apart
                first = start if p == box[6] else first
            if not whole:
                at = put(runs, at, start, length, OUTPUTS)
        if whole:
            at = put(runs, at, first, joined, OUTPUTS)
    size = chip[POINTER_BYTES_O]
    pages = (extents[0] * extents[3] * size + PAGE - 1) // PAGE * PAGE
    base = bases[OUTPUT_POINTERS] + box[2] // tile_filters * pages
    for n in range(box[0], box[1]):
        start = base + (n * extents[3] + box[6]) * size
        at = put(runs, at, start, (box[7] - box[6]) * size, OUTPUT_POINTERS)
    return at


@kernel
def weight_tiles(boxes, layer, chip, sizes):
    """Data bytes of each tile's weights, without pointers: int64 [tiles]."""
    found = np.zeros(boxes.shape[0], np.int64)
    for t in range(boxes.shape[0]):
        found[t] = weight_bytes(boxes[t], layer, 1, 0, sizes[0], sizes[1])[0]
    return found


@kernel
def places(boxes, uses, extents, layer, chip, sizes):
    """Where tiles' weights, their pointers and partial sums stand in their regions, and the regions' ends.

    Returns
    -------
    (starts, ends) : int64 [3, tiles], int64 [3]
    """
    starts = np.zeros((3, boxes.shape[0]), np.int64)
    ends = np.zeros(3, np.int64)
    pointers = (boxes[:, 3] - boxes[:, 2]) * chip[POINTER_BYTES_W]
    outputs = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 7] - boxes[:, 6]) * (boxes[:, 9] - boxes[:, 8])
    sums = outputs * (boxes[:, 3] - boxes[:, 2]) * chip[PARTIAL_BYTES]
    numbers, count = tile_numbers(boxes, extents, uses[0])
    data = weight_tiles(boxes, layer, chip, sizes)
    starts[0], ends[0] = packed_starts(numbers, count, data, chip[BURST])
    starts[1], ends[1] = packed_starts(numbers, count, pointers, chip[BURST])
    numbers, count = tile_numbers(boxes, extents, uses[2])
    starts[2], ends[2] = packed_starts(numbers, count, sums, chip[BURST])
    return starts, ends


@kernel
def plan_runs(boxes, uses, extents, resident, layer, chip, sizes, bases, apart, starts, runs):
    """Runs of every tile, its fetch and then its drain; only counted if `runs` has no rows.

    Parameters
    ----------
    boxes, uses, extents, resident, layer, chip, sizes : as `_traffic_kernel.plan_traffic`
    bases : int64 [8], where each region begins
    apart : int64 [2], bytes from an image of the activations, of the outputs to the next
    starts : int64 [3, tiles], of `places`
    runs : int64 [runs, 3], written; columns START, LENGTH, REGION

    Returns
    -------
    int64 [tiles + 1, 2], first run of each tile's fetch, of its drain; and the end
    """
    tiles = boxes.shape[0]
    first = np.zeros((tiles + 1, 2), np.int64)
    opens = np.zeros((3, tiles), np.uint8)
    closes = np.zeros((3, tiles), np.uint8)
    for operand in range(3):
        reuse(boxes, uses[operand], extents, resident[operand], opens[operand], closes[operand])
    if sizes[12][0]:  # in the scratchpad already
        opens[1, :] = 0
    data = weight_tiles(boxes, layer, chip, sizes)
    at = np.int64(0)
    for t in range(tiles):
        box = boxes[t]
        count = (box[1] - box[0]) * (box[3] - box[2]) * (box[7] - box[6]) * (box[9] - box[8])
        sums = bases[PARTIAL_SUMS] + starts[2, t]
        first[t, 0] = at
        if t == 0:
            at = put(runs, at, bases[TABLES], chip[TABLE_BYTES], TABLES)
        if opens[0, t]:
            at = put(runs, at, bases[WEIGHTS] + starts[0, t], data[t], WEIGHTS)
            pointers = (box[3] - box[2]) * chip[POINTER_BYTES_W]
            at = put(runs, at, bases[WEIGHT_POINTERS] + starts[1, t], pointers, WEIGHT_POINTERS)
        if opens[1, t]:
            at = activation_runs(runs, at, box, boxes[0], bases, apart[0], layer, chip, sizes)
        if opens[2, t] and box[4] > 0:
            at = put(runs, at, sums, count * chip[PARTIAL_BYTES], PARTIAL_SUMS)
        first[t, 1] = at
        if closes[2, t] and box[5] < extents[2]:
            at = put(runs, at, sums, count * chip[PARTIAL_BYTES], PARTIAL_SUMS)
        elif box[5] == extents[2] and not sizes[12][1]:  # else they stay
            tile_filters = boxes[0, 3] - boxes[0, 2]
            at = output_runs(runs, at, box, tile_filters, bases, apart[1], extents, layer, chip, sizes)
    first[tiles] = at
    return first
