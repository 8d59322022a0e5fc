"""Output sets of a tile cut in blocks of PEs: the units of a sample of toggles (docs/dataflows/toggles.md).

::

    for block of filters, for block of positions       # an output set, by number
      for block of its rows, for block of its columns  # a unit
"""

import numpy as np

from accelsim.jit import bare_kernel, kernel
from accelsim.kernels.windows import fill_pixels

# Columns of units.
SET, ROW_BLOCK, COLUMN_BLOCK, PES = range(4)


SETS_BEFORE = 16  # before a unit that are walked at most for what they leave


@bare_kernel
def walked_before(number, needed, chunks, block, size, columns, filter_blocks, box, geometry, pixels):
    """(set, step in it) from which a block of PEs is walked for what it leaves to a set.

    Parameters
    ----------
    number : int, of the set; if nothing is before it, it is returned
    needed : int, steps before it in which no column of the block reads padding
    chunks : int, steps of a tap
    block : (block of rows, of columns); size : (rows, columns) of a block
    columns : int, of the array
    filter_blocks : int64 [filter blocks, 2], first filter and filters of each
    pixels : int64 [taps, >= columns of a block], scratch
    """
    positions = (box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8])
    of_block, walked = (positions + columns - 1) // columns, number
    while walked > max(number - SETS_BEFORE, 0):
        walked -= 1
        first = walked % of_block * columns
        used = min(size[1], min(columns, positions - first) - block[1] * size[1])
        if used <= 0 or filter_blocks[walked // of_block, 1] <= block[0] * size[0]:
            continue
        fill_pixels(geometry, box, first + block[1] * size[1], used, pixels)
        for tap in range(pixels.shape[0] - 1, -1, -1):
            inside = True
            for j in range(used):
                inside = inside and pixels[tap, j] >= 0
            if inside:
                needed -= chunks
            if needed <= 0:
                return walked, tap * chunks - needed
    return walked, np.int64(0)


@kernel
def units_of_sets(filters_of_blocks, positions, columns, block_rows, block_columns):
    """Units of a tile, in order: int64 [units, 4], its set, its block of rows, of columns, its mapped PEs.

    Parameters
    ----------
    filters_of_blocks : int64 [filter blocks], filters of each
    positions : int, of the tile; columns : int, of the array
    block_rows, block_columns : int, PEs of a block at most
    """
    of_columns = (positions + columns - 1) // columns
    last = positions - (of_columns - 1) * columns
    across = (columns + block_columns - 1) // block_columns
    across_last = (last + block_columns - 1) // block_columns
    count = np.int64(0)
    for rows in filters_of_blocks:
        count += (rows + block_rows - 1) // block_rows * ((of_columns - 1) * across + across_last)
    units = np.empty((count, 4), np.int64)
    i = 0
    for block in range(filters_of_blocks.size):
        rows = filters_of_blocks[block]
        for positions_block in range(of_columns):
            used = columns if positions_block < of_columns - 1 else last
            for row in range(0, rows, block_rows):
                for column in range(0, used, block_columns):
                    units[i, SET] = block * of_columns + positions_block
                    units[i, ROW_BLOCK] = row // block_rows
                    units[i, COLUMN_BLOCK] = column // block_columns
                    units[i, PES] = min(block_rows, rows - row) * min(block_columns, used - column)
                    i += 1
    return units
