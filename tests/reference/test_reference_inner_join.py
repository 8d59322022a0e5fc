"""The time of tiny tiles, worked by hand from docs/dataflows/inner_join.md.

In the drawings a column is a cycle: `f` fill, `m` mac, `i` lane_idle, `e` empty_step,
`q` queue_wait, `s` send_wait, `b` imbalance, `u` unmapped, `d` drain_wait.
"""

import numpy as np
import pytest
from inner_join_cases import causes, chip, masks, run

from accelsim.plan import Tile
from accelsim.reference import REFERENCES
from accelsim.reference.inner_join import tile_counts
from accelsim.tables import COUNTERS
from accelsim.trace import from_arrays

pytestmark = pytest.mark.small


def test_one_step_counts_everything_once():
    """Pairs 1*5 and 3*7 of four; both lanes take one, three cycles of pipeline.

    ::

        lane 0  f m d f f f
        lane 1  f m d f f f
    """
    counts = run(chip(lanes=2, pipeline_cycles=3), [[1, 2, 0, 3]], [[5, 0, 6, 7]])
    expected = dict.fromkeys(COUNTERS, 0) | {
        "compute_cycles": 6,
        "steps": 1,
        "outputs": 1,
        "dense_macs": 4,
        "done_macs": 2,
        "skipped_macs": 2,
        "effectual_macs": 2,
        "accumulator_updates": 1,
        "weight_operand_reads": 2,
        "activation_operand_reads": 2,
        "mask_bits_read": 8,
        "weight_scratchpad_read_bytes": 4,  # a byte of mask, three values
        "weight_scratchpad_reads": 1,
        "activation_scratchpad_read_bytes": 4,
        "activation_scratchpad_reads": 1,
        "weight_queue_write_bytes": 4,
        "activation_queue_write_bytes": 4,
        "fill_lane_cycles": 8,
        "mac_lane_cycles": 2,
        "drain_wait_lane_cycles": 2,
    }
    assert counts == expected
    assert tuple(counts) == COUNTERS


def test_slowest_pe_sets_the_cycles():
    """::

    row 0  f m m m d
    row 1  f m b b d
    """
    counts = run(chip(rows=2), [[1, 1, 1], [1, 0, 0]], [[1, 1, 1]])
    assert counts["compute_cycles"] == 5
    assert causes(counts) == {"fill": 2, "mac": 4, "imbalance": 2, "drain_wait": 2}


@pytest.mark.parametrize(
    ("depth", "cycles", "expected"),
    [
        (1, 11, {"fill": 2, "mac": 12, "queue_wait": 3, "imbalance": 3, "drain_wait": 2}),
        (2, 8, {"fill": 2, "mac": 12, "drain_wait": 2}),
    ],
)
def test_shallow_queue_makes_the_quick_pe_wait_for_the_slow_one(depth, cycles, expected):
    """Row 0 works 4, 1, 1 cycles, row 1 works 1, 1, 4; step 2 is sent when row 0 has started step 2 - depth.

    ::

        depth 1: sent in 0, 1, 5     depth 2: sent in 0, 1, 2
        row 0  f m m m m m m b b b d     f m m m m m m d
        row 1  f m m q q q m m m m d     f m m m m m m d
    """
    counts = run(chip(rows=2, queue_depth=depth), [masks(4, 1, 1), masks(1, 1, 4)], [masks(8, 8, 8)])
    assert counts["compute_cycles"] == cycles
    assert causes(counts) == expected


def test_queue_latency_is_paid_at_every_step_of_a_queue_of_one():
    """Sent in 0 and 3, started in 3 and 6: `f f f m q q m d`."""
    counts = run(chip(queue_depth=1, queue_latency_cycles=3), [masks(1, 1)], [masks(8, 8)])
    assert counts["compute_cycles"] == 8
    assert causes(counts) == {"fill": 3, "mac": 2, "queue_wait": 2, "drain_wait": 1}


def test_wide_step_is_sent_when_its_bytes_have_come():
    """Step 1 has (1+1) + (1+8) = 11 bytes, four cycles of 3; step 0 is staged before: `f m s s s m d`."""
    counts = run(chip(array_feed_bytes_per_cycle=3), [masks(1, 1)], [masks(8, 8)])
    assert counts["compute_cycles"] == 7
    assert causes(counts) == {"fill": 1, "mac": 2, "send_wait": 3, "drain_wait": 1}


def test_bytes_are_staged_while_the_queue_is_full():
    """The queue of one is free in 3, the bytes are there in 4: one cycle is theirs, the latency is not.

    ``f f f m q q s m d``
    """
    machine = chip(array_feed_bytes_per_cycle=3, queue_depth=1, queue_latency_cycles=3)
    counts = run(machine, [masks(1, 1)], [masks(8, 8)])
    assert counts["compute_cycles"] == 9
    assert causes(counts) == {"fill": 3, "mac": 2, "queue_wait": 2, "send_wait": 1, "drain_wait": 1}


def test_double_accumulators_wait_for_a_slow_drain():
    """Four sets of four outputs, four cycles each to drain; set 2 is sent when set 0 is drained.

    ::

        sent in   0, 1, 6, 10
        each row  f m m q q q q m q q q m d d d d d d
        drained             6       10      14      18
    """
    counts = run(chip(rows=4, queue_depth=8, drain_elements_per_cycle=1), np.ones((16, 1), np.int8), [[1]])
    assert counts["compute_cycles"] == 18
    assert causes(counts) == {"fill": 4, "mac": 16, "queue_wait": 28, "drain_wait": 24}


