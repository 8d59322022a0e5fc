"""The machine as SimPy processes: DMA, PE array, drain, DRAM channel, scratchpad bytes.

::

    DMA:    for tile: wait for bytes, reserve, for chunk: transfer      (docs/machine.md, part 1)
    array:  for tile: wait for its fetch, compute, release operands
    drain:  for tile: wait for its compute, for chunk: transfer, release outputs
    DRAM:   serve chunks as the DMA's arbitration says; by default in order of issue

A process never sees a MAC or a burst: about ten events per tile, and five per chunk.
"""

from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine.dram import BandwidthChannel, BankedChannel, channel_of
from accelsim.machine.inputs import inputs
from accelsim.machine.requests import Requests, cut, in_bursts
from accelsim.machine.resources import Chunk, Dram, Scratchpad
from accelsim.tables import TIMELINE, Table
from accelsim.units import ceil_div

Process = Generator[simpy.Event, Any, Any]
_STREAMS = ("fetch", "drain")


class _Layer:
    """The processes of one layer and the table they fill."""

    def __init__(
        self,
        work: Table,
        chip: Accelerator,
        requests: Requests | None,
        channel: BandwidthChannel | BankedChannel,
    ) -> None:
        self.env = simpy.Environment()
        self.chip, self.requests, self.burst_bytes = chip, requests, chip.dram.burst_bytes
        tiles = inputs(work, chip, requests)
        self.scratchpad = Scratchpad(self.env, chip.scratchpad.regions)
        self.dram = Dram(self.env, channel, chip.dma.arbitration, tiles.slots.tolist())
        self.moved, self.setup, self.words = tiles.moved.tolist(), tiles.setup.tolist(), tiles.words.tolist()
        self.pace = tiles.pace.tolist()
        self.reserve = tiles.reserve.tolist()
        self.release_compute = tiles.release_compute.tolist()
        self.release_drain = tiles.release_drain.tolist()
        self.compute_cycles = tiles.compute_cycles.tolist()
        self.timeline = np.full(len(work), -1, TIMELINE)
        self.timeline["compute_scratchpad_cycles"] = tiles.stall_cycles
        for kind, stream in enumerate(_STREAMS):
            self.timeline[f"{stream}_descriptor_cycles"] = tiles.setup[:, kind]
        for column in ("fetch_scratchpad_cycles", "drain_scratchpad_cycles"):
            self.timeline[column] = 0
        self.fetched = [self.env.event() for _ in range(len(work))]
        self.computed = [self.env.event() for _ in range(len(work))]
        self._completions: dict[str, deque[int]] = {
            name: deque(maxlen=chip.dma.outstanding_chunks) for name in _STREAMS
        }

    def dma(self) -> Process:
        for t, wanted in enumerate(self.reserve):
            yield self.scratchpad.reserve(wanted)
            self.timeline[t]["reserved_cycle"] = self.env.now
            yield from self._move("fetch", t, self.fetched[t])

    def array(self) -> Process:
        for t, cycles in enumerate(self.compute_cycles):
            yield self.fetched[t]
            self.timeline[t]["compute_start_cycle"] = self.env.now
            self.dram.pace = self.pace[t]
            yield self.env.timeout(cycles)
            self.dram.pace = None
            self.dram.decide_later()
            self.timeline[t]["compute_end_cycle"] = self.env.now
            self.scratchpad.release(self.release_compute[t])
            self.computed[t].succeed()

    def drain(self) -> Process:
        moved = self.env.event().succeed()
        for t, released in enumerate(self.release_drain):
            yield self.computed[t]
            freed = self.env.event()
            freed.callbacks.append(lambda _, released=released: self.scratchpad.release(released))
            yield from self._move("drain", t, freed)
            if self.moved[t][1]:
                moved = freed
        yield moved
        yield freed  # without bytes it may be earlier than one that was issued before it

    def _move(self, stream: str, t: int, done: simpy.Event) -> Process:
        """Move a tile's bytes in chunks; `done` comes with the last one's completion."""
        row, kind = self.timeline[t], _STREAMS.index(stream)
        row[f"{stream}_start_cycle"] = row[f"{stream}_end_cycle"] = self.env.now
        if stream == "drain":
            row["drain_issue_cycle"] = self.env.now + self.setup[t][kind]
        if self.moved[t][kind] == 0:
            done.succeed()
            return
        if self.setup[t][kind]:
            yield self.env.timeout(self.setup[t][kind])
        chunks = self._chunks(t, kind)
        completions = self._completions[stream]
        for number, chunk in enumerate(chunks):
            if completions and len(completions) == completions.maxlen and completions[0] > self.env.now:
                yield self.env.timeout(completions[0] - self.env.now)
            start, end, completion, at_ports = yield self.dram.transfer(chunk)
            if number == 0:
                row[f"{stream}_start_cycle"] = start
            row[f"{stream}_scratchpad_cycles"] += at_ports
            row[f"{stream}_end_cycle"] = max(int(row[f"{stream}_end_cycle"]), completion)
            if completions.maxlen is not None:
                completions.append(completion)
            if number == len(chunks) - 1:
                self._at(int(row[f"{stream}_end_cycle"]), done)
            yield self.env.timeout(end - self.env.now)

    def _at(self, cycle: int, event: simpy.Event) -> None:
        timeout = self.env.timeout(cycle - self.env.now)
        assert timeout.callbacks is not None
        timeout.callbacks.append(lambda _: event.succeed())

    def _chunks(self, t: int, kind: int) -> list[Chunk]:
        size, words = self.moved[t][kind], self.words[t][kind]
        chunk_bytes = self.chip.dma.chunk_bytes or size
        parts: list[Any] = [None] * ceil_div(size, chunk_bytes)
        if self.dram.channel.uses_runs:
            assert self.requests is not None
            runs = self.requests.drain(t) if kind else self.requests.fetch(t)
            bursts = in_bursts(runs, self.burst_bytes)
            parts = [bursts] if len(parts) == 1 else cut(bursts, chunk_bytes)
        chunks = []
        for i, runs in enumerate(parts):
            first, end = i * chunk_bytes, min((i + 1) * chunk_bytes, size)
            accesses = [ceil_div(w * end, size) - ceil_div(w * first, size) for w in words]
            chunks.append(Chunk(kind == 1, end - first, runs, accesses, words))
        return chunks


