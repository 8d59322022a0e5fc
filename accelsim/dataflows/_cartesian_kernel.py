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
    PER_STEP_W,
    PIPELINE,
    PLANES,
    ROWS,
    SUMS_HELD,
    WORD_BYTES,
    lengths,
    run_channel,
    take_one,
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


@kernel
def run_pe(starts_a, of_activations, base, of_weights, edges, p, queued, sums):
    """Cycles of one PE in one output group, from its start until its queues are empty.

    Parameters
    ----------
    starts_a : int64 [channels * phases + 1] of the PE
    of_activations : ys, xs, kept of `activation_lists`, and how many are kept before each
    base : int32 [entries], what an activation adds to a product's address
    of_weights : as `weight_lists`
    edges : p0, p1, q0, q1, and whether every product lies within
    queued : uint64 [PLANES], lengths of the queues, changed
    """
    starts_w, before_w, before_a = of_weights[0], of_weights[5], of_activations[3]
    queued[:] = 0
    steps = np.int64(0)
    waited = np.int64(0)
    for place in range(starts_w.size - 1):
        w0, w1, a0, a1 = starts_w[place], starts_w[place + 1], starts_a[place], starts_a[place + 1]
        if w0 == w1 or a0 == a1:
            continue
        products = (w1 - w0) * (a1 - a0)
        ran = run_channel(a0, a1, w0, w1, of_activations, base, of_weights, edges, p, queued)
        waited += ran[0]
        sums[PRODUCTS] += products
        sums[DONE] += products if edges[4] else ran[1]
        kept = (before_w[w1] - before_w[w0]) * (before_a[a1] - before_a[a0])
        sums[EFFECTUAL] += kept if edges[4] else ran[2]
        vectors_a = (a1 - a0 + p[PER_STEP_A] - 1) // p[PER_STEP_A]
        steps += vectors_a * ((w1 - w0 + p[PER_STEP_W] - 1) // p[PER_STEP_W])
    while lengths(queued) > 0:
        take_one(queued)
        waited += 1
    sums[STEPS] += steps
    sums[CONFLICT] += waited
    return steps + waited


@kernel
def add_reads(starts_a, first_list, starts_w, p, sums):
    """Operands and bytes read in an output group; starts_a int64 [PEs, lists + 1], from `first_list` on."""
    for place in range(starts_w.size - 1):
        w = starts_w[place + 1] - starts_w[place]
        if w == 0:
            continue
        receivers = 0
        at = first_list + place
        for pe in range(starts_a.shape[0]):
            a = starts_a[pe, at + 1] - starts_a[pe, at]
            if a == 0:
                continue
            receivers += 1
            sums[READS_W] += (a + p[PER_STEP_A] - 1) // p[PER_STEP_A] * w
            sums[READS_A] += a
            stored = (a * (p[BITS_A] + 4) + 7) // 8
            sums[BYTES_A] += stored
            sums[WORDS_A] += (stored + p[WORD_BYTES] - 1) // p[WORD_BYTES]
        if receivers:
            stored = (w * (p[BITS_W] + 4) + 7) // 8
            sums[BYTES_W] += stored
            sums[WORDS_W] += (stored + p[WORD_BYTES] - 1) // p[WORD_BYTES]
            sums[QUEUED_W] += stored * receivers


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
def run_pes(starts, of_activations, base, of_weights, box, shape, p, queued, cycles, sums):
    """Cycles of every PE in an output group, -1 if unmapped: written to int64 [PEs]; returns the longest.

    Parameters
    ----------
    starts : int64 [PEs, channels * phases + 1]
    """
    longest = np.int64(0)
    for pe in range(cycles.size):
        top, bottom, left, right = rectangle(pe, shape, p[COLUMNS])
        cycles[pe] = -1
        if top < bottom and left < right:
            inside = top - shape[REACH_H] + 1 >= box[6] and bottom <= box[7]
            inside = inside and left - shape[REACH_W] + 1 >= box[8] and right <= box[9]
            edges = (box[6], box[7], box[8], box[9], inside)
            cycles[pe] = run_pe(starts[pe], of_activations, base, of_weights, edges, p, queued, sums)
        longest = max(longest, cycles[pe])
    for pe in range(cycles.size):
        sums[IMBALANCE if cycles[pe] >= 0 else UNMAPPED] += longest - max(cycles[pe], 0)
    return longest


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
    base = addresses(starts, ys, xs, shape, p[COLUMNS])
    widest, halo = halos(shape, box)
    lists = (box[5] - box[4]) * geometry[STRIDE_H] * geometry[STRIDE_W]
    positions = (box[7] - box[6]) * (box[9] - box[8])
    queued = np.zeros(PLANES, np.uint64)
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
            of_weights = weight_lists(weights, k, k + filters, box[4], box[5], geometry, area, width)
            for n in range(starts.shape[0]):
                add_reads(starts[n], first_list, of_weights[0], p, sums)
                began = max(barrier, drained_before)
                sums[DRAIN_WAIT] += began - barrier
                barrier = began + run_pes(
                    starts[n, :, first_list : first_list + lists + 1], of_activations, base, of_weights, box,
                    shape, p, queued, cycles, sums,
                )  # fmt: skip
                drained_before = drained
                drained = max(drained, barrier) + (filters * widest + p[HALO_RATE] - 1) // p[HALO_RATE]
                drained += (filters * positions + p[DRAIN_RATE] - 1) // p[DRAIN_RATE]
                sums[OUTPUTS] += filters * positions
                sums[HALO] += filters * halo
    sums[DRAIN_WAIT] += drained - barrier
    sums[CYCLES] = drained + p[PIPELINE]
    return sums
