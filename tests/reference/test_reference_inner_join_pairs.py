"""What the policies make of pairs, and what chunks weigh, worked by hand from docs/dataflows/inner_join.md.

In the drawings a column is a cycle: `f` fill, `m` mac, `z` zero_mac, `e` empty_step, `d` drain_wait.
"""

import numpy as np
import pytest
from inner_join_cases import causes, chip, run

pytestmark = pytest.mark.small


PADDED = {"weights": np.array([[[[1, 2], [3, 0], [4, 5]]]], np.int8), "padding": (0, 1, 0, 1)}


def test_padding_taps_are_zeros_without_bytes():
    """One pixel under a 1 x 3 kernel, all pairs done: `f z z m z z z d`; four pairs read no activation."""
    machine = chip(weight_policy="compute", activation_policy="compute", weights="dense", activations="dense")
    counts = run(machine, activations=[[[[7, 0]]]], **PADDED)
    assert causes(counts) == {"fill": 1, "zero_mac": 5, "mac": 1, "drain_wait": 1}
    assert (counts["dense_macs"], counts["done_macs"]) == (6, 6)
    assert (counts["padding_operand_reads"], counts["activation_operand_reads"]) == (4, 2)
    assert (counts["activation_scratchpad_read_bytes"], counts["activation_scratchpad_reads"]) == (2, 1)
    assert (counts["weight_scratchpad_read_bytes"], counts["weight_scratchpad_reads"]) == (6, 3)
    assert (counts["weight_queue_write_bytes"], counts["activation_queue_write_bytes"]) == (6, 2)


def test_padding_taps_are_empty_steps_when_zeros_are_skipped():
    """`f e m e d`: a step takes a cycle, whatever its contents."""
    counts = run(chip(), activations=[[[[7, 0]]]], **PADDED)
    assert causes(counts) == {"fill": 1, "empty_step": 2, "mac": 1, "drain_wait": 1}
    assert (counts["skipped_macs"], counts["mask_bits_read"]) == (5, 12)
    assert (counts["weight_scratchpad_read_bytes"], counts["activation_scratchpad_read_bytes"]) == (8, 2)


@pytest.mark.parametrize(
    ("policies", "done", "gated", "skipped", "mask_bits"),
    [
        ("compute compute", 4, 0, 0, 0),
        ("compute gate", 2, 2, 0, 4),
        ("compute skip", 2, 0, 2, 4),
        ("gate compute", 2, 2, 0, 4),
        ("gate gate", 1, 3, 0, 8),
        ("gate skip", 1, 1, 2, 8),
        ("skip compute", 2, 0, 2, 4),
        ("skip gate", 1, 1, 2, 8),
        ("skip skip", 1, 0, 3, 8),
    ],
)
def test_policies_divide_the_pairs(policies, done, gated, skipped, mask_bits):
    """One pair of each kind: both non-zero, weight only, activation only, neither."""
    weight_policy, activation_policy = policies.split()
    machine = chip(weight_policy=weight_policy, activation_policy=activation_policy)
    counts = run(machine, [[1, 1, 0, 0]], [[1, 0, 1, 0]])
    assert (counts["done_macs"], counts["gated_macs"], counts["skipped_macs"]) == (done, gated, skipped)
    assert (counts["effectual_macs"], counts["dense_macs"]) == (1, 4)
    assert counts["mask_bits_read"] == mask_bits
    assert counts["accumulator_updates"] == counts["weight_operand_reads"] == done
    assert counts["compute_cycles"] == 1 + done + gated + 1
    kinds = {"fill": 1, "mac": 1, "zero_mac": done - 1, "gated": gated, "drain_wait": 1}
    assert causes(counts) == {cause: cycles for cause, cycles in kinds.items() if cycles}


@pytest.mark.parametrize(
    ("encoding", "policy", "bits", "scratchpad_bytes", "queue_bytes"),
    [
        ("dense", "compute", 8, 10, 10),
        ("dense", "gate", 8, 12, 12),
        ("bitmask", "compute", 8, 5, 10),
        ("bitmask", "gate", 8, 5, 5),
        ("bitmask", "skip", 8, 5, 5),
        ("bitmask", "compute", 16, 8, 20),
        ("dense", "gate", 16, 22, 22),
    ],
)
@pytest.mark.parametrize("operand", ["weight", "activation"])
def test_chunk_bytes_follow_encoding_and_policy(
    operand, encoding, policy, bits, scratchpad_bytes, queue_bytes
):
    """Ten elements, three not zero: two bytes of mask, and three or ten values."""
    machine = chip(
        chunk_elements=16,
        **{f"{operand}s": encoding, f"{operand}_policy": policy, f"{operand}_bits": bits},
    )
    sparse, full = [[1, 0, 0, 2, 0, 0, 3, 0, 0, 0]], [[1] * 10]
    counts = run(machine, *((sparse, full) if operand == "weight" else (full, sparse)))
    assert counts[f"{operand}_scratchpad_read_bytes"] == scratchpad_bytes
    assert counts[f"{operand}_scratchpad_reads"] == -(-scratchpad_bytes // 4)
    assert counts[f"{operand}_queue_write_bytes"] == queue_bytes


@pytest.mark.parametrize(("sync", "updates"), [("step", 1), ("set", 2)])
def test_lanes_of_a_step_share_an_update_and_free_lanes_do_not(sync, updates):
    """Two lanes, a pair each, in the same cycle."""
    machine = chip(lanes=2, lane_assignment="fixed", lane_sync=sync)
    assert run(machine, [[1, 1]], [[1, 1]])["accumulator_updates"] == updates


@pytest.mark.parametrize(
    ("domain", "steps", "weight_bytes", "activation_bytes"),
    [("array", 1, 4, 4), ("column", 2, 8, 4), ("row", 2, 4, 8)],
)
def test_chunk_is_read_once_for_each_domain(domain, steps, weight_bytes, activation_bytes):
    """Two filters and two positions of one channel: four chunks of two bytes, two receivers each."""
    counts = run(chip(rows=2, columns=2, broadcast_domain=domain), [[1], [1]], [[1], [1]])
    assert (counts["steps"], counts["outputs"]) == (steps, 4)
    assert counts["weight_scratchpad_read_bytes"] == weight_bytes
    assert counts["activation_scratchpad_read_bytes"] == activation_bytes
    assert counts["weight_queue_write_bytes"] == counts["activation_queue_write_bytes"] == 8


def test_zero_is_the_zero_point_of_the_filter_and_of_the_tensor():
    """Activations 0, -2, 0 at zero point -2; filter 0 has zeros at 3, filter 1 at 0."""
    counts = run(
        chip(rows=2),
        [[3, 0, 5], [3, 0, 5]],
        [[0, -2, 0]],
        weight_zero_points=[3, 0],
        activation_zero_point=-2,
    )
    assert (counts["effectual_macs"], counts["skipped_macs"]) == (3, 3)


def test_unsigned_values_above_127_keep_their_sign():
    weights, activations = np.array([[200, 128, 255]], np.uint8), np.array([[128, 0, 255]], np.uint8)
    counts = run(chip(), weights, activations, weight_zero_points=128)
    assert (counts["effectual_macs"], counts["skipped_macs"]) == (2, 1)
