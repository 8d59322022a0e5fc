"""Toggles of `systolic`'s PEs where outputs stay: registers and sums, column by column of each fold.

Sections 1 and 2 of docs/dataflows/systolic_toggles.md.
"""

import numpy as np

from accelsim.dataflows._systolic_toggles_operands import (
    BITS_A,
    BITS_W,
    COLUMNS,
    GATE_A,
    GATE_W,
    GROUP_FILTERS,
    ROWS,
    activation_at,
    fill_filter,
    fill_position,
    weight_at,
)
from accelsim.jit import inlined_kernel, kernel
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
    differing,
    load_done,
    toggles_through,
)
from accelsim.kernels.windows import KERNEL_H, KERNEL_W, fill_pixels

# Of a unit: its group in the tile, block of filters, block of positions, column.
GROUP, ACROSS, DOWN, COLUMN = range(4)


@kernel
def unit_of(number, filters, positions, p):
    """The unit of a number: groups, blocks of filters, blocks of positions, columns, the last fastest."""
    downs = (positions + p[ROWS] - 1) // p[ROWS]
    group, rest = number // (downs * filters), number % (downs * filters)
    across = rest // (downs * p[COLUMNS])
    rest -= across * downs * p[COLUMNS]
    used = min(p[COLUMNS], filters - across * p[COLUMNS])
    return group, across, rest // used, rest % used


@inlined_kernel
def fold_before(unit, filters, positions, p):
    """The last fold before in which the unit's column was mapped, as a unit; group -1 if there is none."""
    group, across, down, column = unit
    downs = (positions + p[ROWS] - 1) // p[ROWS]
    if down > 0:
        return group, across, down - 1, column
    if across > 0:
        return group, across - 1, downs - 1, column
    last = (filters - 1 - column) // p[COLUMNS]
    return group - 1, last, downs - 1, column


@inlined_kernel
def rows_of(unit, positions, p):
    """Mapped rows of a unit's fold."""
    return min(p[ROWS], positions - unit[DOWN] * p[ROWS])


@inlined_kernel
def masked(words, values, bits, gates, loads):
    """Words without their sign, and -1 for those that load."""
    mask = (np.int64(1) << bits) - 1
    for e in range(words.size):
        words[e] &= mask
        loads[e] = -1 if values[e] != 0 or not gates else 0


@kernel
def remember(unit, rows, box, geometry, p, tensors, filters, pixels, registers):
    """Registers of some rows of a column as a fold's last pairs leave them."""
    k = box[2] + unit[GROUP] * filters
    group, filter_ = k // p[GROUP_FILTERS], k + unit[ACROSS] * p[COLUMNS] + unit[COLUMN]
    length = pixels.shape[0] * (box[5] - box[4])
    mask_w, mask_a = (np.int64(1) << p[BITS_W]) - 1, (np.int64(1) << p[BITS_A]) - 1
    for i in range(rows[0], rows[1]):
        held = registers[i, 0]
        position = unit[DOWN] * p[ROWS] + i
        for reduction in range(length - 1, -1, -1):
            w, w_value = weight_at(filter_, reduction, box, tensors)
            a, a_value = activation_at(position, reduction, group, box, geometry, tensors, pixels)
            if reduction == length - 1:
                held[W_FREE], held[A_FREE] = w & mask_w, a & mask_a
            if (w_value != 0 or not p[GATE_W]) and (a_value != 0 or not p[GATE_A]):
                held[W], held[A] = w & mask_w, a & mask_a
                break


@kernel
def work(length, w, a, inner_w, inner_a, ends, gates, registers, sums, totals):
    """The pairs of one PE in one fold."""
    held_w, held_a = np.int64(0), np.int64(0)
    totals[WEIGHT_REGISTER_WITHOUT_HOLD] += inner_w + differing(w[0][0], registers[0, W_FREE])
    totals[ACTIVATION_REGISTER_WITHOUT_HOLD] += inner_a + differing(a[0][0], registers[0, A_FREE])
    registers[0, W_FREE], registers[0, A_FREE] = w[0][length - 1], a[0][length - 1]
    if gates:
        held_w, held_a = load_done(length, w[0], a[0], w[2], a[2], 1, registers)
    totals[WEIGHT_REGISTER] += held_w
    totals[ACTIVATION_REGISTER] += held_a
    sums[0] = 0
    totals[ACCUMULATOR] += add_all(length, w[1], a[1], ends, sums)


