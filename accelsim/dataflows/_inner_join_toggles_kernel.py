"""Toggles of `inner_join`, set by set: registers, accumulators, buses (docs/dataflows/inner_join_toggles.md).

::

    for output set of a tile, in order
      for step
        gather the words of the used rows and columns; drive their buses
        for PE: slot pairs in ascending channel -> lanes: load or hold, multiply, accumulate
      clear the accumulators

Its twin is accelsim/reference/inner_join_toggles.py.
"""

import numpy as np

from accelsim.dataflows import _inner_join_vectors as at
from accelsim.dataflows._inner_join_tile import filter_block
from accelsim.dataflows._inner_join_toggles_bus import send_columns, send_rows
from accelsim.dataflows._inner_join_toggles_pe import (
    add_fixed_lanes,
    kept,
    multiply,
    multiply_pooled,
)
from accelsim.jit import kernel, popcount
from accelsim.kernels.matching import GATE, SKIP
from accelsim.kernels.toggles import (
    A_FREE,
    ACCUMULATOR,
    ACTIVATION_REGISTER,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    COUNTS,
    W_FREE,
    WEIGHT_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
    A,
    W,
    add_all,
    load_done,
    load_ends,
    toggles_through,
)
from accelsim.kernels.windows import GROUPS, KERNEL_H, KERNEL_W, fill_pixels

_COLUMN_DOMAINS, _ROW_DOMAINS = 1, 2


@kernel
def block_of_set(box, group_filters, rows, blocks_of_positions, number):
    """(first filter, filters, position block) of the tile's set of this number; 0 filters past the last."""
    k = box[2]
    while k < box[3]:
        filters = filter_block(k, box[3], rows, group_filters)
        if number < blocks_of_positions:
            return k, filters, number
        number -= blocks_of_positions
        k += filters
    return k, np.int64(0), np.int64(0)


@kernel
def pes_of_sets(box, group_filters, p):
    """Mapped PEs of a part, of each output set of a tile in order: int64 [sets]."""
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    of_columns = (positions + p[at.COLUMNS] - 1) // p[at.COLUMNS]
    of_rows = np.int64(0)
    k = box[2]
    while k < box[3]:
        k += filter_block(k, box[3], p[at.ROWS], group_filters)
        of_rows += 1
    pes = np.empty(of_rows * of_columns, np.int64)
    for number in range(pes.size):
        _, filters, block = block_of_set(box, group_filters, p[at.ROWS], of_columns, number)
        pes[number] = filters * min(p[at.COLUMNS], positions - block * p[at.COLUMNS])
    return pes


@kernel
def work_step(elements, used, p, accumulator, of_rows, of_columns, registers, sums, scratch, totals):
    """What every used PE of a part does with its chunks.

    Parameters
    ----------
    accumulator : int, mask of its bits
    of_rows, of_columns : (words, values, nonzero, loads)
    registers, sums : of the part's PEs
    scratch : int64 [2, max(chunk + 1, rows)]
    """
    skips = p[at.POLICY_W] == SKIP or p[at.POLICY_A] == SKIP
    if skips or p[at.SET_SYNC]:
        work_slots(elements, used, p, accumulator, of_rows, of_columns, registers, sums, scratch, totals)
    else:
        work_all(elements, used, p, accumulator, of_rows, of_columns, registers, sums, scratch, totals)


