"""Bits that change: what the toggle kernels of all dataflows share (docs/dataflows/toggles.md)."""

import numpy as np

from accelsim.jit import inlined_kernel, popcount

# Columns of a unit's toggles, in the order of tables.TOGGLES.
(
    WEIGHT_REGISTER,
    ACTIVATION_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    ACCUMULATOR,
    WEIGHT_BUS,
    ACTIVATION_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    ACTIVATION_BUS_WITHOUT_HOLD,
    MASK_BUS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
) = range(12)
COUNTS = 12
# Registers of a lane: with hold, and without.
W, A, W_FREE, A_FREE = range(4)


@inlined_kernel
def differing(new, old):
    """Bits in which two words differ."""
    return popcount(np.uint64(new ^ old))


@inlined_kernel
def add(sums, place, value, accumulator_mask):
    """Add to an accumulator; returns its toggles."""
    new = (sums[place] + value) & accumulator_mask
    toggles = differing(new, sums[place])
    sums[place] = new
    return toggles


@inlined_kernel
def toggles_through(words, elements, lanes):
    """Toggles of the registers of a PE's lanes as all words of a chunk pass, after each lane's first."""
    toggles = np.int64(0)
    for e in range(lanes, elements):
        toggles += differing(words[e], words[e - lanes])
    return toggles


@inlined_kernel
def load_ends(words, elements, lanes, registers, place):
    """Toggles of each lane's first word of a chunk, all of whose words pass; the registers keep the last."""
    toggles = np.int64(0)
    for lane in range(min(lanes, elements)):
        toggles += differing(words[lane], registers[lane, place])
    for e in range(max(elements - lanes, 0), elements):
        registers[e % lanes, place] = words[e]
    return toggles


@inlined_kernel
def load_done(elements, w, a, w_loads, a_loads, lanes, registers):
    """(weight, activation) toggles of a PE's registers where gated pairs load neither and none is skipped.

    Parameters
    ----------
    w, a : int64 [>= elements], words
    w_loads, a_loads : int64 [>= elements], -1, or 0 where the operand gates its pair
    registers : int64 [lanes, 4]
    """
    of_w = np.int64(0)
    of_a = np.int64(0)
    for lane in range(lanes):
        held_w, held_a = registers[lane, W], registers[lane, A]
        for e in range(lane, elements, lanes):
            loads = w_loads[e] & a_loads[e]
            changed_w = (w[e] ^ held_w) & loads
            changed_a = (a[e] ^ held_a) & loads
            of_w += popcount(np.uint64(changed_w))
            of_a += popcount(np.uint64(changed_a))
            held_w ^= changed_w
            held_a ^= changed_a
        registers[lane, W], registers[lane, A] = held_w, held_a
    return of_w, of_a


@inlined_kernel
def add_all(elements, w_values, a_values, ends, sums):
    """Toggles of a PE's accumulator where no pair is skipped; a gated product is 0 and changes nothing.

    Parameters
    ----------
    w_values, a_values : int64 [>= elements], less their zero points
    ends : int64 [>= elements], the accumulator's bits where a cycle's last pair stands, else 0
    """
    toggles = np.int64(0)
    held = sums[0]
    new = held
    for e in range(elements):
        new += w_values[e] * a_values[e]
        changed = (new ^ held) & ends[e]
        toggles += popcount(np.uint64(changed))
        held ^= changed
    sums[0] = held
    return toggles
