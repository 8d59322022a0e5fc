"""Toggles of column_broadcast: worked by hand, against their twin, and what a sample says of the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from toggle_draws import chip_of, column_broadcast_cases
from toggle_laws import drawn_units_stand_alone, expected, samples_scatter_as_they_say, units_add_up
from twin_cases import whole_tile

from accelsim.plan import box_array, tile_boxes, whole
from accelsim.reference.column_broadcast_toggles import tile_toggles as stepped
from accelsim.tables import TOGGLES
from accelsim.toggle_sample import WALKS, tile_toggles
from accelsim.trace import from_arrays


def pes(rows=1, columns=1, **array):
    keys = {"accumulators": 2, "stored_weight_bits": 4, "codebook": False, "word_bytes": 2}
    return chip_of("eie-64", rows=rows, columns=columns, **(keys | array))


def counted(trace, chip):
    return tile_toggles(trace, box_array(whole_tile(trace)), chip)


def two_steps():
    """Filters 1 2 0 and 0 3 2; activations 1 0 3."""
    return from_arrays(np.array([[1, 2, 0], [0, 3, 2]], np.int8), np.array([[1, 0, 3]], np.int8))


@pytest.mark.small
def test_the_worked_example_of_the_page():
    assert counted(two_steps(), pes()) == expected(
        weight_register=3,
        activation_register=2,
        weight_register_without_hold=3,
        activation_register_without_hold=2,
        accumulator=6,
        weight_bus=4,
        activation_bus=2,
        weight_bus_without_hold=4,
        activation_bus_without_hold=4,
        mask_bus=6,
        multicast=3,
        multicast_without_hold=5,
    )


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(column_broadcast_cases())
def test_kernel_equals_reference_on_every_toggle(case):
    chip, trace, tile = case
    assert tile_toggles(trace, box_array(tile), chip) == stepped(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(column_broadcast_cases())
def test_units_of_a_sample_partition_the_counts(case):
    chip, trace, tile = case
    units_add_up(trace, tile, chip)
    drawn_units_stand_alone(trace, tile, chip)


@pytest.mark.small
def test_words_that_never_change_toggle_once():
    """One PE, one filter of eight ones, activations 1, nine vectors; entries of 8 bits, a word each."""
    trace = from_arrays(np.ones((1, 8), np.int8), np.ones((9, 8), np.uint8))
    found = counted(trace, pes(accumulators=1, word_bytes=1))
    for name in ("weight_register", "activation_register", "weight_bus", "activation_bus"):
        assert found[f"{name}_toggles"] == found[f"{name}_toggles_without_hold"] == 1
    # 0 1 .. 8: 1 + 2 + 1 + 3 + 1 + 2 + 1 + 4 bits, and 1 to clear 8; nine times.
    assert found["accumulator_toggles"] == 9 * 16


@pytest.mark.small
def test_a_column_without_entries_reads_its_pointers_alone():
    """Channel 1 has no entry: even bank 0 then 1, odd bank 1 twice; numbers 0 and 1."""
    with_it, without = (
        counted(from_arrays(np.array([[3, 0]], np.int8), np.array([vector], np.int8)), pes())
        for vector in ([1, 5], [1, 0])
    )
    assert (with_it["mask_bus_toggles"], without["mask_bus_toggles"]) == (3, 1)
    for name in ("weight_register", "activation_register", "accumulator", "weight_bus"):
        assert with_it[f"{name}_toggles"] == without[f"{name}_toggles"]


@pytest.mark.small
def test_a_drawn_set_begins_with_what_the_set_before_it_leaves_from_zeros():
    """Cells of one filter, 7 0 0 3, one vector: of cells 0 and 3, 3 follows one that leaves all words 0."""
    trace, chip = (
        from_arrays(np.array([[7], [0], [0], [3]], np.int8), np.array([[1]], np.int8)),
        pes(accumulators=1),
    )
    rows = WALKS["column_broadcast"](trace, chip, None, exact=False).walk(
        box_array(whole_tile(trace)), np.array([0, 3])
    )
    first, last = (dict(zip(TOGGLES, row.tolist(), strict=True)) for row in rows)
    for name in ("weight_register_toggles", "weight_bus_toggles"):  # 0 7 and 0 3
        assert (first[name], last[name]) == (3, 2)
    assert (first["activation_bus_toggles"], last["activation_bus_toggles"]) == (1, 0)


def drawn(batch, filters=256, channels=64, kept=0.2):
    generator = np.random.default_rng(1)
    weights = generator.integers(-7, 8, (filters, channels)) * (generator.random((filters, channels)) < kept)
    activations = generator.integers(0, 100, (batch, channels)) * (generator.random((batch, channels)) < 0.5)
    return from_arrays(weights.astype(np.int8), activations.astype(np.uint8))


def test_samples_scatter_about_the_whole_as_their_standard_error_says():
    trace, chip = drawn(400), pes(4, 4, accumulators=8)
    samples_scatter_as_they_say(trace, tile_boxes(whole(trace.layer), trace.layer), chip)


def test_more_pes_hear_the_same_bus():
    """Sums and products are the filters' own; a bus is heard by twice the PEs."""
    few, many = (counted(drawn(3), pes(4, columns, accumulators=256 // (4 * columns))) for columns in (4, 8))
    for name in ("accumulator_toggles", "activation_bus_toggles", "activation_bus_toggles_without_hold"):
        assert few[name] == many[name] > 0
    assert many["multicast_toggles"] == 2 * few["multicast_toggles"]
