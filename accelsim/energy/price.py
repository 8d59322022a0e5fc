"""The bill: counts of actions x prices of a table = energy, row by row.

::

    energy of a row = count * pj_each          # pj_each as the table's CSV states it; scaled for
    low, high       = count * the row's bounds #   scratchpad accesses (sram.py) and leakage (power x time)
"""

from collections.abc import Iterable

from accelsim.energy import sram
from accelsim.energy.table import EnergyTable, PriceRow
from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.results import ActionCount, EnergyRow


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
    return [_priced(action, chip, table) for action in counts]


def _priced(action: ActionCount, chip: Accelerator, table: EnergyTable) -> EnergyRow:
    row, factor = _row_and_factor(action, chip, table)
    source = row.source
    size, width = chip.scratchpad.capacity_bytes, chip.scratchpad.word_bytes * 8
    if row.unit == "access" and sram.extrapolated(size, width):
        source += "; extrapolated beyond the points of the fit"
    pj_each = row.pj * factor
    return EnergyRow(
        component=action.component,
        action=action.action,
        count=action.count,
        unit=action.unit,
        pj_each=pj_each,
        pj=action.count * pj_each,
        low_pj=action.count * (row.low_pj * factor),
        high_pj=action.count * (row.high_pj * factor),
        source=source,
    )


def _row_and_factor(action: ActionCount, chip: Accelerator, table: EnergyTable) -> tuple[PriceRow, float]:
    """The table's row for an action, and what its prices are multiplied by."""
    size, width = chip.scratchpad.capacity_bytes, chip.scratchpad.word_bytes * 8
    ns_per_cycle = 1000 / chip.clock_mhz
    match action.component, action.action:
        case "mac", _:
            return _of_width(action, chip, table), 1.0
        case "dram", _:
            return _single(table, chip.energy.dram, action.action, action.unit), 1.0
        case "scratchpad", _:
            row = sram.nearest(table.find(chip.energy.sram, action.action, action.unit), size, width)
            return row, sram.scale(row, size, width)
        case "leakage", "scratchpad":
            rows = table.find(chip.energy.sram, "leakage", "mw")
            if any(row.size_bytes is None for row in rows):
                raise InputError(
                    f"{table.name}: '{chip.energy.sram}' leakage needs size_bytes: the memory it is of"
                )
            row = sram.nearest(rows, size, width)
            return row, sram.scale(row, size, width) * ns_per_cycle
        case "leakage", "lanes":
            row = _single(table, "lane", "leakage", "mw")
            return row, chip.pe_array.multipliers * ns_per_cycle
    return _single(table, action.component, action.action, action.unit), 1.0


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
