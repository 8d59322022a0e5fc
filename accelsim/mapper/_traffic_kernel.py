"""Exact bytes of every tile of a plan: fetches, drains, burst waste, reservations.

Which tile opens and closes an operand is decided by the order of the tile loops; how many bytes it
has, by prefix sums over the actual encoded sizes (mapper.encoded).
"""

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
# Columns of the int64 chip vector.
BURST, POINTER_BYTES_W, POINTER_BYTES_A, POINTER_BYTES_O, OUTPUT_BITS, OUTPUT_BITMASK, PARTIAL_BYTES = range(
    7
)


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
def weight_bytes(box, layer, chip, sizes, masks, segments):
    """(bytes, metadata bytes, burst waste): one packed run, and one run of pointers."""
    s0 = box[4] // layer[CHUNK]
    s1 = segments if box[5] == layer[GROUP_CHANNELS] else box[5] // layer[CHUNK]
    k0, k1 = box[2], box[3]
    data = sizes[k1, s1] - sizes[k0, s1] - sizes[k1, s0] + sizes[k0, s0]
    mask = masks[k1, s1] - masks[k0, s1] - masks[k1, s0] + masks[k0, s0]
    pointers = (k1 - k0) * chip[POINTER_BYTES_W]
    waste = burst_waste(data, chip[BURST]) + burst_waste(pointers, chip[BURST])
    return data + pointers, mask + pointers, waste


@kernel
def activation_bytes(box, layer, chip, sizes, masks, segment_of, used):
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
            mask += area(masks, n, h0, h1, w0, w1, s0, s1)
            waste += burst_waste(run, chip[BURST])
        else:
            for h in range(h0, h1):
                if used[h + 1] > used[h]:
                    run = area(sizes, n, h, h + 1, w0, w1, s0, s1)
                    data += run
                    mask += area(masks, n, h, h + 1, w0, w1, s0, s1)
                    waste += burst_waste(run, chip[BURST])
    pointers = (box[1] - box[0]) * rows * chip[POINTER_BYTES_A]
    return data + pointers, mask + pointers, waste + burst_waste(pointers, chip[BURST])


@kernel
def output_masks(filters, layer, chip):
    """Mask bytes of one output pixel of a tile of `filters`, cut in chunks."""
    if not chip[OUTPUT_BITMASK]:
        return np.int64(0)
    tail = filters % layer[CHUNK]
    return (filters - tail) // 8 + (tail + 7) // 8


@kernel
def output_bytes(box, layer, chip, nonzero, block, width):
    """(bytes, metadata bytes, burst waste) of the encoded outputs of a tile: one run per output row."""
    filters = box[3] - box[2]
    columns = box[9] - box[8]
    b0 = box[2] // block
    b1 = (box[3] + block - 1) // block
    mask = output_masks(filters, layer, chip)
    whole = columns == width and b0 == 0 and b1 == nonzero.shape[3] - 1
    data = np.int64(0)
    waste = np.int64(0)
    rows = (box[1] - box[0]) * (box[7] - box[6])
    for n in range(box[0], box[1]):
        joined = np.int64(0)
        for p in range(box[6], box[7]):
            kept = filters * columns
            if chip[OUTPUT_BITMASK]:
                kept = area(nonzero, n, p, p + 1, box[8], box[9], b0, b1)
            run = (kept * chip[OUTPUT_BITS] + 7) // 8 + mask * columns
            data += run
            joined += run
            if not whole:
                waste += burst_waste(run, chip[BURST])
        if whole:
            waste += burst_waste(joined, chip[BURST])
    pointers = rows * chip[POINTER_BYTES_O]
    waste += burst_waste(pointers, chip[BURST])
    return data + pointers, mask * columns * rows + pointers, waste


@kernel
def same_tile(a, b, uses):
    """Whether two boxes have the same tile of an operand that uses the loops flagged (n, k, c, p, q)."""
    same = True
    for loop in range(5):
        same = same and (not uses[loop] or a[2 * loop] == b[2 * loop])
    return same


