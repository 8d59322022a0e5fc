"""Toggles of `cartesian`, output group by output group (docs/dataflows/cartesian_toggles.md).

::

    for output group: its entries of weights cross their bus
      for PE, for channel, for phase
        activations cross the PE's bus and pass its registers; weights pass for each vector of them
        for I activations, for F weights: products, each to its sum
      sums in halos go to their owners; all are cleared

Its twin is accelsim/reference/cartesian_toggles.py.
"""

import numpy as np

from accelsim.dataflows._cartesian_banks import BITS_W, COLUMNS, PER_STEP_A, PER_STEP_W, ROWS, SUMS_HELD
from accelsim.dataflows._cartesian_kernel import rectangle, shape_of_tile
from accelsim.dataflows._cartesian_lists import (
    KERNEL_H,
    KERNEL_W,
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
)
from accelsim.dataflows._cartesian_toggles_lists import (
    PLANE,
    SHIFT,
    VALUE,
    WORD,
    ZEROS,
    activation_lists,
    fill_weight_lists,
)
from accelsim.jit import inlined_kernel, kernel, merged_kernel, popcount
from accelsim.kernels.toggles import (
    ACCUMULATOR,
    ACTIVATION_BUS,
    COUNTS,
    MASK_BUS,
    MULTICAST,
    WEIGHT_BUS,
    WEIGHT_REGISTER,
    load_ends,
    toggles_through,
)


