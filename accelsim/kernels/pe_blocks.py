"""Output sets of a tile cut in blocks of PEs: the units of a sample of toggles (docs/dataflows/toggles.md).

::

    for block of filters, for block of positions       # an output set, by number
      for block of its rows, for block of its columns  # a unit
"""

import numpy as np

from accelsim.jit import kernel

# Columns of units.
SET, ROW_BLOCK, COLUMN_BLOCK, PES = range(4)


# Of the set before, PEs walk the last steps for what they leave: so many, with so many elements a lane.
_STEPS_BEFORE, _ELEMENTS_BEFORE = 2, 8


@kernel
def steps_before(elements, lanes):
    """Last steps of a set that PEs walk, each of `elements` channels at most, for what they leave."""
    return max(_STEPS_BEFORE, (_ELEMENTS_BEFORE * lanes + elements - 1) // elements)


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