@kernel
def work_all(elements, used, p, accumulator, of_rows, of_columns, registers, sums, scratch, totals):
    """As `work_step` where nothing is skipped: what a word toggles after the one before it in its chunk is
    the same in every PE that takes the chunk, and lanes take the same pairs pooled or fixed.
    """
    rows, columns, groups = used
    lanes, group_rows = p[at.LANES], rows // groups
    gates = p[at.POLICY_W] == GATE or p[at.POLICY_A] == GATE
    place_w, place_a = (W_FREE, A_FREE) if gates else (W, A)
    of_w, ends = scratch
    free_w, free_a, held_w, held_a, added = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for e in range(elements):
        ends[e] = accumulator if e % lanes == lanes - 1 or e == elements - 1 else 0
    for i in range(rows):
        of_w[i] = toggles_through(of_rows[0][i], elements, lanes)
    for j in range(columns):
        for g in range(groups):
            a, a_values, a_loads = of_columns[0][j, g], of_columns[1][j, g], of_columns[3][j, g]
            of_a = toggles_through(a, elements, lanes)
            for i in range(g * group_rows, (g + 1) * group_rows):
                w = of_rows[0][i]
                free_w += of_w[i] + load_ends(w, elements, lanes, registers[i, j], place_w)
                free_a += of_a + load_ends(a, elements, lanes, registers[i, j], place_a)
                if gates:
                    new_w, new_a = load_done(elements, w, a, of_rows[3][i], a_loads, lanes, registers[i, j])
                    held_w += new_w
                    held_a += new_a
                added += add_all(elements, of_rows[1][i], a_values, ends, sums[i, j])
    totals[WEIGHT_REGISTER_WITHOUT_HOLD if gates else WEIGHT_REGISTER] += free_w
    totals[ACTIVATION_REGISTER_WITHOUT_HOLD if gates else ACTIVATION_REGISTER] += free_a
    totals[WEIGHT_REGISTER] += held_w
    totals[ACTIVATION_REGISTER] += held_a
    totals[ACCUMULATOR] += added


