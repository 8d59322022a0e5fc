"""What random reads reach with a finite queue, beside the controller and the closed form of an endless one."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from accelsim.hardware import devices, load_device
from accelsim.machine import _banked_state as S
from accelsim.machine.banked import Controllers
from accelsim.machine.controller import Controller
from accelsim.study.published.dram_forms import random_share


@pytest.mark.parametrize("entries", [4, 8, 16, 32, 64, 128])
@pytest.mark.parametrize("name", devices())
def test_random_reads_reach_what_their_queue_lets_them(name: str, entries: int) -> None:
    """Within 1.5 %: 1.2 % at most is the one command bus (PRE, ACT and RD in each 4 clocks of LPDDR5)."""
    device = load_device(name)
    controllers = Controllers(device, 1, 1, "bank_group_low", Controller(read_entries=entries))
    addresses = np.random.default_rng(3).integers(0, 1 << 23, 32768) * device.burst_bytes
    controllers.offer(addresses, np.zeros_like(addresses), 0)
    controllers.drain()
    reads = max(int(state[S.READS]) for state in controllers.states)
    used = reads * device["burst"] / max(int(state[S.LAST_DONE]) for state in controllers.states)
    assert used == pytest.approx(random_share(device, entries), rel=0.015)


@pytest.mark.small
def test_one_request_at_a_time_worked_by_hand() -> None:
    """DDR4 with two banks, a queue of one, no refresh: tRC = 55; 1 + tRP = 17 to close a row once one waits.

    From an ACT to the next: the same bank 55; the other bank 17, or what is left of its own 55::

        clocks since the other bank's ACT    share    the same (1/2)    the other (1/2)
        17                                   1/3      55 -> more        38 -> 38
        38                                   1/6      55 -> more        17 -> 17
        55 and more                          1/2      55 -> more        17 -> 17

    So (55 + 38/3 + 17/6 + 17/2) / 2 = 39.5 clocks a read. One bank takes tRC each time.
    """
    device = load_device("ddr4-2400")
    clocks = device.clocks | {"tREFI": 1 << 40}
    one, two = (replace(device, bank_groups=1, banks_per_group=n, clocks=clocks) for n in (1, 2))
    assert device["burst"] / random_share(two, 1) == pytest.approx(39.5, rel=0.01)
    assert device["burst"] / random_share(one, 32) == pytest.approx(55, rel=1e-3)


@pytest.mark.small
@pytest.mark.parametrize("name", ["lpddr5-6400", "hbm2-2000"])
def test_a_longer_queue_comes_up_to_the_closed_form(name: str) -> None:
    """An endless queue is short of the closed form by what a refresh takes to close its rows."""
    device = load_device(name)
    shares = [random_share(device, entries) for entries in (1, 4, 16, 64, 512)]
    assert all(few <= more for few, more in pairwise(shares))
    closing = (device["tRAS"] + device["tRP_all"]) / device["tREFI"]
    form = float(device.utilisation(1))
    assert form * (1 - closing - 0.003) <= shares[-1] <= form
