"""The tile kernel of `cartesian`: steps, bank queues, barriers, all counters.

Written from docs/dataflows/cartesian.md; its twin is accelsim/reference/cartesian.py.
"""

import numpy as np

from accelsim.dataflows._cartesian_banks import (
    BITS_A,
    BITS_W,
    COLUMNS,
    DRAIN_RATE,
    HALO_RATE,
    PER_STEP_A,
    PIPELINE,
    ROWS,
    SUMS_HELD,
    WORD_BYTES,
    longest,
    new_queues,
    run_channel,
    spread_weights,
)
from accelsim.dataflows._cartesian_lists import (
    DILATION_H,
    DILATION_W,
    HEIGHT,
    KERNEL_H,
    KERNEL_W,
    PAD_LEFT,
    PAD_TOP,
    REACH_H,
    REACH_W,
    STRIDE_H,
    STRIDE_W,
    TALL,
    U0,
    U1,
    V0,
    V1,
    WIDE,
    WIDTH,
    activation_lists,
    kept_before,
    span,
    weight_lists,
)
from accelsim.jit import kernel

# Sums of one tile.
(
    STEPS,
    OUTPUTS,
    PRODUCTS,
    DONE,
    EFFECTUAL,
    HALO,
    READS_W,
    READS_A,
    BYTES_W,
    WORDS_W,
    QUEUED_W,
    BYTES_A,
    WORDS_A,
    CONFLICT,
    IMBALANCE,
    UNMAPPED,
    DRAIN_WAIT,
    CYCLES,
) = range(18)
SUMS = 18
# Of a list of activations, all PEs together.
RECEIVERS, VECTORS, ENTRIES, STORED_BYTES, STORED_WORDS = range(5)
OF_LIST = 5


@kernel
def run_pe(starts_a, of_activations, base, of_weights, edges, reach, p, queues, sums):
    """Cycles of one PE in one output group, from its start until its queues are empty.

    Parameters
    ----------
    starts_a : int64 [channels * phases + 1] of the PE
    of_activations : ys, xs, kept of `activation_lists`, and how many are kept before each
    base : int32 [entries], what an activation adds to a product's address
    of_weights : as `weight_lists` and `spread_weights`
    edges, reach, queues : as `run_channel`
    """
    starts_w, steps_w, queued = of_weights[0], of_weights[6], queues[0]
    queued[:] = np.uint64(0)
    steps = np.int64(0)
    waited = np.int64(0)
    for place in range(starts_w.size - 1):
        w0, w1, a0, a1 = starts_w[place], starts_w[place + 1], starts_a[place], starts_a[place + 1]
        if w0 == w1 or a0 == a1:
            continue
        sums[PRODUCTS] += (w1 - w0) * (a1 - a0)
        ran = run_channel(a0, a1, place, of_activations, base, of_weights, edges, reach, p, queues)
        waited += ran[0]
        sums[DONE] += ran[1]
        sums[EFFECTUAL] += ran[2]
        steps += (a1 - a0 + p[PER_STEP_A] - 1) // p[PER_STEP_A] * (steps_w[place + 1] - steps_w[place])
    waited += longest(queued)
    sums[STEPS] += steps
    sums[CONFLICT] += waited
    return steps + waited


@kernel
def activation_reads(starts, p):
    """What all PEs together read of each list of activations: int64 [N', lists, 5], the columns OF_LIST.

    Parameters
    ----------
    starts : int64 [N', PEs, lists + 1], of `activation_lists`
    """
    batch, pes, lists = starts.shape[0], starts.shape[1], starts.shape[2] - 1
    reads = np.zeros((batch, lists, OF_LIST), np.int64)
    for n in range(batch):
        for pe in range(pes):
            for place in range(lists):
                a = starts[n, pe, place + 1] - starts[n, pe, place]
                if a == 0:
                    continue
                stored = (a * (p[BITS_A] + 4) + 7) >> 3
                reads[n, place, RECEIVERS] += 1
                reads[n, place, VECTORS] += (a + p[PER_STEP_A] - 1) // p[PER_STEP_A]
                reads[n, place, ENTRIES] += a
                reads[n, place, STORED_BYTES] += stored
                reads[n, place, STORED_WORDS] += (stored + p[WORD_BYTES] - 1) // p[WORD_BYTES]
    return reads


