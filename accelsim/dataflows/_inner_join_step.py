"""One step of `inner_join`: the chunks it carries, what they cost, and the work it is to every PE.

::

    row i    <- weight chunk of filter i           # gathered once per filter block, for all its steps
    column j <- activation chunks of position j    # one per group; a padding tap: mask 0, no bytes
    match masks -> slots -> lanes -> work          # kernels.matching
"""

import numpy as np

from accelsim.dataflows import _inner_join_vectors as at
from accelsim.jit import kernel
from accelsim.kernels.matching import (
    COMPUTE,
    GATE,
    SKIP,
    fill_slots,
    fixed_lanes,
    pooled_updates,
    pooled_work,
)


@kernel
def chunk_bytes(elements, nonzero, bits, bitmask, policy):
    """(scratchpad, queue) bytes of one chunk; section 4 of the description."""
    mask = (elements + 7) // 8
    dense = (elements * bits + 7) // 8
    if bitmask:
        stored = mask + (nonzero * bits + 7) // 8
        return stored, dense if policy == COMPUTE else stored
    if policy == COMPUTE:
        return dense, dense
    return dense + mask, dense + mask


@kernel
def chunk_costs(tail, weights, p):
    """What a chunk costs by its non-zero elements, so that steps look up and do not divide.

    Parameters
    ----------
    tail : int, elements of the tile's last chunk
    weights : bool, chunks of weights (else of activations)
    p : int64 [21], parameters

    Returns
    -------
    int64 [2, chunk + 1, 3] : of whole chunks and of the tail; non-zero elements; STORED, READS, QUEUED
    """
    bits, bitmask, policy = p[at.BITS_A], p[at.BITMASK_A], p[at.POLICY_A]
    if weights:
        bits, bitmask, policy = p[at.BITS_W], p[at.BITMASK_W], p[at.POLICY_W]
    costs = np.zeros((2, p[at.CHUNK] + 1, 3), np.int64)
    for short in range(2):
        elements = tail if short else p[at.CHUNK]
        for nonzero in range(elements + 1):
            stored, queued = chunk_bytes(elements, nonzero, bits, bitmask, policy)
            costs[short, nonzero, at.STORED] = stored
            costs[short, nonzero, at.READS] = (stored + p[at.WORD_BYTES] - 1) // p[at.WORD_BYTES]
            costs[short, nonzero, at.QUEUED] = queued
    return costs


@kernel
def load_rows(rows, first_filter, step, costs, masks, counts, row_masks, row_counts, side):
    """Gather the weight chunks of one step into row_masks [words, rows] and row_counts, sums into `side`."""
    side[:] = 0
    for i in range(rows):
        k = first_filter + i
        for word in range(masks.shape[2]):
            row_masks[word, i] = masks[k, step, word]
        nonzero = counts[k, step]
        row_counts[i] = nonzero
        side[at.NONZERO] += nonzero
        side[at.STORED] += costs[nonzero, at.STORED]
        side[at.READS] += costs[nonzero, at.READS]
        side[at.QUEUED] += costs[nonzero, at.QUEUED]


@kernel
def load_columns(
    columns, pixels, group0, of_rows, groups, chunk, costs, masks, counts, column_masks, column_counts, side
):
    """Gather the activation chunks of one step, as `load_rows`: those of `of_rows` groups from `group0` on.

    Parameters
    ----------
    pixels : int64 [>= columns], -1 for padding
    groups : int, of the layer
    column_masks, column_counts : uint64 [words, >= of_rows, >= columns], int64 [>= of_rows, >= columns]
    """
    nonzeros = np.int64(0)
    padding = np.int64(0)
    stored = np.int64(0)
    reads = np.int64(0)
    queued = np.int64(0)
    for j in range(columns):
        padding += np.int64(pixels[j] < 0)
    for g in range(of_rows):
        for j in range(columns):
            pixel = pixels[j]
            if pixel < 0:
                column_counts[g, j] = 0
                for word in range(masks.shape[2]):
                    column_masks[word, g, j] = np.uint64(0)
            else:
                row = pixel * groups + group0 + g
                for word in range(masks.shape[2]):
                    column_masks[word, g, j] = masks[row, chunk, word]
                nonzero = counts[row, chunk]
                column_counts[g, j] = nonzero
                nonzeros += nonzero
                stored += costs[nonzero, at.STORED]
                reads += costs[nonzero, at.READS]
                queued += costs[nonzero, at.QUEUED]
    side[at.NONZERO] = nonzeros
    side[at.PADDING] = padding
    side[at.STORED] = stored
    side[at.READS] = reads
    side[at.QUEUED] = queued


