from dataclasses import replace

import numpy as np
import pytest
from results_by_hand import result

from accelsim.hardware import load_hardware
from accelsim.report.counters import counters, pes
from accelsim.simulation import simulate
from accelsim.zoo import digits_trace

MANY = 100_000


@pytest.fixture(scope="module")
def runs():
    """A convolutional network whose tiles are many and small, in DRAM, kept and fused, and on a banked DRAM."""
    trace = digits_trace("digits-cnn").select_input(0)
    small = load_hardware("both-skip-16x16", ["scratchpad.capacity_bytes=8192"])
    slow = load_hardware("dense-16x16", ["dram.peak_gb_per_s=0.4", "dram.efficiency_fraction=1"])
    chunks = ["dma.chunk_bytes=256", "dma.arbitration=drains_first", "dram.efficiency_fraction=1"]
    chunked = load_hardware("both-skip-16x16", ["scratchpad.capacity_bytes=8192", *chunks])
    return [
        simulate(trace, small, toggles="off"),
        simulate(trace, load_hardware("both-skip-16x16"), between_layers="fuse", toggles="off"),
        simulate(trace, load_hardware("both-skip-16x16"), between_layers="keep", toggles="off"),
        simulate(trace, slow, toggles="off"),
        simulate(trace, chunked, toggles="off"),
    ]


def test_counters_are_never_negative_and_never_over_what_the_chip_has(runs):
    for run in runs:
        found = counters(run, MANY)
        limits = {
            "scratchpad bytes in use": run.chip.scratchpad.capacity_bytes,
            "DRAM bandwidth (GB/s)": run.chip.dram.peak_gb_per_s,
            "active PEs": pes(run.chip),
        }
        assert set(found) == set(limits)
        for name, counter in found.items():
            assert counter.values.min() >= 0, name
            assert counter.values.max() > 0, name
            assert counter.values.max() <= limits[name] * (1 + 1e-6), name
            assert (np.diff(counter.cycles) > 0).all(), name
            assert counter.cycles[-1] <= run.cycles


def test_scratchpad_is_empty_when_the_run_has_ended(runs):
    for run in runs:
        counter = counters(run, MANY)["scratchpad bytes in use"]
        assert (counter.cycles[-1], counter.values[-1]) == (run.cycles, 0)


def test_bandwidth_over_time_is_the_bytes_moved(runs):
    for run in runs:
        counter = counters(run, MANY)["DRAM bandwidth (GB/s)"]
        seconds = np.diff(np.append(counter.cycles, run.cycles)) / run.chip.clock_mhz / 1e6
        moved = sum(r.dram_read_bytes + r.dram_write_bytes for r in run.layer_results)
        assert (counter.values * seconds).sum() * 1e9 == pytest.approx(moved, rel=1e-3)


def test_active_pes_over_time_are_the_lane_cycles_of_working_pes(runs):
    for run in runs:
        counter = counters(run, MANY)["active PEs"]
        lanes = run.chip.pe_array.multipliers / pes(run.chip)
        area = (counter.values * np.diff(np.append(counter.cycles, run.cycles))).sum() * lanes
        causes = run.lane_cycles()
        working = causes["mac"] + causes["zero_mac"] + causes["gated"] + causes["lane_idle"]
        assert area == pytest.approx(working, rel=1e-3)


@pytest.mark.parametrize("most", [2, 5, 20])
def test_fewer_points_keep_the_peak_of_bytes_and_the_mean_of_pes(runs, most):
    for run in runs:
        every, few = counters(run, MANY), counters(run, most)
        assert all(len(counter.cycles) <= most + 1 for counter in few.values())
        name = "scratchpad bytes in use"
        assert few[name].values.max() == every[name].values.max()
        areas = []
        for counter in (every["active PEs"], few["active PEs"]):
            areas.append((counter.values * np.diff(np.append(counter.cycles, run.cycles))).sum())
        assert areas[1] == pytest.approx(areas[0], rel=0.01)


@pytest.mark.small
def test_bytes_are_in_use_from_their_reservation_to_their_release():
    """By hand: tile t of conv0 reserves at its fetch, frees its operands after compute, its outputs after drain."""
    run = result()
    first = run.layer_results[0]
    alone = replace(run, layer_results=(first,))
    counter = counters(alone, MANY)["scratchpad bytes in use"]
    for cycle, value in zip(counter.cycles, counter.values, strict=True):
        t, w = first.timeline, first.work
        expected = w["reserve_bytes"][t["reserved_cycle"] <= cycle].sum()
        expected -= w["release_after_compute_bytes"][t["compute_end_cycle"] <= cycle].sum()
        expected -= w["release_after_drain_bytes"][t["drain_end_cycle"] <= cycle].sum()
        assert value == expected


@pytest.mark.small
def test_bytes_beyond_the_peak_of_a_moment_are_moved_in_the_next():
    """By hand, fetches of 16 bytes a cycle overlap drains of 16: 32 of a peak of 25.6, and none is lost."""
    run = result(fetch_cycles=300, layers=1)
    alone = replace(run, layer_results=run.layer_results[:1])
    peak = run.chip.dram.peak_gb_per_s
    counter = counters(alone, MANY)["DRAM bandwidth (GB/s)"]
    assert counter.values.max() <= peak * (1 + 1e-6)
    seconds = np.diff(np.append(counter.cycles, alone.cycles)) / run.chip.clock_mhz / 1e6
    moved = sum(r.dram_read_bytes + r.dram_write_bytes for r in alone.layer_results)
    assert (counter.values * seconds).sum() * 1e9 == pytest.approx(moved, rel=1e-3)
