"""The banked DRAM's streams reach the closed forms, and more of anything is not slower."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from banked_runs import clocks, made, row_stride

from accelsim.errors import InputError
from accelsim.hardware import devices, load_device
from accelsim.machine import _banked_state as S

DEVICES = devices()
SCHEDULERS = ("frfcfs", "frfcfs_row_hit", "bank_queues")


@pytest.mark.parametrize("name", DEVICES)
def test_a_cold_read_takes_trcd_cl_and_its_burst(name: str) -> None:
    """Offered in clock 0, activated in clock 1 (DDR4: 36 clocks later)."""
    controllers = made(name)
    t = controllers.device
    assert clocks(controllers, [0]) - 1 == t["tRCD_read"] + t["CL"] + t["burst"]
    if name == "ddr4-2400":
        assert clocks(made(name), [0]) - 1 == 36


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in DEVICES
        for kind in ("sequential", "same_group", "random", "row_conflict")
        if kind != "same_group" or load_device(name).bank_groups > 1
    ],
)
def test_streams_reach_the_closed_forms(name: str, kind: str) -> None:
    """(1 - tRFC/tREFI) min(1, BL/tCCD, 4 BL n/tFAW, BL n/tRRD, banks BL n/tRC), within 3 %."""
    device = load_device(name)
    # 32 random requests leave too few banks with work: tests/study/published/test_study_published_dram_forms.py.
    controllers = made(name, read_entries=64)
    generator, at = np.random.default_rng(1), np.arange(16384)
    if kind == "sequential":
        addresses, form = at * device.burst_bytes, device.utilisation()
    elif kind == "same_group":
        stride = device.burst_bytes * device.bank_groups * device.pseudo_channels
        addresses, form = at * stride, device.utilisation(same_group=True)
    elif kind == "random":
        addresses, form = generator.integers(0, 1 << 22, at.size) * device.burst_bytes, device.utilisation(1)
    else:
        addresses = at[:2048] * row_stride(device)
        form = Fraction(device["burst"], device["tRC"]) * (1 - Fraction(device["tRFC"], device["tREFI"]))
    last = clocks(controllers, addresses)
    used = max(int(state[S.READS]) for state in controllers.states) * device["burst"] / last
    assert used == pytest.approx(float(form), rel=0.03)


def test_ddr4_is_as_its_closed_forms_are_printed() -> None:
    device = load_device("ddr4-2400")
    assert float(device.utilisation()) == pytest.approx(0.954, abs=5e-4)
    assert float(device.utilisation(same_group=True)) == pytest.approx(0.636, abs=5e-4)
    assert float(device.utilisation(1)) == pytest.approx(0.587, abs=5e-4)


def test_refresh_takes_its_share() -> None:
    """Sequential reads with and without refresh differ by tRFC/tREFI and the reopening of rows."""
    addresses = np.arange(200_000) * 64
    device = load_device("ddr4-2400")
    with_refresh = made("ddr4-2400")
    without = made("ddr4-2400")
    for state in without.states:
        state[S.DUE] = S.FAR
    share = 1 - clocks(without, addresses) / clocks(with_refresh, addresses)
    assert share == pytest.approx(device["tRFC"] / device["tREFI"], abs=0.004)
    assert with_refresh.counts()["refreshes"] == pytest.approx(
        clocks(made("ddr4-2400"), addresses) // device["tREFI"], abs=1
    )


def test_more_channels_are_never_slower_and_sequential_ones_share_evenly() -> None:
    addresses = np.arange(32768) * 64
    took = [clocks(made("ddr4-2400", channels=n), addresses) for n in (1, 2, 4, 8)]
    assert took == sorted(took, reverse=True)
    assert took[0] / took[3] == pytest.approx(8, rel=0.05)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_more_bursts_under_way_are_not_slower(scheduler: str) -> None:
    addresses = np.random.default_rng(0).integers(0, 1 << 22, 8192) * 64
    took = [
        clocks(made("ddr4-2400", scheduler=scheduler, window=w), addresses)
        for w in (1, 2, 4, 8, 16, 32, None)
    ]
    for few, more in pairwise(took):
        assert more <= few * 1.03
    assert took[0] > 7 * took[-1]


@pytest.mark.parametrize(
    ("policy", "most"),
    [
        ({"scheduler": "frfcfs"}, 1),
        ({"scheduler": "frfcfs_row_hit"}, 1),
        ({"scheduler": "bank_queues"}, 32),
        ({"scheduler": "bank_queues", "window": 4}, 4),
        ({"scheduler": "bank_queues", "window": 4, "posted_writes": True}, 32),
    ],
)
def test_writes_wait_for_no_more_writes_than_can_come(policy: dict[str, object], most: int) -> None:
    """The most that is allowed ends (here 100 writes do); one more is refused, as it might never be served."""
    controllers = made("ddr4-2400", write_idle=most, **policy)
    assert clocks(controllers, np.arange(100) * 64, 1) > 0
    assert controllers.counts()["writes"] == 100
    with pytest.raises(InputError, match=rf"write_idle must be at most {most} under .* not {most + 1}"):
        made("ddr4-2400", write_idle=most + 1, **policy)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_reads_do_not_wait_for_ever_for_writes(scheduler: str) -> None:
    """A batch that ends with its last write ends; one that never ends is refused."""
    controllers = made("ddr4-2400", scheduler=scheduler, write_high=0, write_low=1)
    assert clocks(controllers, np.arange(300) * 64, np.arange(300) % 2) > 0
    assert (controllers.counts()["reads"], controllers.counts()["writes"]) == (150, 150)
    with pytest.raises(InputError, match="write_low must be at least 1, not 0"):
        made("ddr4-2400", scheduler=scheduler, write_low=0)
