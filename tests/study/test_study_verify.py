"""`verify` covers every layer of a trace, and a twin that differs is told with both numbers."""

from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from accelsim.dataflows import inner_join, unsupported_layers
from accelsim.hardware import load_hardware, presets
from accelsim.reference import inner_join as inner_join_reference
from accelsim.study.verify import verify
from accelsim.tables import COUNTERS
from accelsim.trace import NetworkTrace, from_arrays, from_layers


@pytest.fixture(scope="module")
def trace() -> NetworkTrace:
    generator = np.random.default_rng(5)
    layers = [
        from_arrays(
            (generator.integers(-3, 4, (12, 3, 3, 8 // groups))).astype(np.int8),
            (generator.integers(0, 3, (1, 7, 7, 8))).astype(np.uint8),
            name=name,
            padding=1,
            groups=groups,
        )
        for name, groups in (("a", 1), ("b", 4))
    ]
    weights = generator.integers(-3, 4, (20, 30)).astype(np.int8)
    layers.append(from_arrays(weights, generator.integers(0, 3, (1, 30)).astype(np.uint8), name="c"))
    return from_layers("net", layers)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that counts how often it is asked, a tenth of a second each: budgets then hold on any machine."""
    asked = count()
    monkeypatch.setattr("accelsim.study.verify.time", SimpleNamespace(monotonic=lambda: next(asked) / 10))


@pytest.mark.parametrize("chip", presets())
def test_the_twins_of_every_shipped_chip_agree(chip: str, trace: NetworkTrace, steps: None) -> None:
    machine = load_hardware(chip)
    report = verify(trace, machine, seconds=1)
    assert report.differences == []
    assert report.layers == {"a", "b", "c"} - set(unsupported_layers(trace, machine))
    assert report.layers
    assert report.drawn >= 1
    assert report.macs > 0
    assert f"all {len(COUNTERS)} counters equal" in report.text()
    assert report.document()["layers"] == len(report.layers)


def test_every_unrolling_of_a_flexible_array_is_verified(trace: NetworkTrace, steps: None) -> None:
    chip = load_hardware("both-skip-16x16", ["pe_array.unrolling=flexible", "dram.peak_gb_per_s=400"])
    asked: set[Any] = set()
    real = inner_join_reference.tile_counts

    def noted(layer: Any, tile: Any, chip: Any, spatial: Any = None) -> Any:
        asked.add(spatial)
        return real(layer, tile, chip, spatial)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inner_join_reference, "tile_counts", noted)
        report = verify(trace, chip, seconds=4)
    assert report.differences == []
    assert None not in asked
    assert any(spatial.parts > 1 for spatial in asked)


def test_without_a_trace_layers_are_drawn() -> None:
    report = verify(None, load_hardware("both-skip-16x16"), seconds=0)
    assert (report.tiles, report.drawn) == (0, 1)
    assert "no trace" in report.text()


@pytest.mark.parametrize("counter", ["compute_cycles", "done_macs", "imbalance_lane_cycles"])
def test_a_counter_that_differs_is_named_with_both_numbers(
    counter: str, trace: NetworkTrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inner_join.tile_counters

    def wrong(*arguments: Any, **choices: Any) -> Any:
        counted = real(*arguments, **choices).copy()
        counted[:, COUNTERS.index(counter)] += 7
        return counted

    monkeypatch.setattr(inner_join, "tile_counters", wrong)
    report = verify(trace, load_hardware("both-skip-16x16"), seconds=0)
    assert report.differences
    assert all(f": {counter} is " in text and "in the reference" in text for text in report.differences)


def test_a_seed_draws_the_same_layers() -> None:
    first, again = (verify(None, load_hardware("dense-16x16"), seconds=0, seed=4) for _ in range(2))
    assert first.drawn == again.drawn == 1
