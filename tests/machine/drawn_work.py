"""Chips and WORK tables made by hand for tests of the machine."""

from itertools import pairwise, permutations

import numpy as np
from hypothesis import strategies as st

from accelsim.hardware import load_hardware
from accelsim.machine.inputs import drain_bytes
from accelsim.machine.requests import Requests
from accelsim.tables import WORK


def chip(rate="12.8", latency="100", capacity=1000, *overrides):
    """1 GHz: the rate is bytes per cycle, the latency cycles."""
    return load_hardware(
        "dense-16x16",
        [
            f"dram.peak_gb_per_s={rate}",
            "dram.efficiency_fraction=1",
            f"dram.latency_ns={latency}",
            f"scratchpad.capacity_bytes={capacity}",
            *overrides,
        ],
    )


def work_of(rows):
    """Rows of (operand bytes, kept with the next tile?, output bytes, closes outputs?, cycles)."""
    work = np.zeros(len(rows), WORK)
    kept = held = 0
    for row, (operand, keeps, output, closes, cycles) in zip(work, rows, strict=True):
        row["weight_fetch_bytes"] = row["weight_fill_bytes"] = operand
        row["reserve_bytes"] = operand + (output if held == 0 else 0)
        held = held or output
        row["release_after_compute_bytes"] = 0 if keeps else operand + kept
        kept = operand + kept if keeps else 0
        if closes:
            row["release_after_drain_bytes"] = held
            row["output_drain_bytes"] = output
            held = 0
        row["weight_release_bytes"] = row["release_after_compute_bytes"]
        row["compute_cycles"] = cycles
    last = work[-1]
    last["release_after_compute_bytes"] += kept
    last["weight_release_bytes"] += kept
    last["release_after_drain_bytes"] += held
    return work


drawn_rows = st.lists(
    st.tuples(st.integers(0, 300), st.booleans(), st.integers(0, 200), st.booleans(), st.integers(0, 60)),
    min_size=1,
    max_size=12,
)


def with_accesses(work, reads):
    """WORK whose tiles read the scratchpad so often, in turn, and write the outputs they drain."""
    work["weight_scratchpad_reads"] = np.resize(np.array(reads, np.int64), len(work))
    work["output_write_bytes"] = work["output_drain_bytes"]
    return work


def split_operands(work, quarters, sums):
    """WORK whose operands are weights (so many quarters, tile by tile) and activations; some sums come back."""
    held = 0
    for row, share, back in zip(
        work, np.resize(quarters, len(work)), np.resize(sums, len(work)), strict=True
    ):
        operand = int(row["weight_fill_bytes"])
        weights = operand * int(share) // 4
        row["weight_fetch_bytes"] = row["weight_fill_bytes"] = weights
        row["activation_fetch_bytes"] = row["activation_fill_bytes"] = operand - weights
        row["partial_sum_fetch_bytes"] = (row["reserve_bytes"] - operand) // 2 if back else 0
        held += weights
        row["weight_release_bytes"] = held if row["release_after_compute_bytes"] else 0
        held = 0 if row["release_after_compute_bytes"] else held
    return work


# Columns of a fetch, with the regions of the address map that they come from in turn.
_FETCHES = {
    "weight_fetch_bytes": (0, 1, 2),
    "activation_fetch_bytes": (3, 4),
    "partial_sum_fetch_bytes": (7,),
}


def requests_of(work, parts):
    """Runs that no descriptor joins: each operand and drain in `parts` of them, or in as many as it has bytes.

    (Partial sums in one: they have one region.)
    """
    runs, first = [], []

    def put(moved, regions):
        count = min(parts if len(regions) > 1 else 1, moved)
        edges = [moved * i // count for i in range(count + 1)] if count else []
        runs.extend((a, b - a, regions[i % len(regions)]) for i, (a, b) in enumerate(pairwise(edges)))

    for row, drain in zip(work, drain_bytes(work).tolist(), strict=True):
        first.append(len(runs))
        for column, regions in _FETCHES.items():
            put(int(row[column]), regions)
        first.append(len(runs))
        put(drain, (5, 6, 7))
    bounds = np.array([*first, len(runs), 0], np.int64).reshape(-1, 2)
    return Requests(np.array(runs, np.int64).reshape(-1, 3), bounds, np.zeros(8, np.int64), 0)


ORDERS = [" ".join(order) for order in permutations(("weights", "activations", "partial_sums"))]


@st.composite
def drawn_dma(draw):
    """Overrides of the DMA and of the scratchpad's banks and regions; 1200 bytes."""
    keys = {
        "dma.descriptor_cycles": ["0", "3"],
        "dma.chunk_bytes": ["null", "16", "100"],
        "dma.outstanding_chunks": ["null", "1", "3"],
        "dma.arbitration": ["in_order", "drains_first", "fetches_first"],
        "dma.operand_order": ["together", *ORDERS],
        "scratchpad.banks": ["null", "2", "4"],
        "scratchpad.ports": ["shared", "separate"],
        "scratchpad.word_bytes": ["4", "16"],
        "dram.burst_bytes": ["1"],
    }
    chosen = [f"{key}={draw(st.sampled_from(values))}" for key, values in keys.items()]
    if draw(st.booleans()):
        sizes = {"weight": 600, "activation": 300, "output": 300}
        chosen += [f"scratchpad.{name}_bytes={size}" for name, size in sizes.items()]
        chosen = [key.replace("banks=2", "banks=12") for key in chosen]
        if "scratchpad.banks=null" not in chosen:
            chosen.append(f"scratchpad.layout={draw(st.sampled_from(['interleaved', 'blocked']))}")
    return chosen


drawn_quarters = st.lists(st.integers(0, 4), min_size=1, max_size=5)
drawn_sums = st.lists(st.booleans(), min_size=1, max_size=3)
drawn_reads = st.lists(st.sampled_from([0, 7, 60, 120, 500]), min_size=1, max_size=5)
