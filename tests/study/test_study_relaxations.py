"""Which changes a chip's lost lane-cycles suggest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.hardware import load_hardware, presets
from accelsim.study.relaxations import LEAST_SHARE, SUGGESTED, relaxations
from accelsim.study.study_file import MappingOptions
from accelsim.tables import CAUSES

OPTIONS = MappingOptions()


def shorts(chip, **shares):
    return [one.short for one in relaxations(chip, OPTIONS, dict.fromkeys(CAUSES, 0.0) | shares)]


def test_every_cause_has_a_suggestion():
    assert set(SUGGESTED) == set(CAUSES)


@pytest.mark.parametrize("name", presets())
def test_every_suggestion_is_another_chip_or_another_mapping(name):
    chip = load_hardware(name)
    for cause in CAUSES:
        for one in relaxations(chip, OPTIONS, {cause: 1.0}):
            assert one.cause == cause
            assert (one.chip, one.mapping) != (chip, OPTIONS)
    fetching = relaxations(chip, OPTIONS, {"fetch_wait": 1.0})
    assert fetching[0].chip.dram.peak_gb_per_s == 2 * chip.dram.peak_gb_per_s


def test_the_largest_cause_comes_first_and_a_small_one_not_at_all():
    chip = load_hardware("both-skip-16x16")
    bandwidth = ["2x dram.peak_gb_per_s", "2x scratchpad.capacity_bytes", "0.5x dram.latency_ns"]
    feed = ["2x pe_array.array_feed_bytes_per_cycle"]
    assert shorts(chip, fetch_wait=0.6, send_wait=0.3) == bandwidth + feed
    assert shorts(chip, fetch_wait=0.3, send_wait=0.6) == feed + bandwidth
    assert shorts(chip, fetch_wait=0.6, send_wait=LEAST_SHARE / 2) == bandwidth


def test_what_a_chip_has_not_or_refuses_is_not_suggested():
    assert shorts(load_hardware("both-skip-16x16"), conflict=1.0, descriptor_wait=0.5) == []
    deep = load_hardware("both-skip-16x16", ["pe_array.queue_depth=1024"])
    assert shorts(deep, queue_wait=1.0) == ["mapping.balance_filters True"]
    by_column = load_hardware("both-skip-16x16", ["pe_array.broadcast_domain=column"])
    assert shorts(by_column, unmapped=1.0) == []  # only a stream that reaches all PEs is flexible
    skipping = ["pe_array.weight_policy skip, encodings.weights bitmask"]
    dense = load_hardware("dense-16x16")
    assert shorts(dense, zero_mac=1.0)[:1] == skipping


def test_regions_of_a_scratchpad_grow_with_it():
    regions = ["weight_bytes=262144", "activation_bytes=131072", "output_bytes=131072"]
    chip = load_hardware("both-skip-16x16", [f"scratchpad.{one}" for one in regions])
    grown = next(one for one in relaxations(chip, OPTIONS, {"fetch_wait": 1.0}) if "capacity" in one.short)
    assert grown.chip.scratchpad.regions == (524288, 262144, 262144)


@given(st.dictionaries(st.sampled_from(CAUSES), st.floats(0, 1), max_size=len(CAUSES)), st.integers(0, 9))
def test_no_change_is_tried_twice_and_no_more_than_asked(shares, most):
    found = relaxations(load_hardware("both-skip-16x16"), OPTIONS, shares, most)
    assert len(found) <= most
    assert len({one.words for one in found}) == len(found)
