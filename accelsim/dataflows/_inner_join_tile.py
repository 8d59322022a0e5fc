"""The tile kernel of `inner_join`: one stream of steps per broadcast domain, all counters.

::

    for domain                                   # array: 1; column, row: one per PE column or row
      for filter block                           # gather the weight chunks of all its steps
        for position block                       # one output set
          for tap, chunk                         # one step
            gather masks, match, lanes -> work   # _inner_join_step
            send, start, end                     # kernels.queues
          drain the set's accumulators

The PEs of a domain that are mapped in a set are always its first rows and first columns, so the set
before is remembered as two numbers. Written from docs/dataflows/inner_join.md; its twin is
accelsim/reference/inner_join.py.
"""

import numpy as np

from accelsim.dataflows import _inner_join_vectors as at
from accelsim.dataflows._inner_join_step import chunk_costs, lane_work, load_columns, load_rows
from accelsim.jit import kernel
from accelsim.kernels import queues
from accelsim.kernels.matching import COMPUTE, match
from accelsim.kernels.queues import STATE_SIZE, drain, run_step, send
from accelsim.kernels.windows import GROUPS, KERNEL_H, KERNEL_W, fill_pixels


@kernel
def enter_set(rows, columns, per_pe, before_rows, before_columns, floor, end):
    """Pass the wait of PEs unmapped in the set before, until `floor`; returns its sum."""
    passed = np.int64(0)
    if rows <= before_rows and columns <= before_columns:
        return passed
    for i in range(rows):
        first = before_columns if i < before_rows else 0
        for lane in range(first * per_pe, columns * per_pe):
            gap = max(floor - end[i, lane], 0)
            passed += gap
            end[i, lane] += gap
    return passed


@kernel
def leave_set(rows, columns, per_pe, end):
    """Join the lanes of each PE at the end of a set; returns (its last end, lane-cycles idle until it)."""
    latest = np.int64(0)
    idle = np.int64(0)
    for i in range(rows):
        if per_pe == 1:
            for j in range(columns):
                latest = max(latest, end[i, j])
            continue
        for j in range(columns):
            common = np.int64(0)
            for lane in range(j * per_pe, (j + 1) * per_pe):
                common = max(common, end[i, lane])
            for lane in range(j * per_pe, (j + 1) * per_pe):
                idle += common - end[i, lane]
                end[i, lane] = common
            latest = max(latest, common)
    return latest, idle


@kernel
def add_step(rows, columns, group_rows, elements, weights, activations, p, sums):
    """Count what one step carries: sums of its two sides, times their receivers."""
    sums[at.STEPS] += 1
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


