"""What the DMA's keys and the scratchpad's banks and regions change, by hand and as laws."""

import numpy as np
import pytest
from drawn_work import chip, drawn_reads, drawn_rows, requests_of, with_accesses, work_of
from hypothesis import assume, given
from hypothesis import strategies as st

from accelsim.errors import AuditError, HardwareError
from accelsim.hardware import load_hardware
from accelsim.machine import replay_layer, run_layer
from accelsim.machine.idle import check_timeline, idle_cycles, layer_cycles
from accelsim.machine.inputs import inputs
from accelsim.machine.requests import cut, in_bursts

BLOCKED = [
    *(f"scratchpad.{name}_bytes=131072" for name in ("weight", "activation")),
    "scratchpad.output_bytes=262144",
    "scratchpad.layout=blocked",
]
THIRDS = [f"scratchpad.{name}_bytes=5" for name in ("weight", "activation", "output")]
TWO_TILES = [(100, False, 30, True, 50), (100, False, 30, True, 50)]


def cycles_of(work, machine, parts=1):
    timeline = run_layer(work, machine, requests_of(work, parts))
    check_timeline(work, timeline, machine)
    return layer_cycles(timeline), idle_cycles(timeline)


@pytest.mark.small
def test_descriptors_are_read_before_the_first_request():
    """1 byte a cycle, 3 descriptors of 4 cycles: 12 + 100 cycles of fetch, 12 before the drain."""
    work = work_of([(100, False, 30, True, 50)])
    machine = chip("1", "0", 1000, "dma.descriptor_cycles=4")
    cycles, idle = cycles_of(work, machine, parts=3)
    assert cycles == 12 + 100 + 50 + 12 + 30
    assert idle == {"descriptor_wait": 24, "fetch_wait": 100, "drain_wait": 30, "scratchpad_wait": 0}


@pytest.mark.small
def test_descriptors_behind_a_compute_wait_for_nobody():
    work = work_of([(100, False, 0, False, 500), (100, False, 0, True, 50)])
    machine = chip("1", "0", 1000, "dma.descriptor_cycles=4")
    assert cycles_of(work, machine, parts=3)[1]["descriptor_wait"] == 12  # of the first tile alone


@pytest.mark.small
def test_one_chunk_outstanding_waits_for_every_latency():
    work = work_of([(100, False, 0, True, 50)])
    keys = ["dram.burst_bytes=1", "dma.chunk_bytes=20"]
    assert cycles_of(work, chip("1", "7", 1000, *keys))[0] == 100 + 7 + 50
    assert cycles_of(work, chip("1", "7", 1000, *keys, "dma.outstanding_chunks=1"))[0] == 5 * (20 + 7) + 50
    # Two under way: the third waits for the first's latency, which ends while the second is moved.
    assert cycles_of(work, chip("1", "7", 1000, *keys, "dma.outstanding_chunks=2"))[0] == 100 + 7 + 50


@pytest.mark.small
@pytest.mark.parametrize(
    ("arbitration", "fetched", "drained"),
    [("in_order", 330, [230, 340]), ("drains_first", 340, [230, 240]), ("fetches_first", 300, [330, 340])],
)
def test_arbitration_decides_who_goes_first(arbitration, fetched, drained):
    """Drain 0 (30 cycles) is issued in cycle 199, fetch 2 in 200, drain 1 (10 cycles) after both.

    ::

        cycle          0    100   200      230      240        330  340
        in order       | f 0 | f 1 |   d 0  |        f 2       | d 1 |
        drains first   | f 0 | f 1 |   d 0  | d 1 |       f 2        |
        fetches first  | f 0 | f 1 |     f 2 (to 300)    | d 0 | d 1 |
    """
    work = work_of([(100, False, 30, True, 99), (100, False, 10, True, 10), (100, False, 0, True, 5)])
    timeline = run_layer(work, chip("1", "0", 1000, f"dma.arbitration={arbitration}"))
    assert timeline["fetch_end_cycle"][2] == fetched
    assert timeline["drain_end_cycle"][:2].tolist() == drained


@pytest.mark.small
def test_a_drain_passes_between_the_chunks_of_a_fetch():
    """Tile 0's drain is ready in cycle 120; tile 1's fetch of 100 cycles began in cycle 100."""
    work = work_of([(100, False, 30, True, 20), (100, False, 0, True, 5)])
    whole = run_layer(work, chip("1", "0", 1000))
    chunks = run_layer(work, chip("1", "0", 1000, "dram.burst_bytes=1", "dma.chunk_bytes=25"))
    assert (whole["drain_start_cycle"][0], whole["fetch_end_cycle"][1]) == (200, 200)
    assert (chunks["drain_start_cycle"][0], chunks["drain_end_cycle"][0]) == (125, 180)
    assert chunks["fetch_end_cycle"][1] == 230


