"""Toggles of `structured`, unit by unit (docs/dataflows/structured_toggles.md).

::

    for output set of a tile, in order
      for step
        gather the slots of the used rows, the channels of the used columns; drive their buses
        for PE: pick the slots' activations; load or hold, multiply, accumulate
      clear the accumulators

Its twin is accelsim/reference/structured_toggles.py.
"""

import numpy as np

from accelsim.jit import bare_kernel, inlined_kernel, merged_kernel, popcount
from accelsim.kernels.pe_blocks import COLUMN_BLOCK, ROW_BLOCK, SET, walked_before
from accelsim.kernels.toggles import (
    A_FREE,
    ACCUMULATOR,
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
    ACTIVATION_REGISTER,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    MASK_BUS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
    W_FREE,
    WEIGHT_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    WEIGHT_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
    add_all,
    load_done,
    load_ends,
    toggles_through,
)
from accelsim.kernels.windows import GROUPS, fill_pixels

# Parameters of the array, of a layer's slots, and of the units. PLACES: block_elements, 0 where dense.
ROWS, COLUMNS, LANES, CHUNK, GATES, PLACES, BITS_W, BITS_A, BLOCK_ROWS, BLOCK_COLUMNS = range(10)


@bare_kernel
def gather_slots(row, stored, first, elements, zero, bits, places, words, values, offsets, slot_places):
    """A filter's slots at a tap: words, the same less their zero point, channels, places; their number."""
    word_mask = (np.int64(1) << bits) - 1
    count = np.int64(0)
    for e in range(elements):
        if stored[first + e]:
            value = np.int64(row[first + e])
            words[count] = value & word_mask
            values[count] = value - zero
            offsets[count] = e
            slot_places[count] = (first + e) % places if places else 0
            count += 1
    return count


@bare_kernel
def gather_channels(row, first, elements, zero, bits, gates, of_column):
    """Words of a column's activations, less their zero point, and -1 for those that load."""
    words, values, loads = of_column
    word_mask = (np.int64(1) << bits) - 1
    for e in range(elements):
        value = np.int64(row[first + e])
        words[e] = value & word_mask
        values[e] = value - zero
        loads[e] = -1 if value != zero or not gates else 0


@bare_kernel
def pad(elements, zero, bits, gates, of_column):
    """The same of a padding tap."""
    words, values, loads = of_column
    words[:elements] = zero & ((np.int64(1) << bits) - 1)
    values[:elements] = 0
    loads[:elements] = 0 if gates else -1


@inlined_kernel
def work(count, of_row, of_column, ends, every, picked, p, registers, sums, totals):
    """The slots of one PE in one step."""
    words, values, offsets = of_row
    a_words, a_values, a_loads = of_column
    picked_words, picked_values, picked_loads = picked
    for i in range(count):
        e = offsets[i]
        picked_words[i] = a_words[e]
        picked_values[i] = a_values[e]
    lanes = p[LANES]
    totals[WEIGHT_REGISTER_WITHOUT_HOLD] += load_ends(words, count, lanes, registers, W_FREE)
    totals[ACTIVATION_REGISTER_WITHOUT_HOLD] += toggles_through(picked_words, count, lanes)
    totals[ACTIVATION_REGISTER_WITHOUT_HOLD] += load_ends(picked_words, count, lanes, registers, A_FREE)
    if p[GATES]:
        for i in range(count):
            picked_loads[i] = a_loads[offsets[i]]
        of_w, of_a = load_done(count, words, picked_words, every, picked_loads, lanes, registers)
        totals[WEIGHT_REGISTER] += of_w
        totals[ACTIVATION_REGISTER] += of_a
    totals[ACCUMULATOR] += add_all(count, values, picked_values, ends, sums)


@bare_kernel
def cycle_ends(count, lanes, accumulator, ends):
    """The accumulator's bits where a cycle's last slot stands, else 0."""
    for i in range(count):
        ends[i] = accumulator if i % lanes == lanes - 1 or i == count - 1 else 0


