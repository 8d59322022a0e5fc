"""One energy for one chip, whichever command asks: toggles are sampled alike everywhere."""

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.plan import Objective
from accelsim.results import NetworkResult
from accelsim.simulation import simulate
from accelsim.study.between_layers import between_layers
from accelsim.study.points import Point, evaluate
from accelsim.study.runs import run_on_chips
from accelsim.study.study_file import Keep, MappingOptions, parse_study
from accelsim.study.sweep import points, run_sweep
from accelsim.study.traces import TraceFile
from accelsim.toggles import Toggling
from accelsim.trace import NetworkTrace, from_arrays, network_of, write
from accelsim.version import code_version

CHIP = "both-skip-16x16"


@pytest.fixture(scope="module")
def trace() -> NetworkTrace:
    """A layer of more than 40 blocks, so that a sample is one."""
    generator = np.random.default_rng(2)
    weights = generator.integers(-9, 9, (16, 3, 3, 16)).astype(np.int8)
    activations = generator.integers(0, 3, (1, 40, 40, 16)).astype(np.uint8)
    return network_of(from_arrays(weights, activations, padding=1))


@pytest.fixture(scope="module")
def path(trace: NetworkTrace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("one_energy") / "net.safetensors"
    write(trace, file)
    return file


@pytest.fixture(scope="module")
def sampled(trace: NetworkTrace) -> NetworkResult:
    return simulate(trace, CHIP, toggles="sampled")


def figures(result: NetworkResult) -> tuple[float, float]:
    summary = result.summary()
    return summary["energy_uj_mean"], summary["energy_uj_toggle_error"]


def test_toggles_are_sampled_if_nothing_is_said(
    trace: NetworkTrace, sampled: NetworkResult, tmp_path: Path
) -> None:
    assert figures(sampled)[1] > 0
    assert sampled.provenance["toggles"] == "sampled"
    chip = load_hardware(CHIP)
    assert simulate(trace, CHIP).layers.equals(sampled.layers)
    (run,) = run_on_chips(trace, [chip], tmp_path / "run")
    assert figures(run) == figures(sampled)
    table = between_layers(trace, [chip], tmp_path / "between")
    assert table["energy_uj"][0] == figures(sampled)[0]


@pytest.mark.parametrize("toggles", ["sampled", "exact", "off"])
@pytest.mark.parametrize("objective", ["cycles", "energy"])
def test_a_point_of_a_sweep_and_of_a_study_takes_the_energy_of_a_run(
    trace: NetworkTrace, path: Path, toggles: Toggling, objective: Objective, tmp_path: Path
) -> None:
    run = simulate(trace, CHIP, toggles=toggles, objective=objective)
    expected = pytest.approx(figures(run), rel=1e-12, nan_ok=True)
    grid = points(["dram.peak_gb_per_s=12.8"])
    swept = run_sweep(path, CHIP, [], grid, tmp_path, workers=1, toggles=toggles, objective=objective).table
    chip = load_hardware(CHIP, ["dram.peak_gb_per_s=12.8"])
    point = Point(
        number=0,
        key="k",
        settings={},
        chip=chip,
        trace=TraceFile(str(path), trace.content_hash),
        mapping=MappingOptions(toggles=toggles, objective=objective),
        keep=Keep(),
        code=code_version(),
    )
    outcome = evaluate(point)
    assert outcome.figures is not None, outcome.error
    for row in (swept.iloc[0], outcome.figures):
        assert (row["energy_uj_mean"], row["energy_uj_toggle_error"]) == expected
    assert chip.dram == load_hardware(CHIP).dram  # the value that the axis sets is the chip's own


@pytest.mark.small
def test_a_study_says_how_toggles_are_counted() -> None:
    """`off` without quotes is a truth value in YAML."""
    text = "name: s\nbase: both-skip-16x16\nworkloads: [x]\n"
    assert parse_study(text, "s.yaml").mapping.toggles == MappingOptions().toggles == "sampled"
    for word in ("sampled", "exact", "off", '"off"'):
        assert parse_study(f"{text}mapping: {{toggles: {word}}}\n", "s.yaml").mapping.toggles == word.strip(
            '"'
        )
    for wrong in ("some", "on", "0"):
        with pytest.raises(InputError, match=r"s.yaml:4: mapping.toggles"):
            parse_study(f"{text}mapping: {{toggles: {wrong}}}\n", "s.yaml")
