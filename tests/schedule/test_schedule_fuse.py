"""Fused layers against the same layers alone: every MAC, every output byte, and the books of the chain."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from drawn_networks import Builder, chip, residual

import accelsim
from accelsim.errors import InputError
from accelsim.report.trace_events import trace_events
from accelsim.results import NetworkResult
from accelsim.schedule.held import BetweenLayers
from accelsim.tables import BOX, COUNTERS
from accelsim.toggle_sample import tile_toggles
from accelsim.trace import NetworkTrace

MACS = [name for name in COUNTERS if name.endswith("_macs") and name != "encoding_padding_macs"]


def pair(inputs: int = 1, **second: int) -> NetworkTrace:
    """x - a - b: the tensor between is the largest."""
    b = Builder((inputs, 16, 16, 8))
    b.convolution("b", b.convolution("a", "x", 32), **({"filters": 8} | second))
    return b.trace("b")


def moved(result: NetworkResult) -> int:
    return sum(r.dram_read_bytes + r.dram_write_bytes for r in result.layer_results)


FUSE = BetweenLayers("fuse", fuse=(("a", "b"),))
SECONDS = {
    "three by three": {},
    "pointwise": {"taps": 1},
    "strided": {"stride": 2},
    "stride beyond the window": {"taps": 1, "stride": 3},
    "depthwise": {"filters": 32, "groups": 32},
    "grouped": {"groups": 4},
    "no padding": {"pad": 0},
}


@pytest.mark.parametrize("kind", SECONDS)
@pytest.mark.parametrize("name", ["both-skip-16x16", "dense-16x16"])
@pytest.mark.parametrize("capacity", [6000, 40_000])
def test_fused_layers_do_the_macs_of_layers_alone_and_spare_the_tensor_between(
    kind: str, name: str, capacity: int
) -> None:
    trace, hardware = pair(**SECONDS[kind]), chip(capacity, name=name)
    apart, fused = accelsim.simulate(trace, hardware), accelsim.simulate(trace, hardware, between_layers=FUSE)
    for one, two in zip(apart.layer_results, fused.layer_results, strict=True):
        assert two.fused == ("a", "b")
        assert two.outputs_checked == one.outputs_checked > 0
        for counter in MACS:
            assert two.totals[counter] == one.totals[counter], counter
    first, second = fused.layer_results
    assert first.dram_write_bytes == 0
    assert second.totals["activation_fetch_bytes"] == second.totals["activation_fill_bytes"] == 0
    assert first.saved_dram_bytes + second.saved_dram_bytes == moved(apart) - moved(fused)


@pytest.mark.parametrize("capacity", [3000, 5000, 7000, 20_000, 100_000])
def test_more_freedom_never_moves_more(capacity: int) -> None:
    b = Builder((1, 16, 16, 8))
    c = b.convolution("c", b.convolution("b", b.convolution("a", "x", 32), 32), 16, stride=2)
    trace = b.trace(b.convolution("last", c, 8, 1))
    runs = [
        accelsim.simulate(trace, chip(capacity), between_layers=mode, objective="dram")
        for mode in ("dram", "keep", "fuse")
    ]
    found = [moved(run) for run in runs]
    assert found[0] >= found[1] >= found[2]
    for run in runs:
        assert sum(r.saved_dram_bytes for r in run.layer_results) == found[0] - moved(run)
    if capacity == 7000:  # the largest tensor does not fit: keeping it is no choice
        assert found[2] < found[1]


def test_cycles_and_waits_of_the_layers_add_up_to_the_chain() -> None:
    result = accelsim.simulate(pair(), chip(6000), between_layers=FUSE)
    timelines = [r.timeline for r in result.layer_results]
    ends = [max(t["compute_end_cycle"].max(), t["drain_end_cycle"].max()) for t in timelines]
    assert result.cycles == max(ends)
    starts = np.sort(np.concatenate([t["compute_start_cycle"] for t in timelines]))
    finish = np.sort(np.concatenate([t["compute_end_cycle"] for t in timelines]))
    assert (finish[:-1] <= starts[1:]).all()  # one array
    busy = sum(r.totals["compute_cycles"] for r in result.layer_results)
    lanes = result.chip.pe_array.multipliers
    waits = sum(r.lane_cycles["fetch_wait"] for r in result.layer_results) // lanes
    drains = sum(
        r.lane_cycles["drain_wait"] - r.totals["drain_wait_lane_cycles"] for r in result.layer_results
    )
    assert busy + waits + drains // lanes == result.cycles


def test_the_timeline_shows_the_chain_once_and_its_tiles_in_turn() -> None:
    result = accelsim.simulate(pair(), chip(6000), between_layers=FUSE)
    spans = [e for e in trace_events(result)["traceEvents"] if e["ph"] == "X"]
    layers = [e for e in spans if e["cat"] == "layers"]
    assert [(e["name"], e["args"]["end_cycle"]) for e in layers] == [("a+b", result.cycles)]
    array = [e["name"].split(" ")[0] for e in spans if e["cat"] == "array"]
    assert len(array) == sum(len(r.work) for r in result.layer_results if r.work is not None)
    turns = [name for i, name in enumerate(array) if i == 0 or name != array[i - 1]]
    assert turns == ["a", "b"] * (len(turns) // 2)
    assert len(turns) > 2


def test_inputs_alone_and_together_fuse_alike() -> None:
    both = pair(inputs=2)
    apart = accelsim.simulate(both, chip(9000), between_layers=FUSE)
    assert [r.fused for r in apart.layer_results] == [("a", "b")] * 4
    together = accelsim.simulate(both, chip(9000), between_layers=FUSE, together=True)
    assert together.total("effectual_macs") == apart.total("effectual_macs")
    assert together.total("weight_fetch_bytes") <= apart.total("weight_fetch_bytes")


def test_fused_layers_toggle_what_their_bands_toggle() -> None:
    trace, hardware = pair(), chip(6000)
    result = accelsim.simulate(trace, hardware, between_layers=FUSE, toggles="exact")
    for one in result.layer_results:
        assert one.work is not None
        assert one.toggles is not None
        found = Counter[str]()
        for box in np.stack([one.work[name] for name in BOX], axis=1):
            found.update(tile_toggles(trace.layer(one.name), box, hardware))
        assert len(one.work) > 1
        assert one.toggles.counts == dict(found)


def test_a_chain_reads_and_leaves_kept_tensors() -> None:
    b = Builder((1, 12, 12, 8))
    b.convolution("last", b.convolution("b", b.convolution("a", b.convolution("first", "x", 8), 64), 8), 8)
    wish = BetweenLayers("fuse", ("first", "b"), (("a", "b"),))
    result = accelsim.simulate(b.trace("last"), chip(16_000), between_layers=wish)
    rows = {r.name: r for r in result.layer_results}
    assert rows["a"].fused == ("a", "b")
    assert rows["a"].totals["activation_fetch_bytes"] == rows["b"].dram_write_bytes == 0
    held = {tensor.tensor: tensor.bytes for tensor in result.kept}
    assert set(held) == {"first", "b"}
    assert rows["a"].held_bytes == rows["b"].held_bytes == sum(held.values())
    assert rows["last"].held_bytes == held["b"]


@pytest.mark.parametrize(
    ("name", "capacity"), list(product(["systolic-weights-16x32", "nvdla-large"], [9000]))
)
def test_other_arrays_fuse_too(name: str, capacity: int) -> None:
    from accelsim.hardware import load_hardware

    hardware = load_hardware(name, [f"scratchpad.capacity_bytes={capacity}"])
    apart = accelsim.simulate(pair(), hardware, toggles="off")
    fused = accelsim.simulate(pair(), hardware, between_layers=FUSE, toggles="off")
    assert moved(fused) < moved(apart)
    assert fused.total("effectual_macs") == apart.total("effectual_macs")


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        (("a", "c"), r"fuse a\+c: a chain is two or three convolutions"),
        (("a",), "fuse a: a chain is two or three convolutions"),
        (("a", "b"), r"fuse a\+b: a chain .* the only reader of its output"),
        (("b", "nothing"), r"fuse b\+nothing: no layer 'nothing' runs"),
    ],
)
def test_what_is_no_chain_is_refused(chain: tuple[str, ...], why: str) -> None:
    """`a` of the residual has two readers."""
    with pytest.raises(InputError, match=why):
        accelsim.simulate(residual(), chip(9000), between_layers=BetweenLayers("fuse", fuse=(chain,)))


def test_a_chain_that_does_not_fit_is_refused_with_the_bytes_that_are_left() -> None:
    b = Builder((1, 16, 16, 8))
    trace = b.trace(b.convolution("b", b.convolution("a", "x", 256), 8))
    why = r"fuse a\+b: a does not fit in what is left, 2500 bytes of the scratchpad of 2500"
    with pytest.raises(InputError, match=why):
        accelsim.simulate(trace, chip(2500), between_layers=FUSE)
    with pytest.raises(InputError, match=r"fuse a\+b: between_layers is 'keep', not 'fuse'"):
        BetweenLayers("keep", fuse=(("a", "b"),))
