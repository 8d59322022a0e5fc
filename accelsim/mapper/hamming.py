"""Channels in an order in which successive words differ in few bits: fewer toggles, the same sums.

::

    distance of two channels = bits in which sampled words of both differ, of weights and of activations
    tour: from the channel with the fewest ones to its nearest that is left, and so on (greedy)
    lanes take channels in turn: where none is skipped, each lane's share of a chunk is a run of the tour

A compiler reorders the filters that make the channels. Each layer is ordered alone here: where a tensor is
read by several layers, or added to another, they would have to agree, so this is the most it can buy.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import InnerJoinArray
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]
SAMPLED_WORDS = 64  # of each operand, evenly spread


def hamming_order(trace: LayerTrace) -> Ints:
    """A greedy tour of the channels of a layer of one group: int64 [C]."""
    channels = trace.weights.shape[-1]
    sampled = []
    for words in (trace.weights.reshape(-1, channels), trace.activations.reshape(-1, channels)):
        rows = np.unique(np.linspace(0, len(words) - 1, SAMPLED_WORDS).astype(np.int64))
        sampled.append(np.unpackbits(np.ascontiguousarray(words[rows].T).view(np.uint8), axis=1))
    bits = np.concatenate(sampled, axis=1).astype(np.float32)
    ones = bits.sum(axis=1)
    distances = ones[:, None] + ones[None, :] - 2 * (bits @ bits.T)
    order = np.empty(channels, np.int64)
    left = np.zeros(channels, np.float32)
    order[0] = np.argmin(ones)
    for i in range(1, channels):
        left[order[i - 1]] = np.inf
        order[i] = np.argmin(distances[order[i - 1]] + left)
    return order


def dealt(order: Ints, chunk: int, lanes: int) -> Ints:
    """An order whose runs go to one lane each: lanes take a chunk's elements in turn."""
    parts = [order[start : start + chunk] for start in range(0, len(order), chunk)]
    found = []
    for part in parts:
        own = np.empty_like(part)
        start = 0
        for lane in range(lanes):
            share = len(range(lane, len(part), lanes))
            own[lane::lanes] = part[start : start + share]
            start += share
        found.append(own)
    return np.concatenate(found)


def ordered_channels(trace: LayerTrace, chip: Accelerator) -> LayerTrace:
    """The layer with its channels in that order; as it is with several groups, whose channels are few."""
    array = chip.pe_array
    if trace.layer.groups > 1:
        return trace
    order = hamming_order(trace)
    skips = "skip" in (array.weight_policy, array.activation_policy)
    if isinstance(array, InnerJoinArray) and not skips:
        order = dealt(order, array.chunk_elements, array.lanes)
    return replace(
        trace,
        weights=trace.weights.take(order, -1),
        activations=trace.activations.take(order, -1),
    )
