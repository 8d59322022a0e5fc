"""Bytes over all tiles of an operand, exactly, without a table of its tiles.

A tile's run of an input or output row depends on the row and on how channels (filters) and columns are cut,
not on how rows are: what a cut of those costs in each row serves every cut of the rows.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper._operand_kernel import MOVED, activation_tiles, box_of, output_tiles
from accelsim.mapper._tile_bytes_kernel import (
    BURST,
    GROUPS,
    HELD_OUTPUT_KIND,
    HELD_POINTER_BYTES_O,
    OUTPUT_BITS,
    OUTPUT_KIND,
    PARTIAL_BYTES,
    POINTER_BYTES_A,
    POINTER_BYTES_O,
    SAME_O,
    WIDTH,
    activation_span,
    activation_start,
    area,
    burst_waste,
    output_masks,
    output_row_bytes,
    output_row_start,
    pointer_waste,
)

# Of the rows of a cut of activations, behind what each moves: tiles that read a row at all; whether a tile
# may take several rows as one run, so that rows cannot be told apart.
READING, JOINED, MORE = -2, -1, 2
# Of a cut of outputs: bytes in DRAM, and in the scratchpad, of all rows; without pointers.
IN_DRAM, IN_SCRATCHPAD = 0, 1


@kernel
def activation_rows(sizes_of, counts, extents, layer, chip, sizes, rows):
    """Bytes in whole bursts up to each input row, of all tiles of channels and columns: sets int64 [H + 3].

    Parameters
    ----------
    rows : int64 [H + 1 + MORE]: a prefix sum, READING, JOINED
    """
    table, segment_of, used = sizes[3], sizes[10], sizes[11]
    segments, burst = table.shape[3] - 1, chip[BURST]
    rows[:] = 0
    index = np.zeros(5, np.int64)
    for k in range(counts[1] if layer[GROUPS] > 1 else 1):
        for c in range(counts[2]):
            for q in range(counts[4]):
                index[1], index[2], index[4] = k, c, q
                span = activation_span(box_of(index, sizes_of, extents), layer, segment_of)
                w0, w1, s0, s1 = span[2:]
                if w1 <= w0:
                    continue  # padding alone
                rows[READING] += 1
                if w0 == 0 and w1 == layer[WIDTH] and s1 - s0 == segments:
                    rows[JOINED] = 1
                    return
                for n in range(extents[0]):
                    for h in range(table.shape[1] - 1):
                        if used[h + 1] > used[h]:
                            run = area(table, n, h, h + 1, w0, w1, s0, s1)
                            start = activation_start(table, n, h, w0, s0, s1) if burst > 1 else np.int64(0)
                            rows[h + 1] += run + burst_waste(start, run, burst)
    for h in range(table.shape[1] - 1):
        rows[h + 1] += rows[h]


@kernel
def activations_moved(sizes_of, counts, extents, layer, chip, sizes, rows):
    """Bytes in DRAM, in whole bursts, of all tiles of activations; `rows` of `activation_rows`."""
    segment_of, used, kept = sizes[10:]
    if kept[0]:
        return np.int64(0)
    if rows[JOINED]:
        return activation_tiles(sizes_of, counts, extents, layer, chip, sizes)[:, MOVED].sum()
    moved = pointers = np.int64(0)
    index, size = np.zeros(5, np.int64), chip[POINTER_BYTES_A]
    for p in range(counts[3]):
        index[3] = p
        h0, h1 = activation_span(box_of(index, sizes_of, extents), layer, segment_of)[:2]
        if h1 <= h0:
            continue
        moved += rows[h1] - rows[h0]
        count = used[h1] - used[h0]
        for first in range(0, extents[0], sizes_of[0]):
            images = min(sizes_of[0], extents[0] - first)
            pointers += images * count * size
            if chip[BURST] > 1:
                pointers += pointer_waste(
                    first * used[-1] + used[h0], count, images, used[-1], size, chip[BURST]
                )
    return moved + rows[READING] * pointers


@kernel
def output_rows(sizes_of, counts, extents, layer, chip, sizes, found):
    """Bytes of all output rows, of all tiles of filters and columns: sets int64 [2]."""
    held_outputs, outputs, _, block = sizes[6:10]
    found[:] = 0
    index = np.zeros(5, np.int64)
    bits, burst = chip[OUTPUT_BITS], chip[BURST]
    for k in range(counts[1]):
        for q in range(counts[4]):
            index[1], index[4] = k, q
            box = box_of(index, sizes_of, extents)
            filters, q0, q1 = box[3] - box[2], box[8], box[9]
            b0, b1 = box[2] // block, (box[3] + block - 1) // block
            kind, held_kind = chip[OUTPUT_KIND], chip[HELD_OUTPUT_KIND]
            masks, held_masks = output_masks(filters, layer, kind), output_masks(filters, layer, held_kind)
            for n in range(extents[0]):
                for p in range(extents[3]):
                    run = output_row_bytes(outputs, n, p, q0, q1, b0, b1, filters, masks, bits, kind)
                    found[IN_DRAM] += run
                    if burst > 1:
                        start = output_row_start(box, layer, bits, kind, outputs, block, sizes_of[1], n, p)
                        found[IN_DRAM] += burst_waste(start, run, burst)
                    if chip[SAME_O]:
                        found[IN_SCRATCHPAD] += run
                    else:
                        found[IN_SCRATCHPAD] += output_row_bytes(
                            held_outputs, n, p, q0, q1, b0, b1, filters, held_masks, bits, held_kind
                        )


@kernel
def outputs_moved(sizes_of, counts, extents, layer, chip, sizes, rows):
    """Of all tiles of outputs: bytes in DRAM in whole bursts, bytes in the scratchpad.

    Parameters
    ----------
    rows : int64 [2], of `output_rows`
    """
    stay, columns = sizes[12][1], counts[1] * counts[4]
    apart = extents[3]
    pixels = extents[0] * extents[3] * columns
    held = rows[IN_SCRATCHPAD]
    if stay:
        return np.int64(0), held
    held += pixels * (chip[POINTER_BYTES_O] if chip[SAME_O] else chip[HELD_POINTER_BYTES_O])
    if columns == 1:  # rows of a tile are one run
        return output_tiles(sizes_of, counts, extents, layer, chip, sizes)[:, MOVED].sum(), held
    size = chip[POINTER_BYTES_O]
    moved = rows[IN_DRAM] + pixels * size
    if chip[BURST] > 1:
        for p in range(0, extents[3], sizes_of[3]):
            count = min(sizes_of[3], extents[3] - p)
            for n in range(0, extents[0], sizes_of[0]):
                images = min(sizes_of[0], extents[0] - n)
                waste = pointer_waste(n * apart + p, count, images, apart, size, chip[BURST])
                moved += columns * waste
    return moved, held


@kernel
def partials_moved(sizes_of, counts, extents, chip):
    """Bytes in whole bursts of the partial sums of all tiles."""
    moved = np.int64(0)
    for ends in range(16):
        tiles, outputs = np.int64(1), np.int64(1)
        for place, loop in enumerate((0, 1, 3, 4)):
            if ends >> place & 1:
                outputs *= extents[loop] - (counts[loop] - 1) * sizes_of[loop]
            else:
                tiles *= counts[loop] - 1
                outputs *= sizes_of[loop]
        size = outputs * chip[PARTIAL_BYTES]
        moved += tiles * (size + burst_waste(0, size, chip[BURST]))
    return moved
