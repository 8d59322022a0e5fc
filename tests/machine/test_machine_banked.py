"""The banked DRAM's commands obey the device's table."""

from dataclasses import replace

import numpy as np
import pytest
from banked_runs import MAPPING, logged, made, row_stride
from hypothesis import given, settings
from hypothesis import strategies as st
from jedec_rules import violations

from accelsim.hardware import devices, load_device
from accelsim.machine import _banked_state as S
from accelsim.machine.banked import Controllers
from accelsim.machine.controller import Controller

DEVICES = devices()
SCHEDULERS = ("frfcfs", "frfcfs_row_hit", "bank_queues")


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize(("ranks", "page"), [(1, False), (2, False), (1, True), (2, True)])
def test_no_pair_of_commands_breaks_the_table(name: str, scheduler: str, ranks: int, page: bool) -> None:
    """Random, sequential and clashing requests, a third of them writes, through an independent checker."""
    generator = np.random.default_rng(len(name) + ranks)
    controllers = made(name, ranks=ranks, scheduler=scheduler, closed_page=page)
    device = controllers.device
    n = 400
    random = generator.integers(0, 1 << 20, n) * device.burst_bytes
    near = np.arange(n) * device.burst_bytes
    clash = (
        generator.integers(0, 3, n) * row_stride(device) * ranks
        + generator.integers(0, 8, n) * device.burst_bytes
    )
    addresses = np.concatenate([random, near, clash])
    writes = (generator.random(3 * n) < 0.3).astype(np.int64)
    log = logged(controllers, addresses, writes)
    assert violations(log, device) == []
    names = [command for _, command, _, _ in log]
    assert names.count("RD") == (writes == 0).sum()
    assert names.count("WR") == writes.sum()


@given(
    requests=st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=60,
    ),
    scheduler=st.sampled_from(SCHEDULERS),
    window=st.sampled_from([None, 1, 3]),
    posted=st.booleans(),
    closed=st.booleans(),
)
@settings(max_examples=60)
def test_drawn_requests_are_served_once_and_by_the_table(
    requests: list[tuple[int, int, int, bool]], scheduler: str, window: int | None, posted: bool, closed: bool
) -> None:
    controllers = made(
        "ddr4-2400",
        scheduler=scheduler,
        window=window,
        posted_writes=posted,
        closed_page=closed,
        write_idle=1,
    )
    device = controllers.device
    addresses = np.array(
        [row * row_stride(device) + bank * 32768 + column * 64 for row, bank, column, _ in requests]
    )
    writes = np.array([int(write) for *_, write in requests])
    log = logged(controllers, addresses, writes)
    assert violations(log, device) == []
    assert sum(name == "RD" for _, name, _, _ in log) == (writes == 0).sum()
    assert sum(name == "WR" for _, name, _, _ in log) == writes.sum()
    assert controllers.states[0][S.WAITING] == 0


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_two_command_buses_take_a_row_and_a_column_command_in_one_clock(scheduler: str) -> None:
    """HBM2: random reads do so, and are not slower than with one bus, where no clock has two."""
    addresses = np.random.default_rng(5).integers(0, 1 << 20, 3000) * 32
    writes, took = np.zeros(3000, np.int64), []
    for buses in (1, 2):
        device = replace(load_device("hbm2-2000"), command_buses=buses)
        log = logged(Controllers(device, 1, 1, MAPPING, Controller(scheduler=scheduler)), addresses, writes)
        assert violations(log, device) == []
        by_clock: dict[int, list[str]] = {}
        for clock, name, _, _ in log:
            by_clock.setdefault(clock, []).append(name)
        pairs = [names for names in by_clock.values() if len(names) > 1]
        assert (len(pairs) > 100) == (buses == 2)
        assert all(sum(name == "RD" for name in names) == 1 for names in pairs)
        took.append(max(by_clock))
    assert took[1] <= took[0]


def test_the_checker_finds_two_commands_of_one_bus_in_a_clock() -> None:
    device = load_device("hbm2-2000")
    beside = [(0, "ACT", 0, 5), (20, "ACT", 4, 5), (20, "RD", 0, 5), (40, "PRE", 0, 5), (40, "PRE", 4, 5)]
    assert violations(beside[:4], device) == []
    assert violations(beside[:4], replace(device, command_buses=1)) == ["two commands in one clock of a bus"]
    late = [*beside[:3], (60, "PRE", 0, 5), (60, "PRE", 4, 5)]
    assert violations(late, device) == ["two commands in one clock of a bus"]


