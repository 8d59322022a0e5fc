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
# Columns of the int64 chip vector: in DRAM, and HELD in the scratchpad; SAME if both are alike.
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
) = range(15)
# How outputs are stored; of TABLED ones the table has bytes, not non-zero outputs.
DENSE, BITMASK, TABLED = range(3)


@kernel
def area(prefix, n, h0, h1, w0, w1, s0, s1):
    """Sum of prefix [N, H+1, W+1, S+1] over a box of one n."""
    high = prefix[n, h1, w1, s1] - prefix[n, h0, w1, s1] - prefix[n, h1, w0, s1] + prefix[n, h0, w0, s1]
    low = prefix[n, h1, w1, s0] - prefix[n, h0, w1, s0] - prefix[n, h1, w0, s0] + prefix[n, h0, w0, s0]
    return high - low


@kernel
def burst_waste(run_bytes, burst):
    """Bytes added to round a contiguous run up to whole bursts."""
    return -run_bytes % burst


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
    waste = burst_waste(data, burst) + burst_waste(pointers, burst)
    return data + pointers, mask + pointers, waste


@kernel
def activation_bytes(box, layer, burst, pointer_bytes, sizes, metadata, segment_of, used):
    """(bytes, metadata bytes, burst waste): one run per input row, rows joined where they touch."""
    h0 = max(box[6] * layer[STRIDE_H] - layer[PAD_TOP], 0)
    h1 = (box[7] - 1) * layer[STRIDE_H] - layer[PAD_TOP] + (layer[KERNEL_H] - 1) * layer[DILATION_H] + 1
    w0 = max(box[8] * layer[STRIDE_W] - layer[PAD_LEFT], 0)
    w1 = (box[9] - 1) * layer[STRIDE_W] - layer[PAD_LEFT] + (layer[KERNEL_W] - 1) * layer[DILATION_W] + 1
    h1 = min(h1, layer[HEIGHT])
    w1 = min(w1, layer[WIDTH])
    if h1 <= h0 or w1 <= w0:  # a tile of padding alone
        return np.int64(0), np.int64(0), np.int64(0)
    group0 = box[2] // layer[GROUP_FILTERS]
    group1 = (box[3] - 1) // layer[GROUP_FILTERS]
    s0 = segment_of[group0 * layer[GROUP_CHANNELS] + box[4]]
    s1 = segment_of[group1 * layer[GROUP_CHANNELS] + box[5] - 1] + 1
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
            waste += burst_waste(run, burst)
        else:
            for h in range(h0, h1):
                if used[h + 1] > used[h]:
                    run = area(sizes, n, h, h + 1, w0, w1, s0, s1)
                    data += run
                    mask += area(metadata, n, h, h + 1, w0, w1, s0, s1)
                    waste += burst_waste(run, burst)
    pointers = (box[1] - box[0]) * rows * pointer_bytes
    return data + pointers, mask + pointers, waste + burst_waste(pointers, burst)


@kernel
def output_masks(filters, layer, kind):
    """Mask bytes of one output pixel of a tile of `filters`, cut in chunks."""
    if kind != BITMASK:
        return np.int64(0)
    tail = filters % layer[CHUNK]
    return (filters - tail) // 8 + (tail + 7) // 8


@kernel
def output_bytes(box, layer, bits, kind, burst, pointer_bytes, table, metadata, block, width):
    """(bytes, metadata bytes, burst waste) of the encoded outputs of a tile: one run per output row."""
    filters = box[3] - box[2]
    columns = box[9] - box[8]
    b0 = box[2] // block
    b1 = (box[3] + block - 1) // block
    mask = output_masks(filters, layer, kind) * columns
    whole = columns == width and b0 == 0 and b1 == table.shape[3] - 1
    data = np.int64(0)
    told = np.int64(0)
    waste = np.int64(0)
    for n in range(box[0], box[1]):
        joined = np.int64(0)
        for p in range(box[6], box[7]):
            kept = filters * columns
            if kind != DENSE:
                kept = area(table, n, p, p + 1, box[8], box[9], b0, b1)
            if kind == TABLED:
                run = kept
                told += area(metadata, n, p, p + 1, box[8], box[9], b0, b1)
            else:
                run = (kept * bits + 7) // 8 + mask
                told += mask
            data += run
            joined += run
            if not whole:
                waste += burst_waste(run, burst)
        if whole:
            waste += burst_waste(joined, burst)
    pointers = (box[1] - box[0]) * (box[7] - box[6]) * pointer_bytes
    waste += burst_waste(pointers, burst)
    return data + pointers, told + pointers, waste
