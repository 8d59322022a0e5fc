"""The tile kernel of `inner_join`: one stream of steps per broadcast domain, all counters.

::

    for domain                                   # array: 1; column, row: one per PE column or row
      for filter block, position block           # one output set
        for tap, chunk                           # one step
          gather masks, match, lanes -> work     # kernels.matching
          send, start, end                       # kernels.queues
        drain the set's accumulators

Written from docs/dataflows/inner_join.md; its twin is accelsim/reference/inner_join.py.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.kernels import queues
from accelsim.kernels.matching import (
    COMPUTE,
    SKIP,
    fill_slots,
    fixed_lanes,
    match,
    pooled_updates,
    pooled_work,
)
from accelsim.kernels.queues import STATE_SIZE, drain, run_step, send
from accelsim.kernels.windows import GROUPS, KERNEL_H, KERNEL_W, fill_pixels

# Columns of the int64 vector of array parameters.
(
    ROWS,
    COLUMNS,
    LANES,
    CHUNK,
    DEPTH,
    LATENCY,
    PIPELINE,
    FEED,
    DRAIN_RATE,
    POLICY_W,
    POLICY_A,
    FIXED,
    SET_SYNC,
    DOMAIN,
    BITS_W,
    BITS_A,
    BITMASK_W,
    BITMASK_A,
    WORD_BYTES,
) = range(19)

# Columns of the int64 sums of one tile, from which all counters follow.
(
    STEPS,
    OUTPUTS,
    ALL,
    NONZERO_W,
    NONZERO_A,
    MATCHED,
    PADDING_DONE,
    UPDATES,
    BYTES_W,
    BYTES_A,
    READS_W,
    READS_A,
    QUEUE_W,
    QUEUE_A,
    WORK,
    EMPTY,
    LANE_IDLE,
    QUEUE_WAIT,
    SEND_WAIT,
    FILL,
    UNMAPPED,
    IMBALANCE,
    DRAIN_WAIT,
    CYCLES,
) = range(24)
SUMS = 24


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
def load_rows(rows, first_filter, step, receivers, elements, p, masks, counts, row_masks, row_counts, sums):
    """Gather the weight chunks of one step; returns (scratchpad bytes, non-zero weights)."""
    total = np.int64(0)
    nonzero = np.int64(0)
    for i in range(rows):
        k = first_filter + i
        for word in range(masks.shape[2]):
            row_masks[word, i] = masks[k, step, word]
        row_counts[i] = counts[k, step]
        nonzero += row_counts[i]
        stored, queued = chunk_bytes(elements, row_counts[i], p[BITS_W], p[BITMASK_W], p[POLICY_W])
        total += stored
        sums[READS_W] += (stored + p[WORD_BYTES] - 1) // p[WORD_BYTES]
        sums[QUEUE_W] += queued * receivers
    sums[BYTES_W] += total
    return total, nonzero


@kernel
def load_columns(
    columns,
    pixels,
    tap,
    group,
    groups,
    chunk,
    receivers,
    elements,
    p,
    masks,
    counts,
    column_masks,
    column_counts,
    sums,
):
    """Gather the activation chunks of one step; returns (scratchpad bytes, non-zero ones, padding taps)."""
    total = np.int64(0)
    nonzero = np.int64(0)
    padding = np.int64(0)
    for j in range(columns):
        pixel = pixels[tap, j]
        if pixel < 0:
            padding += 1
            column_counts[j] = 0
            for word in range(masks.shape[2]):
                column_masks[word, j] = np.uint64(0)
        else:
            row = pixel * groups + group
            for word in range(masks.shape[2]):
                column_masks[word, j] = masks[row, chunk, word]
            column_counts[j] = counts[row, chunk]
            nonzero += column_counts[j]
            stored, queued = chunk_bytes(elements, column_counts[j], p[BITS_A], p[BITMASK_A], p[POLICY_A])
            total += stored
            sums[READS_A] += (stored + p[WORD_BYTES] - 1) // p[WORD_BYTES]
            sums[QUEUE_A] += queued * receivers
    sums[BYTES_A] += total
    return total, nonzero, padding


@kernel
def lane_work(
    rows,
    columns,
    elements,
    p,
    row_masks,
    column_masks,
    row_counts,
    column_counts,
    matched,
    slots,
    work,
    lane_slots,
    active,
    sums,
):
    """Work of every consumer of one step, and the idle and empty lane-cycles inside it."""
    lanes = p[LANES]
    skips_w = p[POLICY_W] == SKIP
    skips_a = p[POLICY_A] == SKIP
    gates = p[POLICY_W] == 1 or p[POLICY_A] == 1
    fill_slots(rows, columns, elements, skips_w, skips_a, row_counts, column_counts, matched, slots)
    if not p[FIXED]:
        cycles, empty = pooled_work(rows, columns, lanes, slots, work)
        sums[WORK] += cycles
        sums[EMPTY] += empty * lanes
        if not gates:
            sums[UPDATES] += cycles
        elif lanes > 1:
            for i in range(rows):
                for j in range(columns):
                    sums[UPDATES] += pooled_updates(
                        i, j, lanes, elements, row_masks, column_masks, p[POLICY_W], p[POLICY_A]
                    )
        return
    for i in range(rows):
        for j in range(columns):
            updates = fixed_lanes(
                i, j, lanes, elements, row_masks, column_masks, p[POLICY_W], p[POLICY_A], lane_slots, active
            )
            if p[SET_SYNC]:
                for lane in range(lanes):
                    work[i, j * lanes + lane] = max(lane_slots[lane], 1)
                    sums[EMPTY] += np.int64(lane_slots[lane] == 0)
            else:
                most = lane_slots.max()
                work[i, j] = max(most, 1)
                sums[WORK] += most
                sums[EMPTY] += lanes * np.int64(most == 0)
                sums[UPDATES] += updates


@kernel
def enter_set(rows, columns, per_pe, index, floor, end, last_set, sums):
    """Waits before a set's first step that are no queue waits: fill before the first set, unmapped sets."""
    for i in range(rows):
        for j in range(columns):
            if last_set[i, j] == index - 1 and index > 0:
                continue
            for lane in range(j * per_pe, (j + 1) * per_pe):
                gap = max(floor - end[i, lane], 0)
                if index == 0:
                    sums[FILL] += gap
                else:
                    sums[UNMAPPED] += gap
                end[i, lane] += gap