@kernel
def walk_outputs(box, numbers, geometry, p, tensors, filters, positions):
    """Toggles of units of a tile: int64 [units, COUNTS].

    Parameters
    ----------
    numbers : int64 [units], ascending
    tensors : (zero point of activations and mask of an accumulator's bits, weights, their zero points,
        activations)
    filters, positions : int, of one group of the tile
    """
    found = np.zeros((numbers.size, COUNTS), np.int64)
    rows, columns, gates = p[ROWS], p[COLUMNS], p[GATE_W] or p[GATE_A]
    taps = geometry[KERNEL_H] * geometry[KERNEL_W]
    length = taps * (box[5] - box[4])
    pixels = np.empty((taps, positions), np.int64)
    fill_pixels(geometry, box, 0, positions, pixels)
    of_rows, inner = np.empty((3, rows, length), np.int64), np.zeros(rows, np.int64)
    w, ends = np.empty((3, length), np.int64), np.full(length, tensors[0][1], np.int64)
    registers = np.zeros((columns, rows, 1, 4), np.int64)
    sums = np.zeros((rows, 1), np.int64)
    walked, filled = np.full((columns, 3), -1, np.int64), (np.int64(-1), np.int64(-1))
    for x in range(numbers.size):
        unit = unit_of(numbers[x], filters, positions, p)
        down, held = rows_of(unit, positions, p), registers[unit[COLUMN]]
        k = box[2] + unit[GROUP] * filters
        before = fold_before(unit, filters, positions, p)
        was = walked[unit[COLUMN]]
        if was[0] != before[0] or (before[0] >= 0 and (was[1] != before[1] or was[2] != before[2])):
            held[:] = 0
            earlier = fold_before(before, filters, positions, p)
            if before[GROUP] >= 0:
                kept = min(rows_of(before, positions, p), down)
                remember(before, (0, kept), box, geometry, p, tensors, filters, pixels, held)
                if earlier[GROUP] >= 0:
                    remember(earlier, (kept, down), box, geometry, p, tensors, filters, pixels, held)
        was[0], was[1], was[2] = unit[GROUP], unit[ACROSS], unit[DOWN]
        if filled != (unit[GROUP], unit[DOWN]):
            for i in range(down):
                fill_position(
                    unit[DOWN] * rows + i, k // p[GROUP_FILTERS], box, geometry, tensors, pixels,
                    of_rows[0, i], of_rows[1, i],
                )  # fmt: skip
                masked(of_rows[0, i], of_rows[1, i], p[BITS_A], p[GATE_A], of_rows[2, i])
                inner[i] = toggles_through(of_rows[0, i], length, 1)
            filled = (unit[GROUP], unit[DOWN])
        fill_filter(k + unit[ACROSS] * columns + unit[COLUMN], box, tensors, w[0], w[1])
        masked(w[0], w[1], p[BITS_W], p[GATE_W], w[2])
        inner_w = toggles_through(w[0], length, 1)
        for i in range(down):
            work(
                length, (w[0], w[1], w[2]), (of_rows[0, i], of_rows[1, i], of_rows[2, i]), inner_w, inner[i],
                ends, gates, held[i], sums[i], found[x],
            )  # fmt: skip
            change = differing(sums[i, 0], sums[i - 1, 0]) if i else differing(sums[0, 0], np.int64(0))
            found[x, ACCUMULATOR] += (down - i) * change
    if not gates:
        found[:, WEIGHT_REGISTER] = found[:, WEIGHT_REGISTER_WITHOUT_HOLD]
        found[:, ACTIVATION_REGISTER] = found[:, ACTIVATION_REGISTER_WITHOUT_HOLD]
    return found
