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
from accelsim.dataflows._inner_join_toggles_bus import send_columns, send_rows
from accelsim.dataflows._inner_join_toggles_pe import (
    add_fixed_lanes,
    kept,
    multiply,
    multiply_pooled,
)
from accelsim.jit import bare_kernel, merged_kernel, popcount
from accelsim.kernels.matching import GATE, SKIP
from accelsim.kernels.pe_blocks import COLUMN_BLOCK, ROW_BLOCK, SET, walked_before
from accelsim.kernels.toggles import (
    A_FREE,
    ACCUMULATOR,
    ACTIVATION_REGISTER,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    COUNTS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
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
from accelsim.kernels.windows import GROUPS, fill_pixels

COLUMN_DOMAINS, ROW_DOMAINS = 1, 2


@merged_kernel
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


@merged_kernel
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


@merged_kernel
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


@bare_kernel
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


@bare_kernel
def forget(state, first, parts):
    """Registers and wires of a block's parts back to 0."""
    for place in range(first, first + parts):
        state[3][place] = 0
        state[4][place] = 0
        state[5][place] = 0
        state[6][place] = 0
        state[7][place] = 0


@bare_kernel
def walk_units(
    box, units, needed, filter_blocks, block_size, geometry, group_filters, p, numbers, tensors, state, room,
    found,
):  # fmt: skip
    """Toggles of units of a tile.

    Parameters
    ----------
    units : int64 [units, 4], as of `pe_blocks`, ascending
    needed : int, steps of each part before a unit that are walked, uncounted
    filter_blocks : int64 [filter blocks, 2], first filter and filters of each
    block_size : (rows, columns) of a block of PEs; rows are of a part of one group, or of whole groups
    numbers : (zero point of activations, mask of an accumulator's bits): int64 [2]
    tensors : weights int16 [K, taps, C], their zero points int32 [K], activations int16
        [N*H*W, groups * C]
    state, room : as of `inner_join_toggles`, all zeros but `last`, which is -1
    found : float64 [units, COUNTS], zeros; written; a bus that PEs of several units hear is each unit's by
        its share of them
    """
    last, unheeded = room[0], room[4]
    chunks = (box[5] - box[4] + p[at.CHUNK] - 1) // p[at.CHUNK]
    for i in range(units.shape[0]):
        number, row, column = units[i, SET], units[i, ROW_BLOCK], units[i, COLUMN_BLOCK]
        start, first_step = number, np.int64(0)
        place = (row * last.shape[1] + column) * p[at.PARTS]
        if last[row, column] != number - 1:
            forget(state, place, p[at.PARTS])
            start, first_step = walked_before(
                number, needed * p[at.PARTS], chunks, (row, column), block_size, p[at.COLUMNS], filter_blocks,
                box, geometry, room[1],
            )  # fmt: skip
        for walked in range(start, number + 1):
            walk_set(
                box, walked, first_step, row, column, place, filter_blocks, block_size, geometry,
                group_filters, p, numbers, tensors, state, room, found[i] if walked == number else unheeded,
            )  # fmt: skip
            first_step = np.int64(0)
        last[row, column] = number


@merged_kernel
def walk_set(
    box, number, first_step, row, column, place, filter_blocks, block_size, geometry, group_filters, p,
    numbers, tensors, state, room, found,
):  # fmt: skip
    """A set on one block of its PEs, an array of its own but for buses; PEs work from `first_step` on.

    `place` is that of the block's first part in `state`.
    """
    weights, weight_zeros, activations = tensors
    of_rows, of_columns, scratch = state[0], state[1], state[2]
    pixels, totals, sent = room[1], room[2], room[3]
    chunk = p[at.CHUNK]
    group_channels = activations.shape[1] // geometry[GROUPS]
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    blocks = (positions + p[at.COLUMNS] - 1) // p[at.COLUMNS]
    chunks = (box[5] - box[4] + chunk - 1) // chunk
    in_set = filter_blocks[number // blocks, 1]
    positions_in_set = min(p[at.COLUMNS], positions - number % blocks * p[at.COLUMNS])
    rows = min(block_size[0], in_set - row * block_size[0])
    columns = min(block_size[1], positions_in_set - column * block_size[1])
    if rows <= 0 or columns <= 0:
        return
    k = filter_blocks[number // blocks, 0] + row * block_size[0]
    used = (rows, columns, max(rows // group_filters, 1))
    fill_pixels(geometry, box, number % blocks * p[at.COLUMNS] + column * block_size[1], columns, pixels)
    w_domains = columns if p[at.DOMAIN] == COLUMN_DOMAINS else 1
    totals[:] = 0
    sent[:] = 0
    for index in range(pixels.shape[0] * chunks):
        tap, part = index // chunks, index % p[at.PARTS]
        start = box[4] + index % chunks * chunk
        elements = min(chunk, box[5] - start)
        send_rows(
            k, used, tap, start, elements, w_domains, p, weights, weight_zeros, of_rows,
            (state[3][place + part], state[4][place + part]), sent[0],
        )  # fmt: skip
        send_columns(
            pixels[tap], k // group_filters * group_channels + start, elements, used, group_channels,
            numbers[0], p, activations, of_columns,
            (state[5][place + part], state[6][place + part]), sent[1],
        )  # fmt: skip
        if index >= first_step:
            work_step(
                elements, used, p, numbers[1], of_rows, of_columns, state[7][place + part],
                state[8][place + part], scratch, totals,
            )  # fmt: skip
    totals[ACCUMULATOR] += clear(rows, columns, state[8][place : place + p[at.PARTS]])
    share_w = 1.0 if p[at.DOMAIN] == COLUMN_DOMAINS else columns / positions_in_set
    share_a = 1.0 if p[at.DOMAIN] == ROW_DOMAINS else min(rows, group_filters) / min(in_set, group_filters)
    for name in range(COUNTS):
        shared = name != MULTICAST and name != MULTICAST_WITHOUT_HOLD
        found[name] += totals[name]
        found[name] += sent[0, name] * (share_w if shared else 1.0)
        found[name] += sent[1, name] * (share_a if shared else 1.0)