@kernel
def reuse(boxes, uses, extents, resident, opens, closes):
    """Where an operand's tile is opened and closed.

    Without `resident`: at the ends of each run of consecutive tiles that share it. With it: at the
    first and the last of all tiles that share it, where every other loop is at its start or end.
    """
    tiles = boxes.shape[0]
    for t in range(tiles):
        if resident:
            first = True
            last = True
            for loop in range(5):
                if not uses[loop]:
                    first = first and boxes[t, 2 * loop] == 0
                    last = last and boxes[t, 2 * loop + 1] == extents[loop]
            opens[t] = first
            closes[t] = last
        else:
            opens[t] = t == 0 or not same_tile(boxes[t], boxes[t - 1], uses)
            closes[t] = t == tiles - 1 or not same_tile(boxes[t], boxes[t + 1], uses)


@kernel
def plan_traffic(
    boxes,
    uses,
    extents,
    resident,
    layer,
    chip,
    weights,
    weight_masks,
    activations,
    activation_masks,
    outputs,
    block,
    segment_of,
    used,
):
    """Bytes of every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10]
    uses : uint8 [3, 5], loops n k c p q that change weights, activations, outputs
    extents : int64 [5]
    resident : uint8 [3]

    Returns
    -------
    (traffic, live) : int64 [tiles, 15], columns TRAFFIC; int64 [tiles], bytes needed when all before are done
    """
    tiles = boxes.shape[0]
    table = np.zeros((tiles, 15), np.int64)
    live = np.zeros(tiles, np.int64)
    opens = np.zeros((3, tiles), np.uint8)
    closes = np.zeros((3, tiles), np.uint8)
    for operand in range(3):
        reuse(boxes, uses[operand], extents, resident[operand], opens[operand], closes[operand])
    held = np.int64(0)
    for t in range(tiles):
        box = boxes[t]
        row = table[t]
        w = a = (np.int64(0), np.int64(0), np.int64(0))
        if opens[0, t] or closes[0, t]:
            w = weight_bytes(box, layer, chip, weights, weight_masks, weights.shape[1] - 1)
        if opens[1, t] or closes[1, t]:
            a = activation_bytes(box, layer, chip, activations, activation_masks, segment_of, used)
        if opens[0, t]:
            row[0] = w[0]
            row[3] += w[1]
            row[4] += w[2]
        if opens[1, t]:
            row[1] = a[0]
            row[3] += a[1]
            row[4] += a[2]
        row[9] = row[0] + row[1]
        row[10] = (w[0] if closes[0, t] else 0) + (a[0] if closes[1, t] else 0)
        output_traffic(box, row, opens[2, t], closes[2, t], extents, layer, chip, outputs, block)
        held += row[9]
        live[t] = held
        held -= row[10] + row[11]
    return table, live


@kernel
def output_traffic(box, row, opened, closed, extents, layer, chip, nonzero, block):
    """Outputs and partial sums of one tile, into its row of tables.TRAFFIC."""
    pixels = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    count = pixels * (box[3] - box[2])
    first = box[4] == 0
    last = box[5] == extents[2]
    partial = count * chip[PARTIAL_BYTES]
    worst = (count * chip[OUTPUT_BITS] + 7) // 8 + pixels * output_masks(box[3] - box[2], layer, chip)
    worst += (box[1] - box[0]) * (box[7] - box[6]) * chip[POINTER_BYTES_O]
    reserve = worst if first and last else max(worst, partial)
    if opened:
        row[9] += reserve
        if not first:  # the partial sums were spilled
            row[2] = partial
            row[4] += burst_waste(partial, chip[BURST])
    if closed:
        row[11] = reserve
    if not first:
        row[12] = partial
    if not last:
        row[13] = partial
        if closed:
            row[6] = partial
            row[8] += burst_waste(partial, chip[BURST])
    else:
        encoded, metadata, waste = output_bytes(box, layer, chip, nonzero, block, extents[4])
        row[5] = encoded
        row[7] = metadata
        row[8] += waste
        row[14] = encoded
