"""What the columns of the int64 vectors mean that the kernels of `inner_join` pass around."""

# Parameters of the array. ROWS, COLUMNS, PARTS: filters, positions, parts that it holds at once; PES: all.
(
    ROWS,
    COLUMNS,
    LANES,
    CHUNK,
    DEPTH,
    LATENCY,
    PIPELINE,
    FEED,
    DRAIN_RATE,
    POLICY_W,
    POLICY_A,
    FIXED,
    SET_SYNC,
    DOMAIN,
    BITS_W,
    BITS_A,
    BITMASK_W,
    BITMASK_A,
    WORD_BYTES,
    PARTS,
    PES,
) = range(21)

# Sums of one tile, from which all its counters follow.
(
    STEPS,
    OUTPUTS,
    ALL,
    NONZERO_W,
    NONZERO_A,
    MATCHED,
    PADDING_DONE,
    UPDATES,
    BYTES_W,
    BYTES_A,
    READS_W,
    READS_A,
    QUEUE_W,
    QUEUE_A,
    WORK,
    EMPTY,
    LANE_IDLE,
    QUEUE_WAIT,
    SEND_WAIT,
    FILL,
    UNMAPPED,
    IMBALANCE,
    DRAIN_WAIT,
    CYCLES,
) = range(24)
SUMS = 24

# One side of a step, the weight chunks of its rows or the activation chunks of its columns. The first
# three are also what one chunk costs.
STORED, READS, QUEUED, NONZERO, PADDING = range(5)
SIDE = 5
