"""One trace on several chips: each chip's folder is what it would be alone, and one picture compares them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.report import write_run
from accelsim.simulation import simulate
from accelsim.study.runs import run_on_chips
from accelsim.trace import NetworkTrace, from_arrays, from_layers

CHIPS = ("dense-16x16", "both-skip-16x16")


@pytest.fixture
def trace() -> NetworkTrace:
    generator = np.random.default_rng(6)
    weights = generator.integers(-2, 3, (16, 3, 3, 16)).astype(np.int8)
    activations = generator.integers(0, 3, (1, 7, 7, 16)).astype(np.uint8)
    return from_layers("net", [from_arrays(weights, activations, name="a", padding=1)])


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_chip_has_a_folder_as_if_it_ran_alone(trace: NetworkTrace, tmp_path: Path) -> None:
    chips = [load_hardware(name) for name in CHIPS]
    told: list[str] = []
    results = run_on_chips(trace, chips, tmp_path / "out", progress=told.append)
    assert [result.chip for result in results] == chips
    assert len(told) == len(chips)
    alone = write_run(simulate(trace, chips[1]), tmp_path / "alone")
    assert alone
    for path in alone:
        same = tmp_path / "out" / CHIPS[1] / path.relative_to(tmp_path / "alone")
        assert same.read_bytes() == path.read_bytes(), same
    expected = {f"{chip}/{name}" for chip in CHIPS for name in files(tmp_path / "alone")}
    assert files(tmp_path / "out") == expected | {"compare.csv", "compare.svg"}


@pytest.mark.usefixtures("without_pictures")
def test_the_comparison_has_the_cycles_of_both_summaries(trace: NetworkTrace, tmp_path: Path) -> None:
    run_on_chips(trace, [load_hardware(name) for name in CHIPS], tmp_path)
    table = pd.read_csv(tmp_path / "compare.csv")
    cycles = {
        chip: json.loads((tmp_path / chip / "summary.json").read_text())["summary"]["cycles_mean"]
        for chip in CHIPS
    }
    assert cycles[CHIPS[0]] > cycles[CHIPS[1]]
    assert table.set_index("chip")["cycles"].to_dict() == cycles


def test_one_chip_is_compared_with_nothing(trace: NetworkTrace, tmp_path: Path) -> None:
    run_on_chips(trace, [load_hardware(CHIPS[0])], tmp_path)
    assert not list(tmp_path.glob("compare.*"))


def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(
    trace: NetworkTrace, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    told: list[str] = []
    with pytest.raises(InputError, match="taken is no folder"):
        run_on_chips(trace, [load_hardware(CHIPS[0])], tmp_path / "taken" / "out", progress=told.append)
    assert told == []
