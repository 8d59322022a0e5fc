"""The accesses of an output-stationary array to memory, in the order of its loop nest.

::

    for each filter block, for each position block of a tile        # an output set: rows x columns
      if the tile is not the first of its channels: read the set's partial sums
      for r, s, chunk of channels                                   # a step
        read the weight chunk of each row, then the activation chunk of each column (none in the padding)
      write the set's outputs, or its partial sums if channels are left

Each chunk is read once for all PEs that need it, as `inner_join` with one broadcast domain does
(docs/dataflows/inner_join.md); its bytes lie where the layer's tensors are stored.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.kernels.cache import touch_bytes
from accelsim.kernels.windows import fill_pixels

# Columns of the int64 shape vector.
ROWS, COLUMNS, CHUNK, CHANNELS, FILTERS, OUTPUT_HEIGHT, OUTPUT_WIDTH, SUM_BYTES, SUM_BASE = range(9)


@kernel
def walk_tile(box, geometry, shape, weights, activations, outputs, cache):
    """Touch, in order, all that a tile reads and writes.

    Parameters
    ----------
    box : int64 [10], tables.BOX; its channels begin with a chunk, its filters with a block of `rows`
    geometry : as `windows.geometry_vector`; the layer has one group
    shape : int64 [9], see the constants of this module
    weights : int64 [2, K, R * S, chunks], first byte and bytes of each chunk of a tap
    activations : int64 [2, N * H * W, chunks], of each chunk of a pixel
    outputs : int64 [2, N * P * Q, blocks], of each pixel's outputs in blocks of `rows` filters
    cache : of `cache.empty_cache`
    """
    rows, columns, chunk = shape[ROWS], shape[COLUMNS], shape[CHUNK]
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    taps = weights.shape[2]
    pixels = np.empty((taps, columns), np.int64)
    first_chunk = box[4] // chunk
    end_chunk = (box[5] + chunk - 1) // chunk
    for k in range(box[2], box[3], rows):
        filters = min(rows, box[3] - k)
        for first in range(0, positions, columns):
            used = min(columns, positions - first)
            fill_pixels(geometry, box, first, used, pixels)
            if box[4] > 0:
                touch_sums(box, shape, k, filters, first, used, False, cache)
            for tap in range(taps):
                for c in range(first_chunk, end_chunk):
                    for row in range(k, k + filters):
                        touch_bytes(weights[0, row, tap, c], weights[1, row, tap, c], False, cache)
                    for column in range(used):
                        pixel = pixels[tap, column]
                        if pixel >= 0:
                            touch_bytes(activations[0, pixel, c], activations[1, pixel, c], False, cache)
            if box[5] < shape[CHANNELS]:
                touch_sums(box, shape, k, filters, first, used, True, cache)
            else:
                for column in range(used):
                    at = output_position(box, shape, first + column)
                    block = k // rows
                    touch_bytes(outputs[0, at, block], outputs[1, at, block], True, cache)


@kernel
def output_position(box, shape, index):
    """(n * P + p) * Q + q of a position of a tile, counted with q fastest."""
    rows_p = box[7] - box[6]
    rows_q = box[9] - box[8]
    q = box[8] + index % rows_q
    p = box[6] + index // rows_q % rows_p
    n = box[0] + index // rows_q // rows_p
    return (n * shape[OUTPUT_HEIGHT] + p) * shape[OUTPUT_WIDTH] + q


@kernel
def touch_sums(box, shape, k, filters, first, used, write, cache):
    """Partial sums of a set: those of a position lie side by side."""
    for column in range(used):
        at = output_position(box, shape, first + column) * shape[FILTERS] + k
        touch_bytes(shape[SUM_BASE] + at * shape[SUM_BYTES], filters * shape[SUM_BYTES], write, cache)
