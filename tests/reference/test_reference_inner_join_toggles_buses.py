"""Toggles of buses: their domains, groups and parts, worked by hand from docs/dataflows/inner_join_toggles.md.

In the drawings `0>1>7 1+2` is a word that begins at 0, takes 1 and then 7, and how many bits each change toggles.
"""

import pytest
from inner_join_cases import chip
from inner_join_toggle_cases import COMPUTE, buses, named, registers, toggles

from accelsim.plan import Unrolling

pytestmark = pytest.mark.small


@pytest.mark.parametrize("operand", ["weight", "activation"])
@pytest.mark.parametrize(
    ("policy", "encoding", "driven", "mask"),
    [
        ("compute", "dense", 8, 0),  # 0>1>0, 0>0>7, 0>3>1: 2, 3, 3
        ("compute", "bitmask", 8, 0),  # the decoder sends zeros
        ("gate", "dense", 7, 4),  # 0>1, 0>7, 0>3>1: 1, 3, 3
        ("gate", "bitmask", 6, 4),  # packed: 0>1>7, 0>3>1: 3, 3
        ("skip", "bitmask", 6, 4),
    ],
)
def test_bus_positions_that_are_not_driven_hold(operand, policy, encoding, driven, mask):
    """Two chunks on a bus of eight positions; the other operand is eight ones, twice.

    ::

        position  0  1  2  3...
        chunk 0   1  0  3  0       mask 1 0 1: 2
        chunk 1   0  7  1  0       mask 0 1 1: 2
    """
    machine = chip(**COMPUTE | {f"{operand}_policy": policy, f"{operand}s": encoding})
    sparse, ones = [[1, 0, 3, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0]], [[1] * 16]
    counts = toggles(machine, *((sparse, ones) if operand == "weight" else (ones, sparse)))
    other = "activation" if operand == "weight" else "weight"
    assert counts[f"{operand}_bus_toggles"] == driven
    assert counts[f"{operand}_bus_toggles_without_hold"] == 8
    assert counts[f"{other}_bus_toggles"] == counts[f"{other}_bus_toggles_without_hold"] == 8
    assert counts["mask_bus_toggles"] == mask


@pytest.mark.parametrize(("weight_policy", "mask"), [("compute", 0), ("gate", 8 + 7)])
def test_positions_beyond_a_tail_hold_and_its_mask_is_zero(weight_policy, mask):
    """Nine channels: eight ones, then a 3 on position 0: 8+1. Mask 11111111, then 10000000."""
    machine = chip(**COMPUTE | {"weight_policy": weight_policy}, weights="dense")
    counts = toggles(machine, [[1] * 8 + [3]], [[1] * 9])
    assert counts["weight_bus_toggles"] == counts["weight_bus_toggles_without_hold"] == 9
    assert counts["mask_bus_toggles"] == mask


@pytest.mark.parametrize(
    ("domain", "expected"), [("array", (3, 4, 4)), ("column", (6, 4, 6)), ("row", (3, 8, 6))]
)
def test_each_domain_has_buses_of_its_own(domain, expected):
    """Two filters, two positions on 2 x 2 PEs: a bus for each chunk; a column's domain has both rows' again.

    ::

        weights      row 0 0>1, row 1 0>3        1, 2
        activations  column 0 0>1, column 1 0>7  1, 3
        masks        0>1 on each bus
        products     1 7 3 21, cleared           2 x (1+3+2+3)
    """
    counts = toggles(chip(rows=2, columns=2, broadcast_domain=domain), [[1], [3]], [[1], [7]])
    assert buses(counts) == expected
    assert registers(counts) == (6, 8, 6, 8)
    assert counts["accumulator_toggles"] == 18


def test_column_domain_without_a_position_sees_no_weights():
    """Two filters after each other in column 0, 0>1>3; column 1 is never mapped."""
    counts = toggles(chip(columns=2, broadcast_domain="column"), [[1], [3]], [[1]])
    assert buses(counts) == (2, 1, 2)


@pytest.mark.parametrize("domain", ["array", "column", "row"])
def test_groups_have_activation_buses_by_their_place_in_the_set(domain):
    """Three groups of a filter and a channel on two rows: groups 0 and 1, then group 2 in place 0.

    ::

        weights      row 0 0>1>4, row 1 0>3        1+2, 2
        activations  place 0 0>1>2, place 1 0>7    1+2, 3
        accumulators 0>1>0, 0>8>0; 0>21>0          2+2, 6
        masks        0>1 on each of four buses     4
    """
    weights, activations = [[[[1]]], [[[3]]], [[[4]]]], [[[[1, 7, 2]]]]
    counts = toggles(chip(rows=2, broadcast_domain=domain), weights, activations, groups=3)
    assert counts == named(5, 6, 5, 6, 10, 5, 6, 5, 6, 4)


@pytest.mark.parametrize(("domain", "activation"), [("array", 1 + 3), ("row", 1 + 1 + 3 + 3)])
def test_rows_of_a_group_share_an_activation_bus_of_their_domain(domain, activation):
    """Two groups of two filters on four rows, activations 1 and 7."""
    machine = chip(rows=4, broadcast_domain=domain)
    counts = toggles(machine, [[[[1]]]] * 4, [[[[1, 7]]]], groups=2)
    assert counts["activation_bus_toggles"] == activation
    assert counts["activation_register_toggles"] == 1 + 1 + 3 + 3


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        # 0>1>3>7 1+1+1, 0>1>2>1 1+2+2, 0>1>7>14 1+2+2, cleared 3; masks 1 each
        (1, named(3, 5, 3, 5, 8, 3, 5, 3, 5, 2)),
        # part 0 0>1>7 1+2, 0>1>1 1, 0>1>8 1+2, cleared 1; part 1 0>3 2, 0>2 1, 0>6 2, cleared 2; masks 1 each
        (2, named(5, 2, 5, 2, 8, 5, 2, 5, 2, 4)),
    ],
)
def test_parts_have_buses_and_accumulators_of_their_own(parts, expected):
    """Three chunks of one pair; of two parts, part 0 takes chunks 0 and 2, part 1 chunk 1 and an absent one.

    ::

        chunk        0  1  2
        weights      1  3  7
        activations  1  2  1
        products     1  6  7
    """
    counts = toggles(chip(rows=2), [[[[1], [3], [7]]]], [[[[1], [2], [1]]]], Unrolling(1, 1, parts))
    assert counts == expected
