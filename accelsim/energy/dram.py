"""DRAM by its parts: core and pins per bit, rows opened, refresh and standby.

::

    table has an `activate` row for the component:     else (one price a bit, all in):
      read, write   bits x core                          read, write   bits x price
      io            bits of both x pins
      activate      rows counted by the banked model, else estimated
      refresh       refreshes counted with them (none in a short layer), else power x time
      standby       power x time

Estimate: each direction opens a row per `size_bytes` (the row) of its traffic; the high bound: one a burst.
Powers stand for each GB/s of the chip's peak, so channels scale with it.
"""

import re
from collections.abc import Sequence
from functools import cached_property

from accelsim.bill import ActionCount
from accelsim.energy.table import EnergyTable
from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.hardware.dram_model import BankedDram
from accelsim.units import ceil_div

# Counts that follow from others and from the table; a stored run's are made anew when it is priced again.
DERIVED = (("io", "bit"), ("activate", "row"), ("refresh", "cycle"), ("standby", "cycle"))


_KIND = re.compile(r"(?:lp|g)?ddr\d+|hbm\d+")


def is_derived(action: ActionCount) -> bool:
    """Whether `with_parts` adds this count."""
    return action.component == "dram" and (action.action, action.unit) in DERIVED


class DramRows:
    """What a table says of a DRAM's rows, looked up once.

    Parameters
    ----------
    component : the DRAM's, of the table
    """

    def __init__(self, table: EnergyTable, component: str) -> None:
        self._table, self._component = table, component

    @cached_property
    def all_in(self) -> bool:
        """Whether the price of a bit holds rows, refresh and standby."""
        return not self._table.has(self._component, "activate", "activation")

    @cached_property
    def row_bytes(self) -> int:
        """Bytes of a row; raises InputError where the table has no activation, or several."""
        rows = self._table.find(self._component, "activate", "activation")
        sizes = [row.size_bytes for row in rows if row.size_bytes]
        if len(sizes) != 1:
            raise InputError(f"{self._table.name}: {len(sizes)} activations of '{self._component}', not one")
        return sizes[0]


def with_parts(counts: Sequence[ActionCount], dram: DramRows) -> list[ActionCount]:
    """The counts, with those of the DRAM's parts; an all-in price takes its reads and writes alone.

    Raises
    ------
    InputError
        If rows or refreshes were counted and the component has no price for them.
    """
    of_dram = [a for a in counts if a.component == "dram"]
    if dram.all_in:
        # All-in prices hold rows, refresh and standby already: what was counted of them is in the bits.
        return [a for a in counts if a not in of_dram or a.action in ("read", "write")]
    bits = {a.action: a.count for a in of_dram}
    cycles = max((a.count for a in counts if a.component == "leakage"), default=0)
    parts = [ActionCount("dram", "io", bits.get("read", 0) + bits.get("write", 0), "bit")]
    if "activate" not in bits:
        rows = sum(ceil_div(bits.get(way, 0), 8 * dram.row_bytes) for way in ("read", "write"))
        parts.append(ActionCount("dram", "activate", rows, "row"))
    if "refresh" not in bits and "activate" not in bits:
        parts.append(ActionCount("dram", "refresh", cycles, "cycle"))
    parts.append(ActionCount("dram", "standby", cycles, "cycle"))
    return [*counts, *(part for part in parts if part.count)]


def other_memory(chip: Accelerator) -> str | None:
    """A sentence if the device that times a banked DRAM is another kind of memory than what prices it.

    Kinds are told by name, `ddr4` of `ddr4-2400` and of `ddr4_2400`; of a name without one nothing is said.
    """
    if not isinstance(chip.dram, BankedDram):
        return None
    timed, priced = chip.dram.timing.name, chip.energy.dram
    kinds = [found[0] for name in (timed, priced) if (found := _KIND.search(name.lower()))]
    if len(set(kinds)) < 2:
        return None
    return (
        f"{chip.name}: its DRAM is timed as {timed} (dram.device) and priced as {priced} (energy.dram), "
        "which is another memory."
    )
