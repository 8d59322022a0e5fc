"""The two tables that cross the house, and the names of their columns.

`WORK` has one row per tile: what a tile fetches, computes and drains, and every counter of its
inside. `TIMELINE` has one row per tile: when. Both are numpy structured arrays of int64; a bare
plural is a count, `_cycles` a duration, `_cycle` an instant, `_lane_cycles` cycles of one lane.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Table: TypeAlias = npt.NDArray[np.void]


def columns(table: Table) -> npt.NDArray[np.int64]:
    """A table's columns side by side: int64 [rows, columns], in their order."""
    return np.ascontiguousarray(table).view(np.int64).reshape(len(table), len(table.dtype.names or ()))


def column_sums(table: Table) -> dict[str, int]:
    """The sum of every column, of all at once."""
    return dict(zip(table.dtype.names or (), columns(table).sum(axis=0).tolist(), strict=True))


# Where each lane-cycle of a tile goes; they add up to lanes x PEs x compute_cycles (docs/machine.md).
TILE_CAUSES = (
    "mac",
    "zero_mac",
    "gated",
    "lane_idle",
    "empty_step",
    "queue_wait",
    "send_wait",
    "conflict",
    "imbalance",
    "unmapped",
    "fill",
    "drain_wait",
)
# Causes of cycles in which no tile computes.
LAYER_CAUSES = ("scratchpad_wait", "descriptor_wait", "fetch_wait", "postprocess")
CAUSES = TILE_CAUSES + LAYER_CAUSES

# What a dataflow counts inside a tile: kernel and reference agree on every one of these.
COUNTERS = (
    "compute_cycles",
    "steps",
    "outputs",
    "dense_macs",
    "done_macs",
    "gated_macs",
    "skipped_macs",
    "effectual_macs",
    "surplus_products",
    "encoding_padding_macs",
    "accumulator_updates",
    "weight_operand_reads",
    "activation_operand_reads",
    "padding_operand_reads",
    "mask_bits_read",
    "weight_scratchpad_read_bytes",
    "weight_scratchpad_reads",
    "activation_scratchpad_read_bytes",
    "activation_scratchpad_reads",
    "weight_queue_write_bytes",
    "activation_queue_write_bytes",
    *(f"{cause}_lane_cycles" for cause in TILE_CAUSES),
)

# Bits that change in registers, accumulators and on buses (docs/dataflows/toggles.md).
TOGGLES = (
    "weight_register_toggles",
    "activation_register_toggles",
    "weight_register_toggles_without_hold",
    "activation_register_toggles_without_hold",
    "accumulator_toggles",
    "weight_bus_toggles",
    "activation_bus_toggles",
    "weight_bus_toggles_without_hold",
    "activation_bus_toggles_without_hold",
    "mask_bus_toggles",
    "multicast_toggles",
    "multicast_toggles_without_hold",
)

# What the plan and the encodings say of a tile; `burst_waste` is rounding to whole DRAM bursts.
TRAFFIC = (
    "weight_fetch_bytes",
    "activation_fetch_bytes",
    "partial_sum_fetch_bytes",
    "metadata_fetch_bytes",  # of the fetches above: masks, runs, indices, pointers, tables
    "fetch_burst_waste_bytes",
    "output_drain_bytes",
    "partial_sum_drain_bytes",
    "metadata_drain_bytes",  # of the drains above
    "drain_burst_waste_bytes",
    "reserve_bytes",  # scratchpad bytes the tile's fetch reserves: operands and outputs it opens
    "release_after_compute_bytes",  # operands whose last use this tile is
    "release_after_drain_bytes",  # outputs that close with this tile
    "partial_sum_read_bytes",  # scratchpad reads and writes of partial sums kept between C tiles
    "partial_sum_write_bytes",
    "output_write_bytes",  # encoded outputs written to the scratchpad
    "weight_fill_bytes",  # fetched weights as the scratchpad holds them
    "activation_fill_bytes",
    "weight_release_bytes",  # of release_after_compute_bytes
)

# What of it crosses the DRAM's pins, burst waste included.
FETCHED = (
    "weight_fetch_bytes",
    "activation_fetch_bytes",
    "partial_sum_fetch_bytes",
    "fetch_burst_waste_bytes",
)
DRAINED = ("output_drain_bytes", "partial_sum_drain_bytes", "drain_burst_waste_bytes")

# What a DRAM with banks counts in a layer: commands, by time the refreshes that fall due (docs/dram.md).
BANKED = (
    "dram_activations",
    "dram_precharges",
    "dram_read_bursts",
    "dram_write_bursts",
    "dram_row_hits",
    "dram_refreshes",
)

BOX = ("n0", "n1", "k0", "k1", "c0", "c1", "p0", "p1", "q0", "q1")

WORK = np.dtype([(name, np.int64) for name in (*BOX, *COUNTERS, *TRAFFIC)])
TIMELINE = np.dtype(
    [
        (name, np.int64)
        for name in (
            "reserved_cycle",
            "fetch_start_cycle",
            "fetch_end_cycle",
            "compute_start_cycle",
            "compute_end_cycle",
            "drain_start_cycle",
            "drain_end_cycle",
            "drain_issue_cycle",  # of its first request, when its descriptors are read
            "fetch_descriptor_cycles",  # from the reservation to the first request, of the first part
            "drain_descriptor_cycles",
            "compute_scratchpad_cycles",  # of the compute: what too few banks add
            "fetch_scratchpad_cycles",  # of the fetch: what busy banks add
            "drain_scratchpad_cycles",
            "second_asked_cycle",  # of the second part of a fetch whose operands come apart
            "second_reserved_cycle",
            "second_descriptor_cycles",
            "third_asked_cycle",
            "third_reserved_cycle",
            "third_descriptor_cycles",
        )
    ]
)
