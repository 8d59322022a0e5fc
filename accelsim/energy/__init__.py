"""Energy: counts of actions from a layer's totals, prices from a table, the bill, and the area behind it."""

from accelsim.energy.actions import NOT_COUNTED, UNPRICED, action_counts
from accelsim.energy.area import AreaRow, ChipArea, chip_area
from accelsim.energy.price import area_mm2, area_of, price
from accelsim.energy.rows import PriceRow
from accelsim.energy.table import EnergyTable, load_table, table_of, tables

__all__ = [
    "NOT_COUNTED",
    "UNPRICED",
    "AreaRow",
    "ChipArea",
    "EnergyTable",
    "PriceRow",
    "action_counts",
    "area_mm2",
    "area_of",
    "chip_area",
    "load_table",
    "price",
    "table_of",
    "tables",
]
