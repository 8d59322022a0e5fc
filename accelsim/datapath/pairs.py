"""Kernels that multiply the pairs of a window, for whole output rows and for single positions.

Operands come as rows of one tap and one group each: ``q - zero_point`` as int16, and the mask of the
elements that take part as uint64 words. Which elements do, the caller has decided (the zero policies).
"""

import numpy as np

from accelsim.jit import kernel, popcount
from accelsim.kernels.windows import fill_pixels


@kernel
def multiply_window(weights, weight_masks, activations, activation_masks, window):
    """Sum of the products of one window.

    Parameters
    ----------
    weights : int16 [R * S, C]
    weight_masks : uint64 [R * S, words]
    activations : int16 [rows, C]
    activation_masks : uint64 [rows, words]
    window : int64 [R * S], row of each tap

    Returns
    -------
    (total, done) : int64, the sum and the multiplications executed
    """
    total = np.int64(0)
    done = np.int64(0)
    for tap in range(window.size):
        row = window[tap]
        for word in range(weight_masks.shape[1]):
            pairs = weight_masks[tap, word] & activation_masks[row, word]
            while pairs != np.uint64(0):
                below = pairs - np.uint64(1)
                channel = 64 * word + popcount(~pairs & below)  # trailing zeros
                total += np.int64(weights[tap, channel]) * np.int64(activations[row, channel])
                done += 1
                pairs &= below
    return total, done


@kernel
def accumulate_rows(
    first,
    last,
    geometry,
    box,
    weights,
    weight_masks,
    activations,
    activation_masks,
    group_filters,
    sums,
):
    """Output rows first..last of `sums` (int64 [N*P, Q, K], written); returns the multiplications."""
    columns, filters = sums.shape[1], sums.shape[2]
    taps = weights.shape[1]
    groups = filters // group_filters
    padding = activations.shape[0] // groups - 1
    pixels = np.empty((taps, columns), np.int64)
    window = np.empty((columns, taps), np.int64)
    multiplications = np.int64(0)
    for row in range(first, last):
        fill_pixels(geometry, box, row * columns, columns, pixels)
        for filter_index in range(filters):
            group = filter_index // group_filters
            if filter_index % group_filters == 0:
                for column in range(columns):
                    for tap in range(taps):
                        pixel = pixels[tap, column]
                        window[column, tap] = (pixel if pixel >= 0 else padding) * groups + group
            for column in range(columns):
                total, done = multiply_window(
                    weights[filter_index],
                    weight_masks[filter_index],
                    activations,
                    activation_masks,
                    window[column],
                )
                sums[row, column, filter_index] = total
                multiplications += done
    return multiplications


@kernel
def accumulate_samples(weights, weight_masks, activations, activation_masks, sums):
    """One sum for each row of gathered operands; `sums` int64 [M] is written."""
    taps = weights.shape[1]
    window = np.empty(taps, np.int64)
    multiplications = np.int64(0)
    for sample in range(sums.size):
        for tap in range(taps):
            window[tap] = sample * taps + tap
        total, done = multiply_window(
            weights[sample], weight_masks[sample], activations, activation_masks, window
        )
        sums[sample] = total
        multiplications += done
    return multiplications


@kernel
def fill_some_pixels(geometry, box, positions, pixels):
    """`fill_pixels` for flattened positions that do not follow each other."""
    for index in range(positions.size):
        fill_pixels(geometry, box, positions[index], 1, pixels[:, index : index + 1])
