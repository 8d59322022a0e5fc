"""Tilings by rising cost, as many as are asked for: a heap, since a search looks at few of them.

In the order of a stable sort by the first cost, then the second: of equal ones the first.
"""

import numpy as np

from accelsim.jit import kernel


@kernel
def heap_of(costs):
    """A heap of the tilings whose cost, float64 [tilings, 2], is finite: int64 [of these]."""
    heap = np.nonzero(np.isfinite(costs[:, 0]))[0]
    for root in range(heap.size // 2 - 1, -1, -1):
        sift(heap, heap.size, root, costs)
    return heap


@kernel
def popped(heap, size, costs):
    """The tiling that costs least of the heap's first `size`, of which one fewer are left."""
    least = heap[0]
    heap[0] = heap[size - 1]
    sift(heap, size - 1, 0, costs)
    return least


@kernel
def sift(heap, size, root, costs):
    """Move a tiling down until none below it costs less."""
    while 2 * root + 1 < size:
        below = 2 * root + 1
        if below + 1 < size and before(heap[below + 1], heap[below], costs):
            below += 1
        if not before(heap[below], heap[root], costs):
            return
        heap[root], heap[below] = heap[below], heap[root]
        root = below


@kernel
def before(one, other, costs):
    """Whether a tiling comes before another."""
    if costs[one, 0] != costs[other, 0]:
        return costs[one, 0] < costs[other, 0]
    if costs[one, 1] != costs[other, 1]:
        return costs[one, 1] < costs[other, 1]
    return one < other