def test_unused_rows_and_columns_are_unmapped():
    """Three filters and one position on a 2 x 2 array.

    ::

        PE 0,0  f m m d
        PE 1,0  f m u d     # the last set has one filter
        PE *,1  u u u d
    """
    counts = run(chip(rows=2, columns=2), np.ones((3, 1), np.int8), [[1]])
    assert counts["compute_cycles"] == 4
    assert (counts["steps"], counts["outputs"]) == (2, 3)
    assert causes(counts) == {"fill": 2, "mac": 3, "unmapped": 7, "drain_wait": 4}


def test_filter_block_ends_with_its_group():
    """Two groups of three filters on two rows: sets of filters 01, 2, 34, 5.

    ::

        sent   0, 1, 3, 4          # set 2 when set 0 is drained
        row 0  f m m q m m d
        row 1  f m u u m u d
    """
    weights, activations = np.ones((6, 1, 1, 1), np.int8), np.ones((1, 1, 1, 2), np.int8)
    counts = run(chip(rows=2), weights, activations, groups=2)
    assert counts["compute_cycles"] == 7
    assert causes(counts) == {"fill": 2, "mac": 6, "queue_wait": 1, "unmapped": 3, "drain_wait": 2}


@pytest.mark.parametrize(
    ("assignment", "updates", "expected"),
    [
        ("pooled", 1, {"fill": 2, "mac": 2, "drain_wait": 2}),
        ("fixed", 2, {"fill": 2, "mac": 2, "lane_idle": 2, "drain_wait": 2}),
    ],
)
def test_fixed_lanes_cannot_share_their_pairs(assignment, updates, expected):
    """Pairs at offsets 0 and 2 are both lane 0's: pooled `f m d` twice; fixed `f m m d` and `f i i d`."""
    counts = run(chip(lanes=2, lane_assignment=assignment), [[1, 0, 1, 0]], [[1, 1, 1, 1]])
    assert counts["accumulator_updates"] == updates
    assert causes(counts) == expected


# Lane 0 has three pairs in step 0, lane 1 two in step 1.
UNEVEN_LANES = [*(1, 0, 1, 0, 1, 0, 0, 0), *(0, 1, 0, 1, 0, 0, 0, 0)]


def test_lanes_that_step_together_wait_in_every_step():
    """::

    lane 0  f m m m i i d
    lane 1  f i i i m m d
    """
    counts = run(chip(lanes=2, lane_assignment="fixed"), [UNEVEN_LANES], [masks(8, 8)])
    assert causes(counts) == {"fill": 2, "mac": 5, "lane_idle": 5, "drain_wait": 2}


def test_free_lanes_wait_at_the_end_of_a_set():
    """Two sets; a lane without a pair passes its step in one cycle.

    ::

        lane 0  f m m m e m m m e d
        lane 1  f e m m i e m m i d
    """
    machine = chip(lanes=2, lane_assignment="fixed", lane_sync="set")
    counts = run(machine, [UNEVEN_LANES, UNEVEN_LANES], [masks(8, 8)])
    assert counts["compute_cycles"] == 10
    assert causes(counts) == {"fill": 2, "mac": 10, "empty_step": 4, "lane_idle": 2, "drain_wait": 2}


def test_free_lane_does_not_run_ahead_into_the_next_set():
    """Filter 0 gives lane 0 four pairs and lane 1 one, filter 1 the reverse; one step a set.

    ::

        lane 0  f m m m m m i i i d
        lane 1  f m i i i m m m m d
    """
    machine = chip(lanes=2, lane_assignment="fixed", lane_sync="set")
    counts = run(machine, [[1, 1, 1, 0, 1, 0, 1, 0], [1, 1, 0, 1, 0, 1, 0, 1]], [masks(8)])
    assert counts["compute_cycles"] == 10
    assert causes(counts) == {"fill": 2, "mac": 10, "lane_idle": 6, "drain_wait": 2}


@pytest.mark.parametrize(("domain", "cycles"), [("array", 11), ("row", 11), ("column", 8)])
def test_domains_do_not_wait_for_each_other(domain, cycles):
    """The uneven pair of the shallow queue, on two columns: a column of its own runs `f m m m m m m d`."""
    machine = chip(columns=2, queue_depth=1, broadcast_domain=domain)
    counts = run(machine, [masks(8, 8, 8)], [masks(4, 1, 1), masks(1, 1, 4)])
    assert counts["compute_cycles"] == cycles


def test_domains_meet_at_the_end_of_the_tile():
    """Column 1 is drained in cycle 3, yet waits for column 0: `f m m m d` and `f m b b d`."""
    counts = run(chip(columns=2, broadcast_domain="column"), [[1, 1, 1]], [[1, 1, 1], [1, 0, 0]])
    assert causes(counts) == {"fill": 2, "mac": 4, "imbalance": 2, "drain_wait": 2}


def test_column_left_out_of_a_set_is_unmapped_meanwhile():
    """Two filters on one row, three positions on two columns; column 1's own stream has sets 0 and 2 only.

    ::

        column 0  sent 0, 1, 3, 4    f m m q m m d
        column 1  sent 0, 1          f m m u u u d    # step 1 is set 2: no gap; unmapped in the last set
    """
    counts = run(chip(columns=2, broadcast_domain="column"), [[1], [1]], [[1], [1], [1]])
    assert counts["compute_cycles"] == 7
    assert causes(counts) == {"fill": 2, "mac": 6, "queue_wait": 1, "unmapped": 3, "drain_wait": 2}


def test_tile_without_steps_counts_nothing():
    trace = from_arrays(np.ones((1, 1), np.int8), np.ones((1, 1), np.int8))
    counts = tile_counts(trace, Tile(0, 1, 0, 0, 0, 1, 0, 1, 0, 1), chip(pipeline_cycles=5))
    assert counts == dict.fromkeys(COUNTERS, 0)


def test_reference_is_listed_by_name():
    assert REFERENCES["inner_join"].tile_counts is tile_counts
