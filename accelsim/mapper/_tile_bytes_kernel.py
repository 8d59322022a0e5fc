"""Bytes of one tile of an operand, by prefix sums over the actual encoded sizes (mapper.encoded)."""

import numpy as np

from accelsim.jit import kernel

# Columns of the int64 layer vector.
(
    KERNEL_H,
    KERNEL_W,
    STRIDE_H,
    STRIDE_W,
    PAD_TOP,
    PAD_LEFT,
    DILATION_H,
    DILATION_W,
    HEIGHT,
    WIDTH,
    GROUPS,
    GROUP_FILTERS,
    GROUP_CHANNELS,
    CHUNK,
    CHANNELS,
) = range(15)
# Columns of the int64 chip vector: in DRAM, and HELD in the scratchpad; SAME if both are alike;
# bytes of the scratchpad and of its regions (0: one for all operands).
(
    BURST,
    POINTER_BYTES_W,
    POINTER_BYTES_A,
    POINTER_BYTES_O,
    HELD_POINTER_BYTES_W,
    HELD_POINTER_BYTES_A,
    HELD_POINTER_BYTES_O,
    SAME_W,
    SAME_A,
    SAME_O,
    OUTPUT_KIND,
    HELD_OUTPUT_KIND,
    OUTPUT_BITS,
    PARTIAL_BYTES,
    TABLE_BYTES,
    CAPACITY,
    REGION_W,
    REGION_A,
    REGION_O,
) = range(19)
# How outputs are stored; of TABLED ones the table has bytes, not non-zero outputs.
DENSE, BITMASK, TABLED = range(3)


@kernel
def area(prefix, n, h0, h1, w0, w1, s0, s1):
    """Sum of prefix [N, H+1, W+1, S+1] over a box of one n."""
    high = prefix[n, h1, w1, s1] - prefix[n, h0, w1, s1] - prefix[n, h1, w0, s1] + prefix[n, h0, w0, s1]
    low = prefix[n, h1, w1, s0] - prefix[n, h0, w1, s0] - prefix[n, h1, w0, s0] + prefix[n, h0, w0, s0]
    return high - low


@kernel
def burst_waste(start, run_bytes, burst):
    """Bytes that the bursts of a run move beside it: behind its end, and before an unaligned start."""
    if run_bytes == 0:
        return np.int64(0)
    return start % burst + -(start + run_bytes) % burst


@kernel
def pointer_waste(first, count, images, images_apart, pointer_bytes, burst):
    """Burst waste of the runs of pointers, one per n: `count` of them, of which `first` stand before."""
    waste = np.int64(0)
    for n in range(images):
        start = (n * images_apart + first) * pointer_bytes
        waste += burst_waste(start, count * pointer_bytes, burst)
    return waste


@kernel
def weight_bytes(box, layer, burst, pointer_bytes, sizes, metadata):
    """(bytes, metadata bytes, burst waste): one packed run, and one run of pointers."""
    segments = sizes.shape[1] - 1
    s0 = box[4] // layer[CHUNK]
    s1 = segments if box[5] == layer[GROUP_CHANNELS] else box[5] // layer[CHUNK]
    k0, k1 = box[2], box[3]
    data = sizes[k1, s1] - sizes[k0, s1] - sizes[k1, s0] + sizes[k0, s0]
    mask = metadata[k1, s1] - metadata[k0, s1] - metadata[k1, s0] + metadata[k0, s0]
    pointers = (k1 - k0) * pointer_bytes
    waste = burst_waste(0, data, burst) + burst_waste(0, pointers, burst)
    return data + pointers, mask + pointers, waste


@kernel
def activation_span(box, layer, segment_of):
    """(h0, h1, w0, w1, s0, s1): input rows, columns and segments of a tile; h1 <= h0 or w1 <= w0: none."""
    h0 = max(box[6] * layer[STRIDE_H] - layer[PAD_TOP], 0)
    h1 = (box[7] - 1) * layer[STRIDE_H] - layer[PAD_TOP] + (layer[KERNEL_H] - 1) * layer[DILATION_H] + 1
    w0 = max(box[8] * layer[STRIDE_W] - layer[PAD_LEFT], 0)
    w1 = (box[9] - 1) * layer[STRIDE_W] - layer[PAD_LEFT] + (layer[KERNEL_W] - 1) * layer[DILATION_W] + 1
    h1 = min(h1, layer[HEIGHT])
    w1 = min(w1, layer[WIDTH])
    group0 = box[2] // layer[GROUP_FILTERS]
    group1 = (box[3] - 1) // layer[GROUP_FILTERS]
    s0 = segment_of[group0 * layer[GROUP_CHANNELS] + box[4]]
    s1 = segment_of[group1 * layer[GROUP_CHANNELS] + box[5] - 1] + 1
    return h0, h1, w0, w1, s0, s1


@kernel
def activation_start(sizes, n, h, w0, s0, s1):
    """Bytes of an image before a tile's part of a row: rows, then blocks of channels, then columns."""
    width, segments = sizes.shape[2] - 1, sizes.shape[3] - 1
    start = sizes[n, h, width, segments]
    if s0 > 0:
        start += sizes[n, h + 1, width, s0] - sizes[n, h, width, s0]
    if w0 > 0:
        start += area(sizes, n, h, h + 1, 0, w0, s0, s1)
    return start


