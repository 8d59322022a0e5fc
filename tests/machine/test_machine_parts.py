"""Operands that are fetched apart: the order changes times by hand, and nothing but times."""

from itertools import pairwise

import numpy as np
import pytest
from drawn_work import (
    ORDERS,
    chip,
    drawn_dma,
    drawn_quarters,
    drawn_rows,
    drawn_sums,
    requests_of,
    split_operands,
    work_of,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from accelsim.errors import AuditError
from accelsim.machine import replay_layer, run_layer
from accelsim.machine.idle import check_timeline, idle_cycles, layer_cycles
from accelsim.machine.inputs import inputs
from accelsim.tables import WORK

REGIONS = [
    "scratchpad.weight_bytes=200",
    "scratchpad.activation_bytes=100",
    "scratchpad.output_bytes=100",
    "dram.burst_bytes=1",
]
WEIGHTS_FIRST = "dma.operand_order=weights activations partial_sums"
ACTIVATIONS_FIRST = "dma.operand_order=activations weights partial_sums"


def operands(rows):
    """WORK of (weights, activations, outputs, cycles), freed by their own tile."""
    work = np.zeros(len(rows), WORK)
    for row, (weights, activations, outputs, cycles) in zip(work, rows, strict=True):
        row["weight_fetch_bytes"] = row["weight_fill_bytes"] = row["weight_release_bytes"] = weights
        row["activation_fetch_bytes"] = row["activation_fill_bytes"] = activations
        row["release_after_compute_bytes"] = weights + activations
        row["reserve_bytes"] = weights + activations + outputs
        row["output_drain_bytes"] = row["release_after_drain_bytes"] = outputs
        row["compute_cycles"] = cycles
    return work


def timed(work, machine, parts=1):
    timeline = run_layer(work, machine, requests_of(work, parts))
    check_timeline(work, timeline, machine)
    return timeline


@pytest.mark.small
def test_weights_come_while_the_activations_region_is_full():
    """1 byte a cycle, 100 bytes for activations. Tile 1: 40 of weights, 100 of activations.

    ::

        cycle              0    60   100  160     200   260       300      360      400    450
        weights first      | w 0 |   a 0   | w 1  | full |        a 1       | tile 1 to 410
        activations first  |   a 0    | w 0 |     full   |        a 1       | w 1   | tile 1 |
        together           |     w 0, a 0  |      full   |        w 1, a 1          | tile 1 |
        array                              |    tile 0   |
    """
    work = operands([(60, 100, 0, 100), (40, 100, 0, 50)])
    weights = timed(work, chip("1", "0", 400, *REGIONS, WEIGHTS_FIRST))
    activations = timed(work, chip("1", "0", 400, *REGIONS, ACTIVATIONS_FIRST))
    together = timed(work, chip("1", "0", 400, *REGIONS))
    assert weights["reserved_cycle"].tolist() == [0, 160]
    assert weights["second_asked_cycle"].tolist() == [60, 200]
    assert weights["second_reserved_cycle"].tolist() == [60, 260]
    assert weights["third_reserved_cycle"].tolist() == [160, 360]
    assert weights["compute_end_cycle"].tolist() == [260, 410]
    assert activations["reserved_cycle"].tolist() == together["reserved_cycle"].tolist() == [0, 260]
    assert activations["compute_end_cycle"].tolist() == together["compute_end_cycle"].tolist() == [260, 450]
    assert activations["second_reserved_cycle"].tolist() == [100, 360]
    assert together["second_reserved_cycle"].tolist() == together["third_asked_cycle"].tolist() == [0, 260]


@pytest.mark.small
def test_a_second_part_that_waits_for_outputs_is_a_drain_wait():
    """A pool of 200 bytes; tile 1's 30 of weights fit at once, its 120 of activations behind drain 0.

    ::

        cycle  0    40   100   110   130          190              310
        DMA    | w 0 | a 0 |    w 1   |    asked   |      a 1       |
        array              | t 0 | ------------------ gap --------- |
        drain                         |  drain 0   |
    """
    work = operands([(40, 60, 60, 10), (30, 120, 0, 5)])
    machine = chip("1", "0", 200, WEIGHTS_FIRST, "dram.burst_bytes=1")
    timeline = timed(work, machine)
    assert timeline["second_asked_cycle"].tolist() == [40, 130]
    assert timeline["second_reserved_cycle"].tolist() == [40, 190]
    assert timeline["drain_start_cycle"][0] == 130
    assert idle_cycles(timeline) == {
        "fetch_wait": 100 + 20 + 120, "drain_wait": 60, "descriptor_wait": 0, "scratchpad_wait": 0,
    }  # fmt: skip


@pytest.mark.small
@pytest.mark.parametrize("order", ORDERS)
def test_outputs_are_reserved_with_the_first_part(order):
    """Tile 0's 100 bytes of outputs fill their region until drain 0 has ended, in cycle 220 (20 + 100 + 100)."""
    work = operands([(10, 10, 100, 100), (10, 10, 100, 5)])
    timeline = timed(work, chip("1", "0", 400, *REGIONS, f"dma.operand_order={order}"))
    assert timeline["reserved_cycle"].tolist() == [0, 220]
    assert timeline["second_asked_cycle"][1] == (220 if order.startswith("partial_sums") else 230)


@pytest.mark.small
def test_each_part_reads_its_own_descriptors():
    """1 byte a cycle, 2 descriptors of 4 cycles for each operand; the parts' latency of 7 is paid once."""
    work = operands([(60, 100, 0, 5)])
    machine = chip("1", "7", 1000, "dram.burst_bytes=1", "dma.descriptor_cycles=4", ACTIVATIONS_FIRST)
    timeline = timed(work, machine, parts=2)
    assert timeline["second_asked_cycle"].tolist() == [8 + 100]
    assert timeline["fetch_end_cycle"].tolist() == [8 + 100 + 8 + 60 + 7]
    assert [timeline[f"{part}_descriptor_cycles"][0] for part in ("fetch", "second", "third")] == [8, 8, 0]
    assert idle_cycles(timeline)["descriptor_wait"] == 16


drawn_operands = st.builds(
    lambda rows, quarters, sums: split_operands(work_of(rows), quarters, sums),
    drawn_rows,
    drawn_quarters,
    drawn_sums,
)


def machine_of(keys, order, capacity=1200):
    keys = [key for key in keys if not key.startswith("dma.operand_order")]
    return chip("3.3", "7", capacity, *keys, f"dma.operand_order={order}")


@pytest.mark.small
@given(drawn_operands, st.sampled_from(ORDERS), st.integers(1, 4))
def test_the_bytes_are_the_same_in_every_order(work, order, parts):
    requests = requests_of(work, parts)
    machine = chip("1", "7", 1200, "dram.burst_bytes=1", f"dma.operand_order={order}")
    whole, apart = inputs(work, chip(), requests), inputs(work, machine, requests)
    assert apart.moved[:, :-1].sum(axis=1).tolist() == whole.moved[:, 0].tolist()
    assert apart.moved[:, -1].tolist() == whole.moved[:, 1].tolist()
    assert apart.reserve.sum(axis=1).tolist() == whole.reserve[:, 0].tolist()
    assert apart.requests is not None
    regions = [machine.dma.parts.index((operand,)) for operand in (0, 0, 0, 1, 1, 2, 2, 2)]
    for t in range(len(work)):
        assert sorted(apart.requests.fetch(t).tolist()) == sorted(requests.fetch(t).tolist())
        assert apart.requests.drain(t).tolist() == requests.drain(t).tolist()
        moved = [regions[run[2]] for run in apart.requests.fetch(t).tolist()]
        assert moved == sorted(moved)


@pytest.mark.small
@given(drawn_operands, drawn_dma(), st.sampled_from(ORDERS), st.integers(100, 700))
def test_parts_deadlock_where_all_at_once_does_and_nowhere_else(work, keys, order, capacity):
    if any("weight_bytes" in key for key in keys):
        capacity = 1200
    requests = requests_of(work, 2)

    def starts(machine):
        try:
            return len(replay_layer(work, machine, requests)) > 0
        except AuditError:
            return False

    assert starts(machine_of(keys, order, capacity)) == starts(machine_of(keys, "together", capacity))


def causes_of_gaps(timeline, order_parts):
    """Part 5 of docs/machine.md asked of every cycle of every gap before a tile's compute."""
    found = {"drain_wait": 0, "descriptor_wait": 0, "fetch_wait": 0}
    ends = [0, *timeline["compute_end_cycle"].tolist()]
    names = ["", "second_", "third_"][:order_parts]
    for (computed, _), row in zip(pairwise(ends), timeline, strict=True):
        for clock in range(computed, int(row["compute_start_cycle"])):
            cause = "fetch_wait"
            for name in names:
                reserved = row[f"{name}reserved_cycle"]
                asked = row[f"{name}asked_cycle"] if name else computed
                if asked <= clock < reserved:
                    cause = "drain_wait"
                if reserved <= clock < reserved + row[f"{name or 'fetch_'}descriptor_cycles"]:
                    cause = "descriptor_wait"
            found[cause] += 1
    return found


@pytest.mark.small
@given(drawn_operands, st.sampled_from(ORDERS), st.sampled_from([0, 4]), st.integers(300, 900))
def test_every_cycle_of_a_gap_has_the_cause_that_the_rule_gives_it(work, order, descriptor_cycles, capacity):
    keys = ["dram.burst_bytes=1", f"dma.descriptor_cycles={descriptor_cycles}"]
    machine = machine_of(keys, order, capacity)
    try:
        timeline = timed(work, machine, parts=3)
    except AuditError:  # a deadlock
        assume(False)
    idle = idle_cycles(timeline)
    assert sum(idle.values()) + work["compute_cycles"].sum() == layer_cycles(timeline)
    last = int(timeline["compute_end_cycle"][-1])
    before = causes_of_gaps(timeline, 3)
    assert idle["fetch_wait"] == before["fetch_wait"]
    tail = layer_cycles(timeline) - last
    assert sum(idle.values()) - sum(before.values()) == tail
    assert 0 <= idle["drain_wait"] - before["drain_wait"] <= tail


@pytest.mark.small
def test_parts_need_runs_and_the_runs_of_this_work():
    work = operands([(60, 100, 0, 5)])
    machine = chip("1", "0", 1000, WEIGHTS_FIRST, "dram.burst_bytes=1")
    with pytest.raises(AuditError, match=r"dma\.operand_order: the runs of the tiles are not given"):
        run_layer(work, machine)
    other = requests_of(operands([(60, 99, 0, 5)]), 2)
    with pytest.raises(AuditError, match="tile 0: the runs of its fetch move 159 bytes, WORK 160"):
        run_layer(work, machine, other)
