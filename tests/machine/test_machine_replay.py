"""The SimPy machine and the recurrence over requests are one machine."""

import numpy as np
import pytest
from drawn_work import (
    chip,
    drawn_dma,
    drawn_quarters,
    drawn_reads,
    drawn_rows,
    drawn_sums,
    requests_of,
    split_operands,
    with_accesses,
    work_of,
)
from hypothesis import example, given
from hypothesis import strategies as st

from accelsim.errors import AuditError
from accelsim.machine import _replay_kernel, replay_layer, run_layer
from accelsim.machine.idle import check_timeline, idle_cycles, layer_cycles
from accelsim.machine.inputs import drain_bytes, fetch_bytes
from accelsim.tables import TIMELINE

# A drain without bytes frees what it holds at once, though one issued before it is still under way.
OVERTAKEN = [
    *[(0, False, 0, False, 0)] * 6,
    (0, False, 1, True, 0),
    (0, False, 51, False, 0),
    (0, False, 0, True, 0),
    (0, False, 150, True, 0),
    (300, False, 200, True, 0),
    (300, False, 199, False, 0),
]


@pytest.mark.small
@example(OVERTAKEN, "12.8", "100")
@given(drawn_rows, st.sampled_from(["0.7", "1", "3.3", "12.8"]), st.sampled_from(["0", "7", "100"]))
def test_simpy_equals_the_recurrence_on_every_row_under_contention(drawn, rate, latency):
    work = work_of(drawn)
    machine = chip(rate, latency, 1200)
    try:
        expected = replay_layer(work, machine)
    except AuditError:
        with pytest.raises(AuditError, match="deadlock"):
            run_layer(work, machine)
        return
    timeline = run_layer(work, machine)
    for name in TIMELINE.names:
        assert timeline[name].tolist() == expected[name].tolist(), name


@pytest.mark.small
@given(
    drawn_rows, st.sampled_from(["0.7", "3.3", "12.8"]), st.sampled_from(["0", "7", "100"]), drawn_dma(),
    drawn_reads, drawn_quarters, drawn_sums, st.integers(1, 4),
)  # fmt: skip
def test_simpy_equals_the_recurrence_with_parts_chunks_descriptors_banks_and_regions(
    drawn, rate, latency, keys, reads, quarters, sums, parts
):
    work = split_operands(with_accesses(work_of(drawn), reads), quarters, sums)
    work["activation_scratchpad_reads"] = np.resize(np.array(reads[::-1], np.int64), len(work))
    work["k0"], work["p0"] = np.resize(quarters, len(work)), np.resize(reads, len(work))
    machine, requests = chip(rate, latency, 1200, *keys), requests_of(work, parts)
    try:
        expected = replay_layer(work, machine, requests)
    except AuditError:
        with pytest.raises(AuditError, match="deadlock"):
            run_layer(work, machine, requests)
        return
    timeline = run_layer(work, machine, requests)
    for name in TIMELINE.names:
        assert timeline[name].tolist() == expected[name].tolist(), name
    check_timeline(work, timeline, machine)
    idle = idle_cycles(timeline)
    assert min(idle.values()) >= 0
    assert sum(idle.values()) + work["compute_cycles"].sum() == layer_cycles(timeline)


@pytest.mark.small
def test_a_tile_that_fetches_nothing_takes_the_ports_before_a_drain_of_its_cycle():
    """One bank. Tile 1 fetches nothing, has room from cycle 150 on: 60 reads, 23 writes until 233."""
    work = with_accesses(work_of([(100, False, 30, True, 50), (0, False, 90, True, 60)]), [0, 60])
    machine = chip("1", "0", 200, "scratchpad.banks=1", "scratchpad.word_bytes=4")
    timeline, expected = run_layer(work, machine), replay_layer(work, machine)
    assert timeline["compute_start_cycle"].tolist() == [100, 150]
    assert timeline["drain_start_cycle"][0] == 233
    assert timeline.tolist() == expected.tolist()


@pytest.mark.small
@given(drawn_rows, st.sampled_from(["0.7", "3.3"]), st.sampled_from(["0", "100"]))
def test_the_mappers_recurrence_is_the_one_without_choices(drawn, rate, latency):
    work, machine = work_of(drawn), chip(rate, latency, 1200)
    columns = ("reserve_bytes", "release_after_compute_bytes", "release_after_drain_bytes", "compute_cycles")
    found, stuck = _replay_kernel.replay(
        fetch_bytes(work), drain_bytes(work), *(work[name].copy() for name in columns), 1200,
        machine.dram_bytes_per_cycle.numerator, machine.dram_bytes_per_cycle.denominator,
        machine.dram_latency_cycles,
    )  # fmt: skip
    if stuck >= 0:
        with pytest.raises(AuditError, match=f"tile {stuck} "):
            replay_layer(work, machine)
        return
    expected = replay_layer(work, machine)
    for i in range(found.shape[1]):
        assert found[:, i].tolist() == expected[TIMELINE.names[i]].tolist()