@kernel
def activation_bytes(box, layer, burst, pointer_bytes, sizes, metadata, segment_of, used):
    """(bytes, metadata bytes, burst waste): one run per input row, rows joined where they touch."""
    h0, h1, w0, w1, s0, s1 = activation_span(box, layer, segment_of)
    if h1 <= h0 or w1 <= w0:  # a tile of padding alone
        return np.int64(0), np.int64(0), np.int64(0)
    rows = used[h1] - used[h0]
    whole = rows == h1 - h0 and w0 == 0 and w1 == layer[WIDTH] and s1 - s0 == sizes.shape[3] - 1
    data = np.int64(0)
    mask = np.int64(0)
    waste = np.int64(0)
    for n in range(box[0], box[1]):
        if whole:
            run = area(sizes, n, h0, h1, w0, w1, s0, s1)
            data += run
            mask += area(metadata, n, h0, h1, w0, w1, s0, s1)
            waste += burst_waste(activation_start(sizes, n, h0, w0, s0, s1), run, burst)
        else:
            for h in range(h0, h1):
                if used[h + 1] > used[h]:
                    run = area(sizes, n, h, h + 1, w0, w1, s0, s1)
                    data += run
                    mask += area(metadata, n, h, h + 1, w0, w1, s0, s1)
                    if burst > 1:
                        waste += burst_waste(activation_start(sizes, n, h, w0, s0, s1), run, burst)
    pointers = (box[1] - box[0]) * rows * pointer_bytes
    if burst > 1:
        waste += pointer_waste(
            box[0] * used[-1] + used[h0], rows, box[1] - box[0], used[-1], pointer_bytes, burst
        )
    return data + pointers, mask + pointers, waste


@kernel
def output_masks(filters, layer, kind):
    """Mask bytes of one output pixel of a tile of `filters`, cut in chunks."""
    if kind != BITMASK:
        return np.int64(0)
    tail = filters % layer[CHUNK]
    return (filters - tail) // 8 + (tail + 7) // 8


@kernel
def output_row_bytes(table, n, p, q0, q1, b0, b1, filters, masks, bits, kind):
    """Bytes of one output row's columns, of `filters` with `masks` mask bytes a pixel."""
    if kind == TABLED:
        return area(table, n, p, p + 1, q0, q1, b0, b1)
    kept = filters * (q1 - q0)
    if kind != DENSE:
        kept = area(table, n, p, p + 1, q0, q1, b0, b1)
    return (kept * bits + 7) // 8 + masks * (q1 - q0)


@kernel
def output_row_start(box, layer, bits, kind, table, block, tile_filters, n, p):
    """Bytes of an image before a tile's part of an output row: rows, then tiles of filters, then columns."""
    width, blocks = table.shape[2] - 1, table.shape[3] - 1
    filters = layer[GROUPS] * layer[GROUP_FILTERS]
    b0, b1 = box[2] // block, (box[3] + block - 1) // block
    whole_tiles = filters // tile_filters
    masks = output_masks(tile_filters, layer, kind)
    all_masks = whole_tiles * masks + output_masks(filters - whole_tiles * tile_filters, layer, kind)
    if kind == TABLED:
        start = table[n, p, width, blocks]
    else:
        kept = p * width * filters if kind == DENSE else table[n, p, width, blocks]
        start = (kept * bits + 7) // 8 + p * width * all_masks
    start += output_row_bytes(
        table, n, p, 0, width, 0, b0, box[2], box[2] // tile_filters * masks, bits, kind
    )
    own = output_masks(box[3] - box[2], layer, kind)
    start += output_row_bytes(table, n, p, 0, box[8], b0, b1, box[3] - box[2], own, bits, kind)
    return start


@kernel
def output_bytes(box, layer, bits, kind, burst, pointer_bytes, table, metadata, block, tile_filters):
    """(bytes, metadata bytes, burst waste) of the encoded outputs of a tile: one run per output row."""
    filters = box[3] - box[2]
    columns = box[9] - box[8]
    b0 = box[2] // block
    b1 = (box[3] + block - 1) // block
    masks = output_masks(filters, layer, kind)
    whole = columns == table.shape[2] - 1 and b0 == 0 and b1 == table.shape[3] - 1
    data = np.int64(0)
    told = np.int64(0)
    waste = np.int64(0)
    for n in range(box[0], box[1]):
        joined = np.int64(0)
        for p in range(box[6], box[7]):
            run = output_row_bytes(table, n, p, box[8], box[9], b0, b1, filters, masks, bits, kind)
            if kind == TABLED:
                told += area(metadata, n, p, p + 1, box[8], box[9], b0, b1)
            else:
                told += masks * columns
            data += run
            joined += run
            if not whole and burst > 1:
                start = output_row_start(box, layer, bits, kind, table, block, tile_filters, n, p)
                waste += burst_waste(start, run, burst)
        if whole and burst > 1:
            start = output_row_start(box, layer, bits, kind, table, block, tile_filters, n, box[6])
            waste += burst_waste(start, joined, burst)
    images, rows, apart = box[1] - box[0], box[7] - box[6], table.shape[1] - 1
    pointers = images * rows * pointer_bytes
    if burst > 1:
        waste += pointer_waste(box[0] * apart + box[6], rows, images, apart, pointer_bytes, burst)
    return data + pointers, told + pointers, waste
