"""Outputs whose reduction is shared by several PEs, worked by hand from docs/dataflows/inner_join.md.

In the drawings a column is a cycle: `f` fill, `m` mac, `z` zero_mac, `i` lane_idle, `e` empty_step,
`q` queue_wait, `s` send_wait, `b` imbalance, `u` unmapped, `d` drain_wait; the last `f` are the adders'.
"""

import numpy as np
import pytest
from inner_join_cases import causes, chip, masks, run

from accelsim.plan import Unrolling
from accelsim.tables import COUNTERS

pytestmark = pytest.mark.small


def test_parts_of_an_output_take_its_chunks_in_turn():
    """Three chunks of 3, 1 and 2 pairs, two parts; part 1 has an absent chunk in step 1. Sent in 0 and 1.

    ::

        part 0  f m m m m m d f     # chunks 0 and 2
        part 1  f m e b b b d f     # chunk 1, then none; one level of adders
    """
    counts = run(chip(rows=2), [masks(3, 1, 2)], [masks(8, 8, 8)], Unrolling(1, 1, 2))
    expected = dict.fromkeys(COUNTERS, 0) | {
        "compute_cycles": 8,
        "steps": 2,
        "outputs": 1,
        "dense_macs": 24,
        "done_macs": 6,
        "skipped_macs": 18,
        "effectual_macs": 6,
        "accumulator_updates": 7,  # one of the adders
        "weight_operand_reads": 6,
        "activation_operand_reads": 6,
        "mask_bits_read": 48,
        "weight_scratchpad_read_bytes": 9,  # three bytes of mask, six values
        "weight_scratchpad_reads": 3,
        "activation_scratchpad_read_bytes": 27,
        "activation_scratchpad_reads": 9,
        "weight_queue_write_bytes": 9,  # each chunk to its part alone
        "activation_queue_write_bytes": 27,
        "fill_lane_cycles": 4,
        "mac_lane_cycles": 6,
        "empty_step_lane_cycles": 1,
        "imbalance_lane_cycles": 3,
        "drain_wait_lane_cycles": 2,
    }
    assert counts == expected


@pytest.mark.parametrize(
    ("chunks", "cycles", "expected"),
    [
        # 22 bytes, eight cycles of 3: both parts f m s s s s s s s m d f
        (4, 12, {"fill": 4, "mac": 4, "send_wait": 14, "drain_wait": 2}),
        # 11 bytes, four cycles of 3: part 0 f m s s s m d f, part 1 f m s s s e d f
        (3, 8, {"fill": 4, "mac": 3, "empty_step": 1, "send_wait": 6, "drain_wait": 2}),
    ],
)
def test_feed_carries_the_chunks_of_all_parts(chunks, cycles, expected):
    """Two parts; a chunk has (1+1) + (1+8) bytes of weights and activations, an absent one none."""
    machine = chip(rows=2, array_feed_bytes_per_cycle=3)
    counts = run(machine, [masks(*[1] * chunks)], [masks(*[8] * chunks)], Unrolling(1, 1, 2))
    assert counts["compute_cycles"] == cycles
    assert causes(counts) == expected


def test_parts_beyond_the_chunks_pass_empty_steps():
    """One chunk of two pairs, three parts on four PEs, two levels of adders, a cycle of pipeline.

    ::

        part 0  f m m d f f f
        part 1  f e b d f f f
        part 2  f e b d f f f
        PE 3    u u u d f f f
    """
    machine = chip(rows=2, columns=2, pipeline_cycles=1)
    counts = run(machine, [masks(2)], [masks(8)], Unrolling(1, 1, 3))
    assert (counts["compute_cycles"], counts["steps"], counts["outputs"]) == (7, 1, 1)
    assert causes(counts) == {
        "fill": 15,
        "mac": 2,
        "empty_step": 2,
        "imbalance": 2,
        "unmapped": 3,
        "drain_wait": 4,
    }
    assert (counts["dense_macs"], counts["mask_bits_read"]) == (8, 16)
    assert counts["accumulator_updates"] == 2 + 2


@pytest.mark.parametrize(("parts", "tree_cycles"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4)])
def test_adders_are_a_tree_of_twos(parts, tree_cycles):
    """One pair: `f m d` on part 0, `f e d` on the others, and a cycle for each level."""
    counts = run(chip(rows=9), [[1]], [[1]], Unrolling(1, 1, parts))
    assert counts["compute_cycles"] == 3 + tree_cycles
    assert causes(counts)["fill"] == parts + 9 * tree_cycles
    assert counts["accumulator_updates"] == 1 + (parts - 1)


def test_taps_are_dealt_like_channels():
    """One pixel under a 1 x 3 kernel with padding, all pairs done. A padding tap has pairs, an absent chunk none.

    ::

        part 0  f z z z z d f     # taps 0 and 2: padding
        part 1  f m z e b d f     # tap 1
    """
    machine = chip(
        rows=2, weight_policy="compute", activation_policy="compute", weights="dense", activations="dense"
    )
    weights = np.array([[[[1, 2], [3, 0], [4, 5]]]], np.int8)
    counts = run(machine, weights, [[[[7, 0]]]], Unrolling(1, 1, 2), padding=(0, 1, 0, 1))
    assert counts["compute_cycles"] == 7
    assert causes(counts) == {
        "fill": 4,
        "zero_mac": 5,
        "mac": 1,
        "empty_step": 1,
        "imbalance": 1,
        "drain_wait": 2,
    }
    assert (counts["dense_macs"], counts["done_macs"], counts["padding_operand_reads"]) == (6, 6, 4)
    assert (counts["weight_scratchpad_read_bytes"], counts["activation_scratchpad_read_bytes"]) == (6, 2)