def run_layer(
    work: Table,
    chip: Accelerator,
    requests: Requests | None = None,
    channel: BandwidthChannel | BankedChannel | None = None,
) -> Table:
    """Time every tile of a layer.

    Parameters
    ----------
    work : WORK table, tiles in plan order
    requests : runs of every tile; needed where addresses or descriptors decide times
    channel : the chip's DRAM at cycle 0 (default: a new one)

    Returns
    -------
    TIMELINE table, cycles from the layer's start

    Raises
    ------
    AuditError
        If runs are needed and missing, bytes do not balance, or a tile can never start (the message says
        which, and what it waits for).
    """
    layer = _Layer(work, chip, requests, channel or channel_of(chip))
    env = layer.env
    env.process(layer.dma())
    env.process(layer.array())
    done = env.process(layer.drain())
    try:
        env.run(until=done)
    except RuntimeError as error:  # SimPy: no more events, and `done` has not happened
        stuck = int(np.argmax(layer.timeline["reserved_cycle"] < 0))
        wanted, free = sum(layer.reserve[stuck]), sum(layer.scratchpad.free_bytes)
        raise AuditError(
            f"deadlock: tile {stuck} waits for {wanted} bytes, "
            f"{free} of {chip.scratchpad.capacity_bytes} are free"
        ) from error
    if layer.scratchpad.free_bytes != list(chip.scratchpad.regions):
        raise AuditError(
            f"scratchpad: {sum(layer.scratchpad.free_bytes)} bytes free at the layer's end, "
            f"expected {chip.scratchpad.capacity_bytes}"
        )
    return layer.timeline