@kernel
def add_reads(reads, first_list, starts_w, p, sums):
    """Operands and bytes read in an output group; reads int64 [lists, OF_LIST], from `first_list` on."""
    for place in range(starts_w.size - 1):
        w = starts_w[place + 1] - starts_w[place]
        of_list = reads[first_list + place]
        if w == 0 or of_list[RECEIVERS] == 0:
            continue
        sums[READS_W] += of_list[VECTORS] * w
        sums[READS_A] += of_list[ENTRIES]
        sums[BYTES_A] += of_list[STORED_BYTES]
        sums[WORDS_A] += of_list[STORED_WORDS]
        stored = (w * (p[BITS_W] + 4) + 7) >> 3
        sums[BYTES_W] += stored
        sums[WORDS_W] += (stored + p[WORD_BYTES] - 1) // p[WORD_BYTES]
        sums[QUEUED_W] += stored * of_list[RECEIVERS]


@kernel
def given_sums(first, high, tall, reach, index, last, out0, out1):
    """(sums of a PE's haloed rows inside the tile, of these those that it owns), along one dimension."""
    end = min(first + tall, high)
    halo0, halo1 = max(first - reach + 1, out0), min(end, out1)
    shift = (reach - 1) // 2
    own0 = out0 if index == 0 else first - shift
    own1 = out1 if index == last else end - shift
    return max(halo1 - halo0, 0), max(min(halo1, own1) - max(halo0, own0), 0)


@kernel
def shape_of_tile(box, g, p):
    """What all PEs share: int64 [8], the columns U0 to REACH_W."""
    u = span(g[HEIGHT], g[PAD_TOP], g[STRIDE_H], g[KERNEL_H], g[DILATION_H], box[6], box[7])
    v = span(g[WIDTH], g[PAD_LEFT], g[STRIDE_W], g[KERNEL_W], g[DILATION_W], box[8], box[9])
    shape = np.empty(8, np.int64)
    shape[U0], shape[U1], shape[V0], shape[V1] = u[0], u[1], v[0], v[1]
    shape[TALL] = (max(u[1] - u[0], 0) + p[ROWS] - 1) // p[ROWS]
    shape[WIDE] = (max(v[1] - v[0], 0) + p[COLUMNS] - 1) // p[COLUMNS]
    shape[REACH_H] = (g[KERNEL_H] - 1) * g[DILATION_H] // g[STRIDE_H] + 1
    shape[REACH_W] = (g[KERNEL_W] - 1) * g[DILATION_W] // g[STRIDE_W] + 1
    return shape


@kernel
def rectangle(pe, shape, columns):
    """(top, bottom, left, right) of a PE; empty if it is unmapped."""
    top = shape[U0] + pe // columns * shape[TALL]
    left = shape[V0] + pe % columns * shape[WIDE]
    return top, min(top + shape[TALL], shape[U1]), left, min(left + shape[WIDE], shape[V1])


@kernel
def halos(shape, box):
    """(largest halo of a PE, sum over PEs), in sums of one filter."""
    most = np.int64(0)
    total = np.int64(0)
    tall, wide = shape[TALL], shape[WIDE]
    if shape[U1] <= shape[U0] or shape[V1] <= shape[V0]:
        return most, total
    last_row = (shape[U1] - shape[U0] + tall - 1) // tall - 1
    last_column = (shape[V1] - shape[V0] + wide - 1) // wide - 1
    for i in range(last_row + 1):
        top = shape[U0] + i * tall
        all_h, own_h = given_sums(top, shape[U1], tall, shape[REACH_H], i, last_row, box[6], box[7])
        for j in range(last_column + 1):
            left = shape[V0] + j * wide
            all_w, own_w = given_sums(left, shape[V1], wide, shape[REACH_W], j, last_column, box[8], box[9])
            halo = all_h * all_w - own_h * own_w
            most = max(most, halo)
            total += halo
    return most, total


@kernel
def addresses(starts, ys, xs, shape, columns):
    """What each activation adds to a product's address: int32 [entries]."""
    base = np.empty(ys.size, np.int32)
    width = shape[WIDE] + shape[REACH_W] - 1
    for n in range(starts.shape[0]):
        for pe in range(starts.shape[1]):
            first, _, left, _ = rectangle(pe, shape, columns)
            top, left = first - (shape[REACH_H] - 1), left - (shape[REACH_W] - 1)
            for a in range(starts[n, pe, 0], starts[n, pe, starts.shape[2] - 1]):
                base[a] = (ys[a] - top) * width + xs[a] - left
    return base


