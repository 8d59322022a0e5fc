"""The banked DRAM: bursts a second on one core, and what it costs a run."""

import time

import numpy as np

import accelsim
from accelsim.hardware import Accelerator, load_device, load_hardware
from accelsim.hardware.dram_model import BankedDram
from accelsim.machine.banked import Controllers
from accelsim.machine.controller import Controller
from benchmarks.synthetic import resnet50

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


def times_of_bandwidth(layers: int | None, repeats: int) -> float:
    """CPU seconds of ResNet-50 on a banked DRAM, of those with bytes at its rate: the same plans."""
    flat = load_hardware("both-skip-16x16")
    banked = flat.model_copy(update={"dram": BankedDram(model="banked", device="ddr4-2400", channels=1)})
    trace = resnet50(layers)
    result = accelsim.simulate(trace, banked, toggles="off", threads=1)
    plans = {layer.name: layer.plan for layer in result.layer_results if layer.plan is not None}

    def seconds(chip: Accelerator) -> float:
        found = []
        for _ in range(repeats + 1):  # the first compiles
            began = time.thread_time()
            accelsim.simulate(trace, chip, plans=plans, toggles="off", threads=1)
            found.append(time.thread_time() - began)
        return min(found[1:])

    return seconds(banked) / seconds(flat)
