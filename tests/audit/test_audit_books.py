"""Each account of a layer goes red when one of its figures is altered, and shows the two numbers."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import accelsim
from accelsim.audit.books import check_layer
from accelsim.errors import AuditError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.results import LayerResult
from accelsim.tables import COUNTERS, TRAFFIC

CHIP = load_hardware(
    "both-skip-16x16", ["scratchpad.capacity_bytes=4096", "pe_array.rows=4", "pe_array.columns=4"]
)


@pytest.fixture(scope="module")
def result() -> LayerResult:
    generator = np.random.default_rng(2)
    weights = generator.integers(-3, 4, (24, 3, 3, 24)).astype(np.int8)
    activations = generator.integers(0, 3, (1, 10, 10, 24)).astype(np.uint8)
    layer = accelsim.trace.from_arrays(weights, activations, padding=1)
    result = accelsim.simulate(layer, CHIP).layer_results[0]
    assert result.work is not None
    assert len(result.work) > 2
    return result


def total(name: str, by: int) -> Callable[[LayerResult], LayerResult]:
    return lambda r: replace(r, totals=r.totals | {name: r.totals[name] + by})


def cause(name: str, by: int) -> Callable[[LayerResult], LayerResult]:
    return lambda r: replace(r, lane_cycles=r.lane_cycles | {name: r.lane_cycles[name] + by})


def tile(table: str, name: str, by: int, index: int = 1) -> Callable[[LayerResult], LayerResult]:
    def change(r: LayerResult) -> LayerResult:
        altered = getattr(r, table).copy()
        altered[name][index] += by
        totals = r.totals
        if table == "work" and name in totals:  # the sum follows: another account must see it
            totals = totals | {name: totals[name] + by}
        return replace(r, **{table: altered}, totals=totals)

    return change


def energy(**changes: object) -> Callable[[LayerResult], LayerResult]:
    return lambda r: replace(r, energy=(r.energy[0]._replace(**changes), *r.energy[1:]))


def one_tile_fewer(r: LayerResult) -> LayerResult:
    assert r.timeline is not None
    return replace(r, timeline=r.timeline[:-1])


def never_freed(r: LayerResult) -> LayerResult:
    return tile("work", "release_after_compute_bytes", -5, index=-1)(r)


def early_drain(r: LayerResult) -> LayerResult:
    assert r.timeline is not None
    early = r.timeline["compute_end_cycle"][1] - r.timeline["drain_start_cycle"][1] - 1
    return tile("timeline", "drain_start_cycle", int(early))(r)


ALTERED: dict[str, tuple[Callable[[LayerResult], LayerResult], str]] = {
    "a done MAC more": (total("done_macs", 1), r"done \+ gated \+ skipped MACs = \d+, but dense MACs = \d+"),
    "a skipped MAC less": (total("skipped_macs", -1), r"MACs = \d+, but dense MACs"),
    "a negative counter": (total("surplus_products", -1), "surplus_products is -1, less than 0"),
    "a lane-cycle of no cause": (
        cause("mac", -1),
        r"lane-cycles by cause = \d+, but lanes x PEs x cycles = \d+",
    ),
    "a lane-cycle too many": (cause("fetch_wait", 1), "lane-cycles by cause"),
    "a lane-cycle of another cause": (
        lambda r: cause("zero_mac", 1)(cause("mac", -1)(r)),
        r"mac lane-cycles = \d+, but of tiles and between them = \d+",
    ),
    "a wait of another cause": (
        lambda r: cause("drain_wait", 9)(cause("fetch_wait", -9)(r)),
        r"drain_wait lane-cycles = \d+, but of tiles and between them = \d+",
    ),
    "a cycle that no tile explains": (
        lambda r: cause("fetch_wait", CHIP.pe_array.multipliers)(replace(r, cycles=r.cycles + 1)),
        r"fetch_wait lane-cycles = \d+, but of tiles and between them = \d+",
    ),
    "a cycle more": (lambda r: replace(r, cycles=r.cycles + 1), "lanes x PEs x cycles"),
    "a dearer row": (energy(pj=1.5), r"energy of mac, done is 1.5 pJ, but \d+ x 0.561 pJ"),
    "a count that is not priced": (energy(count=7), r"energy of mac, done is [\d.]+ pJ, but 7 x 0.561 pJ"),
    "a line that no row priced": (energy(priced_by=""), r"mac, done: \d+ x 0.561 pJ, priced by no row"),
    "a bound on the wrong side": (energy(high_pj=1.5), r"energy of mac, done is [\d.]+ pJ, not within"),
    "a lane-cycle moved out of a tile": (
        tile("work", "mac_lane_cycles", 1),
        r"tile 1: lane-cycles by cause = \d+",
    ),
    "a sum that is not its parts": (total("mask_bits_read", 8), "sum of mask_bits_read over tiles"),
    "a tile that is not timed": (one_tile_fewer, r"\d+ tiles are timed, the plan has \d+"),
    "bytes never freed": (never_freed, r"\d+ bytes still reserved at the layer's end"),
    "a box that is too large": (
        tile("work", "k1", 1),
        r"MACs of all tiles' boxes = \d+, but dense MACs = \d+",
    ),
    "bytes that change on their way": (
        tile("work", "weight_fill_bytes", 1),
        "weight_fetch_bytes of one encoding = ",
    ),
    "a partial sum that is never fetched": (
        tile("work", "partial_sum_drain_bytes", 4),
        "partial sums spilled = ",
    ),
    "a tile that computes too long": (
        tile("timeline", "compute_end_cycle", 1),
        r"tile 1",
    ),
    "a start before the data": (tile("timeline", "fetch_end_cycle", 10**9), "compute starts before its data"),
    "a drain before the result": (early_drain, r"tile 1: drain starts before compute ends: \d+ > \d+"),
    "two transfers at once": (tile("timeline", "fetch_start_cycle", -3, index=2), "DRAM transfers overlap"),
}


@pytest.mark.parametrize("case", ALTERED)
def test_an_altered_figure_is_found(case: str, result: LayerResult) -> None:
    change, message = ALTERED[case]
    check_layer(result, CHIP)
    with pytest.raises(AuditError, match=message) as found:
        check_layer(change(result), CHIP)
    numbers = re.findall(r"-?\d+", str(found.value).replace(result.name, "").split(": ", 1)[-1])
    assert len(set(numbers)) >= 2  # what was found, and what it should be


@pytest.mark.parametrize("name", TRAFFIC + COUNTERS)
def test_a_total_is_the_sum_of_its_tiles_both_numbers_shown(name: str, result: LayerResult) -> None:
    right = result.totals[name]
    lost = total(name, 10**6)(result)
    message = rf"{name} over tiles = {right}, but total = {right + 10**6}$"
    if name in ("done_macs", "gated_macs", "skipped_macs"):  # an earlier account sees these
        dense = result.totals["dense_macs"]
        message = rf"done \+ gated \+ skipped MACs = {dense + 10**6}, but dense MACs = {dense}$"
    with pytest.raises(AuditError, match=message):
        check_layer(lost, CHIP)


def test_a_scratchpad_that_overflows_is_found(result: LayerResult) -> None:
    values = CHIP.model_dump()
    values["scratchpad"]["capacity_bytes"] = 512
    with pytest.raises(AuditError, match=r"scratchpad: \d+ bytes reserved at cycle \d+, capacity 512"):
        check_layer(result, Accelerator.model_validate(values))
