"""Scratchpad, DRAM channel and the processes on them: order of service, no overflow, no hang."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
import simpy
from drawn_work import chip, drawn_rows, work_of
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import AuditError
from accelsim.machine import replay_layer, run_layer
from accelsim.machine.dram import BandwidthChannel
from accelsim.machine.inputs import drain_bytes, fetch_bytes
from accelsim.machine.resources import Chunk, Dram, Scratchpad
from accelsim.tables import TRAFFIC, WORK


@pytest.mark.small
def test_bytes_released_in_a_cycle_are_reserved_in_that_cycle():
    env = simpy.Environment()
    scratchpad = Scratchpad(env, [100])
    granted = []

    def reserver():
        for wanted in (70, 40):
            yield scratchpad.reserve([wanted])
            granted.append((env.now, scratchpad.free_bytes[0]))

    def releaser():
        yield env.timeout(5)
        scratchpad.release([9])
        yield env.timeout(3)
        scratchpad.release([1])

    env.process(reserver())
    env.process(releaser())
    env.run()
    assert granted == [(0, 30), (8, 0)]


@pytest.mark.small
def test_freeing_more_than_was_reserved_is_an_error_with_the_numbers():
    scratchpad = Scratchpad(simpy.Environment(), [100])
    scratchpad.reserve([30])
    with pytest.raises(AuditError, match="101 bytes free of 100, after freeing 31"):
        scratchpad.release([31])


_FETCH, _DRAIN = False, True


def served(requests, machine):
    """(start, end of occupancy) of transfers (cycle, write, bytes), each issued by a process of its own."""
    env = simpy.Environment()
    dram = Dram(env, BandwidthChannel(machine), machine.dma.arbitration)
    found = [None] * len(requests)

    def issue(i, cycle, kind, size):
        yield env.timeout(cycle)
        found[i] = (yield dram.transfer(Chunk(kind, size, None, [], [], [])))[:2]

    for i, request in enumerate(requests):
        env.process(issue(i, *request))
    env.run()
    return found


@pytest.mark.small
def test_requests_are_served_in_order_of_issue_and_of_one_cycles_the_drain_first():
    requests = [(0, _FETCH, 10), (3, _FETCH, 5), (3, _DRAIN, 7), (4, _DRAIN, 2), (100, _FETCH, 1)]
    assert served(requests, chip("1", "50")) == [(0, 10), (17, 22), (10, 17), (22, 24), (100, 101)]


@pytest.mark.small
@given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.sampled_from(["0.7", "3.3", "12.8", "64"]))
def test_back_to_back_transfers_take_the_ceiling_of_their_sum(sizes, rate):
    machine = chip(rate)
    times = served([(0, _FETCH, size) for size in sizes], machine)
    moved = 0
    for size, (_, end) in zip(sizes, times, strict=True):
        moved += size
        assert end == ceil(moved / Fraction(machine.dram_bytes_per_cycle))


@pytest.mark.small
@given(drawn_rows, st.integers(300, 1500))
def test_the_scratchpad_never_holds_more_than_its_capacity(drawn, capacity):
    """Bytes held in each cycle, counted from the two tables alone."""
    work = work_of(drawn)
    machine = chip("1", "7", capacity)
    try:
        replay_layer(work, machine)
    except AuditError:
        with pytest.raises(AuditError, match="deadlock"):
            run_layer(work, machine)
        return
    timeline = run_layer(work, machine)
    for clock in timeline["reserved_cycle"].tolist():
        held = work["reserve_bytes"][timeline["reserved_cycle"] <= clock].sum()
        held -= work["release_after_compute_bytes"][timeline["compute_end_cycle"] <= clock].sum()
        held -= work["release_after_drain_bytes"][timeline["drain_end_cycle"] <= clock].sum()
        assert held <= capacity


@pytest.mark.small
def test_more_scratchpad_does_not_deadlock_what_less_did_not():
    work = work_of([(100, False, 30, True, 5)] * 4)
    for capacity in (130, 131, 200, 260, 10**6):
        assert (run_layer(work, chip("1", "7", capacity))["drain_end_cycle"] > 0).all()


@pytest.mark.small
def test_a_tile_in_the_middle_that_can_never_start_is_named_with_what_it_waits_for():
    """Tile 0 keeps its 100 operand bytes for tile 1, which wants 60 more than the 150 have left."""
    work = work_of([(100, True, 0, True, 5), (60, False, 0, True, 5)])
    with pytest.raises(AuditError, match="deadlock: tile 1 waits for 60 bytes, 50 of 150 are free"):
        run_layer(work, chip("1", "0", 150))
    assert run_layer(work, chip("1", "0", 160))["reserved_cycle"].tolist() == [0, 100]


@pytest.mark.small
def test_bytes_that_are_never_freed_are_an_error_at_the_layers_end():
    work = work_of([(100, False, 30, True, 5)] * 2)
    work["release_after_drain_bytes"][1] = 0
    with pytest.raises(AuditError, match="970 bytes free at the layer's end, expected 1000"):
        run_layer(work, chip("1", "7", 1000))


@pytest.mark.small
def test_a_transfer_of_no_bytes_makes_no_request():
    work = work_of([(0, False, 0, True, 9), (40, False, 0, True, 5), (0, False, 0, True, 2)])
    times = run_layer(work, chip("1", "30"))
    assert times["fetch_start_cycle"].tolist() == [0, 0, 40]
    assert times["fetch_end_cycle"].tolist() == [0, 70, 40]
    assert times["compute_start_cycle"].tolist() == [0, 70, 75]
    np.testing.assert_array_equal(times["drain_start_cycle"], times["compute_end_cycle"])
    np.testing.assert_array_equal(times["drain_end_cycle"], times["compute_end_cycle"])


@pytest.mark.small
def test_what_crosses_the_channel_is_data_and_burst_waste():
    work = np.zeros(1, WORK)
    for i, name in enumerate(TRAFFIC):
        work[name] = 10**i
    names = dict(zip(TRAFFIC, range(len(TRAFFIC)), strict=True))
    fetched = ("weight_fetch_bytes", "activation_fetch_bytes", "partial_sum_fetch_bytes")
    drained = ("output_drain_bytes", "partial_sum_drain_bytes")
    for found, parts in (
        (fetch_bytes(work), (*fetched, "fetch_burst_waste_bytes")),
        (drain_bytes(work), (*drained, "drain_burst_waste_bytes")),
    ):
        assert found.tolist() == [sum(10 ** names[part] for part in parts)]
