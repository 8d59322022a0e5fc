"""Toggles of `systolic` where outputs stay, column by column of each fold.

Sections 1 to 3 of docs/dataflows/systolic_toggles.md.
"""

import numpy as np

from accelsim.dataflows._systolic_toggles_operands import (
    BITS_A,
    BITS_W,
    COLUMNS,
    FILTERS,
    GATE_A,
    GATE_W,
    LENGTH,
    POSITIONS,
    ROWS,
    fill_values,
    operand_at,
)
from accelsim.dataflows._systolic_toggles_ports import (
    ACROSS,
    COLUMN,
    DOWN,
    FREE,
    GROUP,
    HELD,
    MASK,
    fold_before,
    pass_left,
    pass_top,
)
from accelsim.jit import bare_kernel, inlined_kernel, kernel, merged_kernel
from accelsim.kernels.toggles import (
    A_FREE,
    ACCUMULATOR,
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
    ACTIVATION_REGISTER,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    COUNTS,
    MASK_BUS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
    W_FREE,
    WEIGHT_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    WEIGHT_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
    A,
    W,
    add_all,
    differing,
    load_done,
    toggles_through,
)


@bare_kernel
def unit_of(number, p):
    """The unit of a number: groups, blocks of filters, blocks of positions, columns, the last fastest."""
    filters = p[FILTERS]
    downs = (p[POSITIONS] + p[ROWS] - 1) // p[ROWS]
    group, rest = number // (downs * filters), number % (downs * filters)
    across = rest // (downs * p[COLUMNS])
    rest -= across * downs * p[COLUMNS]
    used = min(p[COLUMNS], filters - across * p[COLUMNS])
    return group, across, rest // used, rest % used


@inlined_kernel
def rows_of(unit, p):
    """Mapped rows of a unit's fold."""
    return min(p[ROWS], p[POSITIONS] - unit[DOWN] * p[ROWS])


@inlined_kernel
def index_of(unit, p):
    """A unit's filter in its group."""
    return unit[ACROSS] * p[COLUMNS] + unit[COLUMN]


@bare_kernel
def fill_words(is_weight, number, index, box, geometry, p, tensors, scratch, found):
    """Words of a filter or a position, the same less their zero point, -1 where they load: int64 [3, L]."""
    bits, gates = (p[BITS_W], p[GATE_W]) if is_weight else (p[BITS_A], p[GATE_A])
    zero = fill_values(is_weight, number, index, box, geometry, p, tensors, scratch)
    mask = (np.int64(1) << bits) - 1
    for e in range(scratch.size):
        value = np.int64(scratch[e])
        found[0, e], found[1, e], found[2, e] = (
            (value + zero) & mask,
            value,
            -1 if value != 0 or not gates else 0,
        )


@bare_kernel
def remember(unit, rows, box, geometry, p, tensors, registers):
    """Registers of some rows of a column as a fold's last pairs leave them."""
    number, index = unit[GROUP], index_of(unit, p)
    for i in range(rows[0], rows[1]):
        held = registers[i, 0]
        position = unit[DOWN] * p[ROWS] + i
        for reduction in range(p[LENGTH] - 1, -1, -1):
            w, w_value = operand_at(True, number, index, reduction, box, geometry, p, tensors)
            a, a_value = operand_at(False, number, position, reduction, box, geometry, p, tensors)
            if reduction == p[LENGTH] - 1:
                held[W_FREE], held[A_FREE] = w, a
            if (w_value != 0 or not p[GATE_W]) and (a_value != 0 or not p[GATE_A]):
                held[W], held[A] = w, a
                break


@merged_kernel
def begin_registers(unit, down, box, geometry, p, tensors, held):
    """Registers of a unit's column as its fold begins: of its rows, those of the last fold on each."""
    held[:] = 0
    before = fold_before(unit, p)
    if before[GROUP] < 0:
        return
    kept = min(rows_of(before, p), down)
    remember(before, (np.int64(0), kept), box, geometry, p, tensors, held)
    earlier = fold_before(before, p)
    if earlier[GROUP] >= 0:
        remember(earlier, (kept, down), box, geometry, p, tensors, held)


