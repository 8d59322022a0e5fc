"""The kernels of `structured`: which weights are stored, and the time of a tile.

Written from docs/dataflows/structured.md; its twin is accelsim/reference/structured.py.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.kernels.windows import fill_pixels

# Parameters of the array.
ROWS, COLUMNS, FEED, DRAIN_RATE, WORK, WEIGHT_BYTES, ACTIVATION_BYTES, TAPS = range(8)
# Sums over the sets of a tile; lane-cycles are counted in PEs here.
CYCLES, STEPS, SEND_WAIT, QUEUE_WAIT, UNMAPPED, DRAIN_WAIT, WORKED, SENT_WEIGHTS, SENT_POSITIONS = range(9)
SUMS = 9


@kernel
def stored_weights(nonzero, kept_per_block, block_elements):
    """Weights that are stored (first zeros of a block in the places left), and the most non-zero of a block.

    Parameters
    ----------
    nonzero : uint8 [weights, C], 1 where not zero

    Returns
    -------
    (uint8 [weights, C], int)
    """
    stored = nonzero.copy()
    most = np.int64(0)
    for row in range(nonzero.shape[0]):
        for first in range(0, nonzero.shape[1], block_elements):
            stop = min(first + block_elements, nonzero.shape[1])
            found = np.int64(0)
            for c in range(first, stop):
                found += np.int64(nonzero[row, c])
            most = max(most, found)
            for c in range(first, stop):
                if found < kept_per_block and nonzero[row, c] == 0:
                    stored[row, c] = 1
                    found += 1
    return stored, most


@kernel
def inside_by_block(geometry, box, columns, taps):
    """Positions that are no padding, of each position block and tap: int64 [blocks, taps]."""
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    blocks = (positions + columns - 1) // columns
    inside = np.zeros((blocks, taps), np.int64)
    pixels = np.empty((taps, columns), np.int64)
    for block in range(blocks):
        used = min(columns, positions - block * columns)
        fill_pixels(geometry, box, block * columns, used, pixels)
        for tap in range(taps):
            for column in range(used):
                inside[block, tap] += np.int64(pixels[tap, column] >= 0)
    return inside


@kernel
def run_tile(filters_of_blocks, positions, inside, p):
    """Time of a tile: section 3 of the description, and the PEs that wait.

    Parameters
    ----------
    filters_of_blocks : int64 [filter blocks]
    inside : int64 [position blocks, taps]
    p : int64 [8], parameters of the array

    Returns
    -------
    int64 [SUMS]
    """
    sums = np.zeros(SUMS, np.int64)
    pes = p[ROWS] * p[COLUMNS]
    now = np.int64(0)  # end of the last step
    drained = np.int64(0)  # of the set before the last one
    drained_last = np.int64(0)
    for rows in filters_of_blocks:
        for block in range(inside.shape[0]):
            columns = min(p[COLUMNS], positions - block * p[COLUMNS])
            mapped = rows * columns
            wait = max(drained, now) - now
            begun = now
            now += wait
            for tap in range(p[TAPS]):
                size = rows * p[WEIGHT_BYTES] + inside[block, tap] * p[ACTIVATION_BYTES]
                length = max(p[WORK], (size + p[FEED] - 1) // p[FEED])
                sums[SEND_WAIT] += mapped * (length - p[WORK])
                now += length
                sums[SENT_WEIGHTS] += rows
                sums[SENT_POSITIONS] += inside[block, tap]
            sums[STEPS] += p[TAPS]
            sums[WORKED] += mapped * p[TAPS] * p[WORK]
            sums[QUEUE_WAIT] += mapped * wait
            sums[UNMAPPED] += (pes - mapped) * (now - begun)
            drained = drained_last
            drained_last = max(drained_last, now) + (mapped + p[DRAIN_RATE] - 1) // p[DRAIN_RATE]
    sums[CYCLES] = max(now, drained_last)
    sums[DRAIN_WAIT] = pes * (sums[CYCLES] - now)
    return sums
