"""The bill: counts of actions x prices of a table = energy, row by row.

::

    energy of a row = count * pj_each          # pj_each as the table's CSV states it; scaled for
    low, high       = count * the row's bounds #   scratchpad accesses (sram.py), wires (x mm of area.py),
                                               #   leakage and standby (power x time)

Nothing has a default: an action without a row is an error, and each line names the row that priced it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from accelsim.bill import ActionCount, EnergyRow
from accelsim.energy import sram
from accelsim.energy.area import ChipArea, chip_area, macro_bytes
from accelsim.energy.dram import DramRows, with_parts
from accelsim.energy.rows import PriceRow
from accelsim.energy.table import EnergyTable
from accelsim.errors import InputError
from accelsim.hardware import Accelerator


@dataclass(frozen=True, slots=True)
class Priced:
    """The row that prices an action, and what the row's prices are multiplied by.

    `high_factor` differs from `factor` only where the count itself is an estimate with a high bound.
    """

    row: PriceRow
    factor: float
    high_factor: float
    how: str = ""


class _Each(NamedTuple):
    """What an action costs each time, in pJ, and what says so."""

    pj: float
    low_pj: float
    high_pj: float
    source: str
    group: str
    place: str


def price(counts: Iterable[ActionCount], chip: Accelerator, table: EnergyTable) -> list[EnergyRow]:
    """Price every count (those of the DRAM's parts too); a layer's energy is the sum of `pj` over the rows.

    Parameters
    ----------
    counts : of `action_counts`
    chip : `chip.energy` names the table's components for DRAM and scratchpad
    table : of `load_table`

    Raises
    ------
    InputError
        If an action has no price in the table; names component, action and table.
    """
    (known, dram), rows = _of_pair(chip, table), []
    for action in with_parts(list(counts), dram):
        component, name, count, unit = action
        each = known.get((component, name, unit))
        if each is None:
            each = known[component, name, unit] = _each(_matched(action, chip, table))
        pj, low, high, source, group, place = each
        rows.append(
            EnergyRow(
                component, name, count, unit, pj, count * pj, count * low, count * high, source, group, place
            )
        )
    return rows


# What a layer's actions cost is what the next one's cost: by identity, of the chips and tables used last.
_Known = tuple[dict[tuple[str, str, str], _Each], DramRows]
_PAIRS: dict[tuple[int, int], tuple[Accelerator, EnergyTable, _Known]] = {}
_MOST_PAIRS = 16


def _of_pair(chip: Accelerator, table: EnergyTable) -> _Known:
    """Of a chip and a table: what is known of prices by component, action and unit; rows of its DRAM."""
    pair = id(chip), id(table)
    found = _PAIRS.get(pair)
    if found is None or found[0] is not chip or found[1] is not table:
        if len(_PAIRS) >= _MOST_PAIRS:
            _PAIRS.clear()
        found = _PAIRS[pair] = chip, table, ({}, DramRows(table, chip.energy.dram))
    return found[2]


def _each(found: Priced) -> _Each:
    row = found.row
    return _Each(
        pj=row.pj * found.factor,
        low_pj=row.low_pj * found.factor,
        high_pj=row.high_pj * found.high_factor,
        source=row.source + (f"; {found.how}" if found.how else ""),
        group=row.group,
        place=row.place,
    )


def _matched(action: ActionCount, chip: Accelerator, table: EnergyTable) -> Priced:
    ns_per_cycle = 1000 / chip.clock_mhz
    match action.component, action.action:
        case "mac", _:
            return _as_stated(_of_width(action, chip, table))
        case "scratchpad", _:
            return _access(action, chip, table)
        case "dram", _:
            return _dram(action, chip, table)
        case "wires", _:
            return _wire(action, chip, table)
        case "leakage", "scratchpad":
            rows = table.find(chip.energy.sram, "leakage", "mw")
            if any(row.size_bytes is None for row in rows):
                raise InputError(
                    f"{table.name}: '{chip.energy.sram}' leakage needs size_bytes: the memory it is of"
                )
            size, width = chip.scratchpad.capacity_bytes, chip.scratchpad.word_bytes * 8
            row = sram.nearest(rows, size, width)
            by = sram.scale(row, size, width) * ns_per_cycle
            return Priced(row, by, by)
        case "leakage", "lanes":
            row = _single(table, "lane", "leakage", "mw")
            by = chip.pe_array.multipliers * ns_per_cycle
            return Priced(row, by, by)
    return _as_stated(_single(table, action.component, action.action, action.unit))


def _as_stated(row: PriceRow) -> Priced:
    return Priced(row, 1.0, 1.0)


def _access(action: ActionCount, chip: Accelerator, table: EnergyTable) -> Priced:
    """An access of one macro: what the others of the scratchpad hold costs nothing but wire."""
    size, width = macro_bytes(chip), chip.scratchpad.word_bytes * 8
    row = sram.nearest(table.find(chip.energy.sram, action.action, action.unit), size, width)
    by = sram.scale(row, size, width)
    how = "extrapolated beyond the points of the fit" if sram.extrapolated(size, width) else ""
    return Priced(row, by, by, how)


def _dram(action: ActionCount, chip: Accelerator, table: EnergyTable) -> Priced:
    component, what = chip.energy.dram, action.action
    if action.unit == "cycle":
        row = _single(table, component, what, "mw_per_gb_per_s")
        by = chip.dram.peak_gb_per_s * 1000 / chip.clock_mhz
        return Priced(row, by, by)
    if action.unit == "row":
        row = _single(table, component, what, "activation")
        most = max((row.size_bytes or 0) / chip.dram.burst_bytes, 1.0)
        return Priced(row, 1.0, most, "rows estimated: low one a row of traffic, high one a burst")
    return _as_stated(_single(table, component, what, action.unit))


def _wire(action: ActionCount, chip: Accelerator, table: EnergyTable) -> Priced:
    # A toggle costs the same on every wire.
    priced = "toggle" if action.unit == "toggle" else action.action
    row = _single(table, "wires", priced, "bit_mm")
    area = area_of(chip, table)
    trunk = action.action == "trunk"
    mm = area.trunk_mm if trunk else area.pitch_mm
    return Priced(row, mm, mm, f"{mm:.3g} mm, {'scratchpad to array' if trunk else 'pitch of a PE'}")


def area_of(chip: Accelerator, table: EnergyTable) -> ChipArea:
    """The chip's area at the table's node; raises InputError if no row of the table states one."""
    if table.node_nm is None:
        raise InputError(f"{table.name}: no row states node_nm: areas and lengths of wires need it")
    return chip_area(chip, table.node_nm)


def area_mm2(chip: Accelerator, table: EnergyTable) -> tuple[float, float, float]:
    """The chip's area at the table's node and its bounds; nan where no row states a node."""
    if table.node_nm is None:
        return math.nan, math.nan, math.nan
    area = chip_area(chip, table.node_nm)
    return (area.mm2, *area.bounds_mm2)


def _of_width(action: ActionCount, chip: Accelerator, table: EnergyTable) -> PriceRow:
    # A multiplier is as wide as its wider operand.
    bits = max(chip.pe_array.weight_bits, chip.pe_array.activation_bits)
    rows = table.find(action.component, action.action, action.unit)
    for row in rows:
        if row.width_bits == bits:
            return row
    raise InputError(
        f"{table.name}: no price for component '{action.component}', action '{action.action}' "
        f"at {bits} bits; priced: {', '.join(str(row.width_bits) for row in rows)} bits"
    )


def _single(table: EnergyTable, component: str, action: str, unit: str) -> PriceRow:
    rows = table.find(component, action, unit)
    if len(rows) > 1:
        raise InputError(
            f"{table.name}: {len(rows)} prices for component '{component}', action '{action}', not one"
        )
    return rows[0]
