"""Plans of a dense layer in words: one buffer, an operand or a partial sum is one word, nothing prefetched.

::

    words = times opened x weights + times opened x activations with halos + outputs + spilled partial sums
    fits  = the largest that each operand ever holds, together in the buffer
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper._bounds_kernel import counts_of, cut_loops
from accelsim.mapper._search_kernel import least_resident
from accelsim.mapper._tile_bytes_kernel import KERNEL_H, KERNEL_W
from accelsim.mapper._walk_kernel import multiplicity


@kernel
def spans(size, output_extent, input_extent, kernel, stride, pad, dilation, used):
    """Inputs along one axis that tiles of so many outputs read: (of all tiles together, of the largest).

    Parameters
    ----------
    used : int64 [input_extent + 1], inputs below an index that some window reads
    """
    together, largest = np.int64(0), np.int64(0)
    for first in range(0, output_extent, size):
        end = min(first + size, output_extent)
        low = max(first * stride - pad, 0)
        high = min((end - 1) * stride - pad + (kernel - 1) * dilation + 1, input_extent)
        span = used[high] - used[low] if high > low else np.int64(0)
        together += span
        largest = max(largest, span)
    return together, largest


@kernel
def sums_and_peaks(sizes_of, extents, layer, rows, columns, found):
    """Words of weights, activations, outputs: of all tiles, of the largest one: written to int64 [2, 3]."""
    n, k, c, p, q = sizes_of
    taps = layer[KERNEL_H] * layer[KERNEL_W]
    found[0, 0] = extents[1] * extents[2] * taps
    found[1, 0] = k * c * taps
    found[0, 1] = extents[0] * extents[2] * rows[0] * columns[0]
    found[1, 1] = n * c * rows[1] * columns[1]
    found[0, 2] = extents[0] * extents[1] * extents[3] * extents[4]
    found[1, 2] = n * k * p * q


@kernel
def held_words(words, order, counts, uses, resident):
    """Words that the buffer holds at the peak of a plan; `words` as of `sums_and_peaks`."""
    held = np.int64(0)
    for operand in range(3):
        once, peak = words[0, operand], words[1, operand]
        if resident[operand]:
            peak = least_resident(order, counts, uses[operand], peak, peak, once)
        held += peak
    return held


@kernel
def fewest_words(space, uses, extents, layer, rows_of, columns_of, buffer_words, most_words):
    """The plan that moves fewest words.

    Parameters
    ----------
    space : (tilings, choices, widths, orders, orders_of, residents, every) of `space.Space`
    rows_of, columns_of : int64 [sizes of p or q, 2], of `spans`
    most_words : what a plan has to move less than

    Returns
    -------
    (words, plan) : int; int64 [13], tile sizes, order, residency
    """
    tilings, choices, _, orders, orders_of, residents, _ = space
    best, plan = most_words, np.zeros(13, np.int64)
    sizes_of = np.empty(5, np.int64)
    times = np.empty(3, np.int64)  # that an operand which is not resident is opened; outputs go both ways
    words = np.empty((2, 3), np.int64)
    for tiling in range(tilings.shape[0]):
        for loop in range(5):
            sizes_of[loop] = choices[loop, tilings[tiling, loop]]
        rows, columns = rows_of[tilings[tiling, 3]], columns_of[tilings[tiling, 4]]
        sums_and_peaks(sizes_of, extents, layer, rows, columns, words)
        if words[1, 0] + words[1, 1] + words[1, 2] > buffer_words:
            continue
        if words[0, 0] + words[0, 1] + words[0, 2] >= best:
            continue
        counts = counts_of(sizes_of, extents)
        cut = cut_loops(counts)
        for o in range(orders_of[cut]):
            for operand in range(3):
                opened = multiplicity(orders[cut, o], counts, uses[operand], False)
                times[operand] = 2 * opened - 1 if operand == 2 else opened
            for r in range(residents.shape[0]):
                moved = np.int64(0)
                for operand in range(3):
                    moved += words[0, operand] * (1 if residents[r, operand] else times[operand])
                # Few plans move less than the best: only these are asked what they hold.
                if (
                    moved < best
                    and held_words(words, orders[cut, o], counts, uses, residents[r]) <= buffer_words
                ):
                    best = moved
                    plan[:5], plan[5:10], plan[10:] = sizes_of, orders[cut, o], residents[r]
    return best, plan
