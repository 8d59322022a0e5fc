"""Two models of DRAM: peak x efficiency, or banks, rows and a scheduler (docs/dram.md)."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.errors import HardwareError
from accelsim.hardware.arrays import Part
from accelsim.hardware.devices import DramDevice, load_device

Rate = Annotated[float, Field(ge=1e-6, le=1e12, allow_inf_nan=False)]
Entries = Annotated[int, Field(ge=1, le=1024)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

# Fields of an address, most significant first; the burst's own bytes are below the last one.
MAPPINGS = {
    "bank_group_low": "row rank bank column bank_group channel",
    "bank_low": "row rank bank_group column bank channel",
    "column_low": "row rank bank bank_group channel column",
    "bank_high": "rank bank bank_group channel row column",
}
FIELDS = ("row", "rank", "bank", "bank_group", "column", "channel")


class BandwidthDram(Part):
    """Bandwidth model: peak x efficiency, latency, whole bursts."""

    model: Literal["bandwidth"] = Field(
        description="bandwidth: peak x efficiency + latency; banked: banks, rows and a scheduler"
    )
    peak_gb_per_s: Rate = Field(description="10^9 bytes per second, all channels together")
    efficiency_fraction: Annotated[float, Field(ge=1e-6, le=1, allow_inf_nan=False)] = Field(
        description="share of the peak reached"
    )
    latency_ns: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = Field(
        description="from the end of a transfer's occupancy to its completion"
    )
    burst_bytes: Literal[1, 16, 32, 64, 128, 256] = Field(description="a contiguous run is rounded up to it")


class BankedDram(Part):
    """Banked model: a device's timing under a controller."""

    model: Literal["banked"] = Field(
        description="bandwidth: peak x efficiency + latency; banked: banks, rows and a scheduler"
    )
    device: Annotated[str, Field(min_length=1)] = Field(
        description="a shipped DRAM device (accelsim dram list) or the path of a CSV file"
    )
    channels: Literal[1, 2, 4, 8, 16, 32] = Field(description="channels, each with a controller of its own")
    ranks: Literal[1, 2, 4, 8] = Field(default=1, description="ranks of a channel; at most 32 banks in all")
    page_policy: Literal["open", "closed"] = Field(
        default="open", description="closed: a row is closed after the last access that waits for it"
    )
    scheduler: Literal["frfcfs", "frfcfs_row_hit", "bank_queues"] = Field(
        default="frfcfs",
        description="frfcfs: the oldest ready request; frfcfs_row_hit: rows stay open for older hits; "
        "bank_queues: a queue before each bank, in turn",
    )
    address_mapping: Annotated[str, Field(min_length=1)] = Field(
        default="bank_group_low",
        description="bank_group_low, bank_low, column_low, bank_high, or fields, most significant first: "
        "row rank bank column:3 bank_group channel column",
    )
    read_queue_entries: Entries = Field(default=32, description="reads that wait in a channel")
    write_queue_entries: Entries = Field(default=32, description="writes that wait in a channel")
    write_high_watermark_fraction: Share = Field(
        default=0.8, description="writes are served once their queue is fuller than this"
    )
    write_low_watermark_fraction: Share = Field(
        default=0.2, description="and until it is emptier than this, if reads wait (not bank_queues)"
    )
    bank_queue_entries: Annotated[int, Field(ge=1, le=64)] = Field(
        default=8, description="requests in the queue of a bank (bank_queues)"
    )
    row_hit_cap: Annotated[int, Field(ge=1, le=2**20)] = Field(
        default=4, description="accesses to an open row after which others may close it (bank_queues)"
    )
    outstanding_bursts: Annotated[int, Field(ge=1, le=2**20)] | None = Field(
        default=None, description="bursts under way in a channel at most; null: as many as the queues take"
    )
    posted_writes: bool = Field(
        default=False, description="a write is done, for that limit, once its queue has taken it"
    )

    @model_validator(mode="after")
    def _the_device_is_possible(self) -> "BankedDram":
        try:
            device = self.timing
        except HardwareError as error:
            raise ValueError(f"device must be possible: {error}") from error
        if device.banks * self.ranks > 32:
            raise ValueError(f"ranks must make at most 32 banks, not {self.ranks} x {device.banks}")
        try:
            address_fields(self.address_mapping, device, self.channels, self.ranks)
        except ValueError as error:
            raise ValueError(f"address_mapping {error}") from error
        if self.write_low_watermark_fraction > self.write_high_watermark_fraction:
            raise ValueError(
                "write_low_watermark_fraction must be at most write_high_watermark_fraction "
                f"({self.write_high_watermark_fraction}), not {self.write_low_watermark_fraction}"
            )
        return self

    @property
    def timing(self) -> DramDevice:
        """The device's table."""
        return load_device(self.device)

    @property
    def burst_bytes(self) -> int:
        """A contiguous run is rounded up to it."""
        return self.timing.burst_bytes

    @property
    def peak_gb_per_s(self) -> float:
        """10^9 bytes per second, all channels together."""
        return float(self.channels * self.timing.peak_gb_per_s)

    @property
    def sustained_gb_per_s(self) -> Fraction:
        """What sequential reads reach by the closed form; exact."""
        device, fields = self.timing, mapping_words(self.address_mapping)
        low = [name for name in fields if name in ("bank", "bank_group", "column")][-1]
        same_group = device.bank_groups > 1 and low != "bank_group"
        return self.channels * device.peak_gb_per_s * device.utilisation(same_group=same_group)

    @property
    def latency_ns(self) -> float:
        """A cold read: tRCD + CL + burst."""
        device = self.timing
        return float((device["tRCD_read"] + device["CL"] + device["burst"]) * device.clock_ns)

    @property
    def write_high_entries(self) -> int:
        """Writes are served once more than this wait."""
        return int(self.write_high_watermark_fraction * self.write_queue_entries)

    @property
    def write_low_entries(self) -> int:
        """Reads are served again once fewer writes than this wait: at the latest when none does."""
        return max(1, ceil(self.write_low_watermark_fraction * self.write_queue_entries))


