"""What a DRAM channel charges for a transfer; one class per model, one method."""

from typing import Protocol

from accelsim.hardware import Accelerator


class Channel(Protocol):
    """A DRAM channel with its state between transfers."""

    latency_cycles: int

    def occupancy_cycles(self, transfer_bytes: int) -> int:
        """Core cycles for which the next transfer occupies the channel."""


class BandwidthChannel:
    """Peak x efficiency; the fraction of a cycle that rounding up gave too much is carried."""

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
