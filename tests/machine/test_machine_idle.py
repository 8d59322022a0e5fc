"""Cycles in which no tile computes: by cause, cycle by cycle, and timelines that cannot be true."""

import numpy as np
import pytest
from drawn_work import chip, drawn_rows, requests_of, work_of
from hypothesis import assume, given
from hypothesis import strategies as st

from accelsim.errors import AuditError
from accelsim.machine import run_layer
from accelsim.machine.idle import check_timeline, idle_cycles, layer_cycles
from accelsim.machine.inputs import fetch_bytes
from accelsim.tables import TIMELINE


def causes_cycle_by_cycle(work, timeline, latency):
    """the rule of docs/machine.md, part 5, asked of every single cycle."""
    found = {"scratchpad_wait": 0, "descriptor_wait": 0, "drain_wait": 0, "fetch_wait": 0}
    rows = timeline.tolist()
    columns = {name: timeline[name].tolist() for name in TIMELINE.names}
    described = [
        range(issued - cycles, issued)
        for issued, cycles in zip(
            columns["drain_issue_cycle"], columns["drain_descriptor_cycles"], strict=True
        )
    ]
    fetched = fetch_bytes(work).tolist()
    for clock in range(layer_cycles(timeline)):
        if any(row[3] <= clock < row[4] for row in rows):
            continue
        next_tile = next((t for t, row in enumerate(rows) if row[3] > clock), None)
        if next_tile is None:  # after the last compute
            found["descriptor_wait" if any(clock in cycles for cycles in described) else "drain_wait"] += 1
            continue
        dma_free = 0
        if next_tile:
            before = rows[next_tile - 1]
            dma_free = before[2] - latency if fetched[next_tile - 1] else before[0]
        blocked = dma_free <= clock < rows[next_tile][0]
        reading = clock < rows[next_tile][0] + columns["fetch_descriptor_cycles"][next_tile]
        found["drain_wait" if blocked else "descriptor_wait" if reading else "fetch_wait"] += 1
    return found


@pytest.mark.small
@given(
    drawn_rows, st.sampled_from(["0.7", "3.3", "12.8"]), st.sampled_from([0, 7, 60]), st.sampled_from([0, 4])
)
def test_every_idle_cycle_has_the_cause_that_the_rule_gives_it(drawn, rate, latency, descriptor_cycles):
    work = work_of(drawn)
    machine = chip(rate, str(latency), 1200, f"dma.descriptor_cycles={descriptor_cycles}")
    # Tiles of 0 cycles compute in no cycle, so a cycle's next tile would not always be the next row's.
    work["compute_cycles"] = np.maximum(work["compute_cycles"], 1)
    try:
        timeline = run_layer(work, machine, requests_of(work, 3))
    except AuditError:  # a deadlock
        assume(False)
    found = idle_cycles(timeline)
    assert found == causes_cycle_by_cycle(work, timeline, latency)
    assert sum(found.values()) + work["compute_cycles"].sum() == layer_cycles(timeline)
    check_timeline(work, timeline, machine)


@pytest.mark.small
@given(drawn_rows)
def test_idle_and_compute_cycles_are_all_cycles_even_of_empty_tiles(drawn):
    work, machine = work_of(drawn), chip("3.3", "7", 10**4)
    timeline = run_layer(work, machine)
    idle = idle_cycles(timeline)
    assert min(idle.values()) >= 0
    assert sum(idle.values()) + work["compute_cycles"].sum() == layer_cycles(timeline)


@pytest.mark.small
def test_three_waits_by_hand():
    """1 byte a cycle, latency 10, room for one tile at a time.

    ::

        cycle  0      110    310          350      460   480     500
        DMA    |fetch 0|                   |fetch 1 |
        array  | wait  |tile 0|  drain_wait | wait  |t 1 |
        drain                 |drain 0  |                 |drain 1|
               fetch_wait      310..350     350..460       drain_wait
    """
    work = work_of([(100, False, 30, True, 200), (100, False, 10, True, 20)])
    machine = chip("1", "10", 130)
    timeline = run_layer(work, machine)
    assert timeline["reserved_cycle"].tolist() == [0, 350]
    assert timeline["compute_start_cycle"].tolist() == [110, 460]
    assert layer_cycles(timeline) == 500
    waits = {"drain_wait": 40 + 20, "fetch_wait": 110 + 110, "descriptor_wait": 0, "scratchpad_wait": 0}
    assert idle_cycles(timeline) == waits
    check_timeline(work, timeline, machine)  # 30 bytes are freed and 110 of 130 reserved in cycle 350


