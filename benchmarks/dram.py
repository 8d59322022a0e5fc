"""The banked DRAM: bursts a second on one core."""

import time

import numpy as np

from accelsim.hardware import load_device
from accelsim.machine.banked import Controllers
from accelsim.machine.controller import Controller

BURSTS = 200_000


def speeds(repeats: int) -> dict[str, float]:
    """Millions of bursts a second of CPU time, best of so many runs: DDR4 reads, default controller."""
    found = {}
    random = np.random.default_rng(0).integers(0, 1 << 22, BURSTS) * 64
    for name, addresses in (("sequential", np.arange(BURSTS, dtype=np.int64) * 64), ("random", random)):
        seconds = []
        for _ in range(repeats + 1):  # the first compiles
            controllers = Controllers(load_device("ddr4-2400"), 1, 1, "bank_group_low", Controller())
            writes = np.zeros(BURSTS, np.int64)
            began = time.thread_time()
            controllers.offer(addresses, writes, 0)
            controllers.drain()
            seconds.append(time.thread_time() - began)
        found[name] = BURSTS / min(seconds[1:]) / 1e6
    return found
