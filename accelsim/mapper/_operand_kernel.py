"""Bytes of an operand's tiles for given tile sizes: of every tile, and bounds over all of them.

A tile's bytes do not depend on the order of the tiles, so they are counted once per tiling; how often
each is moved is a number that the order decides (`_walk_kernel.multiplicity`).

Loops are n, k, c, p, q = 0 ... 4. `sizes_of` and `counts` are int64 [5]: tile size and tiles of each loop.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper._tile_bytes_kernel import (
    BITMASK,
    BURST,
    DILATION_H,
    DILATION_W,
    GROUP_CHANNELS,
    GROUP_FILTERS,
    GROUPS,
    HEIGHT,
    HELD_OUTPUT_KIND,
    HELD_POINTER_BYTES_A,
    HELD_POINTER_BYTES_O,
    HELD_POINTER_BYTES_W,
    KERNEL_H,
    KERNEL_W,
    OUTPUT_BITS,
    OUTPUT_KIND,
    PAD_LEFT,
    PAD_TOP,
    PARTIAL_BYTES,
    POINTER_BYTES_A,
    POINTER_BYTES_O,
    POINTER_BYTES_W,
    SAME_A,
    SAME_O,
    SAME_W,
    STRIDE_H,
    STRIDE_W,
    TABLED,
    WIDTH,
    activation_bytes,
    area,
    burst_waste,
    output_bytes,
    output_masks,
    weight_bytes,
)

# Columns of a table of tiles of weights or activations; of outputs the rest too.
MOVED, HELD = 0, 1  # bytes in DRAM in whole bursts; bytes in the scratchpad
RESERVED, PARTIAL, PARTIAL_MOVED = 2, 3, 4  # of outputs: worst case encoded; partial sums; in whole bursts


@kernel
def box_of(index, sizes_of, extents):
    """The box of a tile at an index int64 [5]: int64 [10]."""
    box = np.empty(10, np.int64)
    for loop in range(5):
        box[2 * loop] = index[loop] * sizes_of[loop]
        box[2 * loop + 1] = min(box[2 * loop] + sizes_of[loop], extents[loop])
    return box


@kernel
def weight_tiles(sizes_of, counts, extents, layer, chip, sizes):
    """Weights of each tile k, c: int64 [tiles, 2]."""
    weights, weight_metadata, held_weights = sizes[:3]
    table = np.empty((counts[1] * counts[2], 2), np.int64)
    index = np.zeros(5, np.int64)
    for k in range(counts[1]):
        for c in range(counts[2]):
            index[1], index[2] = k, c
            box = box_of(index, sizes_of, extents)
            row = table[k * counts[2] + c]
            moved = weight_bytes(box, layer, chip[BURST], chip[POINTER_BYTES_W], weights, weight_metadata)
            row[MOVED] = moved[0] + moved[2]
            row[HELD] = moved[0]
            if not chip[SAME_W]:
                row[HELD] = weight_bytes(
                    box, layer, 1, chip[HELD_POINTER_BYTES_W], held_weights, held_weights
                )[0]
    return table


@kernel
def activation_tile(box, layer, chip, sizes):
    """(bytes in DRAM in whole bursts, bytes in the scratchpad) of one tile; kept ones are there already."""
    activations, metadata, held_activations = sizes[3:6]
    segment_of, used, kept = sizes[10:]
    if kept[0]:
        return np.int64(0), np.int64(0)
    moved = activation_bytes(
        box, layer, chip[BURST], chip[POINTER_BYTES_A], activations, metadata, segment_of, used
    )
    held = moved[0]
    if not chip[SAME_A]:
        held = activation_bytes(
            box, layer, 1, chip[HELD_POINTER_BYTES_A], held_activations, held_activations, segment_of, used
        )[0]
    return moved[0] + moved[2], held


@kernel
def activation_tiles(sizes_of, counts, extents, layer, chip, sizes):
    """Activations of each tile (k of a layer with groups,) n, c, p, q: int64 [tiles, 2]."""
    of_filters = counts[1] if layer[GROUPS] > 1 else np.int64(1)
    tiles = of_filters * counts[0] * counts[2] * counts[3] * counts[4]
    table = np.empty((tiles, 2), np.int64)
    index = np.zeros(5, np.int64)
    tile = 0
    for k in range(of_filters):
        for n in range(counts[0]):
            for c in range(counts[2]):
                for p in range(counts[3]):
                    for q in range(counts[4]):
                        index[0], index[1], index[2], index[3], index[4] = n, k, c, p, q
                        box = box_of(index, sizes_of, extents)
                        table[tile, MOVED], table[tile, HELD] = activation_tile(box, layer, chip, sizes)
                        tile += 1
    return table


@kernel
def reserved_outputs(box, layer, chip, stay):
    """(worst case of the encoded outputs, partial sums) of a tile, in bytes of the scratchpad.

    Outputs that stay take the kept tensor's own bytes: a tile needs none for them.
    """
    pixels = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    count = pixels * (box[3] - box[2])
    masks = output_masks(box[3] - box[2], layer, chip[HELD_OUTPUT_KIND])
    worst = (count * chip[OUTPUT_BITS] + 7) // 8 + pixels * masks
    worst += (box[1] - box[0]) * (box[7] - box[6]) * chip[HELD_POINTER_BYTES_O]
    return np.int64(0) if stay else worst, count * chip[PARTIAL_BYTES]


@kernel
def output_tile(box, tile_filters, layer, chip, sizes):
    """(bytes in DRAM in whole bursts, bytes in the scratchpad) of one tile's encoded outputs."""
    held_outputs, outputs, output_metadata, block = sizes[6:10]
    if sizes[12][1]:
        held = output_bytes(
            box, layer, chip[OUTPUT_BITS], chip[HELD_OUTPUT_KIND], 1, 0,
            held_outputs, held_outputs, block, tile_filters,
        )[0]  # fmt: skip
        return np.int64(0), held
    moved = output_bytes(
        box, layer, chip[OUTPUT_BITS], chip[OUTPUT_KIND], chip[BURST], chip[POINTER_BYTES_O],
        outputs, output_metadata, block, tile_filters,
    )  # fmt: skip
    held = moved[0]
    if not chip[SAME_O]:
        held = output_bytes(
            box, layer, chip[OUTPUT_BITS], chip[HELD_OUTPUT_KIND], 1, chip[HELD_POINTER_BYTES_O],
            held_outputs, held_outputs, block, tile_filters,
        )[0]  # fmt: skip
    return moved[0] + moved[2], held