@pytest.mark.small
@given(drawn_rows, st.sampled_from(["0.7", "3.3", "50"]), st.sampled_from(["0", "100"]), st.integers(1, 400))
def test_a_layer_is_given_up_only_if_it_takes_too_long(drawn, rate, latency, saved):
    work, machine = work_of(drawn), chip(rate, latency, 1200)
    columns = ("reserve_bytes", "release_after_compute_bytes", "release_after_drain_bytes", "compute_cycles")
    layer = (
        fetch_bytes(work), drain_bytes(work), *(work[name].copy() for name in columns), 1200,
        machine.dram_bytes_per_cycle.numerator, machine.dram_bytes_per_cycle.denominator,
        machine.dram_latency_cycles,
    )  # fmt: skip
    times, stuck = _replay_kernel.replay(*layer)
    if stuck >= 0:
        return
    cycles = int(max(times[:, 4].max(), times[:, 6].max()))
    found, ended = _replay_kernel.replay(*layer, cycles)
    assert ended == _replay_kernel.DONE
    np.testing.assert_array_equal(found, times)
    found, ended = _replay_kernel.replay(*layer, max(cycles - saved, 0))
    assert ended in (_replay_kernel.DONE, _replay_kernel.TOO_LONG)
    if ended == _replay_kernel.DONE:
        np.testing.assert_array_equal(found, times)
    assert _replay_kernel.replay(*layer, int(work["compute_cycles"].sum()) - 1)[1] == _replay_kernel.TOO_LONG


@pytest.mark.small
@given(drawn_rows)
def test_without_contention_it_is_double_buffering(drawn):
    """A huge rate: fetches take the latency alone, so tile t starts at max(latency, end of t-1)."""
    work = work_of(drawn)
    machine = chip("1000000000", "5", 10**7)
    timeline = run_layer(work, machine)
    end = 0
    for row, times in zip(work, timeline, strict=True):
        fetched = 6 if row["weight_fetch_bytes"] and not end else 0
        assert times["compute_start_cycle"] >= end
        assert times["compute_start_cycle"] <= max(end, 5 + 1, fetched)
        end = times["compute_start_cycle"] + row["compute_cycles"]
        assert times["compute_end_cycle"] == end


@pytest.mark.small
def test_two_tiles_by_hand():
    """1 byte a cycle, latency 10, room for both tiles and their outputs.

    ::

        DMA    |0 .. 100|100 .. 200|         data at 110 and 210
        array             |110 ...... 310|310 .. 360|
        drain                            |310..330|360..380|   seen at 340 and 390
    """
    work = work_of([(100, False, 20, True, 200), (100, False, 20, True, 50)])
    times = run_layer(work, chip("1", "10", 1000))
    assert times["reserved_cycle"].tolist() == [0, 100]
    assert times["fetch_end_cycle"].tolist() == [110, 210]
    assert times["compute_start_cycle"].tolist() == [110, 310]
    assert times["compute_end_cycle"].tolist() == [310, 360]
    assert times["drain_start_cycle"].tolist() == [310, 360]
    assert times["drain_end_cycle"].tolist() == [340, 390]


@pytest.mark.small
def test_a_full_scratchpad_delays_the_next_fetch():
    """As above with room for one tile: the second waits for the first's operands, then for its outputs.

    130 bytes are reserved; the 105 that tile 1 wants are free once its drain is seen at 350 (100 at 310).
    """
    work = work_of([(100, False, 30, True, 200), (100, False, 5, True, 50)])
    times = run_layer(work, chip("1", "10", 130))
    assert times["reserved_cycle"].tolist() == [0, 350]


@pytest.mark.small
def test_many_small_transfers_take_the_ceiling_of_their_sum():
    """30 transfers of 1 byte at 3.3 bytes a cycle: 10 cycles of occupancy, not 30."""
    work = work_of([(1, False, 0, True, 0)] * 30)
    times = run_layer(work, chip("3.3", "0"))
    assert times["fetch_end_cycle"].max() == 10


@pytest.mark.small
@given(drawn_rows)
def test_cycles_cover_compute_and_traffic(drawn):
    work = work_of(drawn)
    times = run_layer(work, chip("1", "3", 10**6))
    end = max(times["compute_end_cycle"].max(), times["drain_end_cycle"].max())
    assert end >= work["compute_cycles"].sum()
    assert end >= work["weight_fetch_bytes"].sum() + work["output_drain_bytes"].sum()


@pytest.mark.small
def test_a_tile_that_never_fits_is_a_deadlock_not_a_small_number():
    with pytest.raises(AuditError, match="tile 0 waits for 150 bytes"):
        run_layer(work_of([(100, False, 50, True, 1)]), chip(capacity=120))
