"""The machine as SimPy processes: DMA, PE array, drain, DRAM channel, scratchpad bytes.

::

    DMA:    for tile: wait for bytes, reserve, transfer           (docs/machine.md, part 1)
    array:  for tile: wait for its fetch, compute, release operands
    drain:  for tile: wait for its compute, transfer, release outputs
    DRAM:   serve transfers in order of issue; of one cycle's, the drain first

A process never sees a MAC or a burst: about ten events per tile.
"""

import heapq
from collections.abc import Generator
from itertools import count
from typing import Any

import numpy as np
import simpy

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine.dram import BandwidthChannel
from accelsim.tables import TIMELINE, Table

Process = Generator[simpy.Event, Any, Any]
_AFTER_ALL_OTHERS = 2  # SimPy priority: urgent 0, normal 1; decisions that need a whole cycle's events
_DRAIN, _FETCH = 0, 1


class Scratchpad:
    """Bytes that are free; overflow is impossible, and so is freeing what was not reserved."""

    def __init__(self, env: simpy.Environment, capacity_bytes: int) -> None:
        self.env = env
        self.capacity_bytes = capacity_bytes
        self.free_bytes = capacity_bytes
        self._waiting: tuple[int, simpy.Event] | None = None

    def reserve(self, wanted_bytes: int) -> simpy.Event:
        """Event of the cycle in which the bytes are free; they are reserved then. One waits at a time."""
        event = self.env.event()
        self._waiting = (wanted_bytes, event)
        self._grant()
        return event

    def release(self, freed_bytes: int) -> None:
        """Free bytes; a waiting reservation is granted in this cycle."""
        self.free_bytes += freed_bytes
        if self.free_bytes > self.capacity_bytes:
            raise AuditError(
                f"scratchpad: {self.free_bytes} bytes free of {self.capacity_bytes}, "
                f"after freeing {freed_bytes}"
            )
        self._grant()

    def _grant(self) -> None:
        if self._waiting is not None and self._waiting[0] <= self.free_bytes:
            wanted, event = self._waiting
            self._waiting = None
            self.free_bytes -= wanted
            event.succeed()


class Dram:
    """One channel: transfers in order of issue, one occupancy at a time, latencies overlap."""

    def __init__(self, env: simpy.Environment, channel: BandwidthChannel) -> None:
        self.env = env
        self.channel = channel
        self._requests: list[tuple[int, int, int, int, simpy.Event]] = []
        self._issued = count()
        self._busy = False
        self._deciding = False

    def transfer(self, kind: int, transfer_bytes: int) -> simpy.Event:
        """Event of the start of the occupancy; its value is (start, end of occupancy)."""
        event = self.env.event()
        heapq.heappush(self._requests, (self.env.now, kind, next(self._issued), transfer_bytes, event))
        self._decide_later()
        return event

    def _decide_later(self) -> None:
        if self._busy or self._deciding or not self._requests:
            return
        self._deciding = True
        decision = self.env.event()
        decision._ok, decision._value = True, None
        assert decision.callbacks is not None
        decision.callbacks.append(self._decide)
        self.env.schedule(decision, priority=_AFTER_ALL_OTHERS)

    def _decide(self, _: simpy.Event) -> None:
        self._deciding = False
        *_, transfer_bytes, event = heapq.heappop(self._requests)
        start = int(self.env.now)
        end = start + self.channel.occupancy_cycles(transfer_bytes)
        self._busy = True
        event.succeed((start, end))
        done = self.env.timeout(end - start)
        assert done.callbacks is not None
        done.callbacks.append(self._free)

    def _free(self, _: simpy.Event) -> None:
        self._busy = False
        self._decide_later()


