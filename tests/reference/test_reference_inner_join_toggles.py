"""Toggles of registers and accumulators, worked by hand from docs/dataflows/inner_join_toggles.md.

In the drawings `0>1>7 1+2` is a word that begins at 0, takes 1 and then 7, and how many bits each change toggles.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from inner_join_cases import chip
from inner_join_draws import cases
from inner_join_toggle_cases import buses, named, registers, toggles

from accelsim.plan import Tile
from accelsim.reference.inner_join_toggles import tile_toggles
from accelsim.tables import TOGGLES

pytestmark = pytest.mark.small


def test_every_toggle_is_named_in_order():
    counts = toggles(chip(), [[0]], [[0]])
    assert list(counts.items()) == [(name, 0) for name in TOGGLES]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ("compute compute", (4, 4, 4, 4)),  # all done: 0>1>3>0>0 1+1+2+0, 0>1>0>2>0 1+1+1+1
        ("compute gate", (2, 3, 4, 4)),  # done A, C: 0>1>0 1+1, 0>1>2 1+2; B and D are held
        ("compute skip", (2, 3, 2, 3)),  # done A, C; B and D are not there
        ("gate compute", (2, 2, 4, 4)),  # done A, B: 0>1>3 1+1, 0>1>0 1+1
        ("gate gate", (1, 1, 4, 4)),  # done A: 0>1 1, 0>1 1
        ("gate skip", (1, 1, 2, 3)),  # done A, gated C
        ("skip compute", (2, 2, 2, 2)),  # done A, B
        ("skip gate", (1, 1, 2, 2)),  # done A, gated B
        ("skip skip", (1, 1, 1, 1)),  # done A
    ],
)
def test_gated_pairs_hold_the_registers(policies, expected):
    """A pair of each kind; the only product, 1, is added and cleared. Masks travel where zeros are looked at.

    ::

                     A  B  C  D
        weights      1  3  0  0    mask 0>1, 0>1: 2
        activations  1  0  2  0    mask 0>1, 0>1: 2
    """
    weight_policy, activation_policy = policies.split()
    machine = chip(weight_policy=weight_policy, activation_policy=activation_policy)
    counts = toggles(machine, [[1, 3, 0, 0]], [[1, 0, 2, 0]])
    assert registers(counts) == expected
    assert counts["accumulator_toggles"] == 2
    masks = 2 * (weight_policy != "compute") + 2 * (activation_policy != "compute")
    assert buses(counts) == (3, 2, masks)


@pytest.mark.parametrize(
    ("assignment", "sync", "expected"),
    [
        # lane 0: A then C, lane 1: B; 0>7>21 3+2, cleared 3
        ("pooled", "step", (4, 5, 8)),
        # lane 0: A then B, lane 1: C; A and C 0>15, B 15>21, 4+3, cleared 3
        ("fixed", "step", (6, 3, 10)),
        # the same lanes; lane 0 0>1>7 1+2, cleared 3; lane 1 0>14 3, cleared 3
        ("fixed", "set", (6, 3, 12)),
    ],
)
def test_lanes_have_registers_of_their_own(assignment, sync, expected):
    """Two lanes, three pairs with products 1, 6 and 14; the element at offset 1 is skipped.

    ::

                     A     B  C
        weights      1  0  2  7    pooled 0>1>7, 0>2: 1+2, 1     fixed 0>1>2, 0>7: 1+2, 3
        activations  1  1  3  2    pooled 0>1>2, 0>3: 1+2, 2     fixed 0>1>3, 0>2: 1+1, 1
    """
    machine = chip(lanes=2, lane_assignment=assignment, lane_sync=sync)
    counts = toggles(machine, [[1, 0, 2, 7]], [[1, 1, 3, 2]])
    assert (*registers(counts)[:2], counts["accumulator_toggles"]) == expected


def test_gated_pairs_take_a_pooled_lane_and_a_cycle():
    """Pairs A done, B gated, C done on two pooled lanes: C is again on lane 0, in cycle 1.

    ::

                     A  B  C
        weights      1  3  2    lane 0 0>1>2: 1+2; lane 1 holds, without hold 0>3: 2
        activations  1  0  1    lane 0 0>1>1: 1
        products     1     2    0>1>3: 1+1, cleared 2
    """
    machine = chip(lanes=2, weight_policy="gate", activation_policy="gate")
    counts = toggles(machine, [[1, 3, 2]], [[1, 0, 1]])
    assert registers(counts) == (3, 1, 5, 1)
    assert counts["accumulator_toggles"] == 4


def test_registers_and_wires_keep_their_words_from_set_to_set():
    """One filter, two positions on one PE: only the accumulator begins again.

    ::

        weight       0>1>1  1
        activation   0>3>1  2+1
        accumulator  0>3>0, 0>1>0  4+2
        masks        0>1>1  1 each
    """
    assert toggles(chip(), [[1]], [[3], [1]]) == named(1, 3, 1, 3, 6, 1, 3, 1, 3, 2)


def test_words_are_stored_values_and_products_have_no_zero_points():
    """Weights 3, 5 at zero point 3, activations 6, 6 at 4: one product, 2 x 2 = 4.

    ::

        weight register  0>5  2        bus, position 0  0>5  2     mask  01  1
        activation       0>6  2        both positions   0>6  4     mask  11  2
        accumulator      0>4>0  2      without hold: weights 3 and 5, 2+2
    """
    counts = toggles(chip(), [[3, 5]], [[6, 6]], weight_zero_points=3, activation_zero_point=4)
    assert counts == named(2, 2, 2, 2, 2, 2, 4, 4, 4, 3)


@pytest.mark.parametrize(
    ("activation_policy", "expected"),
    [
        ("compute", named(3, 4, 3, 4, 62, 3, 1, 3, 1, 0)),  # all three done
        ("gate", named(2, 1, 3, 4, 62, 3, 1, 3, 1, 2)),  # 0>3 2, 0>4 1
        ("skip", named(2, 1, 2, 1, 62, 3, 1, 3, 1, 2)),  # only the middle tap is there
    ],
)
def test_padding_taps_load_the_zero_point_and_send_no_values(activation_policy, expected):
    """One pixel, 4, under a 1 x 3 kernel, zero point 5.

    ::

        tap                 pad  real  pad
        weights              1    3    7     0>1>3>7  1+1+1
        activation register  5    4    5     0>5>4>5  2+1+1
        activation bus            4          0>4  1
        mask                 0    1    0     1+1
        product              0   -3    0     0>-3 31 of 32 bits, cleared 31
    """
    machine = chip(weight_policy="compute", activation_policy=activation_policy)
    weights, activations = [[[[1], [3], [7]]]], [[[[4]]]]
    counts = toggles(machine, weights, activations, padding=(0, 1, 0, 1), activation_zero_point=5)
    assert counts == expected


@pytest.mark.parametrize(
    ("dtype", "bits", "toggled"), [(np.int8, 8, 8), (np.int8, 16, 16), (np.uint8, 8, 8), (np.uint8, 16, 8)]
)
@pytest.mark.parametrize("operand", ["weight", "activation"])
def test_signed_values_fill_a_wider_word_with_their_sign(operand, dtype, bits, toggled):
    """All ones: -1 is sixteen bits on words of 16, 255 is eight."""
    machine = chip(**{f"{operand}_bits": bits})
    full, one = np.array([[255]], np.uint8).view(dtype), np.array([[1]], dtype)
    counts = toggles(machine, *((full, one) if operand == "weight" else (one, full)))
    other = "activation" if operand == "weight" else "weight"
    assert counts[f"{operand}_register_toggles"] == counts[f"{operand}_bus_toggles"] == toggled
    assert counts[f"{other}_register_toggles"] == counts[f"{other}_bus_toggles"] == 1
    assert counts["accumulator_toggles"] == 2 * (32 if dtype is np.int8 else 8)


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (16, 1 + 2 + 1 + 2),  # 4000 8000 C000 0000: back at 0, cleared 0
        (17, 1 + 2 + 1 + 3 + 1),  # 4000 8000 C000 10000, cleared 1
    ],
)
def test_accumulators_wrap_at_their_bits(bits, expected):
    """Four products of -128 x -128 = 4000 hexadecimal, one a cycle."""
    counts = toggles(chip(accumulator_bits=bits), [[-128] * 4], [[-128] * 4])
    assert counts["accumulator_toggles"] == expected


def test_tile_begins_with_zeros_and_sees_its_channels_alone():
    """Channels 1 and 2 of four: weights 0>3>1 2+1, products 3 and 1, 0>3>4 2+3, cleared 1."""
    counts = toggles(chip(), [[7, 3, 1, 7]], [[1, 1, 1, 1]], tile=Tile(0, 1, 0, 1, 1, 3, 0, 1, 0, 1))
    assert registers(counts) == (3, 1, 3, 1)
    assert counts["accumulator_toggles"] == 6
    assert buses(counts) == (3, 2, 4)


@given(case=cases())
def test_nothing_held_is_nothing_saved(case):
    """Without gated pairs the registers, with `compute` the buses, count the same with and without hold."""
    trace, tile, machine, spatial = case
    counts, array = tile_toggles(trace, tile, machine, spatial), machine.pe_array
    weight, activation, unheld_weight, unheld_activation = registers(counts)
    if "gate" not in (array.weight_policy, array.activation_policy):
        assert (weight, activation) == (unheld_weight, unheld_activation)
    for operand in ("weight", "activation"):
        if getattr(array, f"{operand}_policy") == "compute":
            assert counts[f"{operand}_bus_toggles"] == counts[f"{operand}_bus_toggles_without_hold"]


@given(case=cases())
def test_registers_and_accumulators_do_not_see_the_domain(case):
    """A chunk reaches its PE on whatever bus; neither does time count: queues and feed are narrow here."""
    trace, tile, machine, _ = case

    def inside(**changes: Any) -> list[int]:
        array = machine.pe_array.model_copy(update=changes)
        counts = tile_toggles(trace, tile, machine.model_copy(update={"pe_array": array}))
        return [*registers(counts), counts["accumulator_toggles"]]

    assert inside(broadcast_domain="array") == inside(broadcast_domain="row")
    assert inside(broadcast_domain="column") == inside(queue_depth=1, array_feed_bytes_per_cycle=1)
