"""What the machine's processes share: bytes of the scratchpad, and the DRAM channel (docs/machine.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import simpy

from accelsim.errors import AuditError
from accelsim.machine.dram import BandwidthChannel, BankedChannel
from accelsim.units import ceil_div

_AFTER_ALL_OTHERS = 2  # SimPy priority: urgent 0, normal 1; decisions that need a whole cycle's events


class Scratchpad:
    """Bytes that are free in each region; overflow is impossible, and so is freeing what was not reserved."""

    def __init__(self, env: simpy.Environment, regions: Sequence[int]) -> None:
        self.env = env
        self.regions = list(regions)
        self.free_bytes = list(regions)
        self._waiting: tuple[Sequence[int], simpy.Event] | None = None

    def reserve(self, wanted_bytes: Sequence[int]) -> simpy.Event:
        """Event of the cycle in which the bytes are free; they are reserved then. One waits at a time."""
        event = self.env.event()
        self._waiting = (wanted_bytes, event)
        self._grant()
        return event

    def release(self, freed_bytes: Sequence[int]) -> None:
        """Free bytes; a waiting reservation is granted in this cycle."""
        self.free_bytes = [free + freed for free, freed in zip(self.free_bytes, freed_bytes, strict=True)]
        for free, capacity, freed in zip(self.free_bytes, self.regions, freed_bytes, strict=True):
            if free > capacity:
                raise AuditError(f"scratchpad: {free} bytes free of {capacity}, after freeing {freed}")
        self._grant()

    def _grant(self) -> None:
        if self._waiting is None:
            return
        wanted, event = self._waiting
        if all(w <= free for w, free in zip(wanted, self.free_bytes, strict=True)):
            self._waiting = None
            self.free_bytes = [free - w for w, free in zip(wanted, self.free_bytes, strict=True)]
            event.succeed()


@dataclass(frozen=True, slots=True)
class Chunk:
    """What the channel moves at once of a transfer.

    Attributes
    ----------
    write : a drain
    moved_bytes : of DRAM
    runs : int64 [runs, 2], byte addresses and bytes in whole bursts; None where only bytes are known
    accesses : of the scratchpad, in each group of ports (`machine.ports`)
    of_transfer : the same of the whole transfer
    lanes : that it touches: it waits while the array leaves nothing of one of them
    """

    write: bool
    moved_bytes: int
    runs: Any
    accesses: list[int]
    of_transfer: list[int]
    lanes: list[int]


class Dram:
    """One channel: a chunk at a time, latencies overlap; the array goes first at the scratchpad's ports."""

    def __init__(
        self,
        env: simpy.Environment,
        channel: BandwidthChannel | BankedChannel,
        arbitration: str = "in_order",
        slots: Sequence[int] = (),
        group: Sequence[int] = (),
    ) -> None:
        self.env = env
        self.channel = channel
        self.pace: Sequence[int] | None = None  # accesses in a cycle of the tile that computes
        self._slots, self._group = slots, group
        self._arbitration = arbitration
        self._requests: list[tuple[int, bool, int, Chunk, simpy.Event]] = []
        self._issued = count()
        self._free_cycle = 0
        self._busy = False
        self._deciding = False

    def transfer(self, chunk: Chunk) -> simpy.Event:
        """Event of the start of the occupancy; its value is (start, end, completion, cycles at the ports)."""
        event = self.env.event()
        self._requests.append((int(self.env.now), not chunk.write, next(self._issued), chunk, event))
        self.decide_later()
        return event

    def decide_later(self) -> None:
        """Choose the next chunk when this cycle's other events are over."""
        if self._busy or self._deciding or not self._requests:
            return
        self._deciding = True
        decision = self.env.event()
        decision._ok, decision._value = True, None
        assert decision.callbacks is not None
        decision.callbacks.append(self._decide)
        self.env.schedule(decision, priority=_AFTER_ALL_OTHERS)

    def _first(self, request: tuple[int, bool, int, Chunk, simpy.Event]) -> Any:
        cycle, fetch, number, *_ = request
        if self._arbitration == "in_order":
            return cycle, fetch, number
        return fetch == (self._arbitration == "drains_first"), number

    def _spare(self, lane: int) -> int:
        return self._slots[lane] - (self.pace[lane] if self.pace is not None else 0)

    def _decide(self, _: simpy.Event) -> None:
        self._deciding = False
        served = [
            request for request in self._requests if all(self._spare(lane) > 0 for lane in request[3].lanes)
        ]
        if not served:
            return  # until the tile that computes has ended
        request = min(served, key=self._first)
        self._requests.remove(request)
        issued, *_, chunk, event = request
        now = int(self.env.now)
        start, end, completion = self._moved(now, chunk)
        needed = 0
        for lane in chunk.lanes:
            group, spare = self._group[lane], self._spare(lane)
            if (
                chunk.of_transfer[group] > spare
            ):  # else all fit in one cycle, which the channel may round away
                needed = max(needed, ceil_div(chunk.accesses[group], spare))
        longer = max(start + needed - end, 0)
        waited = now - max(self._free_cycle, issued)
        self._busy = True
        event.succeed((start, end + longer, completion + longer, waited + longer))
        done = self.env.timeout(end + longer - now)
        assert done.callbacks is not None
        done.callbacks.append(self._free)

    def _moved(self, now: int, chunk: Chunk) -> tuple[int, int, int]:
        """Start and end of the occupancy, and completion."""
        if isinstance(self.channel, BankedChannel):
            return self.channel.transfer(now, chunk.write, chunk.runs[:, 0], chunk.runs[:, 1])
        end = now + self.channel.occupancy_cycles(chunk.moved_bytes)
        return now, end, end + self.channel.latency_cycles

    def _free(self, _: simpy.Event) -> None:
        self._busy = False
        self._free_cycle = int(self.env.now)
        self.decide_later()
