"""Toggles inside a PE: operand registers and accumulators in one step (inner_join_toggles.md)."""

import numpy as np

from accelsim.dataflows import _inner_join_vectors as at
from accelsim.jit import kernel, popcount
from accelsim.kernels.matching import GATE, SKIP

# Columns of a set's sums; the first ten are tables.TOGGLES.
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
    DENSE_MACS,
) = range(11)
SUMS = 11
# Registers of a lane: with hold, and without.
_W, _A, _W_FREE, _A_FREE = range(4)


@kernel
def differing(new, old):
    """Bits in which two words differ."""
    return popcount(np.uint64(new ^ old))


@kernel
def multiply(elements, w, a, accumulator, p, registers, sums_of_lanes, totals):
    """The slot pairs of one PE in one step.

    Parameters
    ----------
    w, a : (words int64 [>= elements], the same less their zero point, uint8: which are not zero)
    accumulator : int, mask of its bits
    registers : int64 [lanes, 4]
    sums_of_lanes : int64 [lanes], accumulators (of the PE: the first)
    totals : int64 [SUMS]
    """
    lanes, fixed, alone = p[at.LANES], p[at.FIXED], p[at.SET_SYNC]
    gates_w, gates_a = p[at.POLICY_W] == GATE, p[at.POLICY_A] == GATE
    skips_w, skips_a = p[at.POLICY_W] == SKIP, p[at.POLICY_A] == SKIP
    w, w_values, w_nonzero = w
    a, a_values, a_nonzero = a
    can_gate = gates_w or gates_a
    lane = 0
    cycle_sum = np.int64(0)
    in_cycle = 0
    for e in range(elements):
        if (skips_w and not w_nonzero[e]) or (skips_a and not a_nonzero[e]):
            continue
        if fixed:
            lane = e % lanes
        if can_gate:
            totals[WEIGHT_REGISTER_WITHOUT_HOLD] += differing(w[e], registers[lane, _W_FREE])
            totals[ACTIVATION_REGISTER_WITHOUT_HOLD] += differing(a[e], registers[lane, _A_FREE])
            registers[lane, _W_FREE] = w[e]
            registers[lane, _A_FREE] = a[e]
        gated = (gates_w and not w_nonzero[e]) or (gates_a and not a_nonzero[e])
        if not gated:
            totals[WEIGHT_REGISTER] += differing(w[e], registers[lane, _W])
            totals[ACTIVATION_REGISTER] += differing(a[e], registers[lane, _A])
            registers[lane, _W] = w[e]
            registers[lane, _A] = a[e]
            product = w_values[e] * a_values[e]
            if alone:
                totals[ACCUMULATOR] += add(sums_of_lanes, lane, product, accumulator)
            elif not fixed:
                cycle_sum += product
                in_cycle += 1
        if not fixed:
            lane += 1
            if lane == lanes:
                if in_cycle:
                    totals[ACCUMULATOR] += add(sums_of_lanes, 0, cycle_sum, accumulator)
                lane = 0
                cycle_sum = np.int64(0)
                in_cycle = 0
    if in_cycle:
        totals[ACCUMULATOR] += add(sums_of_lanes, 0, cycle_sum, accumulator)


@kernel
def kept(elements, w_nonzero, a_nonzero, skips_w, skips_a, slots):
    """Offsets of the slot pairs of a chunk, ascending, into `slots`; returns their number."""
    count = np.int64(0)
    for e in range(elements):
        slots[count] = e
        count += np.int64((w_nonzero[e] or not skips_w) and (a_nonzero[e] or not skips_a))
    return count


@kernel
def multiply_pooled(slots, count, w, w_values, a, a_values, lanes, accumulator, registers, sums, totals):
    """As `multiply` where lanes are pooled and nothing gates.

    Parameters
    ----------
    slots : int64 [>= count], offsets of the slot pairs
    w, a : int64, words; w_values, a_values : int64, less their zero points
    """
    of_w = np.int64(0)
    of_a = np.int64(0)
    of_sums = np.int64(0)
    held = sums[0]
    for first in range(0, count, lanes):
        new = held
        for lane in range(min(lanes, count - first)):
            e = slots[first + lane]
            of_w += differing(w[e], registers[lane, _W])
            of_a += differing(a[e], registers[lane, _A])
            registers[lane, _W] = w[e]
            registers[lane, _A] = a[e]
            new += w_values[e] * a_values[e]
        new &= accumulator
        of_sums += differing(new, held)
        held = new
    sums[0] = held
    totals[WEIGHT_REGISTER] += of_w
    totals[ACTIVATION_REGISTER] += of_a
    totals[ACCUMULATOR] += of_sums


@kernel
def add(sums, place, value, accumulator_mask):
    """Add to an accumulator; returns its toggles."""
    new = (sums[place] + value) & accumulator_mask
    toggles = differing(new, sums[place])
    sums[place] = new
    return toggles


@kernel
def add_fixed_lanes(elements, w, a, accumulator, p, by_cycle, done, sums, totals):
    """Accumulator of a PE whose fixed lanes start each step together: the i-th slots of all lanes at once."""
    lanes = p[at.LANES]
    _, w_values, w_nonzero = w
    _, a_values, a_nonzero = a
    by_cycle[:elements] = 0
    done[:elements] = 0
    for lane in range(lanes):
        cycle = 0
        for e in range(lane, elements, lanes):
            w_zero, a_zero = not w_nonzero[e], not a_nonzero[e]
            if (p[at.POLICY_W] == SKIP and w_zero) or (p[at.POLICY_A] == SKIP and a_zero):
                continue
            if not ((p[at.POLICY_W] == GATE and w_zero) or (p[at.POLICY_A] == GATE and a_zero)):
                by_cycle[cycle] += w_values[e] * a_values[e]
                done[cycle] += 1
            cycle += 1
    for cycle in range(elements):
        if done[cycle]:
            totals[ACCUMULATOR] += add(sums, 0, by_cycle[cycle], accumulator)
