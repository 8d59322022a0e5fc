"""The channels of a banked DRAM: bursts sorted by channel, each channel run by its controller.

::

    addresses --route--> requests of each channel --run--> clocks, counts     (docs/dram.md)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accelsim.hardware import DramDevice
from accelsim.hardware.dram_model import address_fields
from accelsim.machine import _banked_address_kernel as address_kernel
from accelsim.machine import _banked_central_kernel as central
from accelsim.machine import _banked_queues_kernel as queues
from accelsim.machine import _banked_state as S
from accelsim.machine.controller import Controller, fresh_state

Ints = NDArray[np.int64]
COUNTS = S.COUNTS
LOG_COMMANDS = {S.READ: "RD", S.WRITE: "WR", S.ACT: "ACT", S.PRE: "PRE", S.REF: "REF"}
LOG_COMMANDS |= {S.PRE_ALL: "PREA", S.PRE_AUTO: "PRE auto"}
CHUNK_BURSTS = 1 << 16


def mapped_fields(mapping: str, device: DramDevice, channels: int, ranks: int) -> Ints:
    """Where a mapping's fields go: int64 [fields, 4] of the address kernel."""
    bit = device.burst_bytes.bit_length() - 1
    places = {"row": 0, "channel": 0, "column": 0, "bank": 0}
    places["bank_group"] = device.banks_per_group.bit_length() - 1
    places["rank"] = places["bank_group"] + device.bank_groups.bit_length() - 1
    targets = {"row": address_kernel.ROW, "channel": address_kernel.CHANNEL}
    rows = []
    for name, bits in reversed(address_fields(mapping, device, channels, ranks)):
        if name != "column":
            target = targets.get(name, address_kernel.BANK)
            rows.append((bit, (1 << bits) - 1, places[name], target))
        places[name] += bits
        bit += bits
    return np.array(rows, np.int64).reshape(-1, 4)


@dataclass(slots=True)
class Record:
    """Clocks of every request of a channel, by its number; grows as needed."""

    addresses: list[Ints] = field(default_factory=list)
    writes: list[Ints] = field(default_factory=list)
    requested: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    responded: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, addresses: Ints, writes: Ints) -> None:
        """Room for more requests."""
        self.addresses.append(addresses)
        self.writes.append(writes)
        room = np.full(addresses.size, -1, np.int64)
        self.requested = np.concatenate([self.requested, room])
        self.responded = np.concatenate([self.responded, room])


class Controllers:
    """The channels of a banked DRAM, each with its state; times are DRAM clocks.

    Attributes
    ----------
    log : int64 [most, 4], filled with the commands of all channels: clock, command (LOG_COMMANDS), bank, row;
        none are kept while it has no rows
    """

    def __init__(
        self,
        device: DramDevice,
        channels: int,
        ranks: int,
        mapping: str,
        controller: Controller,
        record: bool = False,
    ) -> None:
        self.device = device
        self.channels = channels * device.pseudo_channels
        self.fields = mapped_fields(mapping, device, channels, ranks)
        self.states = [fresh_state(device, ranks, controller) for _ in range(self.channels)]
        self.records = [Record() for _ in self.states] if record else None
        self._run = queues.run if controller.scheduler == "bank_queues" else central.run
        self._spare = np.empty_like(self.states[0])
        self.log = np.zeros((0, 4), np.int64)

    def offer(self, addresses: Ints, writes: Ints, start_clock: int) -> None:
        """Offer bursts from a clock on, until all are taken; what waits stays in the queues.

        Parameters
        ----------
        addresses, writes : int64 [bursts], bytes; 1 for a write
        """
        channel_of, requests, places = (np.empty(addresses.size, np.int64) for _ in range(3))
        ends = np.empty(self.channels + 1, np.int64)
        address_kernel.route(addresses, writes, self.fields, ends, channel_of, requests, places)
        for c in range(self.channels):
            mine = slice(ends[c], ends[c + 1])
            if self.records is not None:
                self.records[c].add(addresses[places[mine]], writes[places[mine]])
            self._call(c, self.states[c], requests[mine], start_clock, False)

    def _call(self, c: int, state: Ints, requests: Ints, start: int, drain: bool) -> None:
        requested = responded = _NONE
        if self.records is not None:
            requested, responded = self.records[c].requested, self.records[c].responded
        self._run(state, requests, start, drain, 0, requested, responded, self.log)

    def taken_clock(self) -> int:
        """The clock at which the last request so far was taken."""
        return max(int(state[S.OFFER_CLOCK]) for state in self.states)

    def drained(self) -> Iterator[Ints]:
        """Each channel's state as it would be with its queues empty, if nothing more came; one at a time."""
        for c, state in enumerate(self.states):
            np.copyto(self._spare, state)
            self._call(c, self._spare, _NONE, 0, True)
            yield self._spare

    def drain(self) -> None:
        """Serve all that waits."""
        for c, state in enumerate(self.states):
            self._call(c, state, _NONE, 0, True)

    def counts(self) -> dict[str, int]:
        """Commands and row hits of all channels, what waits included."""
        total = sum(state[S.COUNT : S.COUNT + len(COUNTS)].copy() for state in self.drained())
        return dict(zip(COUNTS, np.asarray(total).tolist(), strict=True))

    def requests(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Recorded (request clock, response clock, address, write) of every burst, by request clock.

        Raises
        ------
        ValueError
            If the channels do not record.
        """
        if self.records is None:
            raise ValueError("requests are kept only with record=True")
        for _ in self.drained():
            pass
        columns = [
            np.concatenate(parts)
            for parts in zip(
                *(
                    (
                        r.requested,
                        r.responded,
                        np.concatenate([_NONE, *r.addresses]),
                        np.concatenate([_NONE, *r.writes]),
                    )
                    for r in self.records
                ),
                strict=True,
            )
        ]
        order = np.lexsort((columns[2], columns[0])) if self.channels > 1 else np.arange(columns[0].size)
        return tuple(column[order] for column in columns)  # type: ignore[return-value]


_NONE = np.zeros(0, np.int64)


def bursts(starts: Ints, lengths: Ints, burst_bytes: int) -> Iterator[Ints]:
    """Addresses of the bursts that runs of bytes touch, in chunks."""
    left = address_kernel.bursts_of(starts, lengths, burst_bytes)
    cursor = np.zeros(2, np.int64)
    while left > 0:
        addresses = np.empty(min(left, CHUNK_BURSTS), np.int64)
        left -= address_kernel.expand(starts, lengths, burst_bytes, cursor, addresses)
        yield addresses
