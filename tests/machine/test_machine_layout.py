"""Banks that hold bytes which lie together: which data meet in one bank, by hand, by count, on real plans."""

import numpy as np
import pytest
from drawn_work import (
    chip,
    drawn_dma,
    drawn_quarters,
    drawn_reads,
    drawn_rows,
    drawn_sums,
    requests_of,
    split_operands,
    with_accesses,
    work_of,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from test_machine_parts import operands

from accelsim.errors import AuditError
from accelsim.execution.counted import work_table
from accelsim.hardware import load_hardware
from accelsim.machine import replay_layer, run_layer
from accelsim.machine.idle import check_timeline, idle_cycles
from accelsim.machine.places import counted, places, spans
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.search import checked
from accelsim.plan import Plan
from accelsim.tables import COUNTERS
from accelsim.trace import from_arrays


@pytest.mark.small
@given(
    st.integers(1, 6), st.integers(1, 9), st.integers(0, 10**6), st.integers(0, 60), st.integers(0, 200),
)  # fmt: skip
def test_every_access_is_counted_where_its_byte_lies(banks, bank_bytes, first, size, accesses):
    region = banks * bank_bytes
    first, size = first % region, min(size, region)
    row = spans(np.array([first]), np.array([size]), np.array([accesses]), region, banks)[0]
    expected = [[] for _ in range(banks)]
    for i in range(accesses):
        expected[(first + i * max(size, 1) // accesses) % region // bank_bytes].append(i)
    found = [[*range(a, b), *range(c, d)] for a, b, c, d in row.tolist()]
    assert found == expected
    assert counted(row).tolist() == [len(bank) for bank in expected]


THIRDS = [f"scratchpad.{name}_bytes=400" for name in ("weight", "activation", "output")]


@pytest.mark.small
@given(
    drawn_rows, drawn_reads, drawn_quarters, drawn_sums, drawn_dma(), st.sampled_from(["0.7", "12.8"]),
)  # fmt: skip
def test_a_region_of_one_bank_is_as_interleaved(drawn, reads, quarters, sums, keys, rate):
    work = split_operands(with_accesses(work_of(drawn), reads), quarters, sums)
    keys = [key for key in keys if not key.startswith(("scratchpad.", "dma.operand"))]
    ports = f"scratchpad.ports={'separate' if reads[0] else 'shared'}"
    keys += [*THIRDS, "scratchpad.banks=3", "scratchpad.word_bytes=4", ports]
    requests = requests_of(work, 2)
    try:
        expected = replay_layer(work, chip(rate, "7", 1200, *keys), requests)
    except AuditError:
        assume(False)
    blocked = chip(rate, "7", 1200, *keys, "scratchpad.layout=blocked")
    assert replay_layer(work, blocked, requests).tolist() == expected.tolist()


WEIGHTS_IN_TWO_BANKS = [
    "scratchpad.weight_bytes=200",
    "scratchpad.activation_bytes=100",
    "scratchpad.output_bytes=100",
    "scratchpad.banks=4",
    "scratchpad.word_bytes=4",
]


def in_two_banks(bytes_of_tile, layout, rate="1", reads=150):
    work = operands([(bytes_of_tile, 0, 0, 100)] * 2)
    work["weight_scratchpad_reads"] = reads
    machine = chip(rate, "0", 400, *WEIGHTS_IN_TWO_BANKS, f"scratchpad.layout={layout}")
    timeline = run_layer(work, machine)
    check_timeline(work, timeline, machine)
    return timeline


@pytest.mark.small
def test_halves_of_a_ping_pong_do_not_conflict():
    """Two banks of 100 bytes; each tile has 100 bytes of weights and reads 100 words in 100 cycles.

    ::

        cycle        0       100       200       300
        blocked      | f 0    | f 1 in bank 1 |
                              | tile 0 from bank 0 | tile 1 |
    """
    timeline = in_two_banks(100, "blocked", reads=100)
    assert timeline["fetch_start_cycle"].tolist() == [0, 100]
    assert timeline["compute_end_cycle"].tolist() == [200, 300]
    assert idle_cycles(timeline)["scratchpad_wait"] == 0


@pytest.mark.small
def test_data_that_meet_in_one_bank_wait_for_each_other():
    """50 bytes each: both tiles lie in bank 0, and the fetch of tile 1 waits until tile 0 has computed."""
    timeline = in_two_banks(50, "blocked", reads=100)
    assert timeline["fetch_start_cycle"].tolist() == [0, 150]
    assert timeline["fetch_scratchpad_cycles"].tolist() == [0, 100]
    # Interleaved, 100 reads in 100 cycles leave one of two banks free in each.
    assert in_two_banks(50, "interleaved", reads=100)["fetch_start_cycle"].tolist() == [0, 50]


@pytest.mark.small
def test_interleaved_words_share_what_blocked_ones_do_not():
    """150 reads in 100 cycles: two banks serve them in turn and none is left; one bank takes 150 cycles."""
    interleaved, blocked = in_two_banks(100, "interleaved"), in_two_banks(100, "blocked")
    assert interleaved["compute_end_cycle"].tolist() == [200, 400]
    assert interleaved["fetch_scratchpad_cycles"].tolist() == [0, 100]
    assert blocked["compute_scratchpad_cycles"].tolist() == [50, 50]
    assert blocked["compute_end_cycle"].tolist() == [250, 400]
    assert blocked["fetch_scratchpad_cycles"].tolist() == [0, 0]


@pytest.mark.small
@pytest.mark.parametrize(("layout", "cycles"), [("blocked", 25), ("interleaved", 13)])
def test_words_in_one_bank_take_a_cycle_each(layout, cycles):
    """100 bytes in words of 4, all at once from DRAM."""
    timeline = in_two_banks(100, layout, rate="1000")
    assert timeline["fetch_end_cycle"][0] == cycles


@pytest.mark.small
def test_a_chunk_waits_for_its_own_banks_alone():
    """Tile 1 reads its 50 bytes in bank 0; tile 2's 140 bytes fill bank 1 and go round the ring into bank 0.

    ::

        cycle             0     50    100       135       170     300       335       370
        at once           | f 0 | f 1 |           blocked         |  f 2, to 440
        chunks of 35      | f 0 | f 1 | chunk 0 | chunk 1 |blocked| chunk 2 | chunk 3 |
        array                                |   tile 1 from 100  |
    """
    work = operands([(50, 0, 0, 10), (50, 0, 0, 200), (140, 0, 0, 10)])
    work["weight_scratchpad_reads"] = [0, 100, 0]
    keys = [*WEIGHTS_IN_TWO_BANKS, "scratchpad.layout=blocked", "dram.burst_bytes=1"]
    whole = run_layer(work, chip("1", "0", 400, *keys))
    assert (whole["fetch_start_cycle"][2], whole["fetch_end_cycle"][2]) == (300, 440)
    cut = run_layer(work, chip("1", "0", 400, *keys, "dma.chunk_bytes=35"))
    assert (cut["fetch_start_cycle"][2], cut["fetch_end_cycle"][2]) == (100, 370)
    assert cut["fetch_scratchpad_cycles"][2] == 300 - 170


def live_ranges(work, timeline, machine):
    """(from, until, first byte, bytes) of everything that lies in a region, regions in turn."""
    weights, activations = work["weight_fill_bytes"], work["activation_fill_bytes"]
    wanted = (weights, activations, work["reserve_bytes"] - weights - activations)
    freed = (
        work["weight_release_bytes"],
        work["release_after_compute_bytes"] - work["weight_release_bytes"],
        work["release_after_drain_bytes"],
    )
    instants = ("compute_end_cycle", "compute_end_cycle", "drain_end_cycle")
    for operand, region in enumerate(machine.scratchpad.regions):
        first, size = places(work, operand, wanted[operand], region)
        boxes = list(zip(first.tolist(), size.tolist(), strict=True))
        found = []
        for t in np.flatnonzero(freed[operand]):
            assert freed[operand][t] == size[t]  # what a tile frees is what it uses
            opened = max(u for u in range(t + 1) if wanted[operand][u] and boxes[u] == boxes[t])
            until = int(timeline[instants[operand]][t])
            found.append((int(timeline["reserved_cycle"][opened]), until, *boxes[t]))
        assert len(found) == np.count_nonzero(wanted[operand])
        yield region, found


@pytest.mark.parametrize("order", ["NKCPQ", "NPQKC", "KNPCQ", "CPKNQ", "PNCQK"])
@pytest.mark.parametrize("resident", [(), ("weights",), ("activations",), ("outputs",)])
def test_no_byte_of_a_region_has_two_owners(order, resident):
    """Plans of a real layer in regions that just hold them: what lies there at one time never overlaps."""
    generator = np.random.default_rng(5)
    weights = (generator.integers(-5, 6, (24, 3, 3, 128)) * (generator.random((24, 3, 3, 128)) < 0.5)).astype(
        np.int8
    )
    activations = generator.integers(0, 3, (2, 9, 9, 128)).astype(np.uint8)
    trace = from_arrays(weights, activations, padding=1)
    plan = Plan(tile_n=1, tile_k=8, tile_c=64, tile_p=3, tile_q=9, order=order, resident=frozenset(resident))
    machine = load_hardware("both-skip-16x16")
    sizes = encoded_sizes(trace, machine, np.ones(trace.layer.output_shape, bool))
    boxes, traffic = checked(plan, trace.layer, machine, sizes)
    work = work_table(boxes, np.full((len(boxes), len(COUNTERS)), 40), traffic)
    need = smallest_regions(work)
    names = ("weight", "activation", "output")
    keys = [f"scratchpad.{name}_bytes={size}" for name, size in zip(names, need, strict=True)]
    machine = load_hardware("both-skip-16x16", [*keys, f"scratchpad.capacity_bytes={sum(need)}"])
    timeline = replay_layer(work, machine)
    overlapping_in_time = 0
    for region, found in live_ranges(work, timeline, machine):
        for (begin, end, first, size), others in pairs(found):
            for other_begin, other_end, other_first, other_size in others:
                if begin < other_end and other_begin < end:
                    overlapping_in_time += 1
                    assert (other_first - first) % region >= size
                    assert (first - other_first) % region >= other_size
    assert overlapping_in_time > 0


def pairs(found):
    return [(one, found[i + 1 :]) for i, one in enumerate(found)]


def smallest_regions(work):
    """Bytes that the tiles hold at once at least in each region, and room for one more of each."""
    weights, activations = work["weight_fill_bytes"], work["activation_fill_bytes"]
    freed = work["weight_release_bytes"]
    outputs = work["reserve_bytes"] - weights - activations
    found = []
    for wanted, gone in (
        (weights, freed),
        (activations, work["release_after_compute_bytes"] - freed),
        (outputs, work["release_after_drain_bytes"]),
    ):
        before = np.concatenate([[0], np.cumsum(wanted - gone)[:-1]])
        found.append(int((before + wanted).max() + wanted.max() + 7))
    return found