@pytest.mark.small
def test_one_bank_serves_array_and_dma_in_turn():
    """Words of 4 bytes, one bank. Tile 0 reads 80 words in 50 cycles; the fetch of tile 1 needs 25 of its own.

    ::

        cycle  0     100                180         280         330
        DMA    | f 0  |     blocked      |    f 1    |
        array         | 50 + 30 for words|           | tile 1: 50
    """
    work = with_accesses(work_of([(100, False, 0, True, 50), (100, False, 0, True, 50)]), [80, 0])
    keys = ["scratchpad.banks=1", "scratchpad.word_bytes=4"]
    timeline = run_layer(work, chip("1", "0", 1000, *keys))
    assert timeline["compute_end_cycle"].tolist() == [180, 330]
    assert timeline["compute_scratchpad_cycles"].tolist() == [30, 0]
    assert timeline["fetch_start_cycle"].tolist() == [0, 180]
    assert timeline["fetch_scratchpad_cycles"].tolist() == [0, 80]
    assert idle_cycles(timeline)["scratchpad_wait"] == 30 + 80
    # A second port of the bank is for writes: the fetch goes on beside the reads.
    separate = run_layer(work, chip("1", "0", 1000, *keys, "scratchpad.ports=separate"))
    assert separate["fetch_start_cycle"].tolist() == [0, 100]
    assert separate["compute_end_cycle"].tolist() == [180, 250]


@pytest.mark.small
def test_a_transfer_is_as_slow_as_the_banks_it_fills():
    """8 bytes a cycle from DRAM into one bank of 4."""
    work = with_accesses(work_of([(100, False, 0, True, 10)]), [0])
    keys = ["scratchpad.word_bytes=4", "scratchpad.banks=1"]
    timeline = run_layer(work, chip("8", "0", 1000, *keys))
    assert timeline["fetch_end_cycle"].tolist() == [25]
    assert timeline["fetch_scratchpad_cycles"].tolist() == [25 - 13]
    assert idle_cycles(timeline) == {
        "fetch_wait": 13, "scratchpad_wait": 12, "descriptor_wait": 0, "drain_wait": 0,
    }  # fmt: skip


@pytest.mark.small
def test_regions_divide_the_banks():
    work = with_accesses(work_of([(100, False, 0, True, 10)]), [90])
    keys = ["scratchpad.banks=10", "scratchpad.weight_bytes=600", "scratchpad.activation_bytes=300"]
    machine = chip("8", "0", 1000, *keys, "scratchpad.output_bytes=100")
    assert inputs(work, machine).ports.slots.tolist() == [6, 3, 1]
    assert inputs(work, machine).compute_cycles.tolist() == [15]
    assert inputs(work, chip("8", "0", 1000, "scratchpad.banks=10")).compute_cycles.tolist() == [10]


@pytest.mark.small
def test_a_tile_waits_for_its_operands_region_though_others_are_free():
    work = work_of(TWO_TILES)
    keys = ["weight_bytes=150", "activation_bytes=450", "output_bytes=400"]
    split = run_layer(work, chip("1", "0", 1000, *(f"scratchpad.{key}" for key in keys)))
    shared = run_layer(work, chip("1", "0", 1000))
    assert shared["reserved_cycle"].tolist() == [0, 100]
    assert split["reserved_cycle"].tolist() == [0, 150]  # when tile 0 has computed


@pytest.mark.small
@given(drawn_rows, drawn_reads, st.sampled_from(["shared", "separate"]), st.sampled_from(["0.7", "12.8"]))
def test_enough_banks_are_as_no_limit(drawn, reads, ports, rate):
    work = with_accesses(work_of(drawn), reads)
    work["compute_cycles"] += 1  # an access takes a cycle
    plain, banked = chip(rate, "7", 3000), f"scratchpad.ports={ports}"
    wide = chip(rate, "7", 3000, banked, "scratchpad.banks=100000")
    assert run_layer(work, wide).tolist() == run_layer(work, plain).tolist()


@pytest.mark.small
@given(drawn_rows, drawn_reads, st.integers(1, 6))
def test_more_banks_or_ports_never_lengthen_a_tiles_own_compute(drawn, reads, banks):
    work = with_accesses(work_of(drawn), reads)

    def lasts(count, ports="shared"):
        keys = [f"scratchpad.banks={count}", f"scratchpad.ports={ports}"]
        return inputs(work, chip("1", "7", 3000, *keys)).compute_cycles

    assert (lasts(banks + 1) <= lasts(banks)).all()
    assert (lasts(banks, "separate") <= lasts(banks)).all()
    assert (lasts(1) >= work["weight_scratchpad_reads"]).all()