@kernel
def lane_work(
    rows, columns, group_rows, elements, p, row_masks, column_masks, row_counts, column_counts, matched,
    slots, work, lane_slots, active, sums,
):  # fmt: skip
    """Work of every consumer of one step, and the idle and empty lane-cycles inside it."""
    lanes, policy_w, policy_a = p[at.LANES], p[at.POLICY_W], p[at.POLICY_A]
    if not p[at.FIXED]:
        skips_w = policy_w == SKIP
        skips_a = policy_a == SKIP
        if skips_w and skips_a:
            slots = matched
        else:
            fill_slots(
                rows, columns, group_rows, elements, skips_w, skips_a, row_counts, column_counts, slots
            )
        cycles, empty = pooled_work(rows, columns, lanes, slots, work)
        sums[at.WORK] += cycles
        sums[at.EMPTY] += empty * lanes
        if policy_w != GATE and policy_a != GATE:
            sums[at.UPDATES] += cycles
        elif lanes > 1:
            for i in range(rows):
                for j in range(columns):
                    sums[at.UPDATES] += pooled_updates(
                        i, i // group_rows, j, lanes, elements, row_masks, column_masks, policy_w, policy_a
                    )
        return
    for i in range(rows):
        for j in range(columns):
            updates = fixed_lanes(
                i, i // group_rows, j, lanes, elements, row_masks, column_masks, policy_w, policy_a,
                lane_slots, active,
            )  # fmt: skip
            if p[at.SET_SYNC]:
                for lane in range(lanes):
                    work[i, j * lanes + lane] = max(lane_slots[lane], 1)
                    sums[at.EMPTY] += np.int64(lane_slots[lane] == 0)
            else:
                most = lane_slots.max()
                work[i, j] = max(most, 1)
                sums[at.WORK] += most
                sums[at.EMPTY] += lanes * np.int64(most == 0)
                sums[at.UPDATES] += updates


@kernel
def load_block(rows, first_filter, channels, stored_chunks, p, costs, masks, counts, block):
    """Gather all weight chunks of a filter block into uint64 [taps x chunks, words, rows] and so on."""
    first_chunk, chunks, last_elements = channels
    for index in range(block[0].shape[0]):
        tap, chunk = index // chunks, index % chunks
        short = np.int64(chunk == chunks - 1 and last_elements < p[at.CHUNK])
        load_rows(
            rows, first_filter, tap * stored_chunks + first_chunk + chunk, costs[short], masks, counts,
            block[0][index], block[1][index], block[2][index],
        )  # fmt: skip


@kernel
def new_scratch(rows, columns, groups, words, p):
    """Masks, counts and sums of a part's columns; its matches and slots; lanes of one PE."""
    return (
        np.empty((words, groups, columns), np.uint64),
        np.empty((groups, columns), np.int64),
        np.empty(at.SIDE, np.int64),
        np.empty((rows, columns), np.int64),
        np.empty((rows, columns), np.int64),
        np.empty(p[at.LANES], np.int64),
        np.zeros(p[at.CHUNK] + 1, np.uint8),
    )


@kernel
def add_chunks(rows, columns, group_rows, elements, weights, activations, p, sums):
    """Count what one step carries to a part: sums of its two sides, times their receivers."""
    sums[at.ALL] += elements * rows * columns
    sums[at.NONZERO_W] += weights[at.NONZERO] * columns
    sums[at.NONZERO_A] += activations[at.NONZERO] * group_rows
    sums[at.BYTES_W] += weights[at.STORED]
    sums[at.BYTES_A] += activations[at.STORED]
    sums[at.READS_W] += weights[at.READS]
    sums[at.READS_A] += activations[at.READS]
    sums[at.QUEUE_W] += weights[at.QUEUED] * columns
    sums[at.QUEUE_A] += activations[at.QUEUED] * group_rows
    if p[at.POLICY_A] == COMPUTE:
        pairs = elements * rows if p[at.POLICY_W] == COMPUTE else weights[at.NONZERO]
        sums[at.PADDING_DONE] += activations[at.PADDING] * pairs
