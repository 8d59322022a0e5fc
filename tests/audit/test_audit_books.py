"""Each account of a layer goes red when one of its figures is altered, and shows the two numbers."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import accelsim
from accelsim.audit.books import check_layer
from accelsim.errors import AuditError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.results import LayerResult

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


def energy(r: LayerResult) -> LayerResult:
    return replace(r, energy=(replace(r.energy[0], pj=r.energy[0].pj * 1.001 + 1), *r.energy[1:]))


def one_tile_fewer(r: LayerResult) -> LayerResult:
    assert r.timeline is not None
    return replace(r, timeline=r.timeline[:-1])


def never_freed(r: LayerResult) -> LayerResult:
    return tile("work", "release_after_compute_bytes", -5, index=-1)(r)


ALTERED: dict[str, tuple[Callable[[LayerResult], LayerResult], str]] = {
    "a done MAC more": (total("done_macs", 1), r"done \+ gated \+ skipped MACs = \d+, but dense MACs = \d+"),
    "a skipped MAC less": (total("skipped_macs", -1), r"MACs = \d+, but dense MACs"),
    "a negative counter": (total("surplus_products", -1), "surplus_products is -1, less than 0"),
    "a lane-cycle of no cause": (
        cause("mac", -1),
        r"lane-cycles by cause = \d+, but lanes x PEs x cycles = \d+",
    ),
    "a lane-cycle too many": (cause("fetch_wait", 1), "lane-cycles by cause"),
    "a cycle more": (lambda r: replace(r, cycles=r.cycles + 1), "lanes x PEs x cycles"),
    "a dearer row": (energy, r"energy rows add up to [\d.]+ pJ, the total is [\d.]+ pJ"),
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
    "a partial sum that is never fetched": (
        tile("work", "partial_sum_drain_bytes", 4),
        "partial sums spilled = ",
    ),
    "a tile that computes too long": (tile("timeline", "compute_end_cycle", 1), "tile 1"),
    "a start before the data": (tile("timeline", "fetch_end_cycle", 10**9), "compute starts before its data"),
    "a drain before the result": (tile("timeline", "drain_start_cycle", -(10**6)), "tile 1"),
    "two transfers at once": (tile("timeline", "fetch_start_cycle", -3, index=2), "DRAM transfers overlap"),
}


@pytest.mark.parametrize("case", ALTERED)
def test_an_altered_figure_is_found(case: str, result: LayerResult) -> None:
    change, message = ALTERED[case]
    check_layer(result, CHIP)
    with pytest.raises(AuditError, match=message) as found:
        check_layer(change(result), CHIP)
    assert result.name in str(found.value) or "tile" in str(found.value) or "scratchpad" in str(found.value)
    assert re.search(r"\d", str(found.value))


def test_a_scratchpad_that_overflows_is_found(result: LayerResult) -> None:
    values = CHIP.model_dump()
    values["scratchpad"]["capacity_bytes"] = 512
    with pytest.raises(AuditError, match=r"scratchpad: \d+ bytes reserved at cycle \d+, capacity 512"):
        check_layer(result, Accelerator.model_validate(values))


def test_dram_bytes_are_those_of_the_tiles(result: LayerResult) -> None:
    assert result.work is not None

    def moved(r: LayerResult) -> Any:
        return total("weight_fetch_bytes", 64)(r)

    with pytest.raises(AuditError, match="weight_fetch_bytes"):
        check_layer(moved(result), CHIP)
