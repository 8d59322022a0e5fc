"""Transfers of a chip's DRAM in core cycles, both models behind one method."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.hardware import Accelerator, load_hardware
from accelsim.machine.dram import BandwidthChannel, BankedChannel, channel_of

BANKED = ["dram.model=banked", "dram.device=ddr4-2400", "dram.channels=1"]


def banked(tmp_path_factory: pytest.TempPathFactory, *overrides: str) -> Accelerator:
    from accelsim.hardware import to_yaml

    lines = to_yaml(load_hardware("both-skip-16x16")).splitlines()
    first = lines.index("dram:")
    last = lines.index("energy:")
    text = [*lines[:first], "dram:", "  model: banked", "  device: ddr4-2400", "  channels: 1", *lines[last:]]
    path = tmp_path_factory.mktemp("chip") / "banked.yaml"
    path.write_text("\n".join(text))
    return load_hardware(path, list(overrides))


def run(*lengths: int) -> tuple[np.ndarray, np.ndarray]:
    return np.cumsum([0, *lengths[:-1]]).astype(np.int64), np.array(lengths, np.int64)


def test_bandwidth_transfers_are_what_they_were(tmp_path_factory: pytest.TempPathFactory) -> None:
    chip = load_hardware("both-skip-16x16")
    channel, older = channel_of(chip), BandwidthChannel(chip)
    assert isinstance(channel, BandwidthChannel)
    burst = chip.dram.burst_bytes
    for i in range(20):
        start, end, done = channel.transfer(0, False, *run(3 * burst - 1, burst))
        assert end - start == older.occupancy_cycles(4 * burst)
        assert done == end + chip.dram_latency_cycles
        assert (i > 0) == (start > 0)
    assert channel.transfer(7, False, *run(0)) == (7, 7, 7)


def test_a_cold_read_takes_its_latency_and_a_clock(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Offered in one DRAM clock, its row opened in the next."""
    chip = banked(tmp_path_factory)
    _, _, done = BankedChannel(chip).transfer(0, False, *run(64))
    assert 0 <= done - chip.dram_latency_cycles <= 1


@given(sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=12), gaps=st.integers(0, 400))
@settings(max_examples=25)
def test_transfers_keep_their_order_and_count_their_bursts(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], gaps: int
) -> None:
    channel = BankedChannel(banked(tmp_path_factory), record=True)
    end, moved, at = 0, 0, 0
    for i, size in enumerate(sizes):
        start, end, done = channel.transfer(end + gaps, bool(i % 2), np.array([at]), np.array([size]))
        assert start <= end <= done
        moved += (at + size - 1) // 64 - at // 64 + 1 if size else 0
        at += size
    counts = channel.counts()
    assert counts["reads"] + counts["writes"] == moved
    requested, responded, addresses, _ = channel.requests()
    assert len(addresses) == moved
    assert (np.diff(requested) >= 0).all()
    assert (responded > requested).all()


def test_many_transfers_in_a_row_take_as_long_as_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    chip = banked(tmp_path_factory)
    total = 1 << 20
    whole = BankedChannel(chip).transfer(0, False, *run(total))[2]
    parts, end, done = BankedChannel(chip), 0, 0
    for start in range(0, total, 4096):
        _, end, done = parts.transfer(end, False, np.array([start]), np.array([4096]))
    assert done == pytest.approx(whole, rel=0.005)
    rate = total / whole / float(chip.dram_bytes_per_cycle)
    assert rate == pytest.approx(1, abs=0.02)


def test_a_burst_that_two_runs_share_is_moved_with_each(tmp_path_factory: pytest.TempPathFactory) -> None:
    channel = BankedChannel(banked(tmp_path_factory))
    channel.transfer(0, False, np.array([0, 32, 130]), np.array([32, 64, 0]))
    assert channel.counts()["reads"] == 3


def test_a_long_pause_is_refreshed_through(tmp_path_factory: pytest.TempPathFactory) -> None:
    chip = banked(tmp_path_factory)
    channel = BankedChannel(chip)
    channel.transfer(0, False, *run(64))
    channel.transfer(10_000_000, False, *run(64))
    clocks = 10_000_000 * 1000 / chip.clock_mhz / 0.833
    assert channel.counts()["refreshes"] == pytest.approx(clocks / 9364, abs=2)