@bare_kernel
def walk_units(box, units, needed, filter_blocks, geometry, p, numbers, tensors, state, room, found):
    """Toggles of units of a tile.

    Parameters
    ----------
    units : int64 [units, 4], as of `pe_blocks`, ascending
    needed : int, steps before a unit that are walked, uncounted
    filter_blocks : int64 [filter blocks, 2], first filter and filters of each
    numbers : (zero point of activations, mask of an accumulator's bits): int64 [2]
    tensors : uint8 [K, taps, C], 1 where a slot is; weights int16 [K, taps, C], their zero points
        int32 [K]; activations int16 [N*H*W, groups * C]
    state, room : as of `structured_toggles`, all zeros but `last`, which is -1
    found : float64 [units, COUNTS], zeros; written; a bus that PEs of several units hear is each unit's by
        its share of them
    """
    last, pixels, unheeded = room[0], room[1], room[3]
    for i in range(units.shape[0]):
        number, block = units[i, SET], (units[i, ROW_BLOCK], units[i, COLUMN_BLOCK])
        start, first_step = number, np.int64(0)
        if last[block] != number - 1:
            forget(block, p, state)
            start, first_step = walked_before(
                number, needed, np.int64(1), block, (p[BLOCK_ROWS], p[BLOCK_COLUMNS]), p[COLUMNS],
                filter_blocks, box, geometry, pixels,
            )  # fmt: skip
        for walked in range(start, number + 1):
            walk_set(
                box, walked, first_step, block, filter_blocks, geometry, p, numbers, tensors, state, pixels,
                room[2], found[i] if walked == number else unheeded,
            )  # fmt: skip
            first_step = np.int64(0)
        last[block] = number


@bare_kernel
def forget(block, p, state):
    """A block's registers and wires back to 0."""
    _, _, w_wires, a_wires, registers, _, _ = state
    rows = slice(block[0] * p[BLOCK_ROWS], (block[0] + 1) * p[BLOCK_ROWS])
    columns = slice(block[1] * p[BLOCK_COLUMNS], (block[1] + 1) * p[BLOCK_COLUMNS])
    registers[rows, columns] = 0
    w_wires[block[1], rows] = 0
    a_wires[block[0], columns] = 0


