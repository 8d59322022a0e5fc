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
)
from accelsim.jit import inlined_kernel, kernel, popcount
from accelsim.kernels.toggles import (
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
from accelsim.kernels.windows import GROUPS, KERNEL_H, KERNEL_W, fill_pixels

# A sequence of words: toggles inside it of all words, of those not zero alone, of its mask bits; its ends.
FREE, HELD, MASK, FIRST, LAST, FIRST_HELD, LAST_HELD, FIRST_BIT, LAST_BIT, SOME = range(10)
# Wires of a port, and registers of a PE.
HELD_WIRES, FREE_WIRES, MASK_WIRE = range(3)
STAYS, STAYS_FREE, STREAMED, STREAMED_FREE = range(4)
# Counters of an operand: registers, buses, each with and without hold; those of activations follow.
OF_WEIGHTS = (WEIGHT_REGISTER, WEIGHT_REGISTER_WITHOUT_HOLD, WEIGHT_BUS, WEIGHT_BUS_WITHOUT_HOLD)
OF_ACTIVATIONS = tuple(name + 1 for name in OF_WEIGHTS)


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


@kernel
def describe_next(words, values, bits, first, gates, found):
    """The next word of many sequences at once, as `describe`; without `gates` only what all words need.

    Parameters
    ----------
    words, values : int64 [sequences]
    first : bool, whether it is the first of each
    found : int64 [10, sequences], all zeros at first; ended by `describe_end`
    """
    mask, sequences = (np.int64(1) << bits) - 1, words.size
    if first:
        for x in range(sequences):
            found[FIRST, x] = found[LAST, x] = words[x] & mask
            found[FIRST_BIT, x] = found[LAST_BIT, x] = np.int64(values[x] != 0)
    for x in range(sequences):
        word = words[x] & mask
        found[FREE, x] += popcount(np.uint64(word ^ found[LAST, x]))
        found[LAST, x] = word
    if gates:
        for x in range(sequences):
            bit = np.int64(values[x] != 0)
            found[MASK, x] += bit ^ found[LAST_BIT, x]
            found[LAST_BIT, x] = bit
            changed = ((words[x] & mask) ^ found[LAST_HELD, x]) & -bit
            found[HELD, x] += popcount(np.uint64(changed))
            found[FIRST_HELD, x] |= changed & (found[SOME, x] - 1)
            found[LAST_HELD, x] ^= changed
            found[SOME, x] |= bit


@kernel
def describe_end(found):
    """Take the first words that are not zero out of the toggles inside the sequences: they began with 0."""
    for x in range(found.shape[1]):
        found[HELD, x] -= popcount(np.uint64(found[FIRST_HELD, x]))


@kernel
def describe_activations(first_group, groups, box, geometry, p, tensors, positions, pixels):
    """Activations that stream, of all groups of a tile at once: int64 [taps, groups, channels, 10]."""
    zero, activations = tensors[0][0], tensors[3]
    in_group, channels = activations.shape[1] // geometry[GROUPS], box[5] - box[4]
    taps = pixels.shape[0]
    described = np.zeros((10, taps * groups * channels), np.int64)
    words, values = np.empty(described.shape[1], np.int64), np.empty(described.shape[1], np.int64)
    for t in range(positions):
        x = 0
        for tap in range(taps):
            pixel = pixels[tap, t]
            for group in range(first_group, first_group + groups):
                for c in range(group * in_group + box[4], group * in_group + box[5]):
                    q = np.int64(activations[pixel, c]) if pixel >= 0 else zero
                    words[x] = q
                    values[x] = q - zero
                    x += 1
        describe_next(words, values, p[BITS_A], t == 0, p[GATE_A], described)
    describe_end(described)
    return described.T.copy().reshape((taps, groups, channels, 10))


@kernel
def describe_weights(k, filters, box, p, tensors, sequences):
    """Weights that stream past the rows, of one group: int64 [L, 10], written."""
    words, values = np.empty(len(sequences), np.int64), np.empty(len(sequences), np.int64)
    described = np.zeros((10, len(sequences)), np.int64)
    for t in range(filters):
        fill_filter(k + t, box, tensors, words, values)
        describe_next(words, values, p[BITS_W], t == 0, p[GATE_W], described)
    describe_end(described)
    sequences[:] = described.T


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
    across = filters if weights_stay else positions
    of_stays, of_streamed = (OF_WEIGHTS, OF_ACTIVATIONS) if weights_stay else (OF_ACTIVATIONS, OF_WEIGHTS)
    stays_gates, gates = (p[GATE_W], p[GATE_A]) if weights_stay else (p[GATE_A], p[GATE_W])
    stays_bits = p[BITS_W] if weights_stay else p[BITS_A]
    of_columns = np.empty((2, min(columns, across), length), np.int16)
    sequences, groups = np.empty((length, 10), np.int64), (box[3] - box[2]) // filters
    if weights_stay:
        streams = describe_activations(
            box[2] // p[GROUP_FILTERS], groups, box, geometry, p, tensors, positions, pixels
        )
    else:
        streams = np.empty((taps, 0, box[5] - box[4], 10), np.int64)
    left, top = np.zeros((rows, 3), np.int64), np.zeros((columns, 3), np.int64)
    registers = np.zeros((rows, columns, 4), np.int64)
    stays_mask = (np.int64(1) << stays_bits) - 1
    for k in range(box[2], box[3], filters):
        group = k // p[GROUP_FILTERS]
        if weights_stay:
            sequences[:] = streams[:, (k - box[2]) // filters].copy().reshape((length, 10))
        else:
            describe_weights(k, filters, box, p, tensors, sequences)
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
