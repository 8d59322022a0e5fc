"""Energy: counts of actions from a layer's totals, prices from a table, and the bill."""

from accelsim.energy.actions import UNPRICED, action_counts
from accelsim.energy.price import price
from accelsim.energy.table import EnergyTable, PriceRow, load_table, tables

__all__ = ["UNPRICED", "EnergyTable", "PriceRow", "action_counts", "load_table", "price", "tables"]
