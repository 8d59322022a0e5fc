"""Bits that change: what the toggle kernels of all dataflows share (docs/dataflows/toggles.md)."""

import numpy as np

from accelsim.jit import kernel, popcount

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


@kernel
def differing(new, old):
    """Bits in which two words differ."""
    return popcount(np.uint64(new ^ old))


@kernel
def add(sums, place, value, accumulator_mask):
    """Add to an accumulator; returns its toggles."""
    new = (sums[place] + value) & accumulator_mask
    toggles = differing(new, sums[place])
    sums[place] = new
    return toggles
