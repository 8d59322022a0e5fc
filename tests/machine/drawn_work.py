"""Chips and WORK tables made by hand for tests of the machine."""

import numpy as np
from hypothesis import strategies as st

from accelsim.hardware import load_hardware
from accelsim.tables import WORK


def chip(rate="12.8", latency="100", capacity=1000):
    """1 GHz: the rate is bytes per cycle, the latency cycles."""
    return load_hardware(
        "dense-16x16",
        [
            f"dram.peak_gb_per_s={rate}",
            "dram.efficiency_fraction=1",
            f"dram.latency_ns={latency}",
            f"scratchpad.capacity_bytes={capacity}",
        ],
    )


def work_of(rows):
    """Rows of (operand bytes, kept with the next tile?, output bytes, closes outputs?, cycles)."""
    work = np.zeros(len(rows), WORK)
    kept = held = 0
    for row, (operand, keeps, output, closes, cycles) in zip(work, rows, strict=True):
        row["weight_fetch_bytes"] = operand
        row["reserve_bytes"] = operand + (output if held == 0 else 0)
        held = held or output
        row["release_after_compute_bytes"] = 0 if keeps else operand + kept
        kept = operand + kept if keeps else 0
        if closes:
            row["release_after_drain_bytes"] = held
            row["output_drain_bytes"] = output
            held = 0
        row["compute_cycles"] = cycles
    last = work[-1]
    last["release_after_compute_bytes"] += kept
    last["release_after_drain_bytes"] += held
    return work


drawn_rows = st.lists(
    st.tuples(st.integers(0, 300), st.booleans(), st.integers(0, 200), st.booleans(), st.integers(0, 60)),
    min_size=1,
    max_size=12,
)