@kernel
def work_slots(elements, used, p, accumulator, of_rows, of_columns, registers, sums, scratch, totals):
    """As `work_step` where pairs are skipped, or lanes have accumulators of their own."""
    rows, columns, groups = used
    gates = p[at.POLICY_W] == GATE or p[at.POLICY_A] == GATE
    skips_w, skips_a = p[at.POLICY_W] == SKIP, p[at.POLICY_A] == SKIP
    for j in range(columns):
        count = 0
        for i in range(rows):
            g = i // (rows // groups)
            w = (of_rows[0][i], of_rows[1][i], of_rows[2][i], of_rows[3][i])
            a = (of_columns[0][j, g], of_columns[1][j, g], of_columns[2][j, g], of_columns[3][j, g])
            if p[at.FIXED] or gates:
                multiply(elements, w, a, accumulator, p, registers[i, j], sums[i, j], totals)
            else:
                if skips_w or i % (rows // groups) == 0:  # else the slots are those of the row before
                    count = kept(elements, w[2], a[2], skips_w, skips_a, scratch[0])
                multiply_pooled(
                    scratch[0], count, w[0], w[1], a[0], a[1], p[at.LANES], accumulator, registers[i, j],
                    sums[i, j], totals,
                )  # fmt: skip
            if p[at.FIXED] and not p[at.SET_SYNC]:
                add_fixed_lanes(elements, w, a, accumulator, p, scratch[1], sums[i, j], totals)


@kernel
def clear(rows, columns, sums):
    """Toggles of clearing the accumulators [parts, rows, columns, lanes] of the used PEs."""
    toggles = np.int64(0)
    for part in range(sums.shape[0]):
        for i in range(rows):
            for j in range(columns):
                for lane in range(sums.shape[3]):
                    toggles += popcount(np.uint64(sums[part, i, j, lane]))
                    sums[part, i, j, lane] = 0
    return toggles


@kernel
def new_state(p, places, parts):
    """(chunks of rows, of columns, buses of weights, of activations, registers, sums, scratch), all zeros.

    Chunks are (words, values, nonzero, loads), buses (wires, masks); parts are outermost.
    """
    rows, columns, lanes, chunk = p[at.ROWS], p[at.COLUMNS], p[at.LANES], p[at.CHUNK]
    w_domains = columns if p[at.DOMAIN] == _COLUMN_DOMAINS else 1
    a_domains = rows if p[at.DOMAIN] == _ROW_DOMAINS else 1
    return (
        (
            np.zeros((rows, chunk), np.int64),
            np.zeros((rows, chunk), np.int64),
            np.zeros((rows, chunk), np.uint8),
            np.zeros((rows, chunk), np.int64),
        ),
        (
            np.zeros((columns, places, chunk), np.int64),
            np.zeros((columns, places, chunk), np.int64),
            np.zeros((columns, places, chunk), np.uint8),
            np.zeros((columns, places, chunk), np.int64),
        ),
        (
            np.zeros((parts, 2, w_domains, rows, chunk), np.int64),
            np.zeros((parts, w_domains, rows, chunk), np.uint8),
        ),
        (
            np.zeros((parts, 2, a_domains, columns, places, chunk), np.int64),
            np.zeros((parts, a_domains, columns, places, chunk), np.uint8),
        ),
        np.zeros((parts, rows, columns, lanes, 4), np.int64),
        np.zeros((parts, rows, columns, lanes), np.int64),
        np.zeros((2, max(chunk + 1, rows)), np.int64),
    )


@kernel
def forget(state):
    """Registers and wires back to 0."""
    _, _, w_bus, a_bus, registers, sums, _ = state
    w_bus[0][:] = 0
    w_bus[1][:] = 0
    a_bus[0][:] = 0
    a_bus[1][:] = 0
    registers[:] = 0
    sums[:] = 0


@kernel
def walk_sets(box, sets, geometry, group_filters, p, numbers, weights, weight_zeros, activations):
    """Sums of sets of a tile; one whose set before is not walked begins with what that leaves, from zeros.

    Parameters
    ----------
    sets : int64 [sets], ascending
    numbers : (zero point of activations, mask of an accumulator's bits): int64 [2]
    weights : int8 or uint8 [K, taps, C]; weight_zeros : int32 [K]
    activations : int8 or uint8 [N*H*W, groups * C]

    Returns
    -------
    int64 [sets, COUNTS]
    """
    found = np.zeros((sets.size, COUNTS), np.int64)
    unheeded = np.zeros(COUNTS, np.int64)
    tensors = weights, weight_zeros, activations
    state = new_state(p, max(p[at.ROWS] // group_filters, 1), p[at.PARTS])
    pixels = np.empty((geometry[KERNEL_H] * geometry[KERNEL_W], p[at.COLUMNS]), np.int64)
    next_set = np.int64(0)
    for i in range(sets.size):
        if sets[i] != next_set:
            forget(state)
            walk_set(box, sets[i] - 1, geometry, group_filters, p, numbers, tensors, state, pixels, unheeded)
        walk_set(box, sets[i], geometry, group_filters, p, numbers, tensors, state, pixels, found[i])
        next_set = sets[i] + 1
    if p[at.POLICY_W] != GATE and p[at.POLICY_A] != GATE:
        found[:, WEIGHT_REGISTER_WITHOUT_HOLD] = found[:, WEIGHT_REGISTER]
        found[:, ACTIVATION_REGISTER_WITHOUT_HOLD] = found[:, ACTIVATION_REGISTER]
    return found


@kernel
def walk_set(box, number, geometry, group_filters, p, numbers, tensors, state, pixels, totals):
    """One set of a tile, added to int64 [COUNTS]."""
    weights, weight_zeros, activations = tensors
    of_rows, of_columns, w_bus, a_bus, registers, sums, scratch = state
    columns, chunk = p[at.COLUMNS], p[at.CHUNK]
    group_channels = activations.shape[1] // geometry[GROUPS]
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    blocks = (positions + columns - 1) // columns
    chunks = (box[5] - box[4] + chunk - 1) // chunk
    k, used_rows, block = block_of_set(box, group_filters, p[at.ROWS], blocks, number)
    used_columns = min(columns, positions - block * columns)
    used = (used_rows, used_columns, max(used_rows // group_filters, 1))
    fill_pixels(geometry, box, block * columns, used_columns, pixels)
    w_domains = used_columns if p[at.DOMAIN] == _COLUMN_DOMAINS else 1
    for index in range(pixels.shape[0] * chunks):
        tap, part = index // chunks, index % p[at.PARTS]
        start = box[4] + index % chunks * chunk
        elements = min(chunk, box[5] - start)
        send_rows(
            k, used, tap, start, elements, w_domains, p, weights, weight_zeros, of_rows,
            (w_bus[0][part], w_bus[1][part]), totals,
        )  # fmt: skip
        send_columns(
            pixels[tap], k // group_filters * group_channels + start, elements, used, group_channels,
            numbers[0], p, activations, of_columns, (a_bus[0][part], a_bus[1][part]), totals,
        )  # fmt: skip
        work_step(
            elements, used, p, numbers[1], of_rows, of_columns, registers[part], sums[part], scratch, totals,
        )  # fmt: skip
    totals[ACCUMULATOR] += clear(used_rows, used_columns, sums)
