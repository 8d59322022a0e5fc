"""What a layer's rate is limited by: the ceilings of a roofline, for data with zeros.

::

    multipliers   2 x multipliers x clock
    skipping      the same x dense MACs / slots; slots = done + gated MACs: what the zero policies leave
    DRAM          sustained bytes/s x dense operations / DRAM bytes moved
    scratchpad    feed bytes/s x dense operations / bytes fed; of arrays that state a feed

All are rates of *dense* operations of this layer, on this chip, with these zeros and these bytes. The
lowest binds. A chip that skips nothing has slots = dense MACs, and the first two are one.
"""

from typing import TYPE_CHECKING

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import InnerJoinArray
from accelsim.plots.run import Run, mean_over_inputs, tables_of

if TYPE_CHECKING:
    import pandas as pd

MULTIPLIERS, SKIPPING, DRAM, SCRATCHPAD = "multipliers", "skipping", "DRAM", "scratchpad"


def roofline_table(run: Run) -> "pd.DataFrame":
    """One row per layer with MACs: where it stands under its ceilings; mean over inputs.

    Columns: `layer`, `bound_by`, `cycles`, `dram_bytes`, `dense_operations` and `effectual_operations`
    (two per MAC), `dense_operations_per_byte`, `effectual_operations_per_byte` (inf without DRAM
    traffic), `effective_tops`, `effectual_tops`, `skipping_ceiling_tops`, `dram_ceiling_tops` (inf without
    DRAM traffic), `scratchpad_ceiling_tops` (nan where the array states no feed), `ceiling` (the name of the
    lowest), `ceiling_tops`, and `ceiling_fraction`: effective TOPS over it.
    """
    tables = tables_of(run)
    columns = ["cycles", "dense_macs", "effectual_macs", "done_macs", "gated_macs", "dram_read_bytes"]
    columns += ["dram_write_bytes", "weight_scratchpad_read_bytes", "activation_scratchpad_read_bytes"]
    mean = mean_over_inputs(tables.layers, columns, tables.inputs)
    table = mean[["cycles"]].copy()
    table.insert(0, "bound_by", tables.layers.groupby("layer", sort=False)["bound_by"].first())
    table["dram_bytes"] = mean["dram_read_bytes"] + mean["dram_write_bytes"]
    seconds = mean["cycles"] / (tables.chip.clock_mhz * 1e6)
    with np.errstate(divide="ignore", invalid="ignore"):
        for kind, tops in (("dense", "effective_tops"), ("effectual", "effectual_tops")):
            operations = 2 * mean[f"{kind}_macs"]
            table[f"{kind}_operations"] = operations
            table[f"{kind}_operations_per_byte"] = operations / table["dram_bytes"]
            table[tops] = operations / seconds / 1e12
        table = table[table["dense_operations"] > 0].copy()
        _add_ceilings(table, mean.loc[table.index], tables.chip)
    return table.reset_index()


def _add_ceilings(table: "pd.DataFrame", mean: "pd.DataFrame", chip: Accelerator) -> None:
    slots = mean["done_macs"] + mean["gated_macs"]
    table["skipping_ceiling_tops"] = chip.peak_tops * mean["dense_macs"] / slots
    table["dram_ceiling_tops"] = dram_gb_per_s(chip) * table["dense_operations_per_byte"] / 1e3
    fed = mean["weight_scratchpad_read_bytes"] + mean["activation_scratchpad_read_bytes"]
    table["scratchpad_ceiling_tops"] = feed_gb_per_s(chip) * table["dense_operations"] / fed / 1e3
    array = np.where(slots < mean["dense_macs"], SKIPPING, MULTIPLIERS)
    limits = table[["skipping_ceiling_tops", "dram_ceiling_tops", "scratchpad_ceiling_tops"]]
    lowest = limits.fillna(np.inf).to_numpy().argmin(axis=1)
    table["ceiling"] = [
        (of_array, DRAM, SCRATCHPAD)[which] for of_array, which in zip(array, lowest, strict=True)
    ]
    table["ceiling_tops"] = limits.min(axis=1)
    table["ceiling_fraction"] = table["effective_tops"] / table["ceiling_tops"]


def dram_gb_per_s(chip: Accelerator) -> float:
    """Sustained bandwidth of the DRAM."""
    return float(chip.dram_bytes_per_cycle) * chip.clock_mhz / 1e3


def feed_gb_per_s(chip: Accelerator) -> float:
    """What the scratchpad gives the array at most, all broadcast domains together; nan if not stated."""
    array = chip.pe_array
    feed = getattr(array, "array_feed_bytes_per_cycle", None)
    if feed is None:
        return float("nan")
    domains = 1
    if isinstance(array, InnerJoinArray):
        domains = {"array": 1, "column": array.columns, "row": array.rows}[array.broadcast_domain]
    return float(feed) * domains * chip.clock_mhz / 1e3
