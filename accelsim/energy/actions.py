"""What a layer did, as counts of actions that have a price.

::

    totals (sums of WORK's columns) --action_counts--> component, action, count, unit --price--> pJ

Done, gated and surplus MACs are separate actions. A skipped MAC does nothing itself: what it costs are
its mask bits.
"""

from collections.abc import Mapping

from accelsim.bill import ActionCount
from accelsim.energy.storage import clocked_bits
from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ColumnBroadcastArray
from accelsim.tables import COUNTERS, TILE_CAUSES, TOGGLES, TRAFFIC
from accelsim.toggles import PRICED
from accelsim.units import ceil_div

# What totals state beside the columns of WORK; OPERATION's only for operations of the postprocessor.
CYCLES = "cycles"
OPERATION = ("postprocessor_elements", "dram_read_bytes", "dram_write_bytes")
# What a DRAM model with banks counts beside; where it does not, energy/dram.py estimates.
BANKED = ("dram_activations", "dram_refreshes")
# Optional, of operations: tensors that stay in the scratchpad are read or written there, once.
KEPT = ("kept_read_bytes", "kept_write_bytes")

# Every column that no price reads, with the reason.
UNPRICED: dict[str, str] = {
    "compute_cycles": "time, not work; leakage runs over `cycles`, the layer's whole duration",
    "steps": "a step's cost is that of its bytes",
    "dense_macs": "the sum of done, gated and skipped MACs",
    "skipped_macs": "a skipped MAC costs nothing itself; its mask bits are in `mask_bits_read`",
    "effectual_macs": "a part of done_macs",
    "encoding_padding_macs": "a part of done_macs",
    "metadata_fetch_bytes": "a part of the fetch bytes",
    "metadata_drain_bytes": "a part of the drain bytes",
    "reserve_bytes": "bookkeeping of space",
    "release_after_compute_bytes": "bookkeeping of space",
    "release_after_drain_bytes": "bookkeeping of space",
    "weight_release_bytes": "bookkeeping of space",
    **{
        name: "what would toggle if nothing held; `accelsim hold` prices it"
        for name in TOGGLES
        if name.endswith("_without_hold")
    },
    **{
        f"{cause}_lane_cycles": "time, not work; an idle lane leaks, and leakage is priced"
        for cause in TILE_CAUSES
    },
}

# Hardware that no count describes, with the reason: listed in every report.
NOT_COUNTED: dict[str, str] = {
    "control": "instructions, address generation and state machines: no published energy per action",
    "encoding": "zero detection and encoding of outputs; decoding of what comes from DRAM",
    "constants": "biases and requantisation constants: a few bytes a filter",
    "register leakage": "the source of the registers' prices states 0",
    "host": "processor, PCIe or system bus, and what they run",
}


