"""The machine as SimPy processes: DMA, PE array, drain, DRAM channel, scratchpad bytes.

::

    DMA:    for tile: for part: wait for bytes, reserve, for chunk: transfer    (docs/machine.md, part 1)
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
from accelsim.machine.places import touched
from accelsim.machine.requests import Requests, cut, in_bursts
from accelsim.machine.resources import Chunk, Dram, Scratchpad
from accelsim.tables import TIMELINE, Table
from accelsim.units import ceil_div

Process = Generator[simpy.Event, Any, Any]
_PARTS = (
    "",
    "second_",
    "third_",
)  # of a fetch; with dma.operand_order: together only the first does anything


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
        self.chip, self.burst_bytes = chip, chip.dram.burst_bytes
        tiles = inputs(work, chip, requests)
        self.requests, self.spans, self.group = tiles.requests, tiles.ports.spans, tiles.ports.group
        self.scratchpad = Scratchpad(self.env, chip.scratchpad.regions)
        self.dram = Dram(
            self.env, channel, chip.dma.arbitration, tiles.ports.slots.tolist(), self.group.tolist()
        )
        self.moved, self.setup = tiles.moved.tolist(), tiles.setup.tolist()
        self.words = tiles.ports.words.tolist()
        self.parts_reserved = 0
        self.drained = len(chip.dma.parts)  # place of a drain among a tile's transfers
        self.pace = tiles.pace.tolist()
        self.reserve = tiles.reserve.tolist()
        self.release_compute = tiles.release_compute.tolist()
        self.release_drain = tiles.release_drain.tolist()
        self.compute_cycles = tiles.compute_cycles.tolist()
        self.timeline = np.full(len(work), -1, TIMELINE)
        self.timeline["compute_scratchpad_cycles"] = tiles.stall_cycles
        self.timeline["drain_descriptor_cycles"] = tiles.setup[:, self.drained]
        for part, name in enumerate(("fetch_", *_PARTS[1:])):
            of_part = tiles.setup[:, part] if part < self.drained else 0
            self.timeline[f"{name}descriptor_cycles"] = of_part
        for column in ("fetch_scratchpad_cycles", "drain_scratchpad_cycles"):
            self.timeline[column] = 0
        self.fetched = [self.env.event() for _ in range(len(work))]
        self.computed = [self.env.event() for _ in range(len(work))]
        self._completions: dict[str, deque[int]] = {
            name: deque(maxlen=chip.dma.outstanding_chunks) for name in ("fetch", "drain")
        }

    def dma(self) -> Process:
        for t, parts in enumerate(self.reserve):
            completed = 0
            for part, wanted in enumerate(parts):
                asked = self.env.now
                yield self.scratchpad.reserve(wanted)
                self._reserved(t, part, asked)
                completed = max(completed, (yield from self._move("fetch", t, part)))
            self._completed("fetch", t, completed, self.fetched[t])

    def _reserved(self, t: int, part: int, asked: float) -> None:
        """Note a part's instants; with one part the others are where it is."""
        row, now = self.timeline[t], self.env.now
        self.parts_reserved += 1
        row[f"{_PARTS[part]}reserved_cycle"] = now
        if part:
            row[f"{_PARTS[part]}asked_cycle"] = asked
        if self.drained == 1:
            for name in _PARTS[1:]:
                row[f"{name}asked_cycle"] = row[f"{name}reserved_cycle"] = now

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
            self.timeline[t]["drain_issue_cycle"] = self.env.now + self.setup[t][self.drained]
            completed = yield from self._move("drain", t, self.drained)
            self._completed("drain", t, completed, freed)
            if self.moved[t][self.drained]:
                moved = freed
        yield moved
        yield freed  # without bytes it may be earlier than one that was issued before it

    def _move(self, stream: str, t: int, transfer: int) -> Process:
        """Move a transfer's bytes in chunks, until its last occupancy ends; returns the last completion."""
        row, completed = self.timeline[t], 0
        if self.moved[t][transfer] == 0:
            return completed
        if self.setup[t][transfer]:
            yield self.env.timeout(self.setup[t][transfer])
        completions = self._completions[stream]
        for chunk in self._chunks(t, transfer):
            if completions and len(completions) == completions.maxlen and completions[0] > self.env.now:
                yield self.env.timeout(completions[0] - self.env.now)
            start, end, completion, at_ports = yield self.dram.transfer(chunk)
            if row[f"{stream}_start_cycle"] < 0:
                row[f"{stream}_start_cycle"] = start
            row[f"{stream}_scratchpad_cycles"] += at_ports
            completed = max(completed, completion)
            if completions.maxlen is not None:
                completions.append(completion)
            yield self.env.timeout(end - self.env.now)
        return completed

    def _completed(self, stream: str, t: int, completed: int, event: simpy.Event) -> None:
        """Trigger a tile's event when its last byte is there: at once, if it moves none or all are."""
        row, now = self.timeline[t], int(self.env.now)
        row[f"{stream}_end_cycle"] = max(completed, now)
        if row[f"{stream}_start_cycle"] < 0:
            row[f"{stream}_start_cycle"] = now
        timeout = self.env.timeout(max(completed - now, 0))
        assert timeout.callbacks is not None
        timeout.callbacks.append(lambda _: event.succeed())

    def _chunks(self, t: int, transfer: int) -> list[Chunk]:
        size, words = self.moved[t][transfer], self.words[t][transfer]
        chunk_bytes = self.chip.dma.chunk_bytes or size
        parts: list[Any] = [None] * ceil_div(size, chunk_bytes)
        if self.dram.channel.uses_runs:
            assert self.requests is not None
            bursts = in_bursts(self.requests.transfer(t, transfer), self.burst_bytes)
            parts = [bursts] if len(parts) == 1 else cut(bursts, chunk_bytes)
        chunks = []
        for i, runs in enumerate(parts):
            share = (i * chunk_bytes, min((i + 1) * chunk_bytes, size), size)
            accesses = [ceil_div(w * share[1], size) - ceil_div(w * share[0], size) for w in words]
            lanes = touched(self.spans[t, transfer], words, self.group, share)
            chunks.append(Chunk(transfer == self.drained, share[1] - share[0], runs, accesses, words, lanes))
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
        stuck, part = divmod(layer.parts_reserved, layer.drained)
        wanted, free = sum(layer.reserve[stuck][part]), sum(layer.scratchpad.free_bytes)
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
