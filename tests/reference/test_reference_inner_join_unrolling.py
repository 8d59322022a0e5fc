"""Unrolled machines, worked by hand from docs/dataflows/inner_join.md: filters x positions, wherever their PEs are.

In the drawings a column is a cycle: `f` fill, `m` mac, `e` empty_step, `b` imbalance, `u` unmapped, `d` drain_wait.
"""

import numpy as np
import pytest
from inner_join_cases import causes, chip, run

from accelsim.plan import Unrolling
from accelsim.tables import COUNTERS

pytestmark = pytest.mark.small

FOUR_FILTERS = [[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_fully_connected_layer_leaves_half_of_a_fixed_array_without_work():
    """Two sets of two filters, sent in 0 and 1; column 1 has no position.

    ::

        PE 0,0  f m m m m d
        PE 1,0  f m m e b d
        PE *,1  u u u u u d
    """
    counts = run(chip(rows=2, columns=2), FOUR_FILTERS, [[1, 1, 1]])
    assert (counts["compute_cycles"], counts["steps"], counts["outputs"]) == (6, 2, 4)
    expected = {"fill": 2, "mac": 6, "empty_step": 1, "imbalance": 1, "unmapped": 10, "drain_wait": 4}
    assert causes(counts) == expected
    assert counts["activation_scratchpad_read_bytes"] == 2 * 4  # for each set; to two rows
    assert counts["activation_queue_write_bytes"] == 2 * 4 * 2


def test_fully_connected_layer_takes_all_pes_as_filters():
    """The same layer, a filter on each of the four PEs: one set.

    ::

        filter 0  f m m m d
        filter 1  f m m b d
        filter 2  f m b b d
        filter 3  f e b b d
    """
    counts = run(chip(rows=2, columns=2), FOUR_FILTERS, [[1, 1, 1]], Unrolling(4, 1))
    expected = dict.fromkeys(COUNTERS, 0) | {
        "compute_cycles": 5,
        "steps": 1,
        "outputs": 4,
        "dense_macs": 12,
        "done_macs": 6,
        "skipped_macs": 6,
        "effectual_macs": 6,
        "accumulator_updates": 6,
        "weight_operand_reads": 6,
        "activation_operand_reads": 6,
        "mask_bits_read": 24,
        "weight_scratchpad_read_bytes": 10,  # four bytes of mask, six values
        "weight_scratchpad_reads": 4,
        "activation_scratchpad_read_bytes": 4,
        "activation_scratchpad_reads": 1,
        "weight_queue_write_bytes": 10,
        "activation_queue_write_bytes": 16,  # to the four PEs of its position
        "fill_lane_cycles": 4,
        "mac_lane_cycles": 6,
        "empty_step_lane_cycles": 1,
        "imbalance_lane_cycles": 5,
        "drain_wait_lane_cycles": 4,
    }
    assert counts == expected


def test_pes_beyond_the_factors_are_unmapped():
    """Four filters, three at a time on 2 x 2 PEs.

    ::

        filter 0, 3   f m m d
        filters 1, 2  f m u d     # the last set has one filter
        PE 3          u u u d     # of no set
    """
    counts = run(chip(rows=2, columns=2), np.ones((4, 1), np.int8), [[1]], Unrolling(3, 1))
    assert (counts["compute_cycles"], counts["steps"], counts["outputs"]) == (4, 2, 4)
    assert causes(counts) == {"fill": 3, "mac": 4, "unmapped": 2 + 3, "drain_wait": 4}


def test_factors_beyond_the_layer_are_unmapped():
    """One filter and one position where four positions would fit: `f m d` once, `u u d` three times."""
    counts = run(chip(rows=2, columns=2), [[1]], [[1]], Unrolling(1, 4))
    assert causes(counts) == {"fill": 1, "mac": 1, "unmapped": 6, "drain_wait": 4}


def test_blocks_of_whole_groups_fit_on_the_filters_of_the_unrolling():
    """Three groups of two filters, F = 5 on 3 x 2 PEs: a set of two groups, then one of the third.

    ::

        filters 0 1  f m m d
        filters 2 3  f m u d
        the fifth    u u u d     # no whole group fits
        PE 5         u u u d
    """
    weights, activations = np.ones((6, 1, 1, 1), np.int8), np.ones((1, 1, 1, 3), np.int8)
    counts = run(chip(rows=3, columns=2), weights, activations, Unrolling(5, 1), groups=3)
    assert (counts["compute_cycles"], counts["steps"], counts["outputs"]) == (4, 2, 6)
    assert causes(counts) == {"fill": 4, "mac": 6, "unmapped": 2 + 3 + 3, "drain_wait": 6}
