"""What of `systolic`'s toggles needs no look at every pair: wires, and registers where an operand stays.

A row's streamed sequence is the same in every PE that takes it, and in every block across: its inner toggles
are counted once, and each PE's or port's first word against what it held
(docs/dataflows/systolic_toggles.md, sections 1, 3 and 4).
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
    STATIONARY,
    STATIONARY_WEIGHTS,
    fill_filter,
    fill_position,
    fill_streamed,
)
from accelsim.jit import inlined_kernel, kernel
from accelsim.kernels.toggles import (
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
    ACTIVATION_REGISTER,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    COUNTS,
    MASK_BUS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
    WEIGHT_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    WEIGHT_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
    differing,
)
from accelsim.kernels.windows import KERNEL_H, KERNEL_W, fill_pixels

# A sequence of words: toggles inside it of all words, of those not zero alone, of its mask bits; its ends.
FREE, HELD, MASK, FIRST, LAST, FIRST_HELD, LAST_HELD, FIRST_BIT, LAST_BIT, SOME = range(10)
# Wires of a port, and registers of a PE.
HELD_WIRES, FREE_WIRES, MASK_WIRE = range(3)
STAYS, STAYS_FREE, STREAMED, STREAMED_FREE = range(4)
# Counters of an operand: registers, buses, each with and without hold.
OF_WEIGHTS = (WEIGHT_REGISTER, WEIGHT_REGISTER_WITHOUT_HOLD, WEIGHT_BUS, WEIGHT_BUS_WITHOUT_HOLD)
OF_ACTIVATIONS = (
    ACTIVATION_REGISTER,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
)


@kernel
def describe(words, values, bits, found):
    """A sequence of words: int64 [10], written."""
    mask = (np.int64(1) << bits) - 1
    found[:] = 0
    last = last_held = np.int64(0)
    last_bit = np.int64(0)
    for t in range(words.size):
        word = np.int64(words[t]) & mask
        bit = np.int64(values[t] != 0)
        if t == 0:
            found[FIRST], found[FIRST_BIT] = word, bit
        else:
            found[FREE] += differing(word, last)
            found[MASK] += bit ^ last_bit
        if bit:
            if found[SOME]:
                found[HELD] += differing(word, last_held)
            else:
                found[FIRST_HELD], found[SOME] = word, 1
            last_held = word
        last, last_bit = word, bit
    found[LAST], found[LAST_HELD], found[LAST_BIT] = last, last_held, last_bit


@inlined_kernel
def pass_port(sequence, gates, receivers, wires, of, totals):
    """A sequence enters at a port, each word heard by `receivers` PEs."""
    free = sequence[FREE] + differing(sequence[FIRST], wires[FREE_WIRES])
    wires[FREE_WIRES] = sequence[LAST]
    held, mask = free, np.int64(0)
    if gates:
        held = np.int64(0)
        if sequence[SOME]:
            held = sequence[HELD] + differing(sequence[FIRST_HELD], wires[HELD_WIRES])
            wires[HELD_WIRES] = sequence[LAST_HELD]
        mask = sequence[MASK] + (sequence[FIRST_BIT] ^ wires[MASK_WIRE])
        wires[MASK_WIRE] = sequence[LAST_BIT]
    totals[of[2]] += held
    totals[of[3]] += free
    totals[MASK_BUS] += mask
    totals[MULTICAST] += (held + mask) * receivers
    totals[MULTICAST_WITHOUT_HOLD] += (free + mask) * receivers


@inlined_kernel
def load_port(words, values, first, rows, bits, gates, wires, of, totals):
    """A column's stationary words enter at the top, the last row's first, each past those above its own."""
    word_mask = (np.int64(1) << bits) - 1
    for x in range(rows - 1, -1, -1):
        word, bit = np.int64(words[first + x]) & word_mask, np.int64(values[first + x] != 0)
        free = differing(word, wires[FREE_WIRES])
        wires[FREE_WIRES] = word
        held, mask = free, np.int64(0)
        if gates:
            held = np.int64(0)
            if bit:
                held = differing(word, wires[HELD_WIRES])
                wires[HELD_WIRES] = word
            mask = bit ^ wires[MASK_WIRE]
            wires[MASK_WIRE] = bit
        totals[of[2]] += held
        totals[of[3]] += free
        totals[MASK_BUS] += mask
        totals[MULTICAST] += (held + mask) * (x + 1)
        totals[MULTICAST_WITHOUT_HOLD] += (free + mask) * (x + 1)


@inlined_kernel
def load_registers(word, nonzero, stays_gates, streamed_gates, sequence, held, of_stays, of_streamed, totals):
    """The registers of a PE in one fold: its stationary word, and the sequence that streams past it."""
    totals[of_stays[1]] += differing(word, held[STAYS_FREE])
    held[STAYS_FREE] = word
    totals[of_streamed[1]] += sequence[FREE] + differing(sequence[FIRST], held[STREAMED_FREE])
    held[STREAMED_FREE] = sequence[LAST]
    if stays_gates and not nonzero:
        return
    totals[of_stays[0]] += differing(word, held[STAYS])
    held[STAYS] = word
    if not streamed_gates:
        totals[of_streamed[0]] += sequence[FREE] + differing(sequence[FIRST], held[STREAMED])
        held[STREAMED] = sequence[LAST]
    elif sequence[SOME]:
        totals[of_streamed[0]] += sequence[HELD] + differing(sequence[FIRST_HELD], held[STREAMED])
        held[STREAMED] = sequence[LAST_HELD]


@kernel
def count_stationary(box, geometry, p, tensors, filters, positions):
    """All but the sums, where weights or activations stay: int64 [COUNTS]."""
    totals = np.zeros(COUNTS, np.int64)
    rows, columns = p[ROWS], p[COLUMNS]
    taps = geometry[KERNEL_H] * geometry[KERNEL_W]
    length = taps * (box[5] - box[4])
    pixels = np.empty((taps, positions), np.int64)
    fill_pixels(geometry, box, 0, positions, pixels)
    weights_stay = p[STATIONARY] == STATIONARY_WEIGHTS
    across, stream = (filters, positions) if weights_stay else (positions, filters)
    of_stays, of_streamed = (OF_WEIGHTS, OF_ACTIVATIONS) if weights_stay else (OF_ACTIVATIONS, OF_WEIGHTS)
    stays_gates, gates = (p[GATE_W], p[GATE_A]) if weights_stay else (p[GATE_A], p[GATE_W])
    stays_bits, bits = (p[BITS_W], p[BITS_A]) if weights_stay else (p[BITS_A], p[BITS_W])
    words = np.empty((length, stream), np.int16)
    values = np.empty((length, stream), np.int16)
    of_columns = np.empty((2, min(columns, across), length), np.int16)
    sequences = np.empty((length, 10), np.int64)
    left, top = np.zeros((rows, 3), np.int64), np.zeros((columns, 3), np.int64)
    registers = np.zeros((rows, columns, 4), np.int64)
    stays_mask = (np.int64(1) << stays_bits) - 1
    for k in range(box[2], box[3], filters):
        group = k // p[GROUP_FILTERS]
        fill_streamed(not weights_stay, k, group, box, geometry, tensors, pixels, words, values)
        for reduction in range(length):
            describe(words[reduction], values[reduction], bits, sequences[reduction])
        for block in range(0, across, columns):
            used = min(columns, across - block)
            for j in range(used):
                if weights_stay:
                    fill_filter(k + block + j, box, tensors, of_columns[0, j], of_columns[1, j])
                else:
                    fill_position(
                        block + j, group, box, geometry, tensors, pixels, of_columns[0, j], of_columns[1, j]
                    )
            for first in range(0, length, rows):
                down = min(rows, length - first)
                for j in range(used):
                    load_port(
                        of_columns[0, j], of_columns[1, j], first, down, stays_bits, stays_gates, top[j],
                        of_stays, totals,
                    )  # fmt: skip
                for i in range(down):
                    sequence = sequences[first + i]
                    pass_port(sequence, gates, used, left[i], of_streamed, totals)
                    for j in range(used):
                        word = np.int64(of_columns[0, j, first + i]) & stays_mask
                        load_registers(
                            word, of_columns[1, j, first + i] != 0, stays_gates, gates, sequence,
                            registers[i, j], of_stays, of_streamed, totals,
                        )  # fmt: skip
    return totals


@kernel
def count_outputs(box, geometry, p, tensors, filters, positions):
    """Wires, where outputs stay: int64 [COUNTS]."""
    totals = np.zeros(COUNTS, np.int64)
    rows, columns = p[ROWS], p[COLUMNS]
    taps = geometry[KERNEL_H] * geometry[KERNEL_W]
    length = taps * (box[5] - box[4])
    pixels = np.empty((taps, positions), np.int64)
    fill_pixels(geometry, box, 0, positions, pixels)
    words, values = np.empty(length, np.int16), np.empty(length, np.int16)
    of_positions = np.empty((positions, 10), np.int64)
    of_filters = np.empty((filters, 10), np.int64)
    left, top = np.zeros((rows, 3), np.int64), np.zeros((columns, 3), np.int64)
    for k in range(box[2], box[3], filters):
        group = k // p[GROUP_FILTERS]
        for position in range(positions):
            fill_position(position, group, box, geometry, tensors, pixels, words, values)
            describe(words, values, p[BITS_A], of_positions[position])
        for j in range(filters):
            fill_filter(k + j, box, tensors, words, values)
            describe(words, values, p[BITS_W], of_filters[j])
        for block in range(0, filters, columns):
            used = min(columns, filters - block)
            for first in range(0, positions, rows):
                down = min(rows, positions - first)
                for i in range(down):
                    pass_port(of_positions[first + i], p[GATE_A], used, left[i], OF_ACTIVATIONS, totals)
                for j in range(used):
                    pass_port(of_filters[block + j], p[GATE_W], down, top[j], OF_WEIGHTS, totals)
    return totals
