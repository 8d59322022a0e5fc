"""Entries of `cartesian`: what each PE and each block of filters stores, in the order of the hardware.

Lists of all PEs (or channels) stand one after the other; `starts` says where each begins.
"""

import numpy as np

from accelsim.jit import kernel

RUN = 15  # zeros that an entry can tell
# Columns of the int64 geometry: rows, then columns, of everything.
(
    HEIGHT,
    WIDTH,
    STRIDE_H,
    STRIDE_W,
    PAD_TOP,
    PAD_LEFT,
    DILATION_H,
    DILATION_W,
    KERNEL_H,
    KERNEL_W,
) = range(10)


# Columns of the int64 shape of a tile: its u and v; rows and columns of a PE; outputs that a pixel reaches.
U0, U1, V0, V1, TALL, WIDE, REACH_H, REACH_W = range(8)


@kernel
def span(length, pad, stride, taps, dilation, first, last):
    """(low, high) of u that outputs first..last may need and that hold pixels."""
    reach = (taps - 1) * dilation // stride + 1
    low = max(first, pad // stride)
    return low, min(last + reach - 1, (length - 1 + pad) // stride + 1)


@kernel
def store_rectangle(plane, rows, columns, phase_h, phase_w, g, ys, xs, kept, count):
    """Append the entries of a rectangle u, v of a plane uint8 [H, W]; returns their end."""
    zeros = np.int64(0)
    end = count
    for u in range(rows[0], rows[1]):
        h = u * g[STRIDE_H] + phase_h - g[PAD_TOP]
        if h < 0 or h >= g[HEIGHT]:
            continue
        for v in range(columns[0], columns[1]):
            w = v * g[STRIDE_W] + phase_w - g[PAD_LEFT]
            if w < 0 or w >= g[WIDTH]:
                continue
            some = plane[h, w]
            if some or zeros == RUN:
                ys[count] = u
                xs[count] = v
                kept[count] = some
                count += 1
                zeros = np.int64(0)
                if some:
                    end = count
            else:
                zeros += 1
    return end


@kernel
def activation_lists(nonzero, box, groups, group_channels, geometry, rows, columns, shape):
    """Entries of every (n, PE, channel, phase) of a tile.

    Parameters
    ----------
    nonzero : uint8 [N, C, H, W]
    groups : (first, end) of the tile

    Returns
    -------
    starts : int64 [N', PEs, channels * phases + 1]
    y, x, kept : int32, int32, uint8 [entries], u and v of each entry, and whether it is no zero
    """
    g = geometry
    phases = g[STRIDE_H] * g[STRIDE_W]
    channels, batch = box[5] - box[4], box[1] - box[0]
    lists = (groups[1] - groups[0]) * channels * phases
    starts = np.zeros((batch, rows * columns, lists + 1), np.int64)
    most = batch * (groups[1] - groups[0]) * channels * g[HEIGHT] * g[WIDTH]
    ys = np.empty(most, np.int32)
    xs = np.empty(most, np.int32)
    kept = np.empty(most, np.uint8)
    count = np.int64(0)
    for n in range(batch):
        for pe in range(rows * columns):
            top = shape[U0] + pe // columns * shape[TALL]
            left = shape[V0] + pe % columns * shape[WIDE]
            of_rows = (top, min(top + shape[TALL], shape[U1]))
            of_columns = (left, min(left + shape[WIDE], shape[V1]))
            for place in range(lists):
                starts[n, pe, place] = count
                group, channel = groups[0] + place // phases // channels, place // phases % channels
                plane = nonzero[box[0] + n, group * group_channels + box[4] + channel]
                phase_h, phase_w = place % phases // g[STRIDE_W], place % g[STRIDE_W]
                count = store_rectangle(plane, of_rows, of_columns, phase_h, phase_w, g, ys, xs, kept, count)
            starts[n, pe, lists] = count
    return starts, ys[:count].copy(), xs[:count].copy(), kept[:count].copy()


@kernel
def taps_of(g):
    """Taps of each phase, in the order of their rows: (int64 [phases + 1] first of each, int64 [taps, 4]).

    A tap is its place in the filter, and how many u and v it lies from the phase's first.
    """
    phases = g[STRIDE_H] * g[STRIDE_W]
    first, taps = np.zeros(phases + 1, np.int64), np.empty((g[KERNEL_H] * g[KERNEL_W], 4), np.int64)
    count = 0
    for phase in range(phases):
        for r in range(g[KERNEL_H]):
            for s in range(g[KERNEL_W]):
                down, across = r * g[DILATION_H], s * g[DILATION_W]
                if down % g[STRIDE_H] == phase // g[STRIDE_W] and across % g[STRIDE_W] == phase % g[STRIDE_W]:
                    taps[count, 0], taps[count, 1] = r, s
                    taps[count, 2], taps[count, 3] = down // g[STRIDE_H], across // g[STRIDE_W]
                    count += 1
        first[phase + 1] = count
    return first, taps


@kernel
def weight_lists(nonzero, k0, k1, c0, c1, geometry, area, width):
    """Entries of every (channel, phase) of a block of filters.

    Parameters
    ----------
    nonzero : uint8 [C, K, R, S]
    area, width : sums of the haloed tile, and of one of its rows

    Returns
    -------
    starts : int64 [channels * phases + 1]
    bank, j, l, kept : int32, int32, int32, uint8 [entries], what an entry adds to a product's address, its
        tap, and whether it is no zero
    before : int64 [entries + 1], kept before each
    """
    g = geometry
    phases = g[STRIDE_H] * g[STRIDE_W]
    lists = (c1 - c0) * phases
    first_tap, taps = taps_of(g)
    most = (c1 - c0) * (k1 - k0) * g[KERNEL_H] * g[KERNEL_W]
    starts = np.zeros(lists + 1, np.int64)
    bank = np.empty(most, np.int32)
    js = np.empty(most, np.int32)
    ls = np.empty(most, np.int32)
    kept = np.empty(most, np.uint8)
    count = np.int64(0)
    for place in range(lists):
        starts[place] = count
        filters, phase = nonzero[c0 + place // phases], place % phases
        zeros = np.int64(0)
        end = count
        for k in range(k0, k1):
            for tap in range(first_tap[phase], first_tap[phase + 1]):
                some = filters[k, taps[tap, 0], taps[tap, 1]]
                if some or zeros == RUN:
                    bank[count] = (k - k0) * area - taps[tap, 2] * width - taps[tap, 3]
                    js[count] = taps[tap, 2]
                    ls[count] = taps[tap, 3]
                    kept[count] = some
                    count += 1
                    zeros = np.int64(0)
                    if some:
                        end = count
                else:
                    zeros += 1
        count = end
    starts[lists] = count
    kept = kept[:count].copy()
    return starts, bank[:count].copy(), js[:count].copy(), ls[:count].copy(), kept, kept_before(kept)


@kernel
def kept_before(kept):
    """How many entries before each are no zeros: int64 [entries + 1]."""
    before = np.zeros(kept.size + 1, np.int64)
    for i in range(kept.size):
        before[i + 1] = before[i] + kept[i]
    return before
