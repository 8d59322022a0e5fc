"""Toggles of `csc_row_stationary`'s two buses (docs/dataflows/csc_row_stationary_toggles.md, section 3).

::

    for pass
      for set column, for set row, for filter row        # blocks of weights
      for image, for input row, for set row              # blocks of activations
        for column: its pointer; for entry: value and count of zeros
"""

import numpy as np

from accelsim.dataflows._row_stationary_toggles_buses import receivers_of_rows
from accelsim.jit import inlined_kernel, kernel
from accelsim.kernels.toggles import (
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
    COUNTS,
    MASK_BUS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
    WEIGHT_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    differing,
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
LANES, BITS_W, BITS_A, POINTER_BITS, GROUP_FILTERS, PE_FILTERS, PE_CHANNELS, SETS_U, SETS_V = range(9)
LONGEST = 15  # zeros that an entry counts
_VALUE, _COUNT, _POINTER = range(3)  # wires of a bus


@kernel
def find_entries(first, stop, tap, c, tensors, values, gaps):
    """Entries of a column of filters first..stop; their number.

    Parameters
    ----------
    values : int64 [>= filters], weights less their zero points, written; of a padding entry 0
    gaps : int64 [2, >= filters], zeros before each, and its filter from `first` on, written
    """
    count, gap, padding = np.int64(0), np.int64(0), np.int64(0)
    for k in range(first, stop):
        value = np.int64(tensors[1][k, tap, c]) - np.int64(tensors[2][k])
        if value != 0 or gap == LONGEST:
            values[count], gaps[0, count], gaps[1, count] = value, gap, k - first
            count, gap = count + 1, np.int64(0)
            padding = np.int64(0) if value != 0 else padding + 1
        else:
            gap += 1
    return count - padding  # nothing is stored after the last one that is no zero


@inlined_kernel
def drive(wires, place, word):
    """Toggles of some wires of a bus."""
    found = differing(word, wires[place])
    wires[place] = word
    return found


@kernel
def send_weights(k, filters, box, geometry, p, tensors, wires, values, gaps):
    """(toggles of values, of counts and pointers) of the weight bus in a pass."""
    mask = (np.int64(1) << p[BITS_W]) - 1
    pointer_mask = (np.int64(1) << p[POINTER_BITS]) - 1 if p[POINTER_BITS] < 63 else np.int64(-1)
    of_values, of_masks, channels = np.int64(0), np.int64(0), box[5] - box[4]
    for first in range(k, k + filters, p[PE_FILTERS]):
        stop = min(first + p[PE_FILTERS], k + filters)
        for u in range(0, channels, p[PE_CHANNELS]):
            for i in range(geometry[KERNEL_H]):
                entries = np.int64(0)
                for s in range(geometry[KERNEL_W]):
                    for c in range(u, min(u + p[PE_CHANNELS], channels)):
                        of_masks += drive(wires, _POINTER, entries & pointer_mask)
                        count = find_entries(
                            first, stop, i * geometry[KERNEL_W] + s, box[4] + c, tensors, values, gaps
                        )
                        for x in range(count):
                            q = values[x] + np.int64(tensors[2][first + gaps[1, x]])
                            of_values += drive(wires, _VALUE, q & mask)
                            of_masks += drive(wires, _COUNT, gaps[0, x])
                        entries += count
    return of_values, of_masks


@kernel
def needed_columns(box, geometry):
    """Input columns that a window needs and are no padding, ascending: int64 [columns]."""
    needed = np.zeros(geometry[WIDTH], np.uint8)
    for q in range(box[8], box[9]):
        for s in range(geometry[KERNEL_W]):
            w = q * geometry[STRIDE_W] - geometry[PAD_LEFT] + s
            if 0 <= w < geometry[WIDTH]:
                needed[w] = 1
    return np.nonzero(needed)[0]


@kernel
def send_block(first, stop, rows, columns, zero, bits, pointer_mask, wires):
    """(toggles of values, of counts and pointers) of a block of activations, channels first..stop.

    Parameters
    ----------
    rows : int16 [W, channels], of an input row; columns : int64 [columns], those that are sent
    """
    mask = (np.int64(1) << bits) - 1
    of_values, of_masks, entries = np.int64(0), np.int64(0), np.int64(0)
    for w in columns:
        of_masks += drive(wires, _POINTER, entries & pointer_mask)
        zeros = np.int64(0)
        for c in range(first, stop):
            q = np.int64(rows[w, c])
            if q == zero:
                zeros += 1
                continue
            of_values += drive(wires, _VALUE, q & mask)
            of_masks += drive(wires, _COUNT, zeros & LONGEST)
            entries, zeros = entries + 1, np.int64(0)
    return of_values, of_masks


@kernel
def send_activations(group, taken, columns, box, geometry, p, tensors, wires):
    """(toggles of values, of counts and pointers, all x receivers in a set column) of a pass."""
    pointer_mask = (np.int64(1) << p[POINTER_BITS]) - 1 if p[POINTER_BITS] < 63 else np.int64(-1)
    of_group, channels = tensors[3].shape[1] // geometry[GROUPS], box[5] - box[4]
    top = box[6] * geometry[STRIDE_H] - geometry[PAD_TOP]
    of_values, of_masks, received = np.int64(0), np.int64(0), np.int64(0)
    for n in range(box[0], box[1]):
        for row in range(taken.size):
            h = top + row
            if taken[row] == 0 or h < 0 or h >= geometry[HEIGHT]:
                continue
            line = (n * geometry[HEIGHT] + h) * geometry[WIDTH]
            rows = tensors[3][line : line + geometry[WIDTH]]
            for u in range(0, channels, p[PE_CHANNELS]):
                first = group * of_group + box[4] + u
                stop = first + min(p[PE_CHANNELS], channels - u)
                values, masks = send_block(
                    first, stop, rows, columns, tensors[0][0], p[BITS_A], pointer_mask, wires
                )
                of_values += values
                of_masks += masks
                received += (values + masks) * taken[row]
    return of_values, of_masks, received


@kernel
def count_buses(box, geometry, p, tensors, filters):
    """Toggles of both buses in a tile: int64 [COUNTS]; filters: of one of its groups."""
    totals = np.zeros(COUNTS, np.int64)
    taken, columns = receivers_of_rows(box, geometry), needed_columns(box, geometry)
    together = p[PE_FILTERS] * p[SETS_V]
    values, gaps = np.empty(p[PE_FILTERS], np.int64), np.empty((2, p[PE_FILTERS]), np.int64)
    w_wires, a_wires = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for first in range(box[2], box[3], filters):
        w_wires[:] = 0
        a_wires[:] = 0
        sent = (np.int64(0), np.int64(0), np.int64(0))
        for k in range(first, first + filters, together):
            of_pass = min(together, first + filters - k)
            of_values, of_masks = send_weights(k, of_pass, box, geometry, p, tensors, w_wires, values, gaps)
            totals[WEIGHT_BUS] += of_values
            totals[MASK_BUS] += of_masks
            totals[MULTICAST] += (of_values + of_masks) * (box[7] - box[6])
            if k <= first + together:  # from the second pass on all begin with what the same sequence left
                sent = send_activations(
                    first // p[GROUP_FILTERS], taken, columns, box, geometry, p, tensors, a_wires
                )
            totals[ACTIVATION_BUS] += sent[0]
            totals[MASK_BUS] += sent[1]
            totals[MULTICAST] += sent[2] * ((of_pass + p[PE_FILTERS] - 1) // p[PE_FILTERS])
    totals[WEIGHT_BUS_WITHOUT_HOLD] = totals[WEIGHT_BUS]
    totals[ACTIVATION_BUS_WITHOUT_HOLD] = totals[ACTIVATION_BUS]
    totals[MULTICAST_WITHOUT_HOLD] = totals[MULTICAST]
    return totals
