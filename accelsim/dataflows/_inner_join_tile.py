"""The tile kernel of `inner_join`: one stream of steps per broadcast domain, all counters.

::

    for domain                                   # array: 1; column, row: one per PE column or row
      for filter block                           # gather the weight chunks of all its steps
        for position block                       # one output set
          for step                               # a chunk of a tap for each part
            for part                             # gather masks, match, lanes -> work; _inner_join_step
            send, start, end                     # kernels.queues
          drain the set's accumulators

The PEs of a domain that are mapped in a set are always its first rows and first columns, in every part, so
the set before is remembered as two numbers. Consumers are [parts, rows, columns (x lanes)]. Written from
docs/dataflows/inner_join.md; its twin is accelsim/reference/inner_join.py.
"""

import numpy as np

from accelsim.dataflows import _inner_join_vectors as at
from accelsim.dataflows._inner_join_step import (
    add_chunks,
    chunk_costs,
    lane_work,
    load_block,
    load_columns,
    new_scratch,
)
from accelsim.jit import kernel
from accelsim.kernels import queues
from accelsim.kernels.matching import match
from accelsim.kernels.queues import STATE_SIZE, drain, send, start_step
from accelsim.kernels.windows import GROUPS, KERNEL_H, KERNEL_W, fill_pixels


@kernel
def enter_set(rows, columns, per_pe, before_rows, before_columns, floor, end):
    """Pass the wait of PEs unmapped in the set before, until `floor`; returns its sum."""
    passed = np.int64(0)
    if rows <= before_rows and columns <= before_columns:
        return passed
    for part in range(end.shape[0]):
        for i in range(rows):
            first = before_columns if i < before_rows else 0
            for lane in range(first * per_pe, columns * per_pe):
                gap = max(floor - end[part, i, lane], 0)
                passed += gap
                end[part, i, lane] += gap
    return passed


