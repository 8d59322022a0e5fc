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
from accelsim.dataflows._inner_join_toggles_pe import (
    ACCUMULATOR,
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
    ACTIVATION_REGISTER,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    DENSE_MACS,
    MASK_BUS,
    SUMS,
    WEIGHT_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    WEIGHT_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
    add_fixed_lanes,
    differing,
    kept,
    multiply,
    multiply_pooled,
)
from accelsim.jit import kernel, popcount
from accelsim.kernels.matching import COMPUTE, GATE, SKIP
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
def sets_of_tile(box, group_filters, p):
    """Output sets of a tile."""
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    blocks = np.int64(0)
    k = box[2]
    while k < box[3]:
        k += filter_block(k, box[3], p[at.ROWS], group_filters)
        blocks += 1
    return blocks * ((positions + p[at.COLUMNS] - 1) // p[at.COLUMNS])


@kernel
def drive(values, nonzero, elements, policy, bitmask, wires, wires_free, mask_wires):
    """Send a chunk over a bus: (toggles, toggles without hold, toggles of the mask wires)."""
    toggles = np.int64(0)
    free = np.int64(0)
    masks = np.int64(0)
    place = 0
    for e in range(elements):
        free += differing(values[e], wires_free[e])
        wires_free[e] = values[e]
        if policy == COMPUTE or nonzero[e]:
            to = place if policy != COMPUTE and bitmask else e
            toggles += differing(values[e], wires[to])
            wires[to] = values[e]
            place += 1
    if policy != COMPUTE:
        for e in range(mask_wires.size):
            bit = np.uint8(nonzero[e]) if e < elements else np.uint8(0)
            masks += np.int64(bit != mask_wires[e])
            mask_wires[e] = bit
    return toggles, free, masks


@kernel
def send_nothing(policy, mask_wires):
    """Toggles of the mask wires as a padding tap passes: its values are not sent."""
    masks = np.int64(0)
    if policy != COMPUTE:
        for e in range(mask_wires.size):
            masks += np.int64(mask_wires[e])
            mask_wires[e] = np.uint8(0)
    return masks


@kernel
def gather(row, first, elements, zero, bits, words, values, nonzero):
    """Words of a chunk, the values less their zero point, and which are not zero."""
    word_mask = (np.int64(1) << bits) - 1
    for e in range(elements):
        value = np.int64(row[first + e])
        words[e] = value & word_mask
        values[e] = value - zero
        nonzero[e] = value != zero


@kernel
def send_rows(k, rows, tap, start, elements, domains, p, weights, weight_zeros, of_rows, buses, totals):
    """Gather the weight chunks of the used rows, and drive the bus of each in `domains` domains."""
    wires, masks = buses
    words, values, nonzero = of_rows
    for i in range(rows):
        zero = np.int64(weight_zeros[k + i])
        gather(weights[k + i, tap], start, elements, zero, p[at.BITS_W], words[i], values[i], nonzero[i])
        for domain in range(domains):
            held, free, mask = drive(
                words[i], nonzero[i], elements, p[at.POLICY_W], p[at.BITMASK_W],
                wires[0, domain, i], wires[1, domain, i], masks[domain, i],
            )  # fmt: skip
            totals[WEIGHT_BUS] += held
            totals[WEIGHT_BUS_WITHOUT_HOLD] += free
            totals[MASK_BUS] += mask


@kernel
def send_columns(
    pixels, channel0, elements, used, group_channels, zero, p, activations, of_columns, buses, totals
):
    """Gather the activation chunks of the used columns, of each group of the rows, and drive their buses.

    Parameters
    ----------
    pixels : int64 [columns], -1 for padding
    channel0 : int, first channel of the chunk in the first group
    used : (rows, columns, groups), of the set
    buses : (wires [2, domains, columns, places, chunk], masks [domains, columns, places, chunk]); several
        domains are those of rows
    """
    rows, columns, groups = used
    wires, masks = buses
    words, values, nonzero = of_columns
    group_rows = rows // groups
    by_rows = masks.shape[0] > 1
    for j in range(columns):
        for g in range(groups):
            if pixels[j] >= 0:
                gather(
                    activations[pixels[j]], channel0 + g * group_channels, elements, zero, p[at.BITS_A],
                    words[j, g], values[j, g], nonzero[j, g],
                )  # fmt: skip
            else:
                words[j, g] = zero & ((np.int64(1) << p[at.BITS_A]) - 1)
                values[j, g] = 0
                nonzero[j, g] = 0
            for domain in range(g * group_rows if by_rows else 0, (g + 1) * group_rows if by_rows else 1):
                if pixels[j] < 0:
                    totals[MASK_BUS] += send_nothing(p[at.POLICY_A], masks[domain, j, g])
                    continue
                held, free, mask = drive(
                    words[j, g], nonzero[j, g], elements, p[at.POLICY_A], p[at.BITMASK_A],
                    wires[0, domain, j, g], wires[1, domain, j, g], masks[domain, j, g],
                )  # fmt: skip
                totals[ACTIVATION_BUS] += held
                totals[ACTIVATION_BUS_WITHOUT_HOLD] += free
                totals[MASK_BUS] += mask


@kernel
def work_step(elements, used, p, accumulator, of_rows, of_columns, registers, sums, scratch, totals):
    """What every used PE of a part does with its chunks.

    Parameters
    ----------
    accumulator : int, mask of its bits
    of_rows, of_columns : (words, values, nonzero)
    registers, sums : of the part's PEs
    scratch : int64 [3, chunk + 1]
    """
    rows, columns, groups = used
    gates = p[at.POLICY_W] == GATE or p[at.POLICY_A] == GATE
    skips_w, skips_a = p[at.POLICY_W] == SKIP, p[at.POLICY_A] == SKIP
    for j in range(columns):
        count = 0
        for i in range(rows):
            g = i // (rows // groups)
            w = (of_rows[0][i], of_rows[1][i], of_rows[2][i])
            a = (of_columns[0][j, g], of_columns[1][j, g], of_columns[2][j, g])
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
                add_fixed_lanes(elements, w, a, accumulator, p, scratch[1], scratch[2], sums[i, j], totals)


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

    Chunks are (words, values, nonzero), buses (wires, masks); parts are outermost.
    """
    rows, columns, lanes, chunk = p[at.ROWS], p[at.COLUMNS], p[at.LANES], p[at.CHUNK]
    w_domains = columns if p[at.DOMAIN] == _COLUMN_DOMAINS else 1
    a_domains = rows if p[at.DOMAIN] == _ROW_DOMAINS else 1
    return (
        (
            np.zeros((rows, chunk), np.int64),
            np.zeros((rows, chunk), np.int64),
            np.zeros((rows, chunk), np.uint8),
        ),
        (
            np.zeros((columns, places, chunk), np.int64),
            np.zeros((columns, places, chunk), np.int64),
            np.zeros((columns, places, chunk), np.uint8),
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
        np.zeros((3, chunk + 1), np.int64),
    )


@kernel
def walk_sets(box, sets, geometry, group_filters, p, numbers, weights, weight_zeros, activations):
    """Sums of sets of a tile, registers and wires starting at 0.

    Parameters
    ----------
    sets : (first, one after the last, first that is counted); those before leave registers and wires behind
    numbers : (zero point of activations, mask of an accumulator's bits): int64 [2]
    weights : int8 or uint8 [K, taps, C]; weight_zeros : int32 [K]
    activations : int8 or uint8 [N*H*W, groups * C]

    Returns
    -------
    int64 [sets counted, SUMS]
    """
    found = np.zeros((max(sets[1] - sets[2], 0), SUMS), np.int64)
    unheeded = np.zeros(SUMS, np.int64)
    rows, columns, chunk = p[at.ROWS], p[at.COLUMNS], p[at.CHUNK]
    group_channels = activations.shape[1] // geometry[GROUPS]
    of_rows, of_columns, w_bus, a_bus, registers, sums, scratch = new_state(
        p, max(rows // group_filters, 1), p[at.PARTS]
    )
    pixels = np.empty((geometry[KERNEL_H] * geometry[KERNEL_W], columns), np.int64)
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    blocks = (positions + columns - 1) // columns
    chunks = (box[5] - box[4] + chunk - 1) // chunk
    for number in range(sets[0], sets[1]):
        k, used_rows, block = block_of_set(box, group_filters, rows, blocks, number)
        used_columns = min(columns, positions - block * columns)
        used = (used_rows, used_columns, max(used_rows // group_filters, 1))
        totals = found[number - sets[2]] if number >= sets[2] else unheeded
        fill_pixels(geometry, box, block * columns, used_columns, pixels)
        w_domains = used_columns if p[at.DOMAIN] == _COLUMN_DOMAINS else 1
        for index in range(pixels.shape[0] * chunks):
            tap, part = index // chunks, index % p[at.PARTS]
            start = box[4] + index % chunks * chunk
            elements = min(chunk, box[5] - start)
            totals[DENSE_MACS] += elements * used_rows * used_columns
            send_rows(
                k, used_rows, tap, start, elements, w_domains, p, weights, weight_zeros, of_rows,
                (w_bus[0][part], w_bus[1][part]), totals,
            )  # fmt: skip
            send_columns(
                pixels[tap], k // group_filters * group_channels + start, elements, used, group_channels,
                numbers[0], p, activations, of_columns, (a_bus[0][part], a_bus[1][part]), totals,
            )  # fmt: skip
            work_step(
                elements,
                used,
                p,
                numbers[1],
                of_rows,
                of_columns,
                registers[part],
                sums[part],
                scratch,
                totals,
            )
        totals[ACCUMULATOR] += clear(used_rows, used_columns, sums)
    if p[at.POLICY_W] != GATE and p[at.POLICY_A] != GATE:
        found[:, WEIGHT_REGISTER_WITHOUT_HOLD] = found[:, WEIGHT_REGISTER]
        found[:, ACTIVATION_REGISTER_WITHOUT_HOLD] = found[:, ACTIVATION_REGISTER]
    return found
