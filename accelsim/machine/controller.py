"""A channel's controller: its policy, and the state at clock 0 made from policy and device (docs/dram.md)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.hardware import BankedDram, DramDevice
from accelsim.machine import _banked_state as S

Ints = NDArray[np.int64]
_LONG_AGO = -(1 << 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """Policy of a channel's controller, as the keys of `dram` say; the front end's two numbers beside it.

    Attributes
    ----------
    window : bursts under way at most; None: as the queues take
    offers : requests offered in a clock
    return_clocks : from the last data of a read to a free place in the window
    write_high, write_low, write_idle : entries; idle: writes are served when no read waits and so many do

    Raises
    ------
    InputError
        If writes that wait for others (`write_idle`), or reads for writes (`write_low`), could wait for ever.
    """

    scheduler: str = "frfcfs"
    closed_page: bool = False
    read_entries: int = 32
    write_entries: int = 32
    write_high: int = 25
    write_low: int = 7
    write_idle: int = 0
    bank_entries: int = 8
    row_hit_cap: int = 4
    window: int | None = None
    posted_writes: bool = False
    offers: int = 4
    return_clocks: int = 0

    def __post_init__(self) -> None:
        if self.write_low < 1:
            raise InputError(
                f"Controller: write_low must be at least 1, not {self.write_low}: "
                "no fewer writes can wait, and reads would wait for ever"
            )
        most = 1
        if self.scheduler == "bank_queues":
            most = self.write_entries
            if self.window is not None and not self.posted_writes:
                most = min(most, self.window)
        if self.write_idle > most:
            raise InputError(
                f"Controller: write_idle must be at most {most} under {self.scheduler} (write_entries="
                f"{self.write_entries}, window={self.window}, posted_writes={self.posted_writes}), "
                f"not {self.write_idle}: fewer writes would wait for ever"
            )

    @classmethod
    def of(cls, dram: BankedDram) -> "Controller":
        """The controller of a chip."""
        return cls(
            scheduler=dram.scheduler,
            closed_page=dram.page_policy == "closed",
            read_entries=dram.read_queue_entries,
            write_entries=dram.write_queue_entries,
            write_high=dram.write_high_entries,
            write_low=dram.write_low_entries,
            bank_entries=dram.bank_queue_entries,
            row_hit_cap=dram.row_hit_cap,
            window=dram.outstanding_bursts,
            posted_writes=dram.posted_writes,
        )


def fresh_state(device: DramDevice, ranks: int, controller: Controller) -> Ints:
    """State of a channel at clock 0: all banks closed, queues empty, the first refresh due after tREFI."""
    banks = device.banks * ranks
    with_queues = controller.scheduler == "bank_queues"
    entries = controller.read_entries + controller.write_entries
    entries += banks * (controller.bank_entries if with_queues else 1)
    m = np.zeros(S.ENTRY + entries * S.ENTRY_STRIDE, np.int64)
    for place, value in (_timing(device) | _settings(device, ranks, controller)).items():
        m[place] = value
    m[S.DUE], m[S.OFFER_CLOCK] = device["tREFI"], -1
    m[S.BEST_AT :][: S.COMMANDS] = S.FAR
    for rank in range(ranks):
        m[S.RANK + rank * S.RANK_STRIDE :][:4] = _LONG_AGO
    for b in range(banks):
        at, rank = S.BANK + b * S.BANK_STRIDE, b // device.banks
        m[at + S.ROW] = m[at + S.ACTIVE] = -1
        m[at + S.GROUP] = b // device.banks_per_group
        m[at + S.FIRST_GROUP] = rank * device.bank_groups
        m[at + S.LAST_GROUP] = (rank + 1) * device.bank_groups
        m[at + S.RING] = S.RANK + rank * S.RANK_STRIDE
        for which in range(3):
            m[at + S.LIST + which * S.LIST_STRIDE :][: S.LENGTH] = -1
    if with_queues:
        slots = m[S.SLOT : S.DONE].reshape(-1, S.SLOT_STRIDE)
        slots[:, S.AT], slots[:, S.BOUND] = S.FAR, S.SHARED
    places = S.ENTRY + S.ENTRY_STRIDE * np.arange(entries)
    m[places + S.NEXT] = np.append(places[1:], -1)
    m[S.FREE] = S.ENTRY
    return m


def _timing(device: DramDevice) -> dict[int, int]:
    read_done = device["CL"] + device["burst"]
    write_done = device["CWL"] + device["burst"]
    switch = device["burst"] + device["rank_switch"]
    return {
        S.RCD_RD: device["tRCD_read"],
        S.RCD_WR: device["tRCD_write"],
        S.RP: device["tRP"],
        S.RP_AB: device["tRP_all"],
        S.RAS: device["tRAS"],
        S.RC: device["tRC"],
        S.CCD_S: device["tCCD_S"],
        S.CCD_L: device["tCCD_L"],
        S.RRD_S: device["tRRD_S"],
        S.RRD_L: device["tRRD_L"],
        S.FAW: device["tFAW"],
        S.PPD: device["tPPD"],
        S.RTP: device["tRTP"],
        S.RFC: device["tRFC"],
        S.REFI: device["tREFI"],
        S.READ_DONE: read_done,
        S.WRITE_DONE: write_done,
        S.READ_TO_WRITE: max(1, read_done + device["bus_turnaround"] - device["CWL"]),
        S.WRITE_TO_READ_S: write_done + device["tWTR_S"],
        S.WRITE_TO_READ_L: write_done + device["tWTR_L"],
        S.WRITE_TO_PRE: write_done + device["tWR"],
        S.RANK_READ_READ: switch,
        S.RANK_WRITE_WRITE: switch,
        S.RANK_READ_WRITE: max(1, read_done + device["rank_switch"] - device["CWL"]),
        S.RANK_WRITE_READ: max(1, write_done + device["rank_switch"] - device["CL"]),
    }


def _settings(device: DramDevice, ranks: int, controller: Controller) -> dict[int, int]:
    return {
        S.BANKS: device.banks * ranks,
        S.GROUPS: device.bank_groups * ranks,
        S.GROUP_BITS: device.banks_per_group.bit_length() - 1,
        S.RANK_BANKS: device.banks,
        S.RANKS: ranks,
        S.BUSES: device.command_buses,
        S.WINDOW: S.FAR if controller.window is None else controller.window,
        S.OFFERS: controller.offers,
        S.READ_ENTRIES: controller.read_entries,
        S.WRITE_ENTRIES: controller.write_entries,
        S.HIGH: controller.write_high,
        S.LOW: controller.write_low,
        S.IDLE: controller.write_idle,
        S.POSTED: controller.posted_writes,
        S.RETURN: controller.return_clocks,
        S.CLOSED_PAGE: controller.closed_page,
        S.KEEP_HITS: controller.scheduler == "frfcfs_row_hit",
        S.HIT_CAP: controller.row_hit_cap,
        S.BANK_ENTRIES: controller.bank_entries,
    }
