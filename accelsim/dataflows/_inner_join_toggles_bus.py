"""Toggles of buses in one step: chunks are gathered and sent (inner_join_toggles.md, section 3)."""

import numpy as np

from accelsim.dataflows import _inner_join_vectors as at
from accelsim.jit import bare_kernel
from accelsim.kernels.matching import COMPUTE, GATE
from accelsim.kernels.toggles import (
    ACTIVATION_BUS,
    ACTIVATION_BUS_WITHOUT_HOLD,
    MASK_BUS,
    MULTICAST,
    MULTICAST_WITHOUT_HOLD,
    WEIGHT_BUS,
    WEIGHT_BUS_WITHOUT_HOLD,
    differing,
)


@bare_kernel
def drive(values, nonzero, elements, policy, bitmask, wires, wires_free, mask_wires):
    """Send a chunk over a bus: (toggles, toggles without hold, toggles of the mask wires)."""
    toggles = np.int64(0)
    free = np.int64(0)
    masks = np.int64(0)
    place = 0
    for e in range(elements):
        free += differing(values[e], wires_free[e])
        wires_free[e] = values[e]
        if policy == COMPUTE or nonzero[e]:
            to = place if policy != COMPUTE and bitmask else e
            toggles += differing(values[e], wires[to])
            wires[to] = values[e]
            place += 1
    if policy != COMPUTE:
        for e in range(mask_wires.size):
            bit = np.uint8(nonzero[e]) if e < elements else np.uint8(0)
            masks += np.int64(bit != mask_wires[e])
            mask_wires[e] = bit
    return toggles, free, masks


@bare_kernel
def send_nothing(policy, mask_wires):
    """Toggles of the mask wires as a padding tap passes: its values are not sent."""
    masks = np.int64(0)
    if policy != COMPUTE:
        for e in range(mask_wires.size):
            masks += np.int64(mask_wires[e])
            mask_wires[e] = np.uint8(0)
    return masks


@bare_kernel
def gather(row, first, elements, zero, bits, gates, words, values, nonzero, loads):
    """Words of a chunk, the values less their zero point, which are not zero, and -1 for those that load."""
    word_mask = (np.int64(1) << bits) - 1
    for e in range(elements):
        value = np.int64(row[first + e])
        words[e] = value & word_mask
        values[e] = value - zero
        nonzero[e] = value != zero
        loads[e] = -1 if value != zero or not gates else 0


@bare_kernel
def send_rows(k, used, tap, start, elements, domains, p, weights, weight_zeros, of_rows, buses, totals):
    """Gather the weight chunks of the used rows, and drive the bus of each in `domains` domains."""
    wires, masks = buses
    words, values, nonzero, loads = of_rows
    rows, columns, _ = used
    receivers = columns // domains
    gates = p[at.POLICY_W] == GATE
    for i in range(rows):
        zero = np.int64(weight_zeros[k + i])
        gather(
            weights[k + i, tap], start, elements, zero, p[at.BITS_W], gates,
            words[i], values[i], nonzero[i], loads[i],
        )  # fmt: skip
        for domain in range(domains):
            held, free, mask = drive(
                words[i], nonzero[i], elements, p[at.POLICY_W], p[at.BITMASK_W],
                wires[0, domain, i], wires[1, domain, i], masks[domain, i],
            )  # fmt: skip
            totals[WEIGHT_BUS] += held
            totals[WEIGHT_BUS_WITHOUT_HOLD] += free
            totals[MASK_BUS] += mask
            totals[MULTICAST] += (held + mask) * receivers
            totals[MULTICAST_WITHOUT_HOLD] += (free + mask) * receivers


@bare_kernel
def send_columns(
    pixels, channel0, elements, used, group_channels, zero, p, activations, of_columns, buses, totals
):
    """Gather the activation chunks of the used columns, of each group of the rows, and drive their buses.

    Parameters
    ----------
    pixels : int64 [columns], -1 for padding
    channel0 : int, first channel of the chunk in the first group
    used : (rows, columns, groups), of the set
    buses : (wires [2, domains, columns, places, chunk], masks [domains, columns, places, chunk]); several
        domains are those of rows
    """
    rows, columns, groups = used
    wires, masks = buses
    words, values, nonzero, loads = of_columns
    group_rows = rows // groups
    by_rows = masks.shape[0] > 1
    receivers = 1 if by_rows else group_rows
    gates = p[at.POLICY_A] == GATE
    for j in range(columns):
        for g in range(groups):
            if pixels[j] >= 0:
                gather(
                    activations[pixels[j]], channel0 + g * group_channels, elements, zero, p[at.BITS_A],
                    gates, words[j, g], values[j, g], nonzero[j, g], loads[j, g],
                )  # fmt: skip
            else:
                words[j, g] = zero & ((np.int64(1) << p[at.BITS_A]) - 1)
                values[j, g] = 0
                nonzero[j, g] = 0
                loads[j, g] = 0 if gates else -1
            for domain in range(g * group_rows if by_rows else 0, (g + 1) * group_rows if by_rows else 1):
                if pixels[j] < 0:
                    mask = send_nothing(p[at.POLICY_A], masks[domain, j, g])
                    totals[MASK_BUS] += mask
                    totals[MULTICAST] += mask * receivers
                    totals[MULTICAST_WITHOUT_HOLD] += mask * receivers
                    continue
                held, free, mask = drive(
                    words[j, g], nonzero[j, g], elements, p[at.POLICY_A], p[at.BITMASK_A],
                    wires[0, domain, j, g], wires[1, domain, j, g], masks[domain, j, g],
                )  # fmt: skip
                totals[ACTIVATION_BUS] += held
                totals[ACTIVATION_BUS_WITHOUT_HOLD] += free
                totals[MASK_BUS] += mask
                totals[MULTICAST] += (held + mask) * receivers
                totals[MULTICAST_WITHOUT_HOLD] += (free + mask) * receivers
