"""Toggles of `systolic` where weights or activations stay, by columns and stretches of the stream.

::

    for group, for stretch: its streamed words; what they do to ports and registers
      for block across, for column: what its stationary words do; a share of them is the stretch's
        for fold, for row: products join the sums that pass (section 2 of systolic_toggles.md)

A gated product is 0, so sums are the same under every policy.
"""

import numpy as np

from accelsim.dataflows._systolic_toggles_edges import (
    FREE,
    HELD,
    LEAD,
    MASK,
    OF_STREAM,
    UNKNOWN,
    describe_stretch,
    extents,
    load_streamed,
)
from accelsim.dataflows._systolic_toggles_loads import (
    MULTICAST_FREE,
    MULTICAST_HELD,
    OF_COLUMN,
    REGISTER,
    REGISTER_FREE,
    load_column,
)
from accelsim.dataflows._systolic_toggles_operands import (
    COLUMNS,
    FILTERS,
    GATE_A,
    GATE_W,
    LENGTH,
    ROWS,
    fill_values,
)
from accelsim.jit import bare_kernel, inlined_kernel, kernel, merged_kernel, popcount
from accelsim.kernels.toggles import (
    ACCUMULATOR,
    COUNTS,
    MASK_BUS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
    WEIGHT_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    WEIGHT_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
)

STRETCH = 16  # stream indices of a unit


@inlined_kernel
def advance(stays, streamed, sums, count):
    """Add a row's products to the sums that pass it."""
    for x in range(count):
        sums[x] += stays * np.int64(streamed[x])


@inlined_kernel
def changes(sums, before, count, accumulator):
    """Toggles of a register that takes `count` sums one after the other, after `before`."""
    toggles = popcount(np.uint64((sums[0] ^ before) & accumulator))
    for x in range(1, count):
        toggles += popcount(np.uint64((sums[x] ^ sums[x - 1]) & accumulator))
    return toggles


@bare_kernel
def add_sums(column, values, count, begins, rows, accumulator, before, sums):
    """Toggles of one column's sums through all folds of a block, at `count` stream indices.

    Parameters
    ----------
    column : int16 [L], stationary values
    values : int16 [L, 1 + count], streamed values, one at the stream index before the unit's first or, where
        it begins the stream, at the last one
    begins : bool, whether it begins the stream
    before : int64 [rows], what the registers hold where it does; overwritten
    sums : int64 [2, >= count], scratch
    """
    passing, below = sums[0], sums[1]
    below[:] = 0
    toggles = np.int64(0)
    for fold in range(0, column.size, rows):
        passing[:] = 0
        at_edge = np.int64(0)
        for i in range(min(rows, column.size - fold)):
            stays, streamed = np.int64(column[fold + i]), values[fold + i]
            at_edge += stays * np.int64(streamed[0])
            advance(stays, streamed[1:], passing, count)
            toggles += changes(passing, before[i] if begins else at_edge, count, accumulator)
            before[i] = at_edge
        for x in range(count):
            new = below[x] + passing[x]
            toggles += popcount(np.uint64((new ^ below[x]) & accumulator))
            below[x] = new
    for x in range(count):
        toggles += popcount(np.uint64(below[x] & accumulator))
    return toggles


@merged_kernel
def begin_sums(number, index, box, geometry, p, tensors, column, last, before):
    """What the registers of an index' column hold as its block begins: `before`, written.

    Parameters
    ----------
    index : int, of the block across
    column, last : int16 [L], scratch
    """
    weights_stay, across, stream = extents(p)
    before[:] = 0
    earlier = index - p[COLUMNS]
    if earlier < 0:  # the group before's last index on this column of the array
        number, earlier = number - 1, index + (across - index - 1) // p[COLUMNS] * p[COLUMNS]
    if number < 0:
        return
    fill_values(weights_stay, number, earlier, box, geometry, p, tensors, column)
    fill_values(not weights_stay, number, stream - 1, box, geometry, p, tensors, last)
    for fold in range(0, column.size, p[ROWS]):
        passing = np.int64(0)
        for i in range(min(p[ROWS], column.size - fold)):
            passing += np.int64(column[fold + i]) * np.int64(last[fold + i])
            before[i] = passing


@merged_kernel
def fill_stretch(number, first, box, geometry, p, tensors, by_time, values, zeros):
    """Streamed values of a stretch, and before it (at the stream's end where it begins the stream).

    Parameters
    ----------
    by_time : int16 [LEAD + count, L], written
    values : int16 [L, >= 1 + count], the same from LEAD - 1 on, written
    zeros : int64 [>= LEAD + count], zero points, written
    """
    weights_stay, _, stream = extents(p)
    for x in range(max(LEAD - (first if first else stream), 0), by_time.shape[0]):
        t = first + x - LEAD
        if first == 0 and x < LEAD:
            t += stream
        zeros[x] = fill_values(not weights_stay, number, t, box, geometry, p, tensors, by_time[x])
    for reduction in range(values.shape[0]):
        for x in range(by_time.shape[0] - LEAD + 1):
            values[reduction, x] = by_time[LEAD - 1 + x, reduction]