def action_counts(totals: Mapping[str, int], chip: Accelerator) -> list[ActionCount]:
    """The actions of one layer, or of one operation of the postprocessor, that happened at least once.

    Parameters
    ----------
    totals : sums over a layer's tiles of `tables.COUNTERS` and `tables.TRAFFIC`, and `cycles`, the layer's
        duration. An operation states `cycles`, `postprocessor_elements`, and its whole DRAM traffic in
        `dram_read_bytes` and `dram_write_bytes`; it may state columns too, absent ones are 0, and those of
        TRAFFIC are not counted a second time. `dram_activations` and `dram_refreshes` may be stated, and
        all of `tables.TOGGLES`: counted toggles take the place of bits loaded, updated and sent.
    chip : its operand widths, word size and lanes turn counts into bits and accesses

    Raises
    ------
    InputError
        If a column is missing, unknown or negative.
    """
    t = _complete(totals)
    array = chip.pe_array
    weight_bits, activation_bits = array.weight_bits, array.activation_bits
    # A padding tap has no bytes in the queue: its register loads a constant zero.
    queue_read_bits = (
        t["weight_operand_reads"] * weight_bits + t["activation_operand_reads"] * activation_bits
    )
    loaded_bits = queue_read_bits + t["padding_operand_reads"] * activation_bits
    sent_bytes = t["weight_scratchpad_read_bytes"] + t["activation_scratchpad_read_bytes"]
    # Stored indices are widened once per done MAC (docs/dataflows/column_broadcast.md).
    shared = isinstance(array, ColumnBroadcastArray) and array.codebook
    codebook_reads = t["done_macs"] if shared else 0
    queued_bytes = t["weight_queue_write_bytes"] + t["activation_queue_write_bytes"]
    updated_bits = t["accumulator_updates"] * array.accumulator_bits
    traffic = _operation_traffic if OPERATION[0] in totals else _layer_traffic
    scratchpad_reads, scratchpad_writes, dram_read_bytes, dram_write_bytes = traffic(
        t, chip.scratchpad.word_bytes
    )
    counts = [
        ActionCount("mac", "done", t["done_macs"], "mac"),
        ActionCount("mac", "gated", t["gated_macs"], "mac"),
        ActionCount("mac", "surplus", t["surplus_products"], "mac"),
        *_moved_bits(totals, loaded_bits, updated_bits, sent_bytes * 8, queued_bytes * 8),
        ActionCount("operand_register", "hold", t["gated_macs"] * (weight_bits + activation_bits), "bit"),
        ActionCount("mask", "test", t["mask_bits_read"], "bit"),
        ActionCount("queue", "read", queue_read_bits // 8, "byte"),
        ActionCount("queue", "write", queued_bytes, "byte"),
        ActionCount("noc", "hop", queued_bytes * 8, "bit"),
        ActionCount("codebook", "read", codebook_reads * weight_bits, "bit"),
        ActionCount("scratchpad", "read", scratchpad_reads, "access"),
        ActionCount("scratchpad", "write", scratchpad_writes, "access"),
        ActionCount("postprocessor", "drain", t["outputs"], "element"),
        ActionCount("postprocessor", "operation", t["postprocessor_elements"], "element"),
        ActionCount("dram", "read", dram_read_bytes * 8, "bit"),
        ActionCount("dram", "write", dram_write_bytes * 8, "bit"),
        ActionCount("dram", "activate", t["dram_activations"], "activation"),
        ActionCount("dram", "refresh", t["dram_refreshes"], "refresh"),
        ActionCount("clock", "tree", t[CYCLES] * clocked_bits(chip), "bit"),
        ActionCount("leakage", "scratchpad", t[CYCLES], "cycle"),
        ActionCount("leakage", "lanes", t[CYCLES], "cycle"),
    ]
    return [action for action in counts if action.count]


def _moved_bits(
    totals: Mapping[str, int], loaded: int, updated: int, sent: int, queued: int
) -> list[ActionCount]:
    """Registers, accumulators and wires: by the bits that change where they are counted, else by all bits."""
    if TOGGLES[0] in totals:
        return [
            ActionCount(component, action, sum(int(totals[name]) for name in names), unit)
            for component, action, unit, names in PRICED
        ]
    return [
        ActionCount("operand_register", "load", loaded, "bit"),
        ActionCount("accumulator", "update", updated, "bit"),
        ActionCount("wires", "trunk", sent, "bit"),
        ActionCount("wires", "multicast", queued, "bit"),
    ]


_COLUMNS = frozenset((CYCLES, *COUNTERS, *TRAFFIC))
_OF_OPERATION = frozenset((CYCLES, *OPERATION))
_ABSENT = dict.fromkeys((CYCLES, *OPERATION, *BANKED, *KEPT, *TOGGLES, *COUNTERS, *TRAFFIC), 0)


def _complete(totals: Mapping[str, int]) -> dict[str, int]:
    needed = _OF_OPERATION if OPERATION[0] in totals else _COLUMNS
    if not totals.keys().isdisjoint(TOGGLES):
        needed = needed.union(TOGGLES)
    if missing := sorted(needed - totals.keys()):
        raise InputError(f"totals: missing {', '.join(missing)}")
    if unknown := sorted(totals.keys() - _ABSENT.keys()):
        raise InputError(f"totals: unknown {', '.join(unknown)}")
    for name, count in totals.items():
        if count < 0:
            raise InputError(f"totals: {name} must not be negative, not {count}")
    return _ABSENT | {name: int(count) for name, count in totals.items()}


def _layer_traffic(t: Mapping[str, int], word_bytes: int) -> tuple[int, int, int, int]:
    """Scratchpad reads and writes (accesses), DRAM bytes read and written.

    Burst waste crosses the DRAM's pins and stops there. Outputs that stay in the scratchpad (none drain)
    are not read for a drain.
    """
    fetches = [t["weight_fetch_bytes"], t["activation_fetch_bytes"], t["partial_sum_fetch_bytes"]]
    drains = [t["output_drain_bytes"], t["partial_sum_drain_bytes"]]
    sums = [t["partial_sum_fetch_bytes"], t["partial_sum_write_bytes"]]
    drained = t["output_write_bytes"] if t["output_drain_bytes"] else 0
    read = [drained, t["partial_sum_drain_bytes"], t["partial_sum_read_bytes"]]
    written = [t["weight_fill_bytes"], t["activation_fill_bytes"], *sums, t["output_write_bytes"]]
    array_reads = t["weight_scratchpad_reads"] + t["activation_scratchpad_reads"]
    return (
        array_reads + sum(ceil_div(size, word_bytes) for size in read),
        sum(ceil_div(size, word_bytes) for size in written),
        sum(fetches) + t["fetch_burst_waste_bytes"],
        sum(drains) + t["drain_burst_waste_bytes"],
    )


def _operation_traffic(t: Mapping[str, int], word_bytes: int) -> tuple[int, int, int, int]:
    """As `_layer_traffic`: what moves in DRAM passes the scratchpad once, in and out."""
    read, written = t["dram_read_bytes"], t["dram_write_bytes"]
    accesses = ceil_div(read, word_bytes) + ceil_div(written, word_bytes)
    kept_reads, kept_writes = (ceil_div(t[name], word_bytes) for name in KEPT)
    return accesses + kept_reads, accesses + kept_writes, read, written
