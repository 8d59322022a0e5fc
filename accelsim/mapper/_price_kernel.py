"""What each plan of a grid costs: tiles, bytes, estimated compute, and the machine's recurrence, in one call.

::

    for plan
      boxes; estimated cycles          # compute of each tile, by the dataflow
      next plan if compute alone is too slow  # an array computes one tile at a time
      traffic, live bytes                     # _traffic_kernel
      replay                                  # machine._replay_kernel: cycles
"""

import numpy as np

from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.jit import kernel
from accelsim.machine._replay_kernel import replay
from accelsim.mapper._traffic_kernel import plan_traffic

# Columns of a plan: tile sizes of n, k, c, p, q, then the loops (0 = n ... 4 = q), outermost first.
SIZES, ORDER = 0, 5
# Columns of a price. CYCLES is NEVER of a plan with a tile that does not fit, or that waits for ever; so
# are CYCLES and LIVE_BYTES of a plan whose compute alone is slower than what is looked for.
CYCLES, DRAM_BYTES, TILES, LIVE_BYTES = range(4)
NEVER = np.int64(1) << np.int64(62)
# Columns of the int64 machine vector.
CAPACITY, RATE_BYTES, RATE_CYCLES, LATENCY = range(4)
# Columns of tables.TRAFFIC.
_FETCHED = (0, 1, 2, 4)  # weights, activations, partial sums, burst waste
_DRAINED = (5, 6, 8)  # outputs, partial sums, burst waste
_RESERVE, _AFTER_COMPUTE, _AFTER_DRAIN = 9, 10, 11


@kernel
def plan_boxes(plan, extents):
    """All tiles of a plan in execution order, as accelsim.plan.tile_boxes: int64 [tiles, 10]."""
    tiles = np.int64(1)
    for loop in range(5):
        tiles *= (extents[loop] + plan[SIZES + loop] - 1) // plan[SIZES + loop]
    boxes = np.empty((tiles, 10), np.int64)
    index = np.zeros(5, np.int64)
    for tile in range(tiles):
        for loop in range(5):
            first = index[loop] * plan[SIZES + loop]
            boxes[tile, 2 * loop] = first
            boxes[tile, 2 * loop + 1] = min(first + plan[SIZES + loop], extents[loop])
        for place in range(4, -1, -1):  # the innermost loop turns first
            loop = plan[ORDER + place]
            index[loop] += 1
            if index[loop] * plan[SIZES + loop] < extents[loop]:
                break
            index[loop] = 0
    return boxes


@kernel
def replayed(traffic, compute_cycles, machine):
    """(cycles, DRAM bytes) of a plan's tiles."""
    fetch = np.zeros(traffic.shape[0], np.int64)
    drain = np.zeros(traffic.shape[0], np.int64)
    for column in _FETCHED:
        fetch += traffic[:, column]
    for column in _DRAINED:
        drain += traffic[:, column]
    times, stuck = replay(
        fetch,
        drain,
        np.ascontiguousarray(traffic[:, _RESERVE]),
        np.ascontiguousarray(traffic[:, _AFTER_COMPUTE]),
        np.ascontiguousarray(traffic[:, _AFTER_DRAIN]),
        compute_cycles,
        machine[CAPACITY],
        machine[RATE_BYTES],
        machine[RATE_CYCLES],
        machine[LATENCY],
    )
    moved = fetch.sum() + drain.sum()
    if stuck >= 0:
        return NEVER, moved
    return max(times[:, 4].max(), times[:, 6].max()), moved


@kernel
def price_plans(plans, uses, extents, layer, chip, machine, estimate, step_cycles, slack, sizes):
    """Prices of plans that keep nothing resident, all of those at most `slack` times as slow as the fastest.

    Parameters
    ----------
    plans : int64 [plans, 10]
    uses, extents, layer, chip, sizes : as `plan_traffic`
    machine : int64 [4]
    estimate : int64, of `estimated_cycles`
    step_cycles : float, mean cycles of one step
    slack : float, at least 1

    Returns
    -------
    int64 [plans, 4]
    """
    resident = np.zeros(3, np.uint8)
    prices = np.zeros((plans.shape[0], 4), np.int64)
    fastest = NEVER
    for index in range(plans.shape[0]):
        boxes = plan_boxes(plans[index], extents)
        compute = estimated_cycles(boxes, layer, estimate, step_cycles)
        price = prices[index]
        price[TILES] = boxes.shape[0]
        price[CYCLES] = NEVER
        price[LIVE_BYTES] = NEVER
        if compute.sum() > fastest * slack:
            continue
        traffic, live = plan_traffic(boxes, uses, extents, resident, layer, chip, sizes)
        price[LIVE_BYTES] = live.max()
        if price[LIVE_BYTES] <= machine[CAPACITY]:
            price[CYCLES], price[DRAM_BYTES] = replayed(traffic, compute, machine)
            fastest = min(fastest, price[CYCLES])
    return prices
