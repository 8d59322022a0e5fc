"""Matching of weight and activation masks on every PE of one broadcast step, and what lanes make of it.

Work is counted per PE from masks of one chunk. `matched` counts pairs with both operands non-zero,
`slots` pairs that take a lane for a cycle, `work` cycles of the step (at least 1). Rows are those of one
group or of several, `group_rows` each; a column has a chunk for each group.
"""

import numpy as np

from accelsim.jit import kernel, popcount

COMPUTE, GATE, SKIP = range(3)


@kernel
def match(rows, columns, group_rows, row_masks, column_masks, matched):
    """Pairs with both operands non-zero on each PE.

    Parameters
    ----------
    row_masks : uint64 [words, >= rows], weight chunk of each row
    column_masks : uint64 [words, groups, >= columns], activation chunks of each column
    matched : int64 [>= rows, >= columns], written

    Returns
    -------
    int, their sum
    """
    total = np.int64(0)
    for i in range(rows):
        mask = row_masks[0, i]
        group = i // group_rows
        for j in range(columns):
            both = np.int64(popcount(mask & column_masks[0, group, j]))
            matched[i, j] = both
            total += both
    for word in range(1, row_masks.shape[0]):
        for i in range(rows):
            mask = row_masks[word, i]
            group = i // group_rows
            for j in range(columns):
                both = np.int64(popcount(mask & column_masks[word, group, j]))
                matched[i, j] += both
                total += both
    return total


@kernel
def fill_slots(
    rows, columns, group_rows, elements, skips_weight, skips_activation, row_counts, column_counts, slots
):
    """Slots of each PE where at most one operand is skipped: its non-zero elements, or all elements."""
    for i in range(rows):
        if skips_weight:
            for j in range(columns):
                slots[i, j] = row_counts[i]
        elif skips_activation:
            group = i // group_rows
            for j in range(columns):
                slots[i, j] = column_counts[group, j]
        else:
            for j in range(columns):
                slots[i, j] = elements


@kernel
def pooled_work(rows, columns, lanes, slots, work):
    """Cycles of pooled lanes: work = max(ceil(slots / lanes), 1).

    Returns
    -------
    (cycles, empty) : sum of ceil(slots / lanes), PEs without a slot
    """
    cycles = np.int64(0)
    empty = np.int64(0)
    shift = popcount(np.uint64(lanes - 1))
    power_of_two = lanes == 1 << shift  # a shift vectorises, a division does not
    for i in range(rows):
        for j in range(columns):
            taken = slots[i, j] + lanes - 1
            needed = taken >> shift if power_of_two else taken // lanes
            cycles += needed
            empty += np.int64(needed == 0)
            work[i, j] = max(needed, 1)
    return cycles, empty


@kernel
def pair_masks(mask_w, mask_a, real, policy_w, policy_a):
    """(slot, done) masks of one word: which pairs take a lane, and which of them multiply."""
    slot = real
    if policy_w == SKIP:
        slot &= mask_w
    if policy_a == SKIP:
        slot &= mask_a
    done = slot
    if policy_w == GATE:
        done &= mask_w
    if policy_a == GATE:
        done &= mask_a
    return slot, done


@kernel
def real_mask(elements, word):
    """Mask of the elements that exist in one word of a chunk of `elements`."""
    left = elements - 64 * word
    if left >= 64:
        return ~np.uint64(0)
    if left <= 0:
        return np.uint64(0)
    return (np.uint64(1) << np.uint64(left)) - np.uint64(1)


@kernel
def pooled_updates(i, group, j, lanes, elements, row_masks, column_masks, policy_w, policy_a):
    """Cycles of one PE's step in which at least one pooled lane multiplies (slots that gate exist)."""
    updates = np.int64(0)
    index = np.int64(0)
    last = np.int64(-1)
    for word in range(row_masks.shape[0]):
        real = real_mask(elements, word)
        slot, done = pair_masks(row_masks[word, i], column_masks[word, group, j], real, policy_w, policy_a)
        while slot != np.uint64(0):
            lowest = slot & (~slot + np.uint64(1))
            if done & lowest != np.uint64(0) and index // lanes != last:
                last = index // lanes
                updates += 1
            index += 1
            slot ^= lowest
    return updates


@kernel
def fixed_lanes(
    i, group, j, lanes, elements, row_masks, column_masks, policy_w, policy_a, lane_slots, active
):
    """Slots of each fixed lane of one PE, and the cycles in which at least one of them multiplies.

    Element e of the chunk belongs to lane e mod lanes; each lane takes its slots from cycle 0 on.

    Parameters
    ----------
    lane_slots : int64 [lanes], written
    active : uint8 [>= chunk_elements], scratch: cycles in which a lane multiplies

    Returns
    -------
    int, accumulator updates if all lanes share one accumulator
    """
    for lane in range(lanes):
        lane_slots[lane] = 0
    active[:elements] = 0
    updates = np.int64(0)
    for word in range(row_masks.shape[0]):
        real = real_mask(elements, word)
        slot, done = pair_masks(row_masks[word, i], column_masks[word, group, j], real, policy_w, policy_a)
        while slot != np.uint64(0):
            lowest = slot & (~slot + np.uint64(1))
            element = 64 * word + popcount(lowest - np.uint64(1))
            lane = element % lanes
            cycle = lane_slots[lane]
            if done & lowest != np.uint64(0) and active[cycle] == 0:
                active[cycle] = 1
                updates += 1
            lane_slots[lane] = cycle + 1
            slot ^= lowest
    return updates
