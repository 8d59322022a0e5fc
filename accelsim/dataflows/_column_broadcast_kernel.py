"""The tile kernel of `column_broadcast`: the stream of broadcast activations, words of weight memory.

Written from docs/dataflows/column_broadcast.md; its twin is accelsim/reference/column_broadcast.py.
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.kernels import queues
from accelsim.kernels.queues import STATE_SIZE, drain, run_step, send

# Parameters of the array.
PES, CELL_FILTERS, DEPTH, LATENCY, PIPELINE, DRAIN_RATE, ENTRY_BITS, WORD_BITS = range(8)
# Sums of one tile.
(
    STEPS,
    PAIRS,
    SETS,
    OUTPUTS,
    ENTRIES,
    PADDING,
    EMPTY,
    WORDS,
    QUEUE_WAIT,
    FILL,
    IMBALANCE,
    UNMAPPED,
    DRAIN_WAIT,
    CYCLES,
) = range(14)
SUMS = 14


@kernel
def add_step(begin, end, base, mapped, p, shift, kept, work, sums):
    """Work of a step on each PE, and the words of weight memory that it reads.

    Parameters
    ----------
    begin, end : int32 [PEs], where the column begins and ends among a PE's entries
    base : int32 [PEs], the same of the tile's first column
    shift : log2 of the bits of a word, or -1
    kept : int64 [PEs], the word read last, changed
    work : int64 [1, PEs], written
    """
    entries = np.int64(0)
    empty = np.int64(0)
    words = np.int64(0)
    for pe in range(mapped):
        count = np.int64(end[pe]) - np.int64(begin[pe])
        some = np.int64(count > 0)
        work[0, pe] = count + (1 - some)
        entries += count
        empty += 1 - some
        first = (np.int64(begin[pe]) - np.int64(base[pe])) * p[ENTRY_BITS]
        last = first + count * p[ENTRY_BITS] - some
        if shift >= 0:
            first >>= shift
            last >>= shift
        else:
            first //= p[WORD_BITS]
            last //= p[WORD_BITS]
        words += some * (last - first + 1 - np.int64(first == kept[pe]))
        kept[pe] += some * (last - kept[pe])
    sums[ENTRIES] += entries
    sums[EMPTY] += empty
    sums[WORDS] += words


@kernel
def run_set(nonzero, c0, c1, pointers, padding, mapped, p, shift, kept, work, queue, sums):
    """Broadcast the non-zero activations of one position: one step each.

    Parameters
    ----------
    nonzero : uint8 [C]
    pointers : int32 [C + 1, PEs] of the cell
    padding : int64 [C], padding entries of each column of the cell
    queue : (state, started, end), as kernels.queues; end is int64 [1, PEs]
    """
    state, started, end = queue
    kept[:] = -1
    first = True
    for c in range(c0, c1):
        if nonzero[c] == 0:
            continue
        add_step(pointers[c], pointers[c + 1], pointers[c0], mapped, p, shift, kept, work, sums)
        sums[PADDING] += padding[c]
        send(state, started, 1, first)
        first = False
        if state[queues.STEP] == 1:
            end[0, :mapped] = state[queues.SENT] + p[LATENCY]
            sums[FILL] += mapped * (state[queues.SENT] + p[LATENCY])
        run_step(state, started, end, work, 1, mapped, p[LATENCY])
        sums[STEPS] += 1
        sums[PAIRS] += mapped


@kernel
def count_tile(box, pointers, padding, nonzero, p):
    """All sums of one tile.

    Parameters
    ----------
    box : int64 [10], tables.BOX; k0 a multiple of the cell's filters
    pointers : int32 [cells, C + 1, PEs], entries of each PE before each column
    padding : int64 [cells, C]
    nonzero : uint8 [N, P, Q, C]
    p : int64 [8], parameters of the array

    Returns
    -------
    int64 [SUMS]
    """
    sums = np.zeros(SUMS, np.int64)
    shift = -1
    for bit in range(12):
        if p[WORD_BITS] == 1 << bit:
            shift = bit
    pes = p[PES]
    kept = np.empty(pes, np.int64)
    work = np.empty((1, pes), np.int64)
    end = np.zeros((1, pes), np.int64)
    state = np.zeros(STATE_SIZE, np.int64)
    queue = (state, np.zeros(p[DEPTH], np.int64), end)
    for k in range(box[2], box[3], p[CELL_FILTERS]):
        filters = min(box[3] - k, p[CELL_FILTERS])
        mapped = min(filters, pes)
        cell = k // p[CELL_FILTERS]
        for n in range(box[0], box[1]):
            for h in range(box[6], box[7]):
                for w in range(box[8], box[9]):
                    run_set(
                        nonzero[n, h, w], box[4], box[5], pointers[cell], padding[cell], mapped, p, shift,
                        kept, work, queue, sums,
                    )  # fmt: skip
                    drain(state, end[0, :mapped].max(), (filters + p[DRAIN_RATE] - 1) // p[DRAIN_RATE])
                    sums[SETS] += 1
                    sums[OUTPUTS] += filters
    last = end.max()
    for pe in range(pes):
        sums[IMBALANCE if pe < mapped else UNMAPPED] += last - end[0, pe]
    stop = max(last, state[queues.DRAIN_LAST])
    sums[QUEUE_WAIT] = state[queues.QUEUE_WAIT]
    sums[DRAIN_WAIT] = (stop - last) * pes
    sums[FILL] += p[PIPELINE] * pes
    sums[CYCLES] = stop + p[PIPELINE]
    return sums
