"""The broadcast-queue recurrence against queues that are stepped cycle by cycle."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accelsim.kernels import queues


def kernel_run(work, depth, latency, gap=1):
    """(sent of each step, end of each consumer, queue_wait, send_wait) of the recurrence."""
    state, started = np.zeros(queues.STATE_SIZE, np.int64), np.zeros(depth, np.int64)
    end = np.zeros(work.shape[1:], np.int64)
    sent = []
    for step in work:
        queues.send(state, started, gap, False)
        queues.run_step(state, started, end, step, *step.shape, latency)
        sent.append(int(state[queues.SENT]))
    return sent, end, int(state[queues.QUEUE_WAIT]), int(state[queues.SEND_WAIT])


def stepped_run(work, depth, latency, gap=1):
    """(sent, end, idle consumer-cycles before last starts), from queues and a clock.

    Each cycle: idle consumers take the head of their queue if it was sent `latency` cycles ago, then the
    sender sends if `gap` cycles have passed and every queue has a slot.
    """
    steps, consumers = len(work), work[0].size
    flat = work.reshape(steps, consumers)
    waiting = [deque() for _ in range(consumers)]
    busy_until, taken, idle = [0] * consumers, [0] * consumers, [0] * consumers
    sent, clock = [], 0
    while min(taken) < steps:
        for c in range(consumers):
            if busy_until[c] > clock or taken[c] == steps:
                continue
            if waiting[c] and sent[waiting[c][0]] + latency <= clock:
                busy_until[c] = clock + int(flat[waiting[c].popleft(), c])
                taken[c] += 1
            else:
                idle[c] += 1
        rested = not sent or clock >= sent[-1] + gap
        if len(sent) < steps and rested and all(len(queue) < depth for queue in waiting):
            for queue in waiting:
                queue.append(len(sent))
            sent.append(clock)
        clock += 1
    return sent, np.array(busy_until).reshape(work.shape[1:]), sum(idle)


works = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 12), st.integers(1, 3), st.integers(1, 2)), elements=st.integers(1, 6)
)


@pytest.mark.small
@given(works, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_the_recurrence_is_a_machine_of_queues(work, depth, latency, gap):
    sent, end, queue_wait, send_wait = kernel_run(work, depth, latency, gap)
    expected_sent, expected_end, idle = stepped_run(work, depth, latency, gap)
    assert sent == expected_sent
    np.testing.assert_array_equal(end, expected_end)
    assert queue_wait + send_wait == idle
    if gap == 1:
        assert send_wait == 0


@pytest.mark.small
def test_one_slow_consumer_stops_the_sender_when_its_queue_is_full():
    """Depth 1, latency 1: consumer 0 takes 1 cycle a step, consumer 1 takes 4.

    ::

        sent        0   1       5       9
        consumer 0   |1|   |1|     |1|     |1|      starts 1, 2, 6, 10
        consumer 1   |..4..|..4..|..4..|..4..|      starts 1, 5, 9, 13
    """
    work = np.array([[[1], [4]]] * 4, np.int64)
    sent, end, queue_wait, send_wait = kernel_run(work, depth=1, latency=1)
    assert sent == [0, 1, 5, 9]
    assert end.ravel().tolist() == [11, 17]
    assert (queue_wait, send_wait) == (1 + 0 + 3 + 3 + 1, 0)


@pytest.mark.small
def test_waiting_for_the_feed_is_told_from_waiting_for_the_queue():
    """A feed of 5 cycles a step, steps of 2 cycles: 3 idle cycles before each, all for the feed."""
    work = np.full((4, 1, 1), 2, np.int64)
    sent, end, queue_wait, send_wait = kernel_run(work, depth=4, latency=1, gap=5)
    assert sent == [0, 5, 10, 15]
    assert end.item() == 18
    assert (queue_wait, send_wait) == (1, 9)


@pytest.mark.small
@given(works)
def test_deeper_queues_are_never_slower(work):
    ends = [kernel_run(work, depth, 1)[1].max() for depth in (1, 2, 4, 16)]
    assert ends == sorted(ends, reverse=True)


@pytest.mark.small
def test_a_set_waits_for_the_accumulators_of_the_set_before_the_last():
    """Sets of one step of 1 cycle whose outputs drain for 10: two sets of accumulators, so set 2 waits.

    ::

        set     0       1       2
        sent    0       1       12
        ends    2       3       14
        drained 12      22      32
    """
    state, started = np.zeros(queues.STATE_SIZE, np.int64), np.zeros(4, np.int64)
    end, one = np.zeros((1, 1), np.int64), np.ones((1, 1), np.int64)
    sent, drained = [], []
    for _ in range(3):
        queues.send(state, started, 1, True)
        queues.run_step(state, started, end, one, 1, 1, 1)
        queues.drain(state, int(end.max()), 10)
        sent.append(int(state[queues.SENT]))
        drained.append(int(state[queues.DRAIN_LAST]))
    assert sent == [0, 1, 12]
    assert drained == [12, 22, 32]
    assert state[queues.SET] == 3