@kernel
def run_set(
    first_set, rows, columns, before, of_groups, groups, channels, p, costs, a_masks, a_counts, pixels, block,
    scratch, queue, sums,
):  # fmt: skip
    """All steps of one output set on the mapped PEs of one domain, and the drain of its accumulators.

    Parameters
    ----------
    before : (rows, columns) mapped in the set before
    of_groups : (first group of the rows, their number, rows of each)
    channels : (first chunk, chunks, elements of the last)
    costs : of activation chunks, as `chunk_costs`
    block : weight masks, counts and sums of each step, as `load_block`
    scratch : as `new_scratch`
    queue : (state, started, end), as kernels.queues
    """
    row_masks, row_counts, sides = block
    column_masks, column_counts, side, matched, slots, work, lane_slots, active = scratch
    state, started, end = queue
    first_chunk, chunks, last_elements = channels
    group0, of_rows, group_rows = of_groups
    per_pe = p[at.LANES] if p[at.SET_SYNC] else 1
    for step in range(row_masks.shape[0]):
        tap, chunk = step // chunks, step % chunks
        elements = last_elements if chunk == chunks - 1 else p[at.CHUNK]
        load_columns(
            columns, pixels[tap], group0, of_rows, groups, first_chunk + chunk,
            costs[np.int64(elements < p[at.CHUNK])], a_masks, a_counts, column_masks, column_counts, side,
        )  # fmt: skip
        add_step(rows, columns, group_rows, elements, sides[step], side, p, sums)
        sums[at.MATCHED] += match(rows, columns, group_rows, row_masks[step], column_masks, matched)
        lane_work(
            rows, columns, group_rows, elements, p, row_masks[step], column_masks, row_counts[step],
            column_counts, matched, slots, work, lane_slots, active, sums,
        )  # fmt: skip
        send_cycles = max(1, (sides[step, at.STORED] + side[at.STORED] + p[at.FEED] - 1) // p[at.FEED])
        send(state, started, send_cycles, step == 0)
        if step == 0:
            floor = state[queues.SENT] + p[at.LATENCY]
            cause = at.FILL if first_set else at.UNMAPPED
            sums[cause] += enter_set(rows, columns, per_pe, before[0], before[1], floor, end)
        run_step(state, started, end, work, rows, columns * per_pe, p[at.LATENCY])
    sums[at.OUTPUTS] += rows * columns
    last, idle = leave_set(rows, columns, per_pe, end)
    sums[at.LANE_IDLE] += idle
    drain(state, last, (rows * columns + p[at.DRAIN_RATE] - 1) // p[at.DRAIN_RATE])


@kernel
def filter_block(k, end, rows, group_filters):
    """Filters of the block that starts with filter k: whole groups if two fit, else of one group."""
    fitting = min(rows, end - k) // group_filters
    if k % group_filters == 0 and fitting > 1:
        return fitting * group_filters
    return min(rows, end - k, group_filters - k % group_filters)


@kernel
def load_block(rows, first_filter, channels, stored_chunks, p, costs, masks, counts, block):
    """Gather the weight chunks of all steps of a filter block into uint64 [steps, words, rows] and so on."""
    first_chunk, chunks, last_elements = channels
    for step in range(block[0].shape[0]):
        tap, chunk = step // chunks, step % chunks
        short = np.int64(chunk == chunks - 1 and last_elements < p[at.CHUNK])
        load_rows(
            rows, first_filter, tap * stored_chunks + first_chunk + chunk, costs[short], masks, counts,
            block[0][step], block[1][step], block[2][step],
        )  # fmt: skip


@kernel
def new_scratch(rows, columns, per_pe, groups, words, p):
    """Masks, counts and sums of a step's columns; its matches, slots and work; lanes of one PE."""
    return (
        np.empty((words, groups, columns), np.uint64),
        np.empty((groups, columns), np.int64),
        np.empty(at.SIDE, np.int64),
        np.empty((rows, columns), np.int64),
        np.empty((rows, columns), np.int64),
        np.empty((rows, columns * per_pe), np.int64),
        np.empty(p[at.LANES], np.int64),
        np.zeros(p[at.CHUNK] + 1, np.uint8),
    )


@kernel
def run_domain(
    row0, column0, box, geometry, group_filters, p, w_masks, w_counts, a_masks, a_counts, end, sums
):
    """The stream of one broadcast domain, whose first PE is [row0, column0] and whose PEs have `end`.

    Returns
    -------
    (drained, rows, columns) : last drain's end; PEs of this domain mapped in the tile's last set
    """
    per_pe = p[at.LANES] if p[at.SET_SYNC] else 1
    rows, columns = end.shape[0], end.shape[1] // per_pe
    words, stored_chunks = a_masks.shape[2], a_masks.shape[1]
    taps = geometry[KERNEL_H] * geometry[KERNEL_W]
    chunks = (box[5] - box[4] + p[at.CHUNK] - 1) // p[at.CHUNK]
    channels = (box[4] // p[at.CHUNK], chunks, box[5] - box[4] - (chunks - 1) * p[at.CHUNK])
    costs_w, costs_a = chunk_costs(channels[2], True, p), chunk_costs(channels[2], False, p)
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    state = np.zeros(STATE_SIZE, np.int64)
    pixels = np.empty((taps, columns), np.int64)
    steps = taps * chunks
    block = (
        np.empty((steps, words, rows), np.uint64),
        np.empty((steps, rows), np.int64),
        np.empty((steps, at.SIDE), np.int64),
    )
    scratch = new_scratch(rows, columns, per_pe, max(rows // group_filters, 1), words, p)
    queue = (state, np.zeros(p[at.DEPTH], np.int64), end)
    before = (np.int64(0), np.int64(0))
    k = box[2]
    while k < box[3]:
        block_rows = filter_block(k, box[3], p[at.ROWS], group_filters)
        used_rows = max(min(rows, block_rows - row0), 0)
        of_rows = max(used_rows // group_filters, 1)
        of_groups = ((k + row0) // group_filters, of_rows, used_rows // of_rows)
        load_block(used_rows, k + row0, channels, stored_chunks, p, costs_w, w_masks, w_counts, block)
        for first in range(0, positions, p[at.COLUMNS]):
            used_columns = max(min(columns, positions - first - column0), 0)
            if used_rows > 0 and used_columns > 0:
                fill_pixels(geometry, box, first + column0, used_columns, pixels)
                run_set(
                    k == box[2] and first == 0, used_rows, used_columns, before, of_groups,
                    geometry[GROUPS], channels, p, costs_a, a_masks, a_counts, pixels, block, scratch, queue,
                    sums,
                )  # fmt: skip
            before = (used_rows, used_columns)
        k += block_rows
    scale = 1 if p[at.SET_SYNC] else p[at.LANES]
    sums[at.SEND_WAIT] += state[queues.SEND_WAIT] * scale
    sums[at.QUEUE_WAIT] += state[queues.QUEUE_WAIT] * scale
    return state[queues.DRAIN_LAST], before[0], before[1]


@kernel
def count_tile(box, geometry, group_filters, p, w_masks, w_counts, a_masks, a_counts):
    """All sums of one tile.

    Parameters
    ----------
    box : int64 [10], tables.BOX; c0 a multiple of the chunk
    geometry : int64 [11], kernels.windows
    p : int64 [19], parameters (_inner_join_vectors)
    w_masks, w_counts : uint64 [K, taps * chunks, words], int64 [K, taps * chunks]
    a_masks, a_counts : uint64 [N*H*W*groups, chunks, words], int64 [N*H*W*groups, chunks]

    Returns
    -------
    int64 [SUMS]
    """
    sums = np.zeros(at.SUMS, np.int64)
    per_pe = p[at.LANES] if p[at.SET_SYNC] else 1
    rows = 1 if p[at.DOMAIN] == 2 else p[at.ROWS]
    columns = 1 if p[at.DOMAIN] == 1 else p[at.COLUMNS]
    domains = (p[at.ROWS] // rows) * (p[at.COLUMNS] // columns)
    ends = np.zeros((domains, rows, columns * per_pe), np.int64)
    mapped = np.empty((domains, 2), np.int64)
    drained = np.int64(0)
    for domain in range(domains):
        row0 = domain if p[at.DOMAIN] == 2 else 0
        column0 = domain if p[at.DOMAIN] == 1 else 0
        domain_drained, mapped[domain, 0], mapped[domain, 1] = run_domain(
            row0, column0, box, geometry, group_filters, p, w_masks, w_counts, a_masks, a_counts,
            ends[domain], sums,
        )  # fmt: skip
        drained = max(drained, domain_drained)
    scale = 1 if p[at.SET_SYNC] else p[at.LANES]
    last = ends.max()
    for domain in range(domains):
        for i in range(rows):
            for lane in range(columns * per_pe):
                used = i < mapped[domain, 0] and lane < mapped[domain, 1] * per_pe
                sums[at.IMBALANCE if used else at.UNMAPPED] += last - ends[domain, i, lane]
    sums[at.IMBALANCE] *= scale
    sums[at.UNMAPPED] *= scale
    all_lanes = p[at.ROWS] * p[at.COLUMNS] * p[at.LANES]
    stop = max(last, drained)
    sums[at.FILL] = sums[at.FILL] * scale + p[at.PIPELINE] * all_lanes
    sums[at.DRAIN_WAIT] = (stop - last) * all_lanes
    sums[at.CYCLES] = stop + p[at.PIPELINE]
    return sums
