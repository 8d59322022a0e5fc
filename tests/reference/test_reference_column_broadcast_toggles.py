"""Toggles of column_broadcast: the page's worked example, and laws."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_cases import HELD, counts, free, toggled
from toggle_draws import chip_of, column_broadcast_cases

from accelsim.reference import column_broadcast_toggles
from accelsim.reference.column_broadcast_toggles import tile_toggles

pytestmark = pytest.mark.small


def pes(rows=1, columns=1, **array):
    keys = {"stored_weight_bits": 4, "codebook": False, "word_bytes": 2, "accumulators": 2}
    return chip_of("eie-64", rows=rows, columns=columns, **(keys | array))


def run(chip, weights, activations, **geometry):
    return toggled(column_broadcast_toggles, chip, weights, activations, **geometry)


def test_the_worked_example_of_the_page():
    """Filters 1 2 0 and 0 3 2; activations 1 0 3."""
    found = run(pes(), [[1, 2, 0], [0, 3, 2]], [[1, 0, 3]])
    assert found == counts(3, 2, 3, 2, 6, 4, 2, 4, 4, 6, 3, 5)


def test_an_index_of_the_codebook_stands_in_memory_and_the_weight_in_the_register():
    """The same: differences 1 2 3 have the indices 1 2 3. With weights 7 and -1 they are 2 and 1: -1 is 1, 7 is 2.

    ::

        entries of filters 7 -1 at one channel: bytes 02 01, word 0102: 2 toggles
        weight register 0>7>-1 (16 bits)  3 + 13
    """
    codebook = run(pes(codebook=True), [[1, 2, 0], [0, 3, 2]], [[1, 0, 3]])
    assert codebook == counts(3, 2, 3, 2, 6, 4, 2, 4, 4, 6, 3, 5)
    found = run(pes(codebook=True), [[7], [-1]], [[1]])
    assert (found["weight_bus_toggles"], found["weight_register_toggles"]) == (2, 3 + 13)
    # Stored themselves: bytes 07 and 0f.
    assert run(pes(), [[7], [-1]], [[1]])["weight_bus_toggles"] == 3 + 4


def test_a_padding_entry_loads_its_filters_zero_point():
    """16 zeros, then 5, all zero points 2: entries (16th zero, 15 before) and (5, 0 before), one PE of 17 sums.

    ::

        weight register  0>2>5      1 + 3     stored 0 and 3: bytes f0, 03: word 03f0  6
        sums             only that of filter 16: 3 x 1: 2, cleared 2
    """
    weights = np.full((17, 1), 2, np.int8)
    weights[16] = 5
    found = run(pes(accumulators=17), weights, [[1]], weight_zero_points=2)
    assert (found["weight_register_toggles"], found["weight_bus_toggles"]) == (4, 6)
    assert found["accumulator_toggles"] == 4


def test_a_word_that_is_kept_is_not_read_and_another_set_reads_again():
    """Two words of two entries each; a set reads both, so the next begins with the first again.

    ::

        words 0101 and 0301: 0>0101>0301 2+1, then 0301>0101>0301 1+1
    """
    found = run(pes(accumulators=4), [[1], [1], [1], [3]], [[1], [1]])
    assert found["weight_bus_toggles"] == 3 + 2


def test_unmapped_pes_see_nothing_and_mapped_ones_their_pointers():
    """Three filters on 2 x 2 PEs, two channels, the first activation alone: pointers 0 and 1 of 3 PEs."""
    found = run(pes(2, 2), [[1, 0], [1, 0], [1, 0]], [[1, 0]])
    assert found["mask_bus_toggles"] == 3  # the number of channel 0 is 0
    assert found["multicast_toggles"] == 3 * 1  # an activation, 0>1
    assert found["multicast_toggles_without_hold"] == 3 * (1 + 1)  # and 1>0


def test_a_step_without_entries_drives_pointers_and_loads_nothing():
    """Channel 1 has no weight: pointers 0 1 1; its step drives pointer 1 (odd bank) and 2 (even bank, 1)."""
    found = run(pes(), [[1, 0]], [[1, 3]])
    assert found["activation_register_toggles"] == 1
    assert found["activation_bus_toggles"] == 1 + 1
    assert found["mask_bus_toggles"] == 1 + 1 + 1  # odd 0>1, even 0>1, number 0>1


def test_constant_words_toggle_once():
    """All words 3, one filter a PE, 8-bit words of memory: 1 channel, 5 vectors; only sums begin again."""
    found = run(pes(2, 2, word_bytes=1), [[3]] * 4, [[3]] * 5)
    assert found["weight_register_toggles"] == found["activation_register_toggles"] == 4 * 2
    assert (found["weight_bus_toggles"], found["activation_bus_toggles"]) == (4 * 2, 2)
    assert found["accumulator_toggles"] == 4 * 5 * (2 + 2)


@settings(suppress_health_check=list(HealthCheck), max_examples=30)
@given(column_broadcast_cases())
def test_only_zero_activations_on_the_bus_are_held(case):
    chip, trace, tile = case
    found = tile_toggles(trace, tile, chip)
    for name in set(HELD) - {"activation_bus_toggles", "multicast_toggles"}:
        assert found[name] == free(found)[name]
    values = trace.activations[tile.n0 : tile.n1, ..., tile.c0 : tile.c1]
    if (values != trace.activation_zero_point).all():
        assert found["multicast_toggles"] == free(found)["multicast_toggles"]


@settings(suppress_health_check=list(HealthCheck), max_examples=20)
@given(column_broadcast_cases())
def test_activations_that_are_all_zero_toggle_nothing(case):
    chip, trace, tile = case
    trace.activations[...] = trace.activation_zero_point
    found = tile_toggles(trace, tile, chip)
    assert sum(found[name] for name in found if not name.endswith("without_hold")) == 0
