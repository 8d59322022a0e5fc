"""Columns of the arrays of `_dma_replay_kernel`."""

import numpy as np

NEVER = np.int64(1) << np.int64(62)
# Columns of times: those of tables.TIMELINE; behind them the same three again for the third part of a fetch.
(
    RESERVED,
    FETCH_START,
    FETCH_END,
    COMPUTE_START,
    COMPUTE_END,
    DRAIN_START,
    DRAIN_END,
    DRAIN_ISSUE,
    FETCH_SETUP,
    DRAIN_SETUP,
    COMPUTE_STALL,
    FETCH_STALL,
    DRAIN_STALL,
    SECOND_ASKED,
    SECOND_RESERVED,
    SECOND_SETUP,
) = range(16)
PART_COLUMNS, TIMES = 3, 19
# Columns of the int64 vector of the DMA and the channel.
RATE_BYTES, RATE_CYCLES, LATENCY, CHUNK, OUTSTANDING, ARBITRATION = range(6)
IN_ORDER, DRAINS_FIRST, FETCHES_FIRST = range(3)
# Rows of `streams`: of fetches and of drains ...
FETCH, DRAIN = range(2)
# ... and their columns: tiles moved, parts of the next tile moved, bytes of its next part moved, when its
# next chunk may be issued (of the first: when the next part may be asked for), chunks moved.
TILES, PARTS, BYTES, NEXT, CHUNKS = range(5)
