"""The broadcast-queue law: when a step is sent, when each consumer starts and ends it.

A consumer is a PE, or one lane of a PE where lanes queue alone. `end` holds the end of each
consumer's last step. Nothing here knows what a step computes.
"""

import numpy as np

from accelsim.jit import kernel

# Columns of the int64 state of one stream.
SENT, EARLY, STEP, SET, DRAIN_LAST, DRAIN_BEFORE, SEND_WAIT, QUEUE_WAIT = range(8)
STATE_SIZE = 8


@kernel
def send(state, started, send_cycles, first_of_set):
    """Advance `state` to the next step's sending instant.

    Parameters
    ----------
    state : int64 [STATE_SIZE], changed; EARLY becomes the instant with send_cycles = 1
    started : int64 [queue_depth], ring of the latest start of each of the last steps
    send_cycles : int
    first_of_set : bool, the step also waits for the accumulators of the set before the last
    """
    step = state[STEP]
    if step == 0:
        # Sets without a step may have drained, or drain still, before the first step.
        state[SENT] = state[DRAIN_BEFORE] if first_of_set and state[SET] >= 2 else 0
        state[EARLY] = state[SENT]
    else:
        early = state[SENT] + 1
        sent = state[SENT] + send_cycles
        if step >= started.size:
            early = max(early, started[step % started.size])
            sent = max(sent, started[step % started.size])
        if first_of_set and state[SET] >= 2:
            early = max(early, state[DRAIN_BEFORE])
            sent = max(sent, state[DRAIN_BEFORE])
        state[EARLY] = early
        state[SENT] = sent
    state[STEP] = step + 1


@kernel
def run_step(state, started, end, work, rows, columns, latency):
    """Start and end the step just sent on consumers [rows, columns]; waits go to `state`.

    Parameters
    ----------
    started : int64 [queue_depth], as `send`
    end, work, latency : as `start_step`
    """
    started[(state[STEP] - 1) % started.size] = start_step(state, end, work, rows, columns, latency)


@kernel
def start_step(state, end, work, rows, columns, latency):
    """Start and end the step just sent on some of its consumers; returns their latest start.

    Parameters
    ----------
    end : int64 [>= rows, >= columns], changed
    work : int64 [>= rows, >= columns], cycles of the step on each consumer, at least 1
    latency : int, queue_latency_cycles
    """
    floor = state[SENT] + latency
    send_part = state[SENT] - state[EARLY]
    latest = np.int64(0)
    waited = np.int64(0)
    send_waited = np.int64(0)
    for i in range(rows):
        for j in range(columns):
            before = end[i, j]
            start = max(before, floor)
            gap = start - before
            waited += gap
            send_waited += min(gap, send_part)
            latest = max(latest, start)
            end[i, j] = start + work[i, j]
    state[SEND_WAIT] += send_waited
    state[QUEUE_WAIT] += waited - send_waited
    return latest


@kernel
def drain(state, last_end, cycles):
    """Close a set: its accumulators drain for `cycles` after its last end and after the set before."""
    state[DRAIN_BEFORE] = state[DRAIN_LAST]
    state[DRAIN_LAST] = max(state[DRAIN_LAST], last_end) + cycles
    state[SET] += 1