@merged_kernel
def add_up(of_ports, streamed, of_column, share, used, weights_stay, found):
    """Counts of a unit.

    Parameters
    ----------
    of_ports : int64 [3], toggles of all ports at the left; of them its column hears 1 / `used`
    streamed : int, of the column's streamed registers
    of_column : int64 [OF_COLUMN], of its stationary words, of which `share` is the unit's
    """
    stays, streams = (0, 1) if weights_stay else (1, 0)
    found[WEIGHT_REGISTER + stays] = of_column[REGISTER] * share
    found[WEIGHT_REGISTER_WITHOUT_HOLD + stays] = of_column[REGISTER_FREE] * share
    found[WEIGHT_BUS + stays] = of_column[HELD] * share
    found[WEIGHT_BUS_WITHOUT_HOLD + stays] = of_column[FREE] * share
    found[WEIGHT_REGISTER + streams] = streamed
    found[WEIGHT_REGISTER_WITHOUT_HOLD + streams] = of_ports[FREE]
    found[WEIGHT_BUS + streams] = of_ports[HELD] / used
    found[WEIGHT_BUS_WITHOUT_HOLD + streams] = of_ports[FREE] / used
    found[MASK_BUS] = of_column[MASK] * share + of_ports[MASK] / used
    found[MULTICAST] = of_column[MULTICAST_HELD] * share + of_ports[HELD] + of_ports[MASK]
    found[MULTICAST_WITHOUT_HOLD] = of_column[MULTICAST_FREE] * share + of_ports[FREE] + of_ports[MASK]


@kernel
def walk_stretches(box, numbers, geometry, p, tensors):
    """Toggles of units of a tile: float64 [units, COUNTS].

    Parameters
    ----------
    numbers : int64 [units], ascending: (group, stretch, index across), the last fastest
    tensors : (zero point of activations and mask of an accumulator's bits, weights, their zero points,
        activations)
    """
    found = np.zeros((numbers.size, COUNTS), np.float64)
    weights_stay, across, stream = extents(p)
    length, accumulator = p[LENGTH], tensors[0][1]
    holds = p[GATE_W] if weights_stay else p[GATE_A]
    stretches, widest = (stream + STRETCH - 1) // STRETCH, min(STRETCH, stream)
    values, zeros = np.empty((length, 1 + widest), np.int16), np.empty(LEAD + widest, np.int64)
    by_time, columns = np.empty((LEAD + widest, length), np.int16), np.empty((2, length), np.int16)
    of_rows, of_ports = np.empty((OF_STREAM, length), np.int64), np.empty((2, 3), np.int64)
    of_column, sums = np.empty(OF_COLUMN, np.int64), np.empty((2, widest), np.int64)
    ends = np.full(((box[3] - box[2]) // p[FILTERS], length), UNKNOWN, np.int64)
    before = np.zeros((2, p[ROWS]), np.int64)
    filled = np.int64(-1)
    for i in range(numbers.size):
        index, place = numbers[i] % across, numbers[i] // across
        number, first = place // stretches, place % stretches * STRETCH
        count = min(STRETCH, stream - first)
        if filled != place:
            rows = by_time[: LEAD + count]
            fill_stretch(number, first, box, geometry, p, tensors, rows, values, zeros)
            describe_stretch(number, first, rows, zeros, box, geometry, p, tensors, ends, of_rows, of_ports)
            filled = place
        if first == 0:
            begin_sums(number, index, box, geometry, p, tensors, columns[0], columns[1], before[0])
        column = columns[0]
        zero = fill_values(weights_stay, number, index, box, geometry, p, tensors, column)
        found[i, ACCUMULATOR] = add_sums(
            column, values, count, first == 0, p[ROWS], accumulator, before[0], sums
        )
        load_column(number, index, column, zero, box, geometry, p, tensors, before, of_column)
        block = index // p[COLUMNS]
        ports = of_ports[min(block, 1)]
        streamed = ports[HELD]
        if holds:
            streamed = load_streamed(
                number, index, first == 0, column, of_rows, box, geometry, p, tensors, ends, before[0]
            )
        used = min(p[COLUMNS], across - block * p[COLUMNS])
        add_up(ports, streamed, of_column, count / stream, used, weights_stay, found[i])
    return found
