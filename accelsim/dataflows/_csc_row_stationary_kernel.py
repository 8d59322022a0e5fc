"""The tile kernel of `csc_row_stationary`: work of PEs from how often each activation place is not zero.

Written from docs/dataflows/csc_row_stationary.md; its twin is accelsim/reference/csc_row_stationary.py.
A PE's work is a sum over its columns (channel, tap) of the windows in which the activation is not zero times
the cycles of the column: the first factor depends on the input row, the second on filters and filter row.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.kernels.windows import HEIGHT, KERNEL_H, KERNEL_W, PAD_LEFT, PAD_TOP, STRIDE_H, STRIDE_W, WIDTH

# Parameters of mapping and array.
P, Q, R, T, LANES, FEED, DRAIN_RATE, PIPELINE, WEIGHT_BITS, ACTIVATION_BITS, POINTER_BITS, WORD, PES = range(
    13
)
# Sums of a tile; waits are counted in PEs, not lanes.
(
    CYCLES,
    STEPS,
    DONE,
    PADDING,
    VISITS,
    EMPTY,
    WORK,
    UPDATES,
    IMBALANCE,
    SEND_WAIT,
    FILL,
    QUEUE_WAIT,
    UNMAPPED,
    DRAIN_WAIT,
    BYTES_W,
    WORDS_W,
    QUEUED_W,
    BYTES_A,
    WORDS_A,
    QUEUED_A,
) = range(20)
SUMS = 20
MOST_ZEROS = 15  # what four bits tell


@kernel
def ceiled(value, divisor):
    """Quotient, rounded up."""
    return (value + divisor - 1) // divisor


@kernel
def visited(box, geometry, channel, activations):
    """Windows in which each place is not zero; places that are not zero; input columns that windows need.

    Returns
    -------
    (int64 [input rows, S, channels], int64 [n, input rows, channels], int), rows from the tile's first
    """
    rows = (box[7] - 1 - box[6]) * geometry[STRIDE_H] + geometry[KERNEL_H]
    top = box[6] * geometry[STRIDE_H] - geometry[PAD_TOP]
    images, channels = box[1] - box[0], box[5] - box[4]
    windows = np.zeros((rows, geometry[KERNEL_W], channels), np.int64)
    places = np.zeros((images, rows, channels), np.int64)
    needed = np.zeros(geometry[WIDTH], np.uint8)
    for q in range(box[8], box[9]):
        for s in range(geometry[KERNEL_W]):
            w = q * geometry[STRIDE_W] - geometry[PAD_LEFT] + s
            if 0 <= w < geometry[WIDTH]:
                needed[w] = 1
    for n in range(images):
        for row in range(rows):
            h = top + row
            if h < 0 or h >= geometry[HEIGHT]:
                continue
            line = activations[box[0] + n, h]
            for w in range(geometry[WIDTH]):
                if needed[w]:
                    for c in range(channels):
                        places[n, row, c] += np.int64(line[w, channel + c])
            for q in range(box[8], box[9]):
                for s in range(geometry[KERNEL_W]):
                    w = q * geometry[STRIDE_W] - geometry[PAD_LEFT] + s
                    if 0 <= w < geometry[WIDTH]:
                        for c in range(channels):
                            windows[row, s, c] += np.int64(line[w, channel + c])
    return windows, places, np.int64(needed.sum())


@kernel
def fill_columns(weights, filters, taps, c0, entries, padding):
    """Entries of each column (s, c) over some filters, padding ones too: written to int64 [S, channels]."""
    for s in range(entries.shape[0]):
        for c in range(entries.shape[1]):
            found = padded = pending = run = np.int64(0)
            for k in range(filters[0], filters[1]):
                if weights[k, taps + s, c0 + c]:
                    found += 1 + pending
                    padded += pending
                    pending = run = np.int64(0)
                elif run == MOST_ZEROS:
                    pending += 1
                    run = np.int64(0)
                else:
                    run += 1
            entries[s, c] = found
            padding[s, c] = padded


@kernel
def activation_bytes(box, geometry, places, columns, p, shares, receivers, sums):
    """Bytes of a pass, counted; those written to the PEs of one set column are returned too."""
    top = box[6] * geometry[STRIDE_H] - geometry[PAD_TOP]
    size = queued = np.int64(0)
    for n in range(places.shape[0]):
        for u in range(shares):
            for row in range(places.shape[1]):
                if receivers[row] == 0 or top + row < 0 or top + row >= geometry[HEIGHT]:
                    continue
                kept = places[n, row, u * p[Q] : (u + 1) * p[Q]].sum()
                bytes_ = ceiled(kept * (p[ACTIVATION_BITS] + 4), 8) + ceiled(columns * p[POINTER_BITS], 8)
                size += bytes_
                queued += bytes_ * receivers[row]
                sums[WORDS_A] += ceiled(bytes_, p[WORD])
    sums[BYTES_A] += size
    return size, queued


@kernel
def run_set_row(windows, entries, padding, geometry, p, work, sums):
    """Work of the PEs of a set column and filter row, int64 [set rows, output rows], already of their rows.

    Parameters
    ----------
    windows : int64 [input rows, S, channels], from the filter row's first
    """
    for u in range(work.shape[0]):
        stop = min((u + 1) * p[Q], entries.shape[1])
        for j in range(work.shape[1]):
            row = windows[j * geometry[STRIDE_H]]
            cycles = np.int64(0)
            for s in range(entries.shape[0]):
                for c in range(u * p[Q], stop):
                    times, found = row[s, c], entries[s, c]
                    cycles += times * max(1, ceiled(found, p[LANES]))
                    sums[DONE] += times * found
                    sums[PADDING] += times * padding[s, c]
                    sums[VISITS] += times
                    sums[EMPTY] += times * np.int64(found == 0)
            work[u, j] = cycles
            sums[WORK] += cycles


@kernel
def run_pass(box, k, weights, windows, geometry, p, work, sums):
    """One pass of the filters from `k` on: (busiest PE, bytes of weights, mapped PEs, set columns)."""
    last = min(box[3], k + p[P] * p[T])
    shares = work.shape[0]
    entries = np.empty((geometry[KERNEL_W], box[5] - box[4]), np.int64)
    padding = np.empty_like(entries)
    busy = total = size = np.int64(0)
    before = sums[WORK]
    across = ceiled(last - k, p[P])
    for v in range(across):
        filters = (k + v * p[P], min(last, k + (v + 1) * p[P]))
        for i in range(geometry[KERNEL_H]):
            fill_columns(weights, filters, i * geometry[KERNEL_W], box[4], entries, padding)
            run_set_row(windows[i:], entries, padding, geometry, p, work, sums)
            busy = max(busy, work.max())
            for u in range(shares):
                stop = min((u + 1) * p[Q], entries.shape[1])
                kept = entries[:, u * p[Q] : stop].sum()
                bytes_ = ceiled(kept * (p[WEIGHT_BITS] + 4), 8)
                bytes_ += ceiled((stop - u * p[Q]) * entries.shape[0] * p[POINTER_BITS], 8)
                size += bytes_
                sums[WORDS_W] += ceiled(bytes_, p[WORD])
    sums[BYTES_W] += size
    sums[QUEUED_W] += size * work.shape[1]
    mapped = geometry[KERNEL_H] * work.shape[1] * shares * across
    total = sums[WORK] - before
    sums[IMBALANCE] += mapped * busy - total
    return busy, size, mapped, across


@kernel
def count_tile(box, geometry, channel, weights, activations, p):
    """All sums of one tile of one group.

    Parameters
    ----------
    box : int64 [10], tables.BOX
    channel : first channel of the tile in the input
    weights : uint8 [K, R * S, C], 1 where not zero
    activations : uint8 [N, H, W, channels]
    p : int64 [13], parameters of mapping and array

    Returns
    -------
    int64 [SUMS]
    """
    sums = np.zeros(SUMS, np.int64)
    windows, places, columns = visited(box, geometry, channel, activations)
    height, filters = box[7] - box[6], box[3] - box[2]
    shares = ceiled(box[5] - box[4], p[Q])
    receivers = np.zeros(windows.shape[0], np.int64)
    for j in range(height):
        for i in range(geometry[KERNEL_H]):
            receivers[j * geometry[STRIDE_H] + i] += 1
    work = np.zeros((shares, height), np.int64)
    row_windows = (box[1] - box[0]) * (box[9] - box[8])
    now = drained = drained_last = np.int64(0)
    for k in range(box[2], box[3], p[P] * p[T]):
        busy, size, mapped, across = run_pass(box, k, weights, windows, geometry, p, work, sums)
        sent, queued = activation_bytes(box, geometry, places, columns, p, shares, receivers, sums)
        sums[QUEUED_A] += queued * across
        length = max(busy, ceiled(size + sent, p[FEED]))
        wait = max(drained - now, 0)
        sums[SEND_WAIT] += mapped * (length - busy)
        sums[FILL] += mapped * p[PIPELINE]
        sums[QUEUE_WAIT] += mapped * wait
        sums[UNMAPPED] += (p[PES] - mapped) * (wait + length + p[PIPELINE])
        now += wait + length + p[PIPELINE]
        of_pass = min(box[3], k + p[P] * p[T]) - k
        drained = drained_last
        drained_last = max(drained_last, now) + ceiled(row_windows * height * of_pass, p[DRAIN_RATE])
        sums[STEPS] += 1
    sums[UPDATES] = sums[DONE] + row_windows * geometry[KERNEL_H] * height * shares * filters
    sums[CYCLES] = max(now, drained_last)
    sums[DRAIN_WAIT] = p[PES] * (sums[CYCLES] - now)
    return sums