def test_the_checker_finds_a_gap_that_is_a_clock_too_short() -> None:
    device = load_device("ddr4-2400")
    good = [(0, "ACT", 0, 5), (16, "RD", 0, 5), (39, "PRE", 0, 5), (55, "ACT", 0, 6)]
    assert violations(good, device) == []
    for i in (1, 2, 3):
        early = [(c - (j >= i), *rest) for j, (c, *rest) in enumerate(good)]
        assert violations(early, device) != []


@given(
    cuts=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    scheduler=st.sampled_from(SCHEDULERS),
    seed=st.integers(0, 9),
)
@settings(max_examples=30)
def test_a_call_in_chunks_is_one_call(cuts: list[int], scheduler: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    addresses = generator.integers(0, 1 << 14, sum(cuts)) * 64
    writes = generator.integers(0, 2, addresses.size)
    whole, parts = (made("ddr4-2400", scheduler=scheduler, window=20) for _ in range(2))
    whole.offer(addresses, writes, 0)
    for part, part_writes in zip(
        np.split(addresses, np.cumsum(cuts)[:-1]), np.split(writes, np.cumsum(cuts)[:-1]), strict=True
    ):
        parts.offer(part, part_writes, 0)
    whole.drain()
    parts.drain()
    np.testing.assert_array_equal(whole.states[0], parts.states[0])


def test_counts_are_those_of_the_commands() -> None:
    controllers = made("ddr4-2400")
    addresses = np.random.default_rng(0).integers(0, 1 << 22, 3000) * 64
    writes = np.arange(3000) % 2
    log = logged(controllers, addresses, writes)
    counts, names = controllers.counts(), [name for _, name, _, _ in log]
    assert counts["activations"] == names.count("ACT")
    assert (counts["reads"], counts["writes"]) == (names.count("RD"), names.count("WR")) == (1500, 1500)
    assert counts["refreshes"] == names.count("REF") > 0
    assert counts["row_hits"] == 3000 - names.count("ACT")


def test_every_mapping_reaches_every_place_once() -> None:
    """A small device, all its bursts: each (channel, bank, row) takes as many as a row has columns."""
    from accelsim.hardware.dram_model import MAPPINGS

    device = load_device("hbm2-2000")
    for mapping in [*MAPPINGS, "row rank column:2 bank bank_group channel column"]:
        controllers = made("hbm2-2000", mapping)
        total = device.columns * device.banks * device.pseudo_channels * 4
        strides = np.arange(total) * device.burst_bytes
        if mapping == "bank_high":
            strides = (
                np.arange(total) % (4 * device.columns)
                + np.arange(total) // (4 * device.columns) * device.rows * device.columns
            ) * device.burst_bytes
        from accelsim.machine import _banked_address_kernel as kernel

        channels, requests, places = (np.empty(total, np.int64) for _ in range(3))
        ends = np.empty(3, np.int64)
        kernel.route(strides, np.zeros(total, np.int64), controllers.fields, ends, channels, requests, places)
        assert ends.tolist() == [0, total // 2, total]
        for c in range(2):
            _, count = np.unique(requests[ends[c] : ends[c + 1]], return_counts=True)
            assert set(count) == {device.columns}
            assert len(count) == device.banks * 4


@pytest.mark.parametrize(
    "time",
    [
        "RCD_RD",
        "RCD_WR",
        "RP",
        "RAS",
        "CCD_S",
        "CCD_L",
        "RRD_S",
        "RRD_L",
        "FAW",
        "RTP",
        "RFC",
        "READ_TO_WRITE",
        "WRITE_TO_READ_S",
        "WRITE_TO_READ_L",
        "WRITE_TO_PRE",
    ],
)
def test_a_shorter_time_in_the_kernel_is_found_by_the_checker(time: str) -> None:
    """Each bound of the kernel does hold something back: without it the log breaks the table (tRC: tRAS + tRP do)."""
    controllers = made("ddr4-2400")
    place = getattr(S, time)
    controllers.states[0][place] = controllers.states[0][place] // 2
    if time == "RP":
        controllers.states[0][S.RC] //= 2  # tRC = tRAS + tRP would hide it
    if time in ("RAS", "RRD_S"):
        controllers.states[0][S.RC] //= 2
        controllers.states[0][S.FAW] //= 2
    generator = np.random.default_rng(3)
    addresses = np.concatenate(
        [
            np.arange(400) * 64,
            np.arange(400) * 256,
            generator.integers(0, 1 << 20, 2000) * 64,
            generator.integers(0, 3, 400) * row_stride(controllers.device),
        ]
    )
    writes = generator.integers(0, 2, addresses.size)
    writes[:800] = 0
    assert violations(logged(controllers, addresses, writes), controllers.device) != []