@pytest.mark.small
@given(drawn_rows, drawn_reads, st.integers(1, 4))
def test_a_chunks_accesses_add_up_to_its_transfers(drawn, reads, banks):
    """Wherever nothing else happens: the fetch of one tile takes its words, however it is cut."""
    work = with_accesses(work_of(drawn[:1]), reads)
    assume(work["weight_fetch_bytes"][0] > 0)
    words = -(-int(work["weight_fill_bytes"][0]) // 16)
    assume(words > banks)
    for chunk in ("null", "16", "48"):
        keys = [f"scratchpad.banks={banks}", "dram.burst_bytes=16", f"dma.chunk_bytes={chunk}"]
        timeline = replay_layer(work, chip("1000000", "0", 3000, *keys))
        lasted = int(timeline["fetch_end_cycle"][0] - timeline["fetch_start_cycle"][0])
        assert words / banks <= lasted <= (words / banks + 1 if chunk == "null" else words)


@pytest.mark.small
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 300)), min_size=1, max_size=9))
def test_chunks_are_the_bursts_of_the_runs_in_their_order(drawn):
    runs = np.array([(*run, 0) for run in drawn], np.int64)
    bursts = in_bursts(runs, 32)
    parts = cut(bursts, 96)

    def lines(pieces):
        return [a for start, size in pieces.tolist() for a in range(start, start + size, 32)]

    touched = [a * 32 for start, size in drawn for a in range(start // 32, -(-(start + size) // 32))]
    assert [a for part in parts for a in lines(part)] == lines(bursts) == touched
    assert {int(part[:, 1].sum()) for part in parts[:-1]} <= {96}


@pytest.mark.small
def test_descriptors_that_take_time_need_runs():
    with pytest.raises(AuditError, match=r"dma\.descriptor_cycles: the runs of the tiles are not given"):
        run_layer(work_of(TWO_TILES), chip("1", "0", 1000, "dma.descriptor_cycles=1"))


@pytest.mark.small
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["scratchpad.banks=0"], r"--set scratchpad.banks=0: scratchpad.banks must be at least 1, not 0"),
        (["scratchpad.ports=two"], "scratchpad.ports must be 'shared' or 'separate', not 'two'"),
        (["scratchpad.weight_bytes=5"], "scratchpad.activation_bytes must be given where another region's"),
        (
            [f"scratchpad.{name}_bytes=100" for name in ("weight", "activation", "output")],
            r"weight_bytes \+ activation_bytes \+ output_bytes must be capacity_bytes, 524288, not 300",
        ),
        (
            [
                *(f"scratchpad.{name}_bytes=131072" for name in ("weight", "activation")),
                "scratchpad.output_bytes=262144",
                "scratchpad.banks=6",
            ],
            "scratchpad.banks: 6 of 87381 bytes each cannot be divided into regions of 131072, 131072, 262144",
        ),
        (["dma.chunk_bytes=100"], "dma.chunk_bytes must be a multiple of dram.burst_bytes, 64, not 100"),
        (["dma.arbitration=last"], "dma.arbitration must be 'in_order', 'drains_first' or 'fetches_first'"),
        (
            ["dma.operand_order=weights activations"],
            "--set dma.operand_order=weights activations: dma.operand_order must be together or weights, "
            "activations, partial_sums in an order, separated by spaces, not 'weights activations'",
        ),
        (["dma.operand_order=3"], "dma.operand_order must be text, not 3"),
        (["scratchpad.layout=rows"], "scratchpad.layout must be 'interleaved' or 'blocked', not 'rows'"),
        (
            ["scratchpad.layout=blocked"],
            r"--set scratchpad.layout=blocked: scratchpad.layout must be 'interleaved' where operands share",
        ),
        ([*BLOCKED], "scratchpad.banks must be 1 to 64 where layout is 'blocked', not null"),
        ([*BLOCKED, "scratchpad.banks=128"], "scratchpad.banks must be 1 to 64 where .*, not 128"),
        (
            [*BLOCKED, "scratchpad.capacity_bytes=15", "scratchpad.banks=6", *THIRDS],
            "scratchpad.banks must divide 15 bytes where layout is 'blocked', not 6",
        ),
        (["dma.outstanding_chunks=0"], "dma.outstanding_chunks must be at least 1, not 0"),
        (["dma.descriptor_cycle=1"], "dma: unknown key 'descriptor_cycle'; did you mean 'descriptor_cycles'"),
        (["dram.peak_gb_per_s=0"], "dram.peak_gb_per_s must be at least 1e-06, not 0"),
    ],
)
def test_what_a_chip_cannot_have_is_refused_at_its_key(overrides, message):
    with pytest.raises(HardwareError, match=message):
        load_hardware("dense-16x16", overrides)


@pytest.mark.small
def test_twice_the_scratchpad_may_take_longer_though_it_moves_the_same():
    """The smallest case that a search over drawn tiles found: an anomaly of scheduling by lists.

    ::

        70 bytes    tile 1 waits for space; the fetches of tiles 1, 2, 3 follow each other (60..90), drain 1 after
        140 bytes   tile 1 computes 40 cycles earlier, so its drain (70..90) goes before the fetch of tile 3
    """
    rows = [(20, False, 30, True, 0), (10, False, 20, True, 10), (10, False, 0, True, 10)]
    work = work_of([*rows, (10, False, 10, True, 10)])
    small, large = (run_layer(work, chip("1", "10", capacity)) for capacity in (70, 140))
    assert (layer_cycles(small), layer_cycles(large)) == (130, 140)
    assert small["fetch_start_cycle"].tolist() == [0, 60, 70, 80]
    assert large["fetch_start_cycle"].tolist() == [0, 20, 60, 90]
    assert large["drain_start_cycle"][1] == 70