def mapping_words(mapping: str) -> list[str]:
    """Names of a mapping's fields, most significant first, without their bits."""
    return [word.partition(":")[0] for word in MAPPINGS.get(mapping, mapping).split()]


def address_fields(mapping: str, device: DramDevice, channels: int, ranks: int) -> list[tuple[str, int]]:
    """(field, bits) of an address above the burst's bytes, most significant first.

    Raises
    ------
    ValueError
        If the fields do not cover the device's channels, ranks, banks, rows and columns, each once.
    """
    sizes = {
        "row": device.rows,
        "rank": ranks,
        "bank": device.banks_per_group,
        "bank_group": device.bank_groups,
        "column": device.columns,
        "channel": channels * device.pseudo_channels,
    }
    needed = {name: size.bit_length() - 1 for name, size in sizes.items()}
    words = MAPPINGS.get(mapping, mapping).split()
    fields: list[tuple[str, int | None]] = []
    for word in words:
        name, colon, bits = word.partition(":")
        if name not in needed:
            raise ValueError(f"must be {', '.join(MAPPINGS)} or fields of {', '.join(FIELDS)}, not {word!r}")
        if colon and not (bits.isdecimal() and 1 <= int(bits) <= 40):
            raise ValueError(f"must give the bits of a field as column:3, not {word!r}")
        fields.append((name, int(bits) if colon else None))
    return [field for field in _filled(fields, needed) if field[1] > 0]


def _filled(fields: Sequence[tuple[str, int | None]], needed: dict[str, int]) -> list[tuple[str, int]]:
    given = {name: sum(bits or 0 for field, bits in fields if field == name) for name in needed}
    for name, bits in needed.items():
        left = bits - given[name]
        open_fields = sum(field == name and size is None for field, size in fields)
        if open_fields > 1:
            raise ValueError(f"must give the bits of each {name} but one")
        if left < 0 or (open_fields == 0 and left > 0):
            raise ValueError(
                f"must cover the device: {name} has {bits} bit{'s' * (bits != 1)}, the mapping {given[name]}"
            )
    return [(name, needed[name] - given[name] if bits is None else bits) for name, bits in fields]


AnyDram = Annotated[BandwidthDram | BankedDram, Field(discriminator="model")]
DRAMS: dict[str, type[Part]] = {"bandwidth": BandwidthDram, "banked": BankedDram}
