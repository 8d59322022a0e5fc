"""The time of a pass of `row_stationary`, window by window: section 3 of docs/dataflows/row_stationary.md."""

import numpy as np

from accelsim.jit import kernel

# What a pass is.
WINDOWS, ROW_WINDOWS, DURATION, WEIGHTS, FIRST_VALUES, NEXT_VALUES, SUMS_IN, SUMS_OUT, HOPS = range(9)
# Its time, and of it the waits.
LENGTH, SEND_WAIT, QUEUE_WAIT, DRAIN_WAIT = range(4)


@kernel
def pass_time(work, rates):
    """Cycles of a pass, and of these the waits: int64 [4].

    Parameters
    ----------
    work : int64 [9]; operands of the pass, of a row's first window and of the others; sums of a window
    rates : int64 [3], weights, activations and sums in a cycle
    """
    weights_done = (work[WEIGHTS] + rates[0] - 1) // rates[0]
    first = (work[FIRST_VALUES] + rates[1] - 1) // rates[1]
    later = (work[NEXT_VALUES] + rates[1] - 1) // rates[1]
    sums_in = (work[SUMS_IN] + rates[2] - 1) // rates[2]
    sums_out = (work[SUMS_OUT] + rates[2] - 1) // rates[2]
    time = np.zeros(4, np.int64)
    start = end = values_done = sums_done = np.int64(0)
    out_before = out_last = np.int64(0)  # of the windows x - 2 and x - 1
    for x in range(work[WINDOWS]):
        values_done = max(values_done, start) + (first if x % work[ROW_WINDOWS] == 0 else later)
        sums_done = max(sums_done, start) + sums_in
        delivered = max(weights_done, values_done)
        ready = sums_done if sums_in else end
        start = max(max(end, delivered), max(ready, out_before))
        sent = max(delivered - end, 0)
        time[SEND_WAIT] += sent
        time[QUEUE_WAIT] += start - end - sent
        end = start + work[DURATION]
        out_before = out_last
        out_last = max(out_last, end + work[HOPS]) + sums_out
    time[LENGTH] = out_last
    time[DRAIN_WAIT] = out_last - end
    return time