@bare_kernel
def work(length, w, a, inner_w, inner_a, ends, gates, registers, sums, totals):
    """The pairs of one PE in one fold."""
    held_w, held_a = np.int64(0), np.int64(0)
    totals[WEIGHT_REGISTER_WITHOUT_HOLD] += inner_w + differing(w[0, 0], registers[0, W_FREE])
    totals[ACTIVATION_REGISTER_WITHOUT_HOLD] += inner_a + differing(a[0, 0], registers[0, A_FREE])
    registers[0, W_FREE], registers[0, A_FREE] = w[0, length - 1], a[0, length - 1]
    if gates:
        held_w, held_a = load_done(length, w[0], a[0], w[2], a[2], 1, registers)
    totals[WEIGHT_REGISTER] += held_w
    totals[ACTIVATION_REGISTER] += held_a
    sums[0] = 0
    totals[ACCUMULATOR] += add_all(length, w[1], a[1], ends, sums)


@merged_kernel
def add_wires(of_left, top, used, down, found):
    """A unit's share of what the ports at the left send, and all that its port at the top sends."""
    found[ACTIVATION_BUS] = of_left[HELD] / used
    found[ACTIVATION_BUS_WITHOUT_HOLD] = of_left[FREE] / used
    found[WEIGHT_BUS] = top[HELD]
    found[WEIGHT_BUS_WITHOUT_HOLD] = top[FREE]
    found[MASK_BUS] = of_left[MASK] / used + top[MASK]
    found[MULTICAST] = of_left[HELD] + of_left[MASK] + (top[HELD] + top[MASK]) * down
    found[MULTICAST_WITHOUT_HOLD] = of_left[FREE] + of_left[MASK] + (top[FREE] + top[MASK]) * down


@kernel
def walk_columns(box, numbers, geometry, p, tensors):
    """Toggles of units of a tile: float64 [units, COUNTS].

    Parameters
    ----------
    numbers : int64 [units], ascending
    tensors : (zero point of activations and mask of an accumulator's bits, weights, their zero points,
        activations)
    """
    found = np.zeros((numbers.size, COUNTS), np.float64)
    rows, columns, length, gates = p[ROWS], p[COLUMNS], p[LENGTH], p[GATE_W] or p[GATE_A]
    of_rows, inner = np.empty((rows, 3, length), np.int64), np.zeros(rows, np.int64)
    w, ends = np.empty((3, length), np.int64), np.full(length, tensors[0][1], np.int64)
    scratch, totals = np.empty(length, np.int16), np.empty(COUNTS, np.int64)
    of_left, port = np.zeros(3, np.int64), np.zeros(3, np.int64)
    registers, sums = np.zeros((columns, rows, 1, 4), np.int64), np.zeros((rows, 1), np.int64)
    walked = np.full((columns, 3), -1, np.int64)
    filled = (np.int64(-1), np.int64(-1), np.int64(-1))
    for x in range(numbers.size):
        unit = unit_of(numbers[x], p)
        down, held = rows_of(unit, p), registers[unit[COLUMN]]
        before, was = fold_before(unit, p), walked[unit[COLUMN]]
        if was[0] != before[0] or (before[0] >= 0 and (was[1] != before[1] or was[2] != before[2])):
            begin_registers(unit, down, box, geometry, p, tensors, held)
        was[0], was[1], was[2] = unit[GROUP], unit[ACROSS], unit[DOWN]
        if filled != (unit[GROUP], unit[ACROSS], unit[DOWN]):
            of_left[:] = 0
            for i in range(down):
                at = unit[DOWN] * rows + i
                fill_words(False, unit[GROUP], at, box, geometry, p, tensors, scratch, of_rows[i])
                inner[i] = toggles_through(of_rows[i, 0], length, 1)
                pass_left(
                    unit[GROUP], unit[ACROSS], at, of_rows[i], inner[i], box, geometry, p, tensors, port
                )
                for name in range(3):
                    of_left[name] += port[name]
            filled = (unit[GROUP], unit[ACROSS], unit[DOWN])
        fill_words(True, unit[GROUP], index_of(unit, p), box, geometry, p, tensors, scratch, w)
        inner_w, last = toggles_through(w[0], length, 1), np.int64(0)
        pass_top(unit, w, inner_w, box, geometry, p, tensors, port)
        used = min(columns, p[FILTERS] - unit[ACROSS] * columns)
        add_wires(of_left, port, used, down, found[x])
        totals[:] = 0
        for i in range(down):
            work(length, w, of_rows[i], inner_w, inner[i], ends, gates, held[i], sums[i], totals)
            totals[ACCUMULATOR] += (down - i) * differing(sums[i, 0], last)
            last = sums[i, 0]
        for name in range(ACCUMULATOR + 1):
            found[x, name] = totals[name]
        if not gates:
            found[x, WEIGHT_REGISTER] = totals[WEIGHT_REGISTER_WITHOUT_HOLD]
            found[x, ACTIVATION_REGISTER] = totals[ACTIVATION_REGISTER_WITHOUT_HOLD]
    return found
