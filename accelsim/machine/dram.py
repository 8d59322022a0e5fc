"""What a DRAM channel charges for a transfer; one class per model, one method."""

from typing import Any, Protocol

from accelsim.hardware import Accelerator


class Channel(Protocol):
    """A DRAM channel with its state between transfers."""

    uses_runs: bool  # addresses decide its times

    def serve(self, cycle: int, write: bool, moved_bytes: int, runs: Any) -> tuple[int, int, int]:
        """Move bytes from a cycle on: start and end of the occupancy, and completion, in core cycles.

        Parameters
        ----------
        runs : int64 [runs, 2], addresses and bytes in whole bursts; or None
        """


class BandwidthChannel:
    """Peak x efficiency; the fraction of a cycle that rounding up gave too much is carried."""

    uses_runs = False

    def __init__(self, chip: Accelerator) -> None:
        rate = chip.dram_bytes_per_cycle
        self.latency_cycles = chip.dram_latency_cycles
        self._bytes, self._cycles = rate.numerator, rate.denominator
        self._carried = 0  # in units of 1 / _bytes cycle, <= 0

    def occupancy_cycles(self, transfer_bytes: int) -> int:
        """Ceiling of bytes / rate, less what earlier transfers overpaid."""
        total = transfer_bytes * self._cycles + self._carried
        occupancy = -(-total // self._bytes)
        self._carried = total - occupancy * self._bytes
        return occupancy

    def serve(self, cycle: int, write: bool, moved_bytes: int, runs: Any) -> tuple[int, int, int]:
        """As `Channel` says; reads and writes are alike, and so are all addresses."""
        end = cycle + self.occupancy_cycles(moved_bytes)
        return cycle, end, end + self.latency_cycles
