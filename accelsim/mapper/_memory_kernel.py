"""What a search keeps for the next one of the same problem at other rates of DRAM; none of it depends on it.

::

    tiling -> its plans, its exact sums
    plan   -> its requests, tile by tile, and most live bytes: to be replayed at other rates

A plan is pruned by exact sums sooner than by bounds, and never if it is better than the best: so the plan
found is that of a search without memory, the first of the best in order of the bounds.
"""

import numpy as np

from accelsim.jit import kernel

# The arrays: int64 [tilings, 3]; [tilings, sums]; [plans, 6], the last its walk or -1; [words];
# [walks, 3]; [4].
STATE, EXACT, PLANS, WORDS, WALKS, USED = range(6)
IS_EXACT, FIRST, COUNT = range(3)  # of a tiling: its sums are exact; where its plans are or -1, how many
WALK = 5  # of a plan
OFFSET, TILES, LIVE = range(3)  # of a walk
PLANS_USED, WORDS_USED, WALKS_USED, LACKED = range(4)  # LACKED: something was not kept for want of room


@kernel
def recalled_plans(tiling, memory):
    """(where they are, plans int64 [plans, 5]); -1 and none if they are not known."""
    first, count = memory[STATE][tiling, FIRST], memory[STATE][tiling, COUNT]
    if first < 0:
        return first, memory[PLANS][:0, :WALK].copy()
    return first, memory[PLANS][first : first + count, :WALK].copy()


@kernel
def remember_plans(tiling, plans, memory):
    """Keep a tiling's plans; where they are, or -1."""
    used, pool = memory[USED], memory[PLANS]
    first, count = used[PLANS_USED], plans.shape[0]
    if first + count > pool.shape[0]:
        used[LACKED] = 1
        return np.int64(-1)
    pool[first : first + count, :WALK] = plans
    pool[first : first + count, WALK] = -1
    used[PLANS_USED] += count
    memory[STATE][tiling, FIRST], memory[STATE][tiling, COUNT] = first, count
    return first


@kernel
def recalled_walk(first, plan, memory):
    """(requests int64 [6, tiles], most live bytes); no tiles if it is not known."""
    walk = memory[PLANS][first + plan, WALK] if first >= 0 and memory[PLANS].shape[0] else np.int64(-1)
    if walk < 0:
        return np.empty((6, 0), np.int64), np.int64(0)
    offset, tiles, live = memory[WALKS][walk]
    return memory[WORDS][offset : offset + 6 * tiles].reshape((6, tiles)), live


@kernel
def remember_walk(first, plan, requests, live, memory):
    """Keep a plan's walk, if there is room."""
    used, words, walks = memory[USED], memory[WORDS], memory[WALKS]
    tiles, offset, walk = requests.shape[1], used[WORDS_USED], used[WALKS_USED]
    if first < 0 or offset + 6 * tiles > words.size or walk >= walks.shape[0]:
        used[LACKED] = 1
        return
    words[offset : offset + 6 * tiles] = requests.reshape(6 * tiles)
    walks[walk, OFFSET], walks[walk, TILES], walks[walk, LIVE] = offset, tiles, live
    memory[PLANS][first + plan, WALK] = walk
    used[WORDS_USED] += 6 * tiles
    used[WALKS_USED] += 1
