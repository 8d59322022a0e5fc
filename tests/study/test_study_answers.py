"""What a store answers: laws over points written by hand."""

import pandas as pd
import pytest

from accelsim.errors import InputError
from accelsim.study import answers
from accelsim.study.store import Store
from accelsim.tables import CAUSES

STUDY = """name: hand
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
def store(tmp_path):
    with Store(tmp_path / "hand.sqlite", STUDY, AXES) as store:
        store.write_fact("points", "8")
        store.write_fact("excluded", "2")
        store.write_fact("file", "hand.yaml")
        for number in (2, 0, 3, 1):  # as they came back
            rows, columns = (16, 32)[number // 2], (16, 32)[number % 2]
            causes = figures(CYCLES[number], rows * columns)
            layers = pd.DataFrame(
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


def test_the_status_counts_every_point_and_the_best_keeps_its_budget(store):
    found = answers.status(store)
    counts = [found[name] for name in ("points", "excluded", "done", "failed", "left", "infeasible")]
    assert counts == [8, 2, 4, 1, 3, 1]
    assert found["errors"] == {"no plan fits": 1}
    assert {name: best["number"] for name, best in found["best"].items()} == {
        "cycles_mean": 2,
        "inferences_per_s": 2,
    }


def test_points_come_in_the_order_of_the_study_whoever_ended_first(store):
    assert answers.exported(store, "points")["number"].tolist() == [0, 1, 2, 3, 4]
    assert answers.exported(store, "layers")["number"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(InputError, match="points, layers or tiles, not 'rows'"):
        answers.exported(store, "rows")


def test_four_times_the_pes_are_measured_against_four_times_the_speed(store):
    told = answers.explain(store, 0, 3)
    # 200 x 256 of 400 x 1024 lane-cycles are MACs: 12.5 %; the others wait.
    assert told[0] == (
        "rows x columns 1024: 2.50x faster than rows x columns 256, ideal 4.0x; of the lane-cycles "
        "88 % wait for DRAM fetches (was 80 %)"
    )
    assert told[1].startswith(
        "energy 100 to 40 uJ, 0.40x; DRAM traffic 2 to 2 MB, 1.00x; area 2.56 to 10.24 mm2"
    )
    assert told[2] == "first: 750 to 300 cycles (-450); -338 wait for DRAM fetches"
    assert len(told) == 4


def test_one_axis_is_named_and_several_are_listed(store):
    assert answers.explain(store, 0, 1)[0].startswith("32 columns: 1.67x faster than 16 columns, ideal 2.00x")
    assert answers.explain(store, 1, 1)[0].startswith("point 1 (the same settings): as fast as point 1")


@pytest.mark.parametrize(("number", "told"), [(4, "point 4 failed: no plan fits"), (9, "no point 9")])
def test_a_point_without_figures_is_not_explained(store, number, told):
    with pytest.raises(InputError, match=told):
        answers.explain(store, 0, number)


def test_a_picture_has_a_line_for_each_value_of_the_other_axis(store):
    figure, table = answers.picture(store)
    assert table.groupby("pe_array.rows")["pe_array.columns"].apply(list).tolist() == [[16, 32], [16, 32]]
    assert len(figure.axes) == 2
    _, table = answers.picture(store, "pe_array.rows", figure="area_mm2", where='"pe_array.columns" = 16')
    assert table["area_mm2"].tolist() == [2.56, 5.12]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"figure": "cycels"}, "no column 'cycels'"),
        ({"over": "dram.peak_gb_per_s", "figure": "area_mm2"}, "several points share"),
        ({"where": "number = 0"}, "no axis has two finished points"),
        ({"where": "a b"}, "--where 'a b': .*syntax error"),
    ],
)
def test_a_picture_that_cannot_be_says_why(store, options, told):
    with pytest.raises(InputError, match=told):
        answers.picture(store, **options)


def test_parquet_is_the_same_table_or_says_what_it_needs(store, monkeypatch):
    table = answers.exported(store, "layers")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InputError, match="--parquet needs pyarrow"):
        answers.parquet_bytes(table)
