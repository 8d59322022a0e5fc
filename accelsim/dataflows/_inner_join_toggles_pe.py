"""Toggles inside a PE: operand registers and accumulators in one step (inner_join_toggles.md)."""

import numpy as np

from accelsim.dataflows import _inner_join_vectors as at
from accelsim.jit import bare_kernel
from accelsim.kernels.matching import GATE, SKIP
from accelsim.kernels.toggles import (
    A_FREE,
    ACCUMULATOR,
    ACTIVATION_REGISTER,
    ACTIVATION_REGISTER_WITHOUT_HOLD,
    W_FREE,
    WEIGHT_REGISTER,
    WEIGHT_REGISTER_WITHOUT_HOLD,
    A,
    W,
    add,
    differing,
)


@bare_kernel
def multiply(elements, w, a, accumulator, p, registers, sums_of_lanes, totals):
    """The slot pairs of one PE in one step.

    Parameters
    ----------
    w, a : (words int64 [>= elements], the same less their zero point, uint8: which are not zero, -1 or 0:
        which load)
    accumulator : int, mask of its bits
    registers : int64 [lanes, 4]
    sums_of_lanes : int64 [lanes], accumulators (of the PE: the first)
    totals : int64 [COUNTS]
    """
    lanes, fixed, alone = p[at.LANES], p[at.FIXED], p[at.SET_SYNC]
    skips_w, skips_a = p[at.POLICY_W] == SKIP, p[at.POLICY_A] == SKIP
    w, w_values, w_nonzero, w_loads = w
    a, a_values, a_nonzero, a_loads = a
    can_gate = p[at.POLICY_W] == GATE or p[at.POLICY_A] == GATE
    lane = 0
    cycle_sum = np.int64(0)
    for e in range(elements):
        if (skips_w and not w_nonzero[e]) or (skips_a and not a_nonzero[e]):
            continue
        if fixed:
            lane = e % lanes
        if can_gate:
            totals[WEIGHT_REGISTER_WITHOUT_HOLD] += differing(w[e], registers[lane, W_FREE])
            totals[ACTIVATION_REGISTER_WITHOUT_HOLD] += differing(a[e], registers[lane, A_FREE])
            registers[lane, W_FREE] = w[e]
            registers[lane, A_FREE] = a[e]
        if w_loads[e] & a_loads[e]:
            totals[WEIGHT_REGISTER] += differing(w[e], registers[lane, W])
            totals[ACTIVATION_REGISTER] += differing(a[e], registers[lane, A])
            registers[lane, W] = w[e]
            registers[lane, A] = a[e]
            product = w_values[e] * a_values[e]
            if alone:
                totals[ACCUMULATOR] += add(sums_of_lanes, lane, product, accumulator)
            elif not fixed:
                cycle_sum += product
        if not fixed:
            lane += 1
            if lane == lanes:
                totals[ACCUMULATOR] += add(sums_of_lanes, 0, cycle_sum, accumulator)
                lane = 0
                cycle_sum = np.int64(0)
    totals[ACCUMULATOR] += add(sums_of_lanes, 0, cycle_sum, accumulator)


@bare_kernel
def kept(elements, w_nonzero, a_nonzero, skips_w, skips_a, slots):
    """Offsets of the slot pairs of a chunk, ascending, into `slots`; returns their number."""
    count = np.int64(0)
    for e in range(elements):
        slots[count] = e
        count += np.int64((w_nonzero[e] or not skips_w) and (a_nonzero[e] or not skips_a))
    return count


@bare_kernel
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
            of_w += differing(w[e], registers[lane, W])
            of_a += differing(a[e], registers[lane, A])
            registers[lane, W] = w[e]
            registers[lane, A] = a[e]
            new += w_values[e] * a_values[e]
        new &= accumulator
        of_sums += differing(new, held)
        held = new
    sums[0] = held
    totals[WEIGHT_REGISTER] += of_w
    totals[ACTIVATION_REGISTER] += of_a
    totals[ACCUMULATOR] += of_sums


@bare_kernel
def add_fixed_lanes(elements, w, a, accumulator, p, by_cycle, sums, totals):
    """Accumulator of a PE whose fixed lanes start each step together: the i-th slots of all lanes at once.

    A gated product is 0 and changes nothing.
    """
    lanes = p[at.LANES]
    skips_w, skips_a = p[at.POLICY_W] == SKIP, p[at.POLICY_A] == SKIP
    by_cycle[:elements] = 0
    for lane in range(lanes):
        cycle = 0
        for e in range(lane, elements, lanes):
            if (skips_w and not w[2][e]) or (skips_a and not a[2][e]):
                continue
            by_cycle[cycle] += w[1][e] * a[1][e]
            cycle += 1
    for cycle in range(elements):
        totals[ACCUMULATOR] += add(sums, 0, by_cycle[cycle], accumulator)
