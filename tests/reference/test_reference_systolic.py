"""Cases of the systolic reference small enough to count on paper."""

from typing import Any

import numpy as np
import pytest

from accelsim.hardware import Accelerator, load_hardware
from accelsim.plan import tile_boxes, tile_of, whole
from accelsim.reference.systolic import tile_counts
from accelsim.tables import TILE_CAUSES
from accelsim.trace import from_arrays

pytestmark = pytest.mark.small


def chip(rows: int, columns: int, stationary: str, **given: Any) -> Accelerator:
    keys = {
        "rows": rows,
        "columns": columns,
        "stationary": stationary,
        "overlap": "false",
        "pipeline_cycles": 0,
    }
    keys |= {"weight_policy": "compute", "activation_policy": "compute"} | given
    word = keys.pop("word_bytes", 4)
    overrides = [f"pe_array.{key}={value}" for key, value in keys.items()]
    return load_hardware("systolic-weights-16x32", [*overrides, f"scratchpad.word_bytes={word}"])


def run(machine: Accelerator, weights: Any, activations: Any, **geometry: Any) -> dict[str, int]:
    trace = from_arrays(np.array(weights, np.int8), np.array(activations, np.uint8), **geometry)
    return tile_counts(trace, tile_of(tile_boxes(whole(trace.layer), trace.layer)[0]), machine)


def causes(counts: dict[str, int]) -> dict[str, int]:
    named = {cause: counts[f"{cause}_lane_cycles"] for cause in TILE_CAUSES}
    return {cause: cycles for cause, cycles in named.items() if cycles}


# Two filters of two channels at three positions: a product of 2 x 2 and 2 x 3.
WEIGHTS = [[[[1, 2]]], [[[3, 0]]]]
ACTIVATIONS = [[[[1, 1]], [[0, 2]], [[5, 0]]]]


def test_stationary_weights_load_then_stream() -> None:
    """Load 2, stream 2 + 2 + 3 - 2 = 5. Each PE: 2 cycles of load, 2 of skew, 3 slots."""
    counts = run(chip(2, 2, "weights"), WEIGHTS, ACTIVATIONS)
    assert (counts["compute_cycles"], counts["steps"], counts["outputs"]) == (7, 1, 6)
    # 12 pairs; non-zero are 1x1 2x1 3x1, 2x2, 1x5 3x5.
    assert causes(counts) == {"mac": 6, "zero_mac": 6, "fill": 16}
    assert counts["weight_scratchpad_read_bytes"] == counts["weight_queue_write_bytes"] == 4
    assert counts["activation_scratchpad_read_bytes"] == 6
    assert counts["activation_queue_write_bytes"] == 12  # both columns
    assert (counts["weight_scratchpad_reads"], counts["activation_scratchpad_reads"]) == (2, 3)
    assert counts["accumulator_updates"] == 12 + 3 * 2


def test_stationary_activations_take_their_place() -> None:
    """Positions are the columns: two folds of them (2 and 1), two filters stream: (2 + 4) x 2 cycles."""
    counts = run(chip(2, 2, "activations"), WEIGHTS, ACTIVATIONS)
    assert (counts["compute_cycles"], counts["steps"]) == (12, 2)
    # The second fold has one column: 2 PEs x 6 cycles are unmapped.
    assert causes(counts) == {"mac": 6, "zero_mac": 6, "unmapped": 12, "fill": 24}
    assert counts["activation_queue_write_bytes"] == counts["activation_scratchpad_read_bytes"] == 6
    assert counts["weight_scratchpad_read_bytes"] == 8  # once a fold
    assert counts["weight_queue_write_bytes"] == 4 * 3  # each passes the positions


def test_stationary_outputs_shift_out() -> None:
    """Positions are rows: folds of 2 and 1, each 2 + 2 + 2 - 2 cycles and 2 to shift out."""
    counts = run(chip(2, 2, "outputs"), WEIGHTS, ACTIVATIONS)
    assert (counts["compute_cycles"], counts["steps"]) == (12, 2)
    assert causes(counts) == {"mac": 6, "zero_mac": 6, "drain_wait": 16, "unmapped": 8, "fill": 12}
    assert counts["accumulator_updates"] == 12
    assert counts["weight_queue_write_bytes"] == 4 * 3
    assert counts["activation_queue_write_bytes"] == 6 * 2


@pytest.mark.parametrize(("stationary", "cycles"), [("activations", 10), ("outputs", 10), ("weights", 7)])
def test_overlap_leaves_one_load_or_shift_out(stationary: str, cycles: int) -> None:
    counts = run(chip(2, 2, stationary, overlap="true"), WEIGHTS, ACTIVATIONS)
    assert counts["compute_cycles"] == cycles
    assert sum(causes(counts).values()) == 4 * cycles


@pytest.mark.parametrize(
    ("weight", "activation", "done", "masks"),
    [("gate", "compute", 9, 12), ("compute", "gate", 8, 12), ("gate", "gate", 6, 24)],
)
def test_gated_pairs_keep_their_cycle(weight: str, activation: str, done: int, masks: int) -> None:
    """One weight in four is zero, two activations in six."""
    machine = chip(2, 2, "weights", weight_policy=weight, activation_policy=activation)
    counts = run(machine, WEIGHTS, ACTIVATIONS)
    assert counts["compute_cycles"] == 7
    assert (counts["done_macs"], counts["gated_macs"]) == (done, 12 - done)
    assert counts["mask_bits_read"] == masks
    assert counts["weight_operand_reads"] == done


def test_padding_taps_are_injected_and_read_from_nowhere() -> None:
    """A 3 x 1 filter over two rows, padded by one: positions 0 and 1 have each one padding tap."""
    counts = run(chip(3, 1, "weights"), [[[[1]], [[1]], [[1]]]], [[[[4]], [[4]]]], padding=(1, 0, 1, 0))
    assert counts["dense_macs"] == counts["done_macs"] == 6
    assert (counts["padding_operand_reads"], counts["activation_operand_reads"]) == (2, 4)
    assert counts["activation_scratchpad_read_bytes"] == counts["activation_queue_write_bytes"] == 4
    assert counts["activation_scratchpad_reads"] == 4
    # 3 to load, 3 + 1 + 2 - 2 to stream.
    assert causes(counts) == {"mac": 4, "zero_mac": 2, "fill": 3 * 7 - 6}
