"""Entries of `cartesian` with their values, as registers and buses see them.

Written from docs/dataflows/cartesian.md, section 1.

Lists of all (image, PE, channel, phase), or (channel, phase), stand one after the other; `starts` says where
each begins.
"""

import numpy as np

from accelsim.dataflows._cartesian_banks import BITS_A, COLUMNS, ROWS
from accelsim.dataflows._cartesian_kernel import rectangle
from accelsim.dataflows._cartesian_lists import (
    DILATION_H,
    DILATION_W,
    HEIGHT,
    KERNEL_H,
    KERNEL_W,
    PAD_LEFT,
    PAD_TOP,
    REACH_H,
    REACH_W,
    RUN,
    STRIDE_H,
    STRIDE_W,
    WIDE,
    WIDTH,
)
from accelsim.jit import kernel

# What is kept of an entry of activations: word, zeros before it, value less the zero point, and what it adds
# to the place of a product; of one of weights the same, and where its filter's sums begin.
WORD, ZEROS, VALUE, SHIFT, PLANE = range(5)


@kernel
def store_rectangle(plane, edges, phase_h, phase_w, g, width, zero, mask, entries, count):
    """Append the entries of a rectangle of a plane [H, W]; returns their end.

    Parameters
    ----------
    edges : (top, bottom, left, right) in u and v, then u and v whose sums stand first in a PE
    width : int, sums of a row of the haloed tile
    entries : int32 [4, most], written
    """
    zeros, end = np.int64(0), count
    for u in range(edges[0], edges[1]):
        h = u * g[STRIDE_H] + phase_h - g[PAD_TOP]
        if h < 0 or h >= g[HEIGHT]:
            continue
        for v in range(edges[2], edges[3]):
            w = v * g[STRIDE_W] + phase_w - g[PAD_LEFT]
            if w < 0 or w >= g[WIDTH]:
                continue
            q = np.int64(plane[h, w])
            if q == zero and zeros < RUN:
                zeros += 1
                continue
            entries[WORD, count], entries[ZEROS, count], entries[VALUE, count] = q & mask, zeros, q - zero
            entries[SHIFT, count] = (u - edges[4]) * width + v - edges[5]
            count, zeros = count + 1, np.int64(0)
            if q != zero:
                end = count
    return end


@kernel
def activation_lists(activations, zero, box, groups, group_channels, g, p, shape):
    """Entries of every (image, PE, channel, phase) of a tile.

    Parameters
    ----------
    activations : int16 [N, groups * C, H, W]
    groups : (first, end) of the tile

    Returns
    -------
    starts : int64 [images, PEs, groups * channels * phases + 1]
    entries : int32 [4, entries]
    """
    phases, channels, batch = g[STRIDE_H] * g[STRIDE_W], box[5] - box[4], box[1] - box[0]
    lists, pes = (groups[1] - groups[0]) * channels * phases, p[ROWS] * p[COLUMNS]
    starts = np.zeros((batch, pes, lists + 1), np.int64)
    entries = np.empty((4, batch * (groups[1] - groups[0]) * channels * g[HEIGHT] * g[WIDTH]), np.int32)
    width, mask, count = shape[WIDE] + shape[REACH_W] - 1, (np.int64(1) << p[BITS_A]) - 1, np.int64(0)
    for n in range(batch):
        for pe in range(pes):
            top, bottom, left, right = rectangle(pe, shape, p[COLUMNS])
            edges = (top, bottom, left, right, top - shape[REACH_H] + 1, left - shape[REACH_W] + 1)
            for place in range(lists):
                starts[n, pe, place] = count
                channel = (groups[0] + place // phases // channels) * group_channels + box[4]
                plane = activations[box[0] + n, channel + place // phases % channels]
                phase_h, phase_w = place % phases // g[STRIDE_W], place % g[STRIDE_W]
                count = store_rectangle(plane, edges, phase_h, phase_w, g, width, zero, mask, entries, count)
            starts[n, pe, lists] = count
    return starts, entries


@kernel
def fill_weight_lists(weights, zeros_of, k0, k1, c0, g, bits, area, width, starts, entries):
    """Entries of every (channel, phase) of a block of filters.

    Parameters
    ----------
    weights : int16 [C, K, R, S]; zeros_of : int32 [K]
    area, width : sums of the haloed tile, and of one of its rows
    starts : int64 [channels * phases + 1], written
    entries : int32 [5, most], written
    """
    phases, count, mask = g[STRIDE_H] * g[STRIDE_W], np.int64(0), (np.int64(1) << bits) - 1
    for place in range(starts.size - 1):
        starts[place] = count
        filters = weights[c0 + place // phases]
        phase_h, phase_w = place % phases // g[STRIDE_W], place % g[STRIDE_W]
        zeros, end = np.int64(0), count
        for k in range(k0, k1):
            zero = np.int64(zeros_of[k])
            for r in range(g[KERNEL_H]):
                if r * g[DILATION_H] % g[STRIDE_H] != phase_h:
                    continue
                for s in range(g[KERNEL_W]):
                    if s * g[DILATION_W] % g[STRIDE_W] != phase_w:
                        continue
                    q = np.int64(filters[k, r, s])
                    if q == zero and zeros < RUN:
                        zeros += 1
                        continue
                    entries[WORD, count], entries[ZEROS, count] = q & mask, zeros
                    down, across = r * g[DILATION_H] // g[STRIDE_H], s * g[DILATION_W] // g[STRIDE_W]
                    entries[VALUE, count], entries[SHIFT, count] = q - zero, -down * width - across
                    entries[PLANE, count] = (k - k0) * area
                    count, zeros = count + 1, np.int64(0)
                    if q != zero:
                        end = count
        count = end
    starts[starts.size - 1] = count