@kernel
def leave_set(rows, columns, per_pe, index, end, last_set, sums):
    """Join the lanes of each PE at the end of a set; returns the set's last end."""
    latest = np.int64(0)
    for i in range(rows):
        for j in range(columns):
            last_set[i, j] = index
            common = np.int64(0)
            for lane in range(j * per_pe, (j + 1) * per_pe):
                common = max(common, end[i, lane])
            for lane in range(j * per_pe, (j + 1) * per_pe):
                sums[LANE_IDLE] += common - end[i, lane]
                end[i, lane] = common
            latest = max(latest, common)
    return latest


@kernel
def run_set(
    index,
    k0,
    used_rows,
    columns,
    group,
    c_first,
    c_stop,
    taps,
    p,
    groups,
    w_masks,
    w_counts,
    a_masks,
    a_counts,
    pixels,
    buffers,
    state,
    started,
    end,
    last_set,
    sums,
):
    """All steps of one output set on the mapped PEs of one domain, and the drain of its accumulators."""
    row_masks, column_masks, row_counts, column_counts, matched, slots, work, lane_slots, active = buffers
    chunk = p[CHUNK]
    per_pe = p[LANES] if p[SET_SYNC] else 1
    first_chunk = c_first // chunk
    chunks = (c_stop - c_first + chunk - 1) // chunk
    stored_chunks = a_masks.shape[1]
    pairs = used_rows * columns
    for tap in range(taps):
        for offset in range(chunks):
            c = first_chunk + offset
            elements = min(chunk, c_stop - c * chunk)
            bytes_w, nonzero_w = load_rows(
                used_rows, k0, tap * stored_chunks + c, columns, elements, p, w_masks, w_counts, row_masks,
                row_counts, sums,
            )  # fmt: skip
            bytes_a, nonzero_a, padding = load_columns(
                columns, pixels, tap, group, groups, c, used_rows, elements, p, a_masks, a_counts,
                column_masks, column_counts, sums,
            )  # fmt: skip
            sums[STEPS] += 1
            sums[ALL] += elements * pairs
            sums[NONZERO_W] += nonzero_w * columns
            sums[NONZERO_A] += nonzero_a * used_rows
            if p[POLICY_A] == COMPUTE:
                sums[PADDING_DONE] += padding * (
                    elements * used_rows if p[POLICY_W] == COMPUTE else nonzero_w
                )
            sums[MATCHED] += match(used_rows, columns, row_masks, column_masks, matched)
            lane_work(
                used_rows, columns, elements, p, row_masks, column_masks, row_counts, column_counts, matched,
                slots, work, lane_slots, active, sums,
            )  # fmt: skip
            first = tap == 0 and offset == 0
            send(state, started, max(1, (bytes_w + bytes_a + p[FEED] - 1) // p[FEED]), first)
            if first:
                enter_set(
                    used_rows, columns, per_pe, index, state[queues.SENT] + p[LATENCY], end, last_set, sums
                )
            run_step(state, started, end, work, used_rows, columns * per_pe, p[LATENCY])
    sums[OUTPUTS] += pairs
    last = leave_set(used_rows, columns, per_pe, index, end, last_set, sums)
    drain(state, last, (pairs + p[DRAIN_RATE] - 1) // p[DRAIN_RATE])


@kernel
def run_domain(
    row0,
    rows,
    column0,
    columns,
    box,
    geometry,
    group_filters,
    p,
    w_masks,
    w_counts,
    a_masks,
    a_counts,
    end,
    last_set,
    sums,
):
    """The stream of one broadcast domain: PEs [row0, row0 + rows) x [column0, column0 + columns).

    Returns
    -------
    (sets, drained) : sets of the tile (also those this domain has no PE in), last drain's end
    """
    lanes = p[LANES]
    words = a_masks.shape[2]
    per_pe = lanes if p[SET_SYNC] else 1
    taps = geometry[KERNEL_H] * geometry[KERNEL_W]
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    state = np.zeros(STATE_SIZE, np.int64)
    started = np.zeros(p[DEPTH], np.int64)
    pixels = np.empty((taps, columns), np.int64)
    buffers = (
        np.empty((words, rows), np.uint64),
        np.empty((words, columns), np.uint64),
        np.empty(rows, np.int64),
        np.empty(columns, np.int64),
        np.empty((rows, columns), np.int64),
        np.empty((rows, columns), np.int64),
        np.empty((rows, columns * per_pe), np.int64),
        np.empty(lanes, np.int64),
        np.zeros(p[CHUNK] + 1, np.uint8),
    )
    index = np.int64(0)
    k = box[2]
    while k < box[3]:
        group = k // group_filters
        block_rows = min(p[ROWS], box[3] - k, (group + 1) * group_filters - k)
        used_rows = min(rows, block_rows - row0)
        for first_position in range(0, positions, p[COLUMNS]):
            block_columns = min(p[COLUMNS], positions - first_position)
            used_columns = min(columns, block_columns - column0)
            if used_rows > 0 and used_columns > 0:
                fill_pixels(geometry, box, first_position + column0, used_columns, pixels)
                run_set(
                    index, k + row0, used_rows, used_columns, group, box[4], box[5], taps, p,
                    geometry[GROUPS], w_masks, w_counts, a_masks, a_counts, pixels, buffers, state, started,
                    end, last_set, sums,
                )  # fmt: skip
            index += 1
        k += block_rows
    scale = 1 if p[SET_SYNC] else lanes
    sums[SEND_WAIT] += state[queues.SEND_WAIT] * scale
    sums[QUEUE_WAIT] += state[queues.QUEUE_WAIT] * scale
    return index, state[queues.DRAIN_LAST]


@kernel
def count_tile(box, geometry, group_filters, p, w_masks, w_counts, a_masks, a_counts):
    """All sums of one tile.

    Parameters
    ----------
    box : int64 [10], tables.BOX; c0 a multiple of the chunk
    geometry : int64 [11], kernels.windows
    p : int64 [19], the constants of this module
    w_masks, w_counts : uint64 [K, taps * chunks, words], int64 [K, taps * chunks]
    a_masks, a_counts : uint64 [N*H*W*groups, chunks, words], int64 [N*H*W*groups, chunks]

    Returns
    -------
    int64 [SUMS]
    """
    sums = np.zeros(SUMS, np.int64)
    per_pe = p[LANES] if p[SET_SYNC] else 1
    rows = 1 if p[DOMAIN] == 2 else p[ROWS]
    columns = 1 if p[DOMAIN] == 1 else p[COLUMNS]
    domains = (p[ROWS] // rows) * (p[COLUMNS] // columns)
    ends = np.zeros((domains, rows, columns * per_pe), np.int64)
    last_sets = np.full((domains, rows, columns), -1, np.int64)
    sets = np.int64(0)
    drained = np.int64(0)
    for domain in range(domains):
        sets, domain_drained = run_domain(
            domain if p[DOMAIN] == 2 else 0, rows, domain if p[DOMAIN] == 1 else 0, columns, box, geometry,
            group_filters, p, w_masks, w_counts, a_masks, a_counts, ends[domain], last_sets[domain], sums,
        )  # fmt: skip
        drained = max(drained, domain_drained)
    scale = 1 if p[SET_SYNC] else p[LANES]
    last = ends.max()
    for domain in range(domains):
        for i in range(rows):
            for lane in range(columns * per_pe):
                waited = last - ends[domain, i, lane]
                if last_sets[domain, i, lane // per_pe] == sets - 1:
                    sums[IMBALANCE] += waited
                else:
                    sums[UNMAPPED] += waited
    sums[IMBALANCE] *= scale
    sums[UNMAPPED] *= scale
    all_lanes = p[ROWS] * p[COLUMNS] * p[LANES]
    stop = max(last, drained)
    sums[FILL] = sums[FILL] * scale + p[PIPELINE] * all_lanes
    sums[DRAIN_WAIT] = (stop - last) * all_lanes
    sums[CYCLES] = stop + p[PIPELINE]
    return sums