@kernel
def output_tiles(sizes_of, counts, extents, layer, chip, sizes):
    """Outputs of each tile n, k, p, q: int64 [tiles, 5]."""
    table = np.empty((counts[0] * counts[1] * counts[3] * counts[4], 5), np.int64)
    index = np.zeros(5, np.int64)
    tile = 0
    for n in range(counts[0]):
        for k in range(counts[1]):
            for p in range(counts[3]):
                for q in range(counts[4]):
                    index[0], index[1], index[3], index[4] = n, k, p, q
                    box = box_of(index, sizes_of, extents)
                    row = table[tile]
                    row[MOVED], row[HELD] = output_tile(box, sizes_of[1], layer, chip, sizes)
                    row[RESERVED], row[PARTIAL] = reserved_outputs(box, layer, chip, sizes[12][1])
                    row[PARTIAL_MOVED] = row[PARTIAL] + burst_waste(0, row[PARTIAL], chip[BURST])
                    tile += 1
    return table


@kernel
def rows_in_use(prefix, used):
    """A table of activations with the rows that no window reads counted as empty: any tile is one box."""
    kept = np.zeros_like(prefix)
    for h in range(prefix.shape[1] - 1):
        if used[h + 1] > used[h]:
            kept[:, h + 1] = kept[:, h] + prefix[:, h + 1] - prefix[:, h]
        else:
            kept[:, h + 1] = kept[:, h]
    return kept