@kernel
def run_pes(starts, of_activations, base, of_weights, box, shape, p, queues, cycles, sums):
    """Cycles of every PE in an output group, -1 if unmapped: written to int64 [PEs]; returns the longest.

    Parameters
    ----------
    starts : int64 [PEs, channels * phases + 1]
    """
    slowest, reach = np.int64(0), (shape[REACH_H], shape[REACH_W])
    for pe in range(cycles.size):
        top, bottom, left, right = rectangle(pe, shape, p[COLUMNS])
        cycles[pe] = -1
        if top < bottom and left < right:
            inside = top - shape[REACH_H] + 1 >= box[6] and bottom <= box[7]
            inside = inside and left - shape[REACH_W] + 1 >= box[8] and right <= box[9]
            edges = (box[6], box[7], box[8], box[9], inside)
            cycles[pe] = run_pe(starts[pe], of_activations, base, of_weights, edges, reach, p, queues, sums)
        slowest = max(slowest, cycles[pe])
    for pe in range(cycles.size):
        sums[IMBALANCE if cycles[pe] >= 0 else UNMAPPED] += slowest - max(cycles[pe], 0)
    return slowest


@kernel
def count_tile(box, groups, geometry, group_filters, group_channels, p, weights, activations):
    """All sums of one tile.

    Parameters
    ----------
    box : int64 [10], tables.BOX
    geometry : int64 [10], _cartesian_lists
    p : int64 [13], parameters of the array
    weights : uint8 [C, K, R, S], 1 = not zero; activations : uint8 [N, C, H, W]

    Returns
    -------
    int64 [SUMS]
    """
    sums = np.zeros(SUMS, np.int64)
    shape = shape_of_tile(box, geometry, p)
    width = shape[WIDE] + shape[REACH_W] - 1
    area = (shape[TALL] + shape[REACH_H] - 1) * width
    starts, ys, xs, kept = activation_lists(
        activations, box, groups, group_channels, geometry, p[ROWS], p[COLUMNS], shape
    )
    of_activations = (ys, xs, kept, kept_before(kept))
    base, reads = addresses(starts, ys, xs, shape, p[COLUMNS]), activation_reads(starts, p)
    widest, halo = halos(shape, box)
    lists = (box[5] - box[4]) * geometry[STRIDE_H] * geometry[STRIDE_W]
    positions = (box[7] - box[6]) * (box[9] - box[8])
    queues = new_queues()
    cycles = np.zeros(p[ROWS] * p[COLUMNS], np.int64)
    barrier = np.int64(0)
    drained = np.int64(0)
    drained_before = np.int64(0)
    for group in range(groups[0], groups[1]):
        first = max(box[2], group * group_filters)
        end = min(box[3], (group + 1) * group_filters)
        block = p[SUMS_HELD] // area if area else end - first
        first_list = (group - groups[0]) * lists
        for k in range(first, end, block):
            filters = min(block, end - k)
            lists_w = weight_lists(weights, k, k + filters, box[4], box[5], geometry, area, width)
            of_weights = (*lists_w, *spread_weights(lists_w[0], lists_w[1], p))
            for n in range(starts.shape[0]):
                add_reads(reads[n], first_list, of_weights[0], p, sums)
                began = max(barrier, drained_before)
                sums[DRAIN_WAIT] += began - barrier
                barrier = began + run_pes(
                    starts[n, :, first_list : first_list + lists + 1], of_activations, base, of_weights, box,
                    shape, p, queues, cycles, sums,
                )  # fmt: skip
                drained_before = drained
                drained = max(drained, barrier) + (filters * widest + p[HALO_RATE] - 1) // p[HALO_RATE]
                drained += (filters * positions + p[DRAIN_RATE] - 1) // p[DRAIN_RATE]
                sums[OUTPUTS] += filters * positions
                sums[HALO] += filters * halo
    sums[DRAIN_WAIT] += drained - barrier
    sums[CYCLES] = drained + p[PIPELINE]
    return sums
