"""A folder with one digit's trace; a store whose points are written by hand: an array that works, and waits."""

import shutil

import pytest
from study_runs import run, tables

from accelsim import zoo
from accelsim.study.store import Store
from accelsim.study.store_tables import Rows
from accelsim.tables import CAUSES
from accelsim.trace import write

HAND = """name: hand
base: both-skip-16x16
workloads: [a, b]
axes:
  - {key: pe_array.rows, values: [16, 32]}
  - {key: pe_array.columns, values: [16, 32]}
  - {key: dram.peak_gb_per_s, values: [12.8]}
objectives: [{minimise: cycles_mean}, {maximise: inferences_per_s}]
"""
AXES = ["pe_array.rows", "pe_array.columns", "dram.peak_gb_per_s"]
CYCLES = {0: 1000, 1: 600, 2: 500, 3: 400}


def figures(cycles, lanes):
    """An array that works 200 cycles of 256 lanes, and waits the rest."""
    causes = dict.fromkeys((f"{cause}_lane_cycles" for cause in CAUSES), 0)
    causes["mac_lane_cycles"] = 200 * 256
    causes["fetch_wait_lane_cycles"] = cycles * lanes - 200 * 256
    beside = {"energy_uj_mean": cycles / 10, "dram_mb_per_inference": 2.0, "area_mm2": lanes / 100}
    return causes | beside | {"cycles_mean": float(cycles), "inferences_per_s": 1e6 / cycles, "power_mw": 5.0}


@pytest.fixture
def hand_store(tmp_path):
    with Store(tmp_path / "hand.sqlite", HAND, AXES) as store:
        store.write_fact("points", "8")
        store.write_fact("excluded", "2")
        store.write_fact("file", "hand.yaml")
        for number in (2, 0, 3, 1):  # as they came back
            rows, columns = (16, 32)[number // 2], (16, 32)[number % 2]
            causes = figures(CYCLES[number], rows * columns)
            layers = Rows.of_dicts(
                [
                    {"layer": layer, "cycles": CYCLES[number] * share}
                    | {name: n * share for name, n in causes.items() if name.endswith("_lane_cycles")}
                    for layer, share in (("first", 0.75), ("second", 0.25))
                ]
            )
            store.add(
                f"k{number}",
                {"workload": "a", **dict(zip(AXES, (rows, columns, 12.8), strict=True))},
                number=number,
                figures=causes | {"feasible": number != 3},
                layers=layers,
            )
        store.add("k4", {"workload": "b"}, number=4, error="no plan fits")
        yield store


@pytest.fixture(scope="module")
def digit(tmp_path_factory):
    path = tmp_path_factory.mktemp("digit") / "one.safetensors"
    write(zoo.digits_trace("digits-cnn").select_input(0), path)
    return path


@pytest.fixture
def folder(digit, tmp_path, monkeypatch):
    """A folder with one digit's trace."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(digit, "one.safetensors")
    return tmp_path


@pytest.fixture(scope="module")
def expected(digit):
    """The tables of the small study, run in this process."""
    there = digit.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(there)
        run(there / "expected.sqlite")
    return tables(there / "expected.sqlite")