@kernel
def blocks_of(box, filters, g, p):
    """(what all PEs share, sums of the haloed tile, filters of a block) of a tile; filters: of one group."""
    shape = shape_of_tile(box, g, p)
    area = (shape[TALL] + shape[REACH_H] - 1) * (shape[WIDE] + shape[REACH_W] - 1)
    return shape, area, min(filters, p[SUMS_HELD] // area) if area else filters


@kernel
def send_weights(starts_w, weights, starts_a, first_list, per_step, wires, totals):
    """An output group's weights cross their bus."""
    for place in range(starts_w.size - 1):
        w0, w1 = starts_w[place], starts_w[place + 1]
        receivers = np.int64(0)
        for pe in range(starts_a.shape[0]):
            receivers += np.int64(starts_a[pe, first_list + place + 1] > starts_a[pe, first_list + place])
        if receivers == 0 or w0 == w1:
            continue
        words, zeros = weights[WORD, w0:w1], weights[ZEROS, w0:w1]
        of_values = toggles_through(words, w1 - w0, per_step) + load_ends(words, w1 - w0, per_step, wires, 0)
        of_zeros = toggles_through(zeros, w1 - w0, per_step) + load_ends(zeros, w1 - w0, per_step, wires, 1)
        totals[WEIGHT_BUS] += of_values
        totals[MASK_BUS] += of_zeros
        totals[MULTICAST] += (of_values + of_zeros) * receivers


@inlined_kernel
def add_products(a0, a1, w0, w1, activations, weights, per_step_a, per_step_w, masks, sums):
    """Toggles of a PE's sums as all activations of a list meet all weights of one.

    Parameters
    ----------
    masks : int64 [sums of the haloed tile], an accumulator's bits; 0 where products are surplus
    sums : int64 [filters * sums of the haloed tile]
    """
    toggles = np.int64(0)
    for first_a in range(a0, a1, per_step_a):
        for first_w in range(w0, w1, per_step_w):
            for a in range(first_a, min(first_a + per_step_a, a1)):
                value, start = np.int64(activations[VALUE, a]), np.int64(activations[SHIFT, a])
                for w in range(first_w, min(first_w + per_step_w, w1)):
                    place = start + np.int64(weights[SHIFT, w])
                    at = np.int64(weights[PLANE, w]) + place
                    new = sums[at] + value * np.int64(weights[VALUE, w])
                    toggles += popcount(np.uint64((new ^ sums[at]) & masks[place]))
                    sums[at] = new
    return toggles


@kernel
def walk_pe(starts_a, first_list, activations, starts_w, weights, adds, p, registers, masks, sums, totals):
    """An output group on one PE: its bus, its registers, and its sums if `adds`.

    Parameters
    ----------
    starts_a : int64 [lists + 1] of the PE, of which the group's begin at `first_list`
    registers : (int64 [F, 1]; int64 [I, 2], words that bus and registers hold, and counts of zeros)
    """
    of_weights, of_activations = registers
    per_step_w, per_step_a = p[PER_STEP_W], p[PER_STEP_A]
    for place in range(starts_w.size - 1):
        w0, w1 = starts_w[place], starts_w[place + 1]
        a0, a1 = starts_a[first_list + place], starts_a[first_list + place + 1]
        if w0 == w1 or a0 == a1:
            continue
        words, zeros, steps = activations[WORD, a0:a1], activations[ZEROS, a0:a1], a1 - a0
        toggles = toggles_through(words, steps, per_step_a)
        totals[ACTIVATION_BUS] += toggles + load_ends(words, steps, per_step_a, of_activations, 0)
        toggles = toggles_through(zeros, steps, per_step_a)
        toggles += load_ends(zeros, steps, per_step_a, of_activations, 1)
        totals[MASK_BUS] += toggles
        totals[MULTICAST] += toggles
        words, steps = weights[WORD, w0:w1], w1 - w0
        vectors = (a1 - a0 + per_step_a - 1) // per_step_a
        totals[WEIGHT_REGISTER] += vectors * toggles_through(words, steps, per_step_w)
        totals[WEIGHT_REGISTER] += load_ends(words, steps, per_step_w, of_weights, 0)
        if vectors > 1:  # the list again, after its own end
            totals[WEIGHT_REGISTER] += (vectors - 1) * load_ends(words, steps, per_step_w, of_weights, 0)
        if adds:
            totals[ACCUMULATOR] += add_products(
                a0, a1, w0, w1, activations, weights, per_step_a, per_step_w, masks, sums
            )


@kernel
def fill_masks(box, shape, p, accumulator, masks):
    """An accumulator's bits where a PE's sum is an output of the tile, else 0: int64 [PEs, sums]."""
    width = shape[WIDE] + shape[REACH_W] - 1
    masks[:] = 0
    for pe in range(masks.shape[0]):
        top, bottom, left, right = rectangle(pe, shape, p[COLUMNS])
        if top >= bottom or left >= right:
            continue
        for y in range(bottom - top + shape[REACH_H] - 1):
            row = top - shape[REACH_H] + 1 + y
            for x in range(right - left + shape[REACH_W] - 1):
                column = left - shape[REACH_W] + 1 + x
                if box[6] <= row < box[7] and box[8] <= column < box[9]:
                    masks[pe, y * width + x] = accumulator


@kernel
def owner_of(output, low, size, high, reach):
    """Row (or column) of PEs that owns an output row, among those that are mapped."""
    last = (high - low + size - 1) // size - 1
    return min(max((output + (reach - 1) // 2 - low) // size, 0), last)


@kernel
def give_halos(filters, shape, p, accumulator, masks, sums):
    """Toggles of the owners' sums as they take those of their neighbours, by ascending giver."""
    width, area = shape[WIDE] + shape[REACH_W] - 1, masks.shape[1]
    toggles = np.int64(0)
    for pe in range(masks.shape[0]):
        for place in range(area):
            if masks[pe, place] == 0:
                continue
            top, _, left, _ = rectangle(pe, shape, p[COLUMNS])
            y, x = top - shape[REACH_H] + 1 + place // width, left - shape[REACH_W] + 1 + place % width
            row = owner_of(y, shape[U0], shape[TALL], shape[U1], shape[REACH_H])
            owner = row * p[COLUMNS] + owner_of(x, shape[V0], shape[WIDE], shape[V1], shape[REACH_W])
            if owner == pe:
                continue
            top, _, left, _ = rectangle(owner, shape, p[COLUMNS])
            its_place = (y - top + shape[REACH_H] - 1) * width + x - left + shape[REACH_W] - 1
            for k in range(filters):
                held = sums[owner, k * area + its_place]
                new = held + sums[pe, k * area + place]
                toggles += popcount(np.uint64((new ^ held) & accumulator))
                sums[owner, k * area + its_place] = new
    return toggles


@kernel
def clear(filters, masks, sums):
    """Toggles of all sums to 0."""
    toggles, area = np.int64(0), masks.shape[1]
    for pe in range(masks.shape[0]):
        for k in range(filters):
            for place in range(area):
                toggles += popcount(np.uint64(sums[pe, k * area + place] & masks[pe, place]))
                sums[pe, k * area + place] = 0
    return toggles


@merged_kernel
def walk_group(n, filters, adds, first_list, p, shape, numbers, of_a, of_w, registers, masks, sums, totals):
    """An output group of all PEs; its toggles are added to `totals`, those of sums if `adds`."""
    wires, w_registers, a_registers = registers
    starts_a, activations = of_a
    send_weights(of_w[0], of_w[1], starts_a[n], first_list, p[PER_STEP_W], wires, totals)
    for pe in range(masks.shape[0]):
        walk_pe(
            starts_a[n, pe], first_list, activations, of_w[0], of_w[1], adds, p,
            (w_registers[pe], a_registers[pe]), masks[pe], sums[pe], totals,
        )  # fmt: skip
    if adds:
        totals[ACCUMULATOR] += give_halos(filters, shape, p, numbers[1], masks, sums)
        totals[ACCUMULATOR] += clear(filters, masks, sums)


@kernel
def walk_groups(box, drawn, filters, group_filters, group_channels, g, p, tensors):
    """Toggles of units of a tile: int64 [units, COUNTS].

    Parameters
    ----------
    drawn : int64 [units], ascending: (group of the convolution, block of filters, image), the last fastest
    filters : int, of one group of the tile
    g, p : int64, geometry and parameters of the array, as of `_cartesian_kernel.count_tile`
    tensors : (zero point of activations and mask of an accumulator's bits, weights [C, K, R, S], their zero
        points, activations [N, groups * C, H, W])
    """
    found = np.zeros((drawn.size, COUNTS), np.int64)
    unheeded = np.zeros(COUNTS, np.int64)
    shape, area, block = blocks_of(box, filters, g, p)
    batch, pes = box[1] - box[0], p[ROWS] * p[COLUMNS]
    blocks, lists = (filters + block - 1) // block, (box[5] - box[4]) * g[STRIDE_H] * g[STRIDE_W]
    first_group = box[2] // group_filters
    groups = (first_group, first_group + (box[3] - box[2]) // filters)
    of_a = activation_lists(tensors[3], tensors[0][0], box, groups, group_channels, g, p, shape)
    most = (box[5] - box[4]) * block * g[KERNEL_H] * g[KERNEL_W]
    of_w = (np.zeros(lists + 1, np.int64), np.empty((5, most), np.int32))
    masks, sums = np.empty((pes, area), np.int64), np.zeros((pes, block * area), np.int64)
    fill_masks(box, shape, p, tensors[0][1], masks)
    wires, w_registers = np.zeros((p[PER_STEP_W], 2), np.int64), np.zeros((pes, p[PER_STEP_W], 1), np.int64)
    registers = (wires, w_registers, np.zeros((pes, p[PER_STEP_A], 2), np.int64))
    filled, done = -1, -1
    for i in range(drawn.size):
        start = drawn[i]
        if done != drawn[i] - 1:
            registers[0][:] = 0
            registers[1][:] = 0
            registers[2][:] = 0
            start = max(drawn[i] - 1, 0)  # for what it leaves
        for walked in range(start, drawn[i] + 1):
            group, k = walked // (blocks * batch), walked // batch % blocks * block
            its_filters = min(block, filters - k)
            if filled != walked // batch:
                k += box[2] + group * filters
                fill_weight_lists(
                    tensors[1], tensors[2], k, k + its_filters, box[4], g, p[BITS_W], area,
                    shape[WIDE] + shape[REACH_W] - 1, of_w[0], of_w[1],
                )  # fmt: skip
                filled = walked // batch
            counted = walked == drawn[i]
            walk_group(
                walked % batch, its_filters, counted, group * lists, p, shape, tensors[0], of_a, of_w,
                registers, masks, sums, found[i] if counted else unheeded,
            )  # fmt: skip
        done = drawn[i]
    return found
