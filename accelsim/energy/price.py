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

from accelsim.bill import ActionCount, EnergyRow
from accelsim.energy import sram
from accelsim.energy.area import ChipArea, chip_area, macro_bytes
from accelsim.energy.dram import with_parts
from accelsim.energy.rows import PriceRow
from accelsim.energy.table import EnergyTable
from accelsim.errors import InputError
from accelsim.hardware import Accelerator


@dataclass(frozen=True, slots=True)
class Priced:
    """A count, the row that prices it, and what the row's prices are multiplied by.

    `high_factor` differs from `factor` only where the count itself is an estimate with a high bound.
    """

    action: ActionCount
    row: PriceRow
    factor: float
    high_factor: float
    how: str = ""


def price(counts: Iterable[ActionCount], chip: Accelerator, table: EnergyTable) -> list[EnergyRow]:
    """Price every count; the energy of a layer is the sum of `pj` over the rows.

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
    return [energy_row(found) for found in matched(counts, chip, table)]


def matched(counts: Iterable[ActionCount], chip: Accelerator, table: EnergyTable) -> list[Priced]:
    """Every count (those of the DRAM's parts too) with its row and factors; raises as `price`."""
    known = _of_pair(chip, table)
    found = []
    for action in with_parts(list(counts), chip, table):
        what = action.component, action.action, action.unit
        if what not in known:
            known[what] = _matched(action, chip, table)
        one = known[what]
        found.append(Priced(action, one.row, one.factor, one.high_factor, one.how))
    return found


# What a layer's actions cost is what the next one's cost: by identity, of the chips and tables used last.
_Known = dict[tuple[str, str, str], Priced]
_PAIRS: dict[tuple[int, int], tuple[Accelerator, EnergyTable, _Known]] = {}
_MOST_PAIRS = 16


def _of_pair(chip: Accelerator, table: EnergyTable) -> _Known:
    """What is known of a chip's prices from a table: by component, action and unit."""
    pair = id(chip), id(table)
    found = _PAIRS.get(pair)
    if found is None or found[0] is not chip or found[1] is not table:
        if len(_PAIRS) >= _MOST_PAIRS:
            _PAIRS.clear()
        found = _PAIRS[pair] = chip, table, {}
    return found[2]


def energy_row(found: Priced) -> EnergyRow:
    """The line of the bill."""
    action, row = found.action, found.row
    pj_each = row.pj * found.factor
    return EnergyRow(
        component=action.component,
        action=action.action,
        count=action.count,
        unit=action.unit,
        pj_each=pj_each,
        pj=action.count * pj_each,
        low_pj=action.count * (row.low_pj * found.factor),
        high_pj=action.count * (row.high_pj * found.high_factor),
        source=row.source + (f"; {found.how}" if found.how else ""),
        group=row.group,
        priced_by=row.place,
    )


def _matched(action: ActionCount, chip: Accelerator, table: EnergyTable) -> Priced:
    ns_per_cycle = 1000 / chip.clock_mhz
    match action.component, action.action:
        case "mac", _:
            return _as_stated(action, _of_width(action, chip, table))
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
            return Priced(action, row, by, by)
        case "leakage", "lanes":
            row = _single(table, "lane", "leakage", "mw")
            by = chip.pe_array.multipliers * ns_per_cycle
            return Priced(action, row, by, by)
    return _as_stated(action, _single(table, action.component, action.action, action.unit))


def _as_stated(action: ActionCount, row: PriceRow) -> Priced:
    return Priced(action, row, 1.0, 1.0)


def _access(action: ActionCount, chip: Accelerator, table: EnergyTable) -> Priced:
    """An access of one macro: what the others of the scratchpad hold costs nothing but wire."""
    size, width = macro_bytes(chip), chip.scratchpad.word_bytes * 8
    row = sram.nearest(table.find(chip.energy.sram, action.action, action.unit), size, width)
    by = sram.scale(row, size, width)
    how = "extrapolated beyond the points of the fit" if sram.extrapolated(size, width) else ""
    return Priced(action, row, by, by, how)


def _dram(action: ActionCount, chip: Accelerator, table: EnergyTable) -> Priced:
    component, what = chip.energy.dram, action.action
    if action.unit == "cycle":
        row = _single(table, component, what, "mw_per_gb_per_s")
        by = chip.dram.peak_gb_per_s * 1000 / chip.clock_mhz
        return Priced(action, row, by, by)
    if action.unit == "row":
        row = _single(table, component, what, "activation")
        most = max((row.size_bytes or 0) / chip.dram.burst_bytes, 1.0)
        return Priced(action, row, 1.0, most, "rows estimated: low one a row of traffic, high one a burst")
    return _as_stated(action, _single(table, component, what, action.unit))


def _wire(action: ActionCount, chip: Accelerator, table: EnergyTable) -> Priced:
    # A toggle costs the same on every wire.
    priced = "toggle" if action.unit == "toggle" else action.action
    row = _single(table, "wires", priced, "bit_mm")
    area = area_of(chip, table)
    trunk = action.action == "trunk"
    mm = area.trunk_mm if trunk else area.pitch_mm
    return Priced(action, row, mm, mm, f"{mm:.3g} mm, {'scratchpad to array' if trunk else 'pitch of a PE'}")


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