class _Layer:
    """The processes of one layer and the table they fill."""

    def __init__(self, work: Table, chip: Accelerator) -> None:
        self.env = simpy.Environment()
        self.scratchpad = Scratchpad(self.env, chip.scratchpad.capacity_bytes)
        self.dram = Dram(self.env, BandwidthChannel(chip))
        self.columns = {name: work[name].tolist() for name in _USED}
        self.fetch_bytes = fetch_bytes(work).tolist()
        self.drain_bytes = drain_bytes(work).tolist()
        self.timeline = np.full(len(work), -1, TIMELINE)
        self.fetched = [self.env.event() for _ in range(len(work))]
        self.computed = [self.env.event() for _ in range(len(work))]

    def dma(self) -> Process:
        for t, wanted in enumerate(self.columns["reserve_bytes"]):
            yield self.scratchpad.reserve(wanted)
            row = self.timeline[t]
            row["reserved_cycle"] = row["fetch_start_cycle"] = row["fetch_end_cycle"] = self.env.now
            if self.fetch_bytes[t] == 0:
                self.fetched[t].succeed()
                continue
            start, end = yield self.dram.transfer(_FETCH, self.fetch_bytes[t])
            row["fetch_start_cycle"] = start
            row["fetch_end_cycle"] = end + self.dram.channel.latency_cycles
            self._at(end + self.dram.channel.latency_cycles, self.fetched[t])
            yield self.env.timeout(end - self.env.now)

    def _at(self, cycle: int, event: simpy.Event) -> None:
        timeout = self.env.timeout(cycle - self.env.now)
        assert timeout.callbacks is not None
        timeout.callbacks.append(lambda _: event.succeed())

    def array(self) -> Process:
        for t, cycles in enumerate(self.columns["compute_cycles"]):
            yield self.fetched[t]
            self.timeline[t]["compute_start_cycle"] = self.env.now
            yield self.env.timeout(cycles)
            self.timeline[t]["compute_end_cycle"] = self.env.now
            self.scratchpad.release(self.columns["release_after_compute_bytes"][t])
            self.computed[t].succeed()

    def drain(self) -> Process:
        last = self.env.event().succeed()
        for t, freed in enumerate(self.columns["release_after_drain_bytes"]):
            yield self.computed[t]
            row = self.timeline[t]
            row["drain_start_cycle"] = row["drain_end_cycle"] = self.env.now
            if self.drain_bytes[t] == 0:
                self.scratchpad.release(freed)
                continue
            start, end = yield self.dram.transfer(_DRAIN, self.drain_bytes[t])
            row["drain_start_cycle"] = start
            row["drain_end_cycle"] = end + self.dram.channel.latency_cycles
            last = self.env.timeout(end + self.dram.channel.latency_cycles - self.env.now)
            assert last.callbacks is not None
            last.callbacks.append(lambda _, freed=freed: self.scratchpad.release(freed))
            yield self.env.timeout(end - self.env.now)
        yield last


_USED = ("reserve_bytes", "release_after_compute_bytes", "release_after_drain_bytes", "compute_cycles")


def fetch_bytes(work: Table) -> Any:
    """DRAM bytes of each tile's fetch, burst waste included: int64 [tiles]."""
    return (
        work["weight_fetch_bytes"]
        + work["activation_fetch_bytes"]
        + work["partial_sum_fetch_bytes"]
        + work["fetch_burst_waste_bytes"]
    )


def drain_bytes(work: Table) -> Any:
    """DRAM bytes of each tile's drain, burst waste included: int64 [tiles]."""
    return work["output_drain_bytes"] + work["partial_sum_drain_bytes"] + work["drain_burst_waste_bytes"]


def run_layer(work: Table, chip: Accelerator) -> Table:
    """Time every tile of a layer.

    Parameters
    ----------
    work : WORK table, tiles in plan order

    Returns
    -------
    TIMELINE table, cycles from the layer's start

    Raises
    ------
    AuditError
        If a tile can never start (the message says which and what it waits for) or bytes do not balance.
    """
    layer = _Layer(work, chip)
    env = layer.env
    env.process(layer.dma())
    env.process(layer.array())
    done = env.process(layer.drain())
    try:
        env.run(until=done)
    except RuntimeError as error:  # SimPy: no more events, and `done` has not happened
        stuck = int(np.argmax(layer.timeline["reserved_cycle"] < 0))
        raise AuditError(
            f"deadlock: tile {stuck} waits for {layer.columns['reserve_bytes'][stuck]} bytes, "
            f"{layer.scratchpad.free_bytes} of {layer.scratchpad.capacity_bytes} are free"
        ) from error
    if layer.scratchpad.free_bytes != layer.scratchpad.capacity_bytes:
        raise AuditError(
            f"scratchpad: {layer.scratchpad.free_bytes} bytes free at the layer's end, "
            f"expected {layer.scratchpad.capacity_bytes}"
        )
    return layer.timeline
