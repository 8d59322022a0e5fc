"""Layers of groups on the rows, worked by hand from docs/dataflows/inner_join.md, sections 1 and 4."""

import numpy as np
import pytest
from inner_join_cases import causes, chip, run

pytestmark = pytest.mark.small


def layer(
    groups: int, group_filters: int, positions: int, channels: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Ones everywhere: 1 x 1 weights, and one row of positions."""
    weights = np.ones((groups * group_filters, 1, 1, channels), np.int8)
    return weights, np.ones((1, 1, positions, groups * channels), np.int8)


def test_a_depthwise_layer_uses_a_row_for_each_group():
    """Three groups, two positions: one set of one step on 3 x 2 PEs.

    Sent in cycle 0, worked on in cycle 1, drained in cycle 2. Bytes: a mask byte and a value each of
    three weights, and of three groups x two columns.
    """
    weights, activations = layer(3, 1, 2)
    counts = run(chip(rows=3, columns=2), weights, activations, groups=3)
    assert (counts["compute_cycles"], counts["steps"], counts["outputs"]) == (3, 1, 6)
    assert causes(counts) == {"fill": 6, "mac": 6, "drain_wait": 6}
    assert counts["weight_scratchpad_read_bytes"] == 3 * 2
    assert counts["activation_scratchpad_read_bytes"] == 3 * 2 * 2
    assert counts["weight_queue_write_bytes"] == 3 * 2 * 2  # to two columns each
    assert counts["activation_queue_write_bytes"] == 3 * 2 * 2  # to one row each


def test_only_whole_groups_share_a_block():
    """Three groups of two filters on five rows: a set of two groups, then one of the third; row 4 has none."""
    weights, activations = layer(3, 2, 1)
    counts = run(chip(rows=5, columns=1), weights, activations, groups=3)
    assert (counts["steps"], counts["outputs"]) == (2, 6)
    # Sent in cycles 0 and 1. Rows 0 and 1 work in cycles 1 and 2, rows 2 and 3 in cycle 1, then nothing.
    assert counts["compute_cycles"] == 4
    assert causes(counts) == {"fill": 4, "mac": 6, "unmapped": 3 + 2, "drain_wait": 5}
    assert counts["activation_scratchpad_read_bytes"] == 3 * 2  # one chunk a group
    assert counts["activation_queue_write_bytes"] == 6 * 2  # to the two rows of its group


def test_a_group_of_more_filters_than_rows_is_walked_alone():
    weights, activations = layer(2, 3, 1)
    counts = run(chip(rows=2, columns=1), weights, activations, groups=2)
    assert (counts["steps"], counts["outputs"]) == (4, 6)


def test_two_groups_that_do_not_fit_together_are_walked_one_by_one():
    weights, activations = layer(2, 3, 1)
    counts = run(chip(rows=5, columns=1), weights, activations, groups=2)
    assert (counts["steps"], counts["outputs"]) == (2, 6)


def test_several_groups_cost_their_bytes_on_the_feed():
    """Two steps of 4 groups x 1 column: 8 + 8 bytes a step at 4 a cycle; the first step is free."""
    weights, activations = layer(4, 1, 1, channels=16)
    machine = chip(rows=4, columns=1, lanes=8, array_feed_bytes_per_cycle=4)
    counts = run(machine, weights, activations, groups=4)
    stored = 4 * (1 + 8)  # mask and values of a chunk of eight, for four weights; as many for activations
    assert counts["weight_scratchpad_read_bytes"] == counts["activation_scratchpad_read_bytes"] == 2 * stored
    # Sent in cycles 0 and 18; the second starts in 19, ends in 20, is drained in 21.
    assert counts["compute_cycles"] == 21
    assert causes(counts)["send_wait"] == 4 * 8 * (19 - 2)


@pytest.mark.parametrize(("domain", "steps"), [("array", 1), ("column", 2), ("row", 3)])
def test_a_domain_receives_the_groups_of_its_rows(domain: str, steps: int):
    """Three groups on 3 x 2 PEs: each domain sends its rows' weights and their groups' activations."""
    weights, activations = layer(3, 1, 2)
    counts = run(chip(rows=3, columns=2, broadcast_domain=domain), weights, activations, groups=3)
    copies = {"array": 1, "column": 2, "row": 1}[domain]
    assert (counts["steps"], counts["outputs"]) == (steps, 6)
    assert counts["weight_scratchpad_read_bytes"] == 3 * 2 * copies
    assert counts["activation_scratchpad_read_bytes"] == 3 * 2 * 2
