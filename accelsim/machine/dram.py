"""What a DRAM charges for a transfer; one class per model, one method."""

from fractions import Fraction
from typing import Protocol

import numpy as np

from accelsim import units
from accelsim.errors import AuditError
from accelsim.hardware import Accelerator, BankedDram
from accelsim.machine import _banked_state as S
from accelsim.machine.banked import Controllers, Ints, bursts
from accelsim.machine.controller import Controller


class Channel(Protocol):
    """A DRAM with its state between transfers, in core cycles."""

    latency_cycles: int
    uses_runs: bool  # addresses decide its times

    def transfer(self, issue_cycle: int, write: bool, starts: Ints, lengths: Ints) -> tuple[int, int, int]:
        """Move runs of bytes: (start, end of the occupancy, completion) in core cycles.

        Parameters
        ----------
        issue_cycle : int, not before the issue of an earlier transfer
        starts, lengths : int64 [runs], bytes of the DRAM's address space
        """


class BandwidthChannel:
    """Peak x efficiency; the fraction of a cycle that rounding up gave too much is carried."""

    uses_runs = False

    def __init__(self, chip: Accelerator) -> None:
        rate = chip.dram_bytes_per_cycle
        self.latency_cycles = chip.dram_latency_cycles
        self._burst_bytes = chip.dram.burst_bytes
        self._bytes, self._cycles = rate.numerator, rate.denominator
        self._carried = 0  # in units of 1 / _bytes cycle, <= 0
        self._end_cycle = 0

    def occupancy_cycles(self, transfer_bytes: int) -> int:
        """Ceiling of bytes / rate, less what earlier transfers overpaid."""
        total = transfer_bytes * self._cycles + self._carried
        occupancy = -(-total // self._bytes)
        self._carried = total - occupancy * self._bytes
        return occupancy

    def transfer(self, issue_cycle: int, write: bool, starts: Ints, lengths: Ints) -> tuple[int, int, int]:
        """Whole bursts of each run at the one rate, wherever they lie (see `Channel`)."""
        moved = lengths[lengths > 0]
        bursts_moved = int((-(-moved // self._burst_bytes)).sum())
        if not bursts_moved:
            return issue_cycle, issue_cycle, issue_cycle
        start = max(issue_cycle, self._end_cycle)
        self._end_cycle = start + self.occupancy_cycles(bursts_moved * self._burst_bytes)
        return start, self._end_cycle, self._end_cycle + self.latency_cycles


class BankedChannel:
    """Banks, rows and a scheduler behind queues (docs/dram.md).

    An occupancy ends when the controllers have taken the last burst: the next transfer's bursts join those
    that still wait. A completion is that of the transfer if nothing came after it.
    """

    uses_runs = True

    def __init__(self, chip: Accelerator, record: bool = False) -> None:
        dram = chip.dram
        if not isinstance(dram, BankedDram):
            raise TypeError(f"the DRAM of {chip.name} is {type(dram).__name__}, not BankedDram")
        self._controllers = Controllers(
            dram.timing, dram.channels, dram.ranks, dram.address_mapping, Controller.of(dram), record
        )
        self.latency_cycles, self._burst_bytes = chip.dram_latency_cycles, dram.burst_bytes
        # Core cycles of a DRAM clock, exact.
        self._ratio: Fraction = dram.timing.clock_ns * units.exact(chip.clock_mhz) / 1000
        self._end_cycle = self._end_clock = 0

    def transfer(self, issue_cycle: int, write: bool, starts: Ints, lengths: Ints) -> tuple[int, int, int]:
        """Run the bursts through the controllers of their channels (see `Channel`)."""
        controllers, empty = self._controllers, True
        clock = self._end_clock
        if issue_cycle > self._end_cycle:
            clock = max(clock, units.ceil_div(issue_cycle * self._ratio.denominator, self._ratio.numerator))
        for addresses in bursts(starts, lengths, self._burst_bytes):
            writes = np.full(addresses.size, int(write), np.int64)
            controllers.offer(addresses, writes, clock)
            empty = False
        if empty:
            return issue_cycle, issue_cycle, issue_cycle
        start = max(issue_cycle, self._end_cycle)
        self._end_clock = max(clock, controllers.taken_clock())
        self._end_cycle = max(start, self._cycles(self._end_clock))
        place = S.LAST_WRITE if write else S.LAST_READ
        done = max(int(state[place]) for state in controllers.drained())
        return start, self._end_cycle, max(self._end_cycle, self._cycles(done))

    def counts(self) -> dict[str, int]:
        """Activations, precharges, reads, writes, refreshes and row hits so far, what waits included."""
        return self._controllers.counts()

    def layer_counts(self, cycles: int) -> dict[str, int]:
        """`tables.BANKED` of a layer of so many cycles that has moved all it moves.

        The controllers refresh up to their last command; refreshes are those of the whole layer, by time.

        Raises
        ------
        AuditError
            If the controllers have refreshed more often than refreshes fell due.
        """
        counts = self.counts()
        device, states = self._controllers.device, self._controllers.states
        ranks = sum(int(state[S.RANKS]) for state in states)
        due = cycles / self._ratio / device["tREFI"] * ranks
        if counts["refreshes"] > due:
            raise AuditError(f"DRAM: {counts['refreshes']} refreshes, but {float(due):.1f} fell due")
        return {
            "dram_activations": counts["activations"],
            "dram_precharges": counts["precharges"],
            "dram_read_bursts": counts["reads"],
            "dram_write_bursts": counts["writes"],
            "dram_row_hits": counts["row_hits"],
            "dram_refreshes": round(due),
        }

    def requests(self) -> tuple[Ints, Ints, Ints, Ints]:
        """(request clock, response clock, address, write) of every burst, DRAM clocks; with record=True."""
        return self._controllers.requests()

    def _cycles(self, clock: int) -> int:
        return units.ceil_div(clock * self._ratio.numerator, self._ratio.denominator)


def channel_of(chip: Accelerator, record: bool = False) -> BandwidthChannel | BankedChannel:
    """The DRAM of a chip at cycle 0."""
    return BankedChannel(chip, record) if isinstance(chip.dram, BankedDram) else BandwidthChannel(chip)
