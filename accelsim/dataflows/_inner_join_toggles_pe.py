"""Toggles inside a PE of `inner_join`: operand registers and accumulators in one step (docs/toggles.md)."""

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
def multiply(elements, w, w_nonzero, a, a_nonzero, zeros, p, registers, sums_of_lanes, totals):
    """The slot pairs of one PE in one step.

    Parameters
    ----------
    w, a : int64 [>= elements], words; w_nonzero, a_nonzero : uint8
    zeros : (weight's zero point, activation's, sign bits (0 or 1 << (bits - 1)) of both, accumulator's mask)
    registers : int64 [lanes, 4]
    sums_of_lanes : int64 [lanes], accumulators (of the PE: the first)
    totals : int64 [SUMS]
    """
    lanes, fixed, alone = p[at.LANES], p[at.FIXED], p[at.SET_SYNC]
    gates_w, gates_a = p[at.POLICY_W] == GATE, p[at.POLICY_A] == GATE
    skips_w, skips_a = p[at.POLICY_W] == SKIP, p[at.POLICY_A] == SKIP
    weight_zero, activation_zero, sign_w, sign_a, accumulator = zeros
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
            product = ((w[e] ^ sign_w) - sign_w - weight_zero) * ((a[e] ^ sign_a) - sign_a - activation_zero)
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
def run_toggles(words, lanes, slots, changed, changed_by_four):
    """Toggles of words that follow one another at a distance of `lanes`; the first `lanes` stand before.

    Parameters
    ----------
    words : uint16 [>= slots]
    changed : uint16 [>= slots], scratch, whole words of 64 bits; changed_by_four : the same as uint64
    """
    many = slots - lanes
    for slot in range(many):
        changed[slot] = words[slot + lanes] ^ words[slot]
    whole = (many + 3) // 4
    for slot in range(many, 4 * whole):
        changed[slot] = 0
    toggles = np.int64(0)
    for four in range(whole):
        toggles += popcount(changed_by_four[four])
    return toggles


@kernel
def multiply_pooled(elements, w, w_nonzero, a, a_nonzero, zeros, p, registers, sums, scratch, totals):
    """As `multiply` where lanes are pooled and nothing gates: slot i meets the word of slot i - lanes.

    Parameters
    ----------
    scratch : (words of weights, of activations: uint16 [lanes + chunk + 1], what registers hold first;
        products int64 [lanes + chunk + 1]; changed bits: uint16, and the same as uint64)
    """
    lanes = p[at.LANES]
    w_slots, a_slots, products, changed, changed_by_four = scratch
    skips_w, skips_a = p[at.POLICY_W] == SKIP, p[at.POLICY_A] == SKIP
    weight_zero, activation_zero, sign_w, sign_a, accumulator = zeros
    for lane in range(lanes):
        w_slots[lane] = registers[lane, _W]
        a_slots[lane] = registers[lane, _A]
    slots = lanes
    for e in range(elements):
        w_slots[slots] = w[e]
        a_slots[slots] = a[e]
        products[slots] = ((w[e] ^ sign_w) - sign_w - weight_zero) * (
            (a[e] ^ sign_a) - sign_a - activation_zero
        )
        slots += np.int64((w_nonzero[e] or not skips_w) and (a_nonzero[e] or not skips_a))
    totals[WEIGHT_REGISTER] += run_toggles(w_slots, lanes, slots, changed, changed_by_four)
    totals[ACTIVATION_REGISTER] += run_toggles(a_slots, lanes, slots, changed, changed_by_four)
    for slot in range(max(lanes, slots - lanes), slots):
        registers[slot % lanes, _W] = w_slots[slot]
        registers[slot % lanes, _A] = a_slots[slot]
    held = sums[0]
    toggles = np.int64(0)
    for first in range(lanes, slots, lanes):
        new = held
        for slot in range(first, min(first + lanes, slots)):
            new += products[slot]
        new &= accumulator
        toggles += differing(new, held)
        held = new
    sums[0] = held
    totals[ACCUMULATOR] += toggles


@kernel
def add(sums, place, value, accumulator_mask):
    """Add to an accumulator; returns its toggles."""
    new = (sums[place] + value) & accumulator_mask
    toggles = differing(new, sums[place])
    sums[place] = new
    return toggles


@kernel
def add_fixed_lanes(elements, w, w_nonzero, a, a_nonzero, zeros, p, by_cycle, done, sums, totals):
    """Accumulator of a PE whose fixed lanes start each step together: the i-th slots of all lanes at once."""
    lanes = p[at.LANES]
    weight_zero, activation_zero, sign_w, sign_a, accumulator = zeros
    by_cycle[:] = 0
    done[:] = 0
    for lane in range(lanes):
        cycle = 0
        for e in range(lane, elements, lanes):
            w_zero, a_zero = not w_nonzero[e], not a_nonzero[e]
            if (p[at.POLICY_W] == SKIP and w_zero) or (p[at.POLICY_A] == SKIP and a_zero):
                continue
            if not ((p[at.POLICY_W] == GATE and w_zero) or (p[at.POLICY_A] == GATE and a_zero)):
                by_cycle[cycle] += ((w[e] ^ sign_w) - sign_w - weight_zero) * (
                    (a[e] ^ sign_a) - sign_a - activation_zero
                )
                done[cycle] += 1
            cycle += 1
    for cycle in range(elements):
        if done[cycle]:
            totals[ACCUMULATOR] += add(sums, 0, by_cycle[cycle], accumulator)