@kernel
def leave_set(rows, columns, per_pe, end):
    """Join the lanes of each PE of one part at the end of a set: (last end, lane-cycles idle until it)."""
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
def take_step(first, rows, columns, before, fed_bytes, p, work, queue):
    """Send a step, the `first` of its set or not, and run it; returns what PEs unmapped before it passed."""
    state, started, end = queue
    per_pe = p[at.LANES] if p[at.SET_SYNC] else 1
    passed = np.int64(0)
    send(state, started, max(1, (fed_bytes + p[at.FEED] - 1) // p[at.FEED]), first)
    if first:
        floor = state[queues.SENT] + p[at.LATENCY]
        passed = enter_set(rows, columns, per_pe, before[0], before[1], floor, end)
    latest = np.int64(0)
    for part in range(work.shape[0]):
        start = start_step(state, end[part], work[part], rows, columns * per_pe, p[at.LATENCY])
        latest = max(latest, start)
    started[(state[queues.STEP] - 1) % started.size] = latest
    return passed


@kernel
def end_set(rows, columns, p, queue):
    """Drain a set's accumulators; returns the lane-cycles in which lanes wait for their sisters."""
    state, _, end = queue
    per_pe = p[at.LANES] if p[at.SET_SYNC] else 1
    last = np.int64(0)
    idle = np.int64(0)
    for part in range(end.shape[0]):
        part_last, part_idle = leave_set(rows, columns, per_pe, end[part])
        last = max(last, part_last)
        idle += part_idle
    drain(state, last, (rows * columns + p[at.DRAIN_RATE] - 1) // p[at.DRAIN_RATE])
    return idle


@kernel
def run_set(
    first_set, rows, columns, before, of_groups, groups, channels, p, costs, a_masks, a_counts, pixels, block,
    scratch, work, queue, sums,
):  # fmt: skip
    """All steps of one output set on the mapped PEs of one domain, and the drain of its accumulators.

    Parameters
    ----------
    before : (rows, columns) mapped in the set before
    of_groups : (first group of the rows, their number, rows of each)
    channels : (first chunk, chunks, elements of the last)
    costs : of activation chunks, as `chunk_costs`
    block : weight masks, counts and sums of each chunk, as `load_block`
    scratch : as `new_scratch`
    work : int64 [parts, rows, columns x consumers of a PE], scratch
    queue : (state, started, end), as kernels.queues; end of each part
    """
    row_masks, row_counts, sides = block
    column_masks, column_counts, side, matched, slots, lane_slots, active = scratch
    first_chunk, chunks, last_elements = channels
    group0, of_rows, group_rows = of_groups
    parts, present = work.shape[0], row_masks.shape[0]
    part = np.int64(0)
    fed_bytes = np.int64(0)
    for index in range((present + parts - 1) // parts * parts):  # not by step and part: a call would cost
        if index < present:
            tap, chunk = index // chunks, index % chunks
            elements = last_elements if chunk == chunks - 1 else p[at.CHUNK]
            load_columns(
                columns, pixels[tap], group0, of_rows, groups, first_chunk + chunk,
                costs[np.int64(elements < p[at.CHUNK])], a_masks, a_counts, column_masks, column_counts, side,
            )  # fmt: skip
            add_chunks(rows, columns, group_rows, elements, sides[index], side, p, sums)
            sums[at.MATCHED] += match(rows, columns, group_rows, row_masks[index], column_masks, matched)
            lane_work(
                rows, columns, group_rows, elements, p, row_masks[index], column_masks, row_counts[index],
                column_counts, matched, slots, work[part], lane_slots, active, sums,
            )  # fmt: skip
            fed_bytes += sides[index, at.STORED] + side[at.STORED]
        else:  # an absent chunk
            work[part] = 1
            sums[at.EMPTY] += rows * columns * p[at.LANES]
        if part == parts - 1:
            cause = at.FILL if first_set else at.UNMAPPED
            first = index < parts
            sums[cause] += take_step(first, rows, columns, before, fed_bytes, p, work, queue)
            sums[at.STEPS] += 1
            part = np.int64(0)
            fed_bytes = np.int64(0)
        else:
            part += 1
    sums[at.OUTPUTS] += rows * columns
    sums[at.LANE_IDLE] += end_set(rows, columns, p, queue)


@kernel
def filter_block(k, end, rows, group_filters):
    """Filters of the block that starts with filter k: whole groups if two fit, else of one group."""
    fitting = min(rows, end - k) // group_filters
    if k % group_filters == 0 and fitting > 1:
        return fitting * group_filters
    return min(rows, end - k, group_filters - k % group_filters)


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
    rows, columns = end.shape[1], end.shape[2] // per_pe
    words, stored_chunks = a_masks.shape[2], a_masks.shape[1]
    taps = geometry[KERNEL_H] * geometry[KERNEL_W]
    chunks = (box[5] - box[4] + p[at.CHUNK] - 1) // p[at.CHUNK]
    channels = (box[4] // p[at.CHUNK], chunks, box[5] - box[4] - (chunks - 1) * p[at.CHUNK])
    costs_w, costs_a = chunk_costs(channels[2], True, p), chunk_costs(channels[2], False, p)
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    state = np.zeros(STATE_SIZE, np.int64)
    pixels = np.empty((taps, columns), np.int64)
    block = (
        np.empty((taps * chunks, words, rows), np.uint64),
        np.empty((taps * chunks, rows), np.int64),
        np.empty((taps * chunks, at.SIDE), np.int64),
    )
    scratch = new_scratch(rows, columns, max(rows // group_filters, 1), words, p)
    work = np.empty(end.shape, np.int64)
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
                    geometry[GROUPS], channels, p, costs_a, a_masks, a_counts, pixels, block, scratch, work,
                    queue, sums,
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
    p : int64 [21], parameters (_inner_join_vectors)
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
    ends = np.zeros((domains, p[at.PARTS], rows, columns * per_pe), np.int64)
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
        for part in range(p[at.PARTS]):
            for i in range(rows):
                for lane in range(columns * per_pe):
                    used = i < mapped[domain, 0] and lane < mapped[domain, 1] * per_pe
                    sums[at.IMBALANCE if used else at.UNMAPPED] += last - ends[domain, part, i, lane]
    sums[at.IMBALANCE] *= scale
    never = p[at.PES] - p[at.ROWS] * p[at.COLUMNS] * p[at.PARTS]
    sums[at.UNMAPPED] = sums[at.UNMAPPED] * scale + never * p[at.LANES] * last
    all_lanes = p[at.PES] * p[at.LANES]
    stop = max(last, drained)
    sums[at.FILL] = sums[at.FILL] * scale + p[at.PIPELINE] * all_lanes
    sums[at.DRAIN_WAIT] = (stop - last) * all_lanes
    sums[at.CYCLES] = stop + p[at.PIPELINE]
    return sums
