"""Exact bytes of every tile of a plan: fetches, drains, burst waste, reservations.

Which tile opens and closes an operand is decided by the order of the tile loops; how many bytes it has,
by `_tile_bytes_kernel`.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper._tile_bytes_kernel import (
    BURST,
    CAPACITY,
    HELD_OUTPUT_KIND,
    HELD_POINTER_BYTES_A,
    HELD_POINTER_BYTES_O,
    HELD_POINTER_BYTES_W,
    OUTPUT_BITS,
    OUTPUT_KIND,
    PARTIAL_BYTES,
    POINTER_BYTES_A,
    POINTER_BYTES_O,
    POINTER_BYTES_W,
    REGION_A,
    REGION_O,
    REGION_W,
    SAME_A,
    SAME_O,
    SAME_W,
    TABLE_BYTES,
    activation_bytes,
    burst_waste,
    output_bytes,
    output_masks,
    weight_bytes,
)


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
def plan_traffic(boxes, uses, extents, resident, layer, chip, sizes):
    """Bytes of every tile.

    Parameters
    ----------
    boxes : int64 [tiles, 10]
    uses : uint8 [3, 5], loops n k c p q that change weights, activations, outputs
    extents : int64 [5]
    resident : uint8 [3]
    sizes : as `traffic.size_arrays`

    Returns
    -------
    (traffic, live) : int64 [tiles, 18], columns TRAFFIC; int64 [tiles], bytes needed when all before are done
    """
    tiles = boxes.shape[0]
    table = np.zeros((tiles, 18), np.int64)
    live = np.zeros(tiles, np.int64)
    opens = np.zeros((3, tiles), np.uint8)
    closes = np.zeros((3, tiles), np.uint8)
    for operand in range(3):
        reuse(boxes, uses[operand], extents, resident[operand], opens[operand], closes[operand])
    if sizes[12][0]:  # activations that are in the scratchpad already are neither fetched nor freed
        opens[1, :] = 0
        closes[1, :] = 0
    held = np.zeros(3, np.int64)
    for t in range(tiles):
        row = table[t]
        w, w_held, a, a_held = operand_bytes(
            boxes[t], opens[0, t] or closes[0, t], opens[1, t] or closes[1, t], layer, chip, sizes
        )
        if opens[0, t]:
            row[0] = w[0]
            row[3] += w[1]
            row[4] += w[2]
            row[15] = w_held
        if opens[1, t]:
            row[1] = a[0]
            row[3] += a[1]
            row[4] += a[2]
            row[16] = a_held
        if t == 0 and chip[TABLE_BYTES]:  # of the decoder, which keeps it
            row[0] += chip[TABLE_BYTES]
            row[3] += chip[TABLE_BYTES]
            row[4] += burst_waste(0, chip[TABLE_BYTES], chip[BURST])
        row[9] = row[15] + row[16]
        row[17] = w_held if closes[0, t] else 0
        row[10] = row[17] + (a_held if closes[1, t] else 0)
        tile_filters = boxes[0, 3] - boxes[0, 2]
        output_traffic(boxes[t], row, opens[2, t], closes[2, t], extents, tile_filters, layer, chip, sizes)
        held[0] += row[15]
        held[1] += row[16]
        held[2] += row[9] - row[15] - row[16]
        live[t] = needed(held, chip)
        held[0] -= row[17]
        held[1] -= row[10] - row[17]
        held[2] -= row[11]
    return table, live


@kernel
def needed(held, chip):
    """Bytes needed of the scratchpad; with regions, its capacity and what the fullest of them lacks."""
    if chip[REGION_W] == 0:
        return held.sum()
    lacks = max(held[0] - chip[REGION_W], held[1] - chip[REGION_A], held[2] - chip[REGION_O])
    return chip[CAPACITY] + lacks


@kernel
def operand_bytes(box, of_weights, of_activations, layer, chip, sizes):
    """(bytes, metadata bytes, burst waste) in DRAM and bytes in the scratchpad: weights, then activations."""
    weights, weight_metadata, held_weights, activations, activation_metadata, held_activations = sizes[:6]
    segment_of, used = sizes[10:12]
    w = a = (np.int64(0), np.int64(0), np.int64(0))
    w_held = a_held = np.int64(0)
    if of_weights:
        w = weight_bytes(box, layer, chip[BURST], chip[POINTER_BYTES_W], weights, weight_metadata)
        w_held = w[0]
        if not chip[SAME_W]:
            held = weight_bytes(box, layer, 1, chip[HELD_POINTER_BYTES_W], held_weights, held_weights)
            w_held = held[0]
    if of_activations:
        a = activation_bytes(
            box, layer, chip[BURST], chip[POINTER_BYTES_A], activations, activation_metadata, segment_of, used
        )
        a_held = a[0]
        if not chip[SAME_A]:
            held = activation_bytes(
                box,
                layer,
                1,
                chip[HELD_POINTER_BYTES_A],
                held_activations,
                held_activations,
                segment_of,
                used,
            )
            a_held = held[0]
    return w, w_held, a, a_held


@kernel
def output_traffic(box, row, opened, closed, extents, tile_filters, layer, chip, sizes):
    """Outputs and partial sums of one tile, into its row of tables.TRAFFIC."""
    held_outputs, outputs, output_metadata, block = sizes[6:10]
    pixels = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    count = pixels * (box[3] - box[2])
    first = box[4] == 0
    last = box[5] == extents[2]
    partial = count * chip[PARTIAL_BYTES]
    masks = output_masks(box[3] - box[2], layer, chip[HELD_OUTPUT_KIND])
    worst = (count * chip[OUTPUT_BITS] + 7) // 8 + pixels * masks
    worst += (box[1] - box[0]) * (box[7] - box[6]) * chip[HELD_POINTER_BYTES_O]
    reserve = worst if first and last else max(worst, partial)
    stay = sizes[12][1]
    if stay:  # in the kept tensor's own bytes, so that a tile needs none for them
        reserve = np.int64(0) if first and last else partial
    if opened:
        row[9] += reserve
        if not first:  # the partial sums were spilled
            row[2] = partial
            row[4] += burst_waste(0, partial, chip[BURST])
    if closed:
        row[11] = reserve
    if not first:
        row[12] = partial
    if not last:
        row[13] = partial
        if closed:
            row[6] = partial
            row[8] += burst_waste(0, partial, chip[BURST])
    elif stay:
        held = output_bytes(
            box, layer, chip[OUTPUT_BITS], chip[HELD_OUTPUT_KIND], 1, 0,
            held_outputs, held_outputs, block, tile_filters,
        )  # fmt: skip
        row[14] = held[0]
    else:
        encoded, metadata, waste = output_bytes(
            box, layer, chip[OUTPUT_BITS], chip[OUTPUT_KIND], chip[BURST], chip[POINTER_BYTES_O],
            outputs, output_metadata, block, tile_filters,
        )  # fmt: skip
        row[5] = encoded
        row[7] = metadata
        row[8] += waste
        row[14] = encoded
        if not chip[SAME_O]:
            held = output_bytes(
                box, layer, chip[OUTPUT_BITS], chip[HELD_OUTPUT_KIND], 1, chip[HELD_POINTER_BYTES_O],
                held_outputs, held_outputs, block, tile_filters,
            )  # fmt: skip
            row[14] = held[0]