@merged_kernel
def walk_set(
    box, number, first_step, block, filter_blocks, geometry, p, numbers, tensors, state, pixels, totals, found
):
    """A set on one block of PEs, which work from `first_step` on; its toggles are added to `found`."""
    of_rows, of_columns, w_wires, a_wires, registers, sums, scratch = state
    stored, weights, weight_zeros, activations = tensors
    channels = activations.shape[1] // geometry[GROUPS]
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    of_columns_blocks = (positions + p[COLUMNS] - 1) // p[COLUMNS]
    k, used_rows = (
        filter_blocks[number // of_columns_blocks, 0],
        filter_blocks[number // of_columns_blocks, 1],
    )
    position = number % of_columns_blocks * p[COLUMNS]
    used_columns = min(p[COLUMNS], positions - position)
    rows = (block[0] * p[BLOCK_ROWS], min((block[0] + 1) * p[BLOCK_ROWS], used_rows))
    columns = (block[1] * p[BLOCK_COLUMNS], min((block[1] + 1) * p[BLOCK_COLUMNS], used_columns))
    if rows[1] <= rows[0] or columns[1] <= columns[0]:
        return
    elements = box[5] - box[4]
    channel = k // (weights.shape[0] // geometry[GROUPS]) * channels + box[4]
    totals[:] = 0
    fill_pixels(geometry, box, position + columns[0], columns[1] - columns[0], pixels)
    scratch[4] = -1
    for tap in range(pixels.shape[0]):
        count = np.int64(0)
        for i in range(rows[0], rows[1]):
            count = gather_slots(
                weights[k + i, tap], stored[k + i, tap], box[4], elements, np.int64(weight_zeros[k + i]),
                p[BITS_W], p[PLACES], of_rows[0, i], of_rows[1, i], of_rows[2, i], of_rows[3, i],
            )  # fmt: skip
            wires = w_wires[block[1], i]
            for place, name in ((0, WEIGHT_BUS), (3, MASK_BUS)):
                words, at = of_rows[place, i], 0 if place == 0 else 1
                totals[name] += toggles_through(words, count, p[CHUNK])
                totals[name] += load_ends(words, count, p[CHUNK], wires, at)
            inner = toggles_through(of_rows[0, i], count, p[LANES])
            totals[WEIGHT_REGISTER_WITHOUT_HOLD] += inner * (columns[1] - columns[0])
        cycle_ends(count, p[LANES], numbers[1], scratch[3])
        for j in range(columns[0], columns[1]):
            column = (of_columns[0, j], of_columns[1, j], of_columns[2, j])
            pixel = pixels[tap, j - columns[0]]
            if pixel >= 0:
                gather_channels(
                    activations[pixel], channel, elements, numbers[0], p[BITS_A], p[GATES], column
                )
                wires = a_wires[block[0], j]
                totals[ACTIVATION_BUS] += toggles_through(column[0], elements, p[CHUNK])
                totals[ACTIVATION_BUS] += load_ends(column[0], elements, p[CHUNK], wires, 0)
            else:
                pad(elements, numbers[0], p[BITS_A], p[GATES], column)
            for i in range(rows[0], rows[1] if tap >= first_step else rows[0]):
                work(
                    count, (of_rows[0, i], of_rows[1, i], of_rows[2, i]), column, scratch[3], scratch[4],
                    (scratch[0], scratch[1], scratch[2]), p, registers[i, j], sums[i, j], totals,
                )  # fmt: skip
    totals[ACCUMULATOR] += clear(rows, columns, sums)
    add_up(totals, p, rows[1] - rows[0], columns[1] - columns[0], used_rows, used_columns, found)


@bare_kernel
def clear(rows, columns, sums):
    """Toggles of clearing a block's accumulators."""
    toggles = np.int64(0)
    for i in range(rows[0], rows[1]):
        for j in range(columns[0], columns[1]):
            toggles += popcount(np.uint64(sums[i, j, 0]))
            sums[i, j, 0] = 0
    return toggles


@bare_kernel
def add_up(totals, p, rows, columns, used_rows, used_columns, found):
    """Add a block's toggles; buses by the block's share of the PEs that hear them."""
    found[ACCUMULATOR] += totals[ACCUMULATOR]
    free_w, free_a = totals[WEIGHT_REGISTER_WITHOUT_HOLD], totals[ACTIVATION_REGISTER_WITHOUT_HOLD]
    found[WEIGHT_REGISTER_WITHOUT_HOLD] += free_w
    found[ACTIVATION_REGISTER_WITHOUT_HOLD] += free_a
    found[WEIGHT_REGISTER] += totals[WEIGHT_REGISTER] if p[GATES] else free_w
    found[ACTIVATION_REGISTER] += totals[ACTIVATION_REGISTER] if p[GATES] else free_a
    sent_w = totals[WEIGHT_BUS] * columns / used_columns
    sent_a = totals[ACTIVATION_BUS] * rows / used_rows
    found[WEIGHT_BUS] += sent_w
    found[WEIGHT_BUS_WITHOUT_HOLD] += sent_w
    found[ACTIVATION_BUS] += sent_a
    found[ACTIVATION_BUS_WITHOUT_HOLD] += sent_a
    found[MASK_BUS] += totals[MASK_BUS] * columns / used_columns
    multicast = (totals[WEIGHT_BUS] + totals[MASK_BUS]) * columns + totals[ACTIVATION_BUS] * rows
    found[MULTICAST] += multicast
    found[MULTICAST_WITHOUT_HOLD] += multicast