@kernel
def input_window(box, layer):
    """Input rows and columns that a tile's windows span: (h0, h1, w0, w1), empty of padding alone."""
    h0 = max(box[6] * layer[STRIDE_H] - layer[PAD_TOP], 0)
    h1 = (box[7] - 1) * layer[STRIDE_H] - layer[PAD_TOP] + (layer[KERNEL_H] - 1) * layer[DILATION_H] + 1
    w0 = max(box[8] * layer[STRIDE_W] - layer[PAD_LEFT], 0)
    w1 = (box[9] - 1) * layer[STRIDE_W] - layer[PAD_LEFT] + (layer[KERNEL_W] - 1) * layer[DILATION_W] + 1
    return h0, min(h1, layer[HEIGHT]), w0, min(w1, layer[WIDTH])


@kernel
def activation_bounds(sizes_of, counts, extents, layer, chip, sizes, in_dram, in_scratchpad):
    """Over all tiles of activations: (bytes in DRAM without burst waste, held bytes, most, fewest held).

    Parameters
    ----------
    in_dram, in_scratchpad : tables of `rows_in_use`
    """
    segment_of, used, kept = sizes[10:]
    if kept[0]:
        return np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    of_filters = counts[1] if layer[GROUPS] > 1 else np.int64(1)
    moved, held, most, fewest = np.int64(0), np.int64(0), np.int64(0), np.int64(1) << np.int64(62)
    index = np.zeros(5, np.int64)
    for _ in range(of_filters * counts[0] * counts[2] * counts[3] * counts[4]):
        box = box_of(index, sizes_of, extents)
        h0, h1, w0, w1 = input_window(box, layer)
        of_dram = of_scratchpad = np.int64(0)
        if h1 > h0 and w1 > w0:
            s0 = segment_of[box[2] // layer[GROUP_FILTERS] * layer[GROUP_CHANNELS] + box[4]]
            last = (box[3] - 1) // layer[GROUP_FILTERS] * layer[GROUP_CHANNELS] + box[5] - 1
            s1 = segment_of[last] + 1
            rows = (box[1] - box[0]) * (used[h1] - used[h0])
            of_dram = rows * chip[POINTER_BYTES_A]
            of_scratchpad = rows * chip[HELD_POINTER_BYTES_A]
            for n in range(box[0], box[1]):
                of_dram += area(in_dram, n, h0, h1, w0, w1, s0, s1)
                if not chip[SAME_A]:
                    of_scratchpad += area(in_scratchpad, n, h0, h1, w0, w1, s0, s1)
        if chip[SAME_A]:
            of_scratchpad = of_dram
        moved += of_dram
        held += of_scratchpad
        most = max(most, of_scratchpad)
        fewest = min(fewest, of_scratchpad)
        for loop in (4, 3, 2, 0, 1):  # the innermost loop turns first
            index[loop] += 1
            if index[loop] < counts[loop]:
                break
            index[loop] = 0
    return moved, held, most, fewest


@kernel
def output_bounds(sizes_of, counts, extents, layer, chip, totals, stay):
    """Over all tiles of outputs: fewest bytes (in DRAM, in the scratchpad).

    Parameters
    ----------
    totals : int64 [2], non-zero outputs; bytes in DRAM where those are run-length coded
    stay : whether outputs stay in the scratchpad
    """
    rows = extents[0] * extents[3] * counts[1] * counts[4]
    pixels = extents[0] * extents[3] * extents[4]
    moved = held = np.int64(0)
    for place in range(2):
        kind = chip[OUTPUT_KIND] if place == 0 else chip[HELD_OUTPUT_KIND]
        pointer = chip[POINTER_BYTES_O] if place == 0 else chip[HELD_POINTER_BYTES_O]
        if kind == TABLED:
            found = totals[1]
        else:
            kept = totals[0] if kind == BITMASK else pixels * extents[1]
            found = kept * chip[OUTPUT_BITS] // 8
            full = output_masks(min(sizes_of[1], extents[1]), layer, kind)
            edge = output_masks(extents[1] - (counts[1] - 1) * sizes_of[1], layer, kind)
            found += pixels * ((counts[1] - 1) * full + edge)
        found += 0 if stay else rows * pointer
        if place == 0:
            moved = found
        held = found
    if stay:
        return np.int64(0), held
    return moved, moved if chip[SAME_O] else held
