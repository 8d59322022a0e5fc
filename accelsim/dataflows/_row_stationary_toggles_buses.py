"""Toggles of `row_stationary`'s two buses (docs/dataflows/row_stationary_toggles.md, section 3)."""

import numpy as np

from accelsim.jit import kernel
from accelsim.kernels.toggles import (
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
    COUNTS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
    WEIGHT_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    differing,
    load_ends,
    toggles_through,
)
from accelsim.kernels.windows import (
    GROUPS,
    HEIGHT,
    KERNEL_H,
    KERNEL_W,
    PAD_LEFT,
    PAD_TOP,
    STRIDE_H,
    STRIDE_W,
    WIDTH,
)

# Parameters of the array, and of the mapping: filters and channels of a PE, sets of channels, of filters.
RATE_W, RATE_A, GATES, BITS_W, BITS_A, GROUP_FILTERS, PE_FILTERS, PE_CHANNELS, SETS_U, SETS_V = range(10)


@kernel
def send_weights(k, filters, box, bits, tensors, wires, sequence):
    """Toggles of the weight bus in a pass."""
    mask, count = (np.int64(1) << bits) - 1, 0
    for f in range(k, k + filters):
        for tap in range(tensors[1].shape[1]):
            for c in range(box[4], box[5]):
                sequence[count] = np.int64(tensors[1][f, tap, c]) & mask
                count += 1
    return toggles_through(sequence, count, wires.shape[0]) + load_ends(
        sequence, count, wires.shape[0], wires, 0
    )


@kernel
def receivers_of_rows(box, geometry):
    """PEs of a set that take each input row from a tile's first on, padding rows too: int64 [rows]."""
    stride, high = geometry[STRIDE_H], geometry[KERNEL_H]
    taken = np.zeros((box[7] - box[6] - 1) * stride + high, np.int64)
    for j in range(box[7] - box[6]):
        for i in range(high):
            taken[j * stride + i] += 1
    return taken


@kernel
def send_columns(n, q, columns, taken, sets, group, box, geometry, bits, tensors, wires, totals):
    """A window's new columns cross the activation bus."""
    channels = tensors[3].shape[1] // geometry[GROUPS]
    mask, rate, place = (np.int64(1) << bits) - 1, wires.shape[0], 0
    top = box[6] * geometry[STRIDE_H] - geometry[PAD_TOP]
    end = q * geometry[STRIDE_W] - geometry[PAD_LEFT] + geometry[KERNEL_W]
    sent, multicast = np.int64(0), np.int64(0)
    for row in range(taken.size):
        if taken[row] == 0:
            continue
        h = top + row
        toggles = np.int64(0)
        for w in range(end - columns, end):
            if not (0 <= h < geometry[HEIGHT] and 0 <= w < geometry[WIDTH]):
                place = (place + box[5] - box[4]) % rate
                continue
            values = tensors[3][(n * geometry[HEIGHT] + h) * geometry[WIDTH] + w]
            for c in range(group * channels + box[4], group * channels + box[5]):
                word = np.int64(values[c]) & mask
                toggles += differing(word, wires[place])
                wires[place] = word
                place += 1
                if place == rate:
                    place = 0
        sent += toggles
        multicast += toggles * taken[row]
    totals[ACTIVATION_BUS] += sent
    totals[MULTICAST] += multicast * sets


@kernel
def count_buses(box, geometry, p, tensors, filters):
    """Toggles of both buses in a tile: int64 [COUNTS]; filters: of one of its groups."""
    totals = np.zeros(COUNTS, np.int64)
    taken = receivers_of_rows(box, geometry)
    together = p[PE_FILTERS] * p[SETS_V]
    sequence = np.empty(together * tensors[1].shape[1] * (box[5] - box[4]), np.int64)
    w_wires, a_wires = np.zeros((p[RATE_W], 1), np.int64), np.zeros(p[RATE_A], np.int64)
    later = min(geometry[STRIDE_W], geometry[KERNEL_W])
    for first in range(box[2], box[3], filters):
        w_wires[:] = 0
        a_wires[:] = 0
        group = first // p[GROUP_FILTERS]
        for k in range(first, first + filters, together):
            of_pass = min(together, first + filters - k)
            sent = send_weights(k, of_pass, box, p[BITS_W], tensors, w_wires, sequence)
            totals[WEIGHT_BUS] += sent
            totals[MULTICAST] += sent * (box[7] - box[6])
            sets = (of_pass + p[PE_FILTERS] - 1) // p[PE_FILTERS]
            for n in range(box[0], box[1]):
                for q in range(box[8], box[9]):
                    columns = geometry[KERNEL_W] if q == box[8] else later
                    send_columns(
                        n, q, columns, taken, sets, group, box, geometry, p[BITS_A], tensors, a_wires, totals
                    )  # fmt: skip
    totals[WEIGHT_BUS_WITHOUT_HOLD] = totals[WEIGHT_BUS]
    totals[ACTIVATION_BUS_WITHOUT_HOLD] = totals[ACTIVATION_BUS]
    totals[MULTICAST_WITHOUT_HOLD] = totals[MULTICAST]
    return totals