def test_parts_run_ahead_of_each_other_into_the_next_set():
    """Filter 0 has chunks of 3 and 1 pairs, filter 1 of 1 and 3; sent in 0 and 1, drained in 5 and 6.

    ::

        part 0  f m m m m d f
        part 1  f m m m m d f     # its second set begins in 2; the adders are waited for once
    """
    counts = run(chip(rows=2), [masks(3, 1), masks(1, 3)], [masks(8, 8)], Unrolling(1, 1, 2))
    assert counts["compute_cycles"] == 7
    assert causes(counts) == {"fill": 4, "mac": 8, "drain_wait": 2}
    assert counts["accumulator_updates"] == 8 + 2  # an addition for each output


def test_slow_part_holds_the_slots_of_all():
    """The uneven rows of the shallow queue as two parts of one output: sent in 0, 1 and 5.

    ::

        part 0  f m m m m m m b b b d f
        part 1  f m m q q q m m m m d f
    """
    chunks = masks(4, 1, 1, 1, 1, 4)  # part 0 has 4, 1, 1, part 1 has 1, 1, 4
    counts = run(chip(rows=2, queue_depth=1), [chunks], [masks(*[8] * 6)], Unrolling(1, 1, 2))
    assert counts["compute_cycles"] == 12
    assert causes(counts) == {"fill": 4, "mac": 12, "queue_wait": 3, "imbalance": 3, "drain_wait": 2}


def test_drain_takes_outputs_and_not_their_parts():
    """Two filters of two parts each, an output drained in a cycle: four PEs `f m d d f`."""
    machine = chip(rows=2, columns=2, drain_elements_per_cycle=1)
    counts = run(machine, [masks(1, 1)] * 2, [masks(8, 8)], Unrolling(2, 1, 2))
    assert (counts["compute_cycles"], counts["outputs"]) == (5, 2)
    assert causes(counts) == {"fill": 8, "mac": 4, "drain_wait": 8}


def test_accumulators_are_free_when_they_are_read_and_not_when_their_parts_are_added():
    """Three filters, four parts, F = 1: set 2 is sent in the cycle in which set 0 has been read.

    ::

        sent in    0, 1, 3
        each part  f m m q m d f f     # sets 0, 1, 2 drained in 3, 4, 6
    """
    counts = run(chip(rows=4), [masks(1, 1, 1, 1)] * 3, [masks(8, 8, 8, 8)], Unrolling(1, 1, 4))
    assert counts["compute_cycles"] == 8
    assert causes(counts) == {"fill": 4 + 8, "mac": 12, "queue_wait": 4, "drain_wait": 4}


def test_free_lanes_of_an_absent_chunk_pass_it_in_a_cycle():
    """One chunk, two parts of two free lanes; both pairs are lane 0's.

    ::

        part 0, lane 0  f m m d f
        part 0, lane 1  f e i d f
        part 1, both    f e b d f
    """
    machine = chip(rows=2, lanes=2, lane_assignment="fixed", lane_sync="set")
    counts = run(machine, [[1, 0, 1, 0]], [[1, 1, 1, 1]], Unrolling(1, 1, 2))
    assert counts["compute_cycles"] == 5
    assert causes(counts) == {
        "fill": 8,
        "mac": 2,
        "empty_step": 3,
        "lane_idle": 1,
        "imbalance": 2,
        "drain_wait": 4,
    }
    assert counts["accumulator_updates"] == 2 + 1


@pytest.mark.parametrize(
    ("groups", "positions", "queue_bytes"),
    [
        (1, 2, 4 * 2 * 2),  # two filters share their activations, two positions their weights
        (2, 1, 4 * 2),  # nothing is shared
    ],
)
def test_chunk_goes_to_the_pes_of_its_own_part(groups, positions, queue_bytes):
    """Two filters of a 1 x 2 kernel, a tap for each of two parts: four chunks of two bytes per operand."""
    weights = np.ones((2, 1, 2, 1), np.int8)
    activations = np.ones((1, 1, 2 * positions, groups), np.int8)
    machine = chip(rows=2, columns=4)
    spatial = Unrolling(2, positions, 2)
    counts = run(machine, weights, activations, spatial, groups=groups, stride=(1, 2))
    assert (counts["compute_cycles"], counts["steps"], counts["outputs"]) == (4, 1, 2 * positions)
    spare = 8 - spatial.pes
    expected = {"fill": spatial.pes + 8, "mac": spatial.pes, "unmapped": 2 * spare, "drain_wait": 8}
    assert causes(counts) == {cause: cycles for cause, cycles in expected.items() if cycles}
    for operand in ("weight", "activation"):
        assert counts[f"{operand}_scratchpad_read_bytes"] == 4 * 2
        assert counts[f"{operand}_queue_write_bytes"] == queue_bytes