def shifted(timeline, name, index, by):
    altered = timeline.copy()
    altered[name][index] += by
    return altered


WORK = work_of([(100, False, 20, True, 200), (60, False, 20, True, 50)])
MACHINE = chip("1", "10", 1000)
FALSE = {  # the timeline is that of test_two_tiles_by_hand, tile 1's fetch shorter
    "a tile that is left out": (lambda t: t[:1], "1 tiles are timed, the plan has 2"),
    "an instant that is missing": (
        lambda t: shifted(t, "drain_end_cycle", 1, -1000),
        "tile 1 has no drain_end_cycle",
    ),
    "compute before data": (
        lambda t: shifted(t, "fetch_end_cycle", 0, 1),
        "tile 0: compute starts before its data: 111 > 110",
    ),
    "two tiles at once": (
        lambda t: shifted(t, "compute_start_cycle", 1, -1),
        "tile 0: compute starts before the tile before it ends: 310 > 309",
    ),
    "a drain before its compute": (
        lambda t: shifted(t, "drain_start_cycle", 1, -1),
        "tile 1: drain starts before compute ends: 360 > 359",
    ),
    "a tile that computes too long": (
        lambda t: shifted(shifted(t, "compute_end_cycle", 1, 3), "drain_start_cycle", 1, 3),
        "tile 1 computes 53 cycles, WORK says 50",
    ),
    "two transfers at once": (
        lambda t: shifted(t, "fetch_start_cycle", 1, -1),
        "DRAM transfers overlap: 100 > 99",
    ),
}


@pytest.mark.small
@pytest.mark.parametrize("case", FALSE)
def test_a_timeline_that_cannot_be_true_is_refused_with_both_numbers(case):
    change, message = FALSE[case]
    timeline = run_layer(WORK, MACHINE)
    assert timeline.dtype == TIMELINE
    check_timeline(WORK, timeline, MACHINE)
    with pytest.raises(AuditError, match=message):
        check_timeline(WORK, change(timeline), MACHINE)


@pytest.mark.small
def test_reservations_over_the_capacity_or_never_freed_are_refused():
    timeline = run_layer(WORK, MACHINE)
    held = 120 + 80  # both tiles' operands and outputs, from cycle 100 on
    with pytest.raises(AuditError, match=f"{held} bytes reserved at cycle 100, capacity {held - 1}"):
        check_timeline(WORK, timeline, chip("1", "10", held - 1))
    check_timeline(WORK, timeline, chip("1", "10", held))
    leaking = WORK.copy()
    leaking["release_after_drain_bytes"][1] -= 7
    with pytest.raises(AuditError, match="7 bytes still reserved at the layer's end, expected 0"):
        check_timeline(leaking, timeline, MACHINE)


@pytest.mark.small
def test_a_transfer_that_the_channels_last_cycle_had_room_for_overlaps_nothing():
    """100 bytes a cycle: tile 0 is fetched in one, which has room for tile 1's 10 bytes.

    When tile 0 has computed, tile 1 is fetched in no cycle, and tile 0 drains from the same one on.
    """
    work = work_of([(50, False, 200, True, 30), (10, False, 5, True, 10)])
    machine = chip("100", "10", 260, "dma.arbitration=fetches_first")
    timeline = run_layer(work, machine)
    first, second = timeline
    assert second["fetch_start_cycle"] == first["drain_start_cycle"] == first["compute_end_cycle"] == 41
    assert second["fetch_end_cycle"] - 10 == second["fetch_start_cycle"]
    check_timeline(work, timeline, machine)
