"""What a plan is charged: its figures, their least possible values, and one number by objective.

::

    dram     bytes read and written                                 then cycles
    cycles   cycles + 1 % of the cycles that DRAM is occupied       then bytes
    energy   DRAM bytes, scratchpad accesses, compute, leakage      then cycles
    edp      energy x cycles                                        then cycles
"""

import numpy as np

from accelsim.jit import kernel
from accelsim.mapper._walk_kernel import LATENCY, NEVER, RATE_BYTES, RATE_CYCLES, WORD_BYTES

DRAM, CYCLES, ENERGY, EDP, PARETO = range(5)
# Figures of a plan, int64: what is moved and read, and how long it takes.
F_CYCLES, F_READ, F_WRITTEN, F_PAD_READS, F_PAD_WRITES, F_COMPUTE = range(6)
# Columns of the float64 prices, pJ per: byte read, byte written, scratchpad read, scratchpad write, cycle of
# compute, cycle (leakage); and what every plan of the layer costs alike.
P_READ, P_WRITTEN, P_PAD_READ, P_PAD_WRITE, P_COMPUTE, P_CYCLE, P_ALIKE = range(7)
# Sums over a tiling, int64: bytes of every tile once, in DRAM with burst waste and in the scratchpad.
(
    WEIGHTS,
    HELD_WEIGHTS,
    ACTIVATIONS,
    HELD_ACTIVATIONS,
    OUTPUTS,
    HELD_OUTPUTS,
    PARTIALS,
    MOVED_PARTIALS,
    TABLES,
    COMPUTE,
    FIRST_FETCH,
    LAST_COMPUTE,
    LAST_DRAIN,
    C_TILES,
) = range(14)


@kernel
def accesses(moved_bytes, machine):
    """Words of the scratchpad that so many bytes take."""
    return (moved_bytes + machine[WORD_BYTES] - 1) // machine[WORD_BYTES]


@kernel
def set_figures(found, times_weights, times_activations, times_outputs, sums, machine):
    """Set the figures int64 [6] of a plan that opens its operands so often; of the cycles a lower bound."""
    spilled = times_outputs - 1
    kept = sums[C_TILES] - 1
    found[F_READ] = (
        sums[TABLES]
        + times_weights * sums[WEIGHTS]
        + times_activations * sums[ACTIVATIONS]
        + spilled * sums[MOVED_PARTIALS]
    )
    found[F_WRITTEN] = sums[OUTPUTS] + spilled * sums[MOVED_PARTIALS]
    drained = sums[HELD_OUTPUTS] if sums[OUTPUTS] > 0 else np.int64(0)  # kept ones are not read back
    found[F_PAD_READS] = (
        accesses(drained, machine)
        + accesses(spilled * sums[PARTIALS], machine)
        + accesses(kept * sums[PARTIALS], machine)
    )
    found[F_PAD_WRITES] = (
        accesses(times_weights * sums[HELD_WEIGHTS], machine)
        + accesses(times_activations * sums[HELD_ACTIVATIONS], machine)
        + accesses(spilled * sums[PARTIALS], machine)
        + accesses(kept * sums[PARTIALS], machine)
        + accesses(sums[HELD_OUTPUTS], machine)
    )
    found[F_COMPUTE] = sums[COMPUTE]
    found[F_CYCLES] = least_cycles(found, sums, machine)


@kernel
def occupied(moved_bytes, machine):
    """Fewest cycles in which the channel moves so many bytes."""
    return moved_bytes * machine[RATE_CYCLES] // machine[RATE_BYTES]


@kernel
def least_cycles(figures, sums, machine):
    """A lower bound of the replay, docs/mapper.md section 4."""
    latency = machine[LATENCY]
    first = occupied(sums[FIRST_FETCH], machine) + (latency if sums[FIRST_FETCH] > 0 else 0)
    last = occupied(sums[LAST_DRAIN], machine) + (latency if sums[LAST_DRAIN] > 0 else 0)
    fetched = occupied(figures[F_READ], machine) + (latency if figures[F_READ] > 0 else 0)
    moved = figures[F_READ] + figures[F_WRITTEN]
    every = occupied(moved, machine) + (latency if moved > 0 else 0)
    return max(max(first + sums[COMPUTE] + last, every), fetched + sums[LAST_COMPUTE] + last)


@kernel
def energy_of(figures, prices):
    """Predicted energy in pJ."""
    return (
        prices[P_ALIKE]
        + figures[F_READ] * prices[P_READ]
        + figures[F_WRITTEN] * prices[P_WRITTEN]
        + figures[F_PAD_READS] * prices[P_PAD_READ]
        + figures[F_PAD_WRITES] * prices[P_PAD_WRITE]
        + figures[F_COMPUTE] * prices[P_COMPUTE]
        + figures[F_CYCLES] * prices[P_CYCLE]
    )


@kernel
def cost_of(objective, figures, prices, machine):
    """What the search minimises: (first, then second)."""
    cycles, moved = figures[F_CYCLES], figures[F_READ] + figures[F_WRITTEN]
    if objective == DRAM:
        return np.float64(moved), np.float64(cycles)
    if objective == CYCLES:
        return np.float64(100 * cycles + occupied(moved, machine)), np.float64(moved)
    energy = energy_of(figures, prices)
    if objective == ENERGY:
        return energy, np.float64(cycles)
    return energy * cycles, np.float64(cycles)


@kernel
def better(cost, best):
    """Whether a cost (first, second) is less than the best."""
    return cost[0] < best[0] or (cost[0] == best[0] and cost[1] < best[1])


@kernel
def affordable_cycles(objective, figures, prices, machine, best):
    """The most cycles with which a plan of such figures costs less than the best, or NEVER if any do.

    Every cost rises with the cycles: doubled steps until one costs too much, halved steps back.

    Parameters
    ----------
    figures : int64 [6], whose cycles cost less than the best; the same afterwards
    """
    if best[0] == np.inf:
        return NEVER
    least, step = figures[F_CYCLES], np.int64(1)
    enough = least
    while step < NEVER:
        figures[F_CYCLES] = least + step
        if not better(cost_of(objective, figures, prices, machine), best):
            break
        enough = least + step
        step *= 2
    if step >= NEVER:
        figures[F_CYCLES] = least
        return NEVER
    while step > 1:
        step //= 2
        figures[F_CYCLES] = enough + step
        if better(cost_of(objective, figures, prices, machine), best):
            enough += step
    figures[F_CYCLES] = least
    return enough
