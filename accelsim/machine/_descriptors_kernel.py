"""Strided descriptors of runs: how a DMA engine is told what to move (docs/machine.md)."""

import numpy as np

from accelsim.jit import kernel

# Columns of a run, and of a descriptor.
START, LENGTH, REGION = range(3)
ADDRESS, RUN_BYTES, RUNS, STRIDE, PLANES, PLANE_STRIDE, OPERAND = range(7)


@kernel
def describe(runs):
    """Descriptors that list the runs in their order: equal runs at one stride, and equal planes of them.

    Parameters
    ----------
    runs : int64 [runs, 3], of one transfer

    Returns
    -------
    int64 [descriptors, 7]; a stride is 0 where there is one run or one plane
    """
    found = np.zeros((runs.shape[0], 7), np.int64)
    rows = 0
    i = 0
    while i < runs.shape[0]:
        row = found[rows]
        row[ADDRESS], row[RUN_BYTES], row[OPERAND] = runs[i, START], runs[i, LENGTH], runs[i, REGION]
        j = i + 1
        while (
            j < runs.shape[0]
            and runs[j, LENGTH] == row[RUN_BYTES]
            and runs[j, REGION] == row[OPERAND]
            and (j == i + 1 or runs[j, START] - runs[j - 1, START] == row[STRIDE])
        ):
            row[STRIDE] = runs[j, START] - runs[j - 1, START]
            j += 1
        row[RUNS], row[PLANES] = j - i, 1
        i = j
        if rows > 0 and same_plane(found[rows - 1], row):
            found[rows - 1, PLANE_STRIDE] = row[ADDRESS] - plane_start(found[rows - 1])
            found[rows - 1, PLANES] += 1
            row[:] = 0
        else:
            rows += 1
    return found[:rows].copy()


@kernel
def plane_start(row):
    """Address of a descriptor's last plane."""
    return row[ADDRESS] + (row[PLANES] - 1) * row[PLANE_STRIDE]


@kernel
def same_plane(before, row):
    """Whether a plane of runs continues a descriptor."""
    alike = (
        before[RUN_BYTES] == row[RUN_BYTES]
        and before[RUNS] == row[RUNS]
        and before[STRIDE] == row[STRIDE]
        and before[OPERAND] == row[OPERAND]
        and row[RUNS] > 1
    )
    step = row[ADDRESS] - plane_start(before)
    return alike and (before[PLANES] == 1 or step == before[PLANE_STRIDE])


@kernel
def count_descriptors(runs, first):
    """Descriptors of each transfer.

    Parameters
    ----------
    first : int64 [tiles + 1, transfers], first run of each

    Returns
    -------
    int64 [tiles, transfers]
    """
    tiles, transfers = first.shape[0] - 1, first.shape[1]
    counts = np.zeros((tiles, transfers), np.int64)
    for t in range(tiles):
        for i in range(transfers):
            end = first[t, i + 1] if i + 1 < transfers else first[t + 1, 0]
            counts[t, i] = describe(runs[first[t, i] : end]).shape[0]
    return counts
