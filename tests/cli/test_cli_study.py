"""study: from a file to a table, a picture and a sentence; refusals with file and line."""

import json

import pandas as pd
import pytest
from cli_results import failed

STUDY = """name: net
base: both-skip-16x16
workloads: [net.npz]
axes:
  - {key: pe_array.rows, values: [2, 4]}
  - {key: scratchpad.capacity_bytes, values: [32768, 65536]}
objectives: [{minimise: cycles_mean}]
keep: {tiles: true}
"""
STORE = "results/studies/net.sqlite"


@pytest.fixture
def study(run, npz, tmp_path):
    (tmp_path / "net.yaml").write_text(STUDY)
    return tmp_path


def test_a_study_from_its_file_to_its_answers(run, study):
    done = run("study", "run", "net.yaml", "--workers", 1)
    assert done.exit_code == 0, done.output
    told = f"4 points (0 excluded by constraints): 0 done before, 4 now, 0 failed\n{STORE}\nreused "
    assert done.stdout.startswith(told)
    assert json.loads(run("study", "resume", STORE, "--json").stdout)["before"] == 4
    told = run("study", "status", STORE).stdout
    assert told.startswith(
        "net: 4 points (0 excluded by constraints): 4 done, 0 failed, 0 left; 0 over a budget\n"
    )
    assert "best cycles_mean: " in told
    assert run("study", "export", STORE, "--csv", "p.csv").stdout == "p.csv: 4 rows\n"
    assert pd.read_csv("p.csv")["pe_array.rows"].tolist() == [2, 2, 4, 4]
    for table in ("layers", "tiles"):
        assert run("study", "export", STORE, "--csv", "t.csv", "--table", table).exit_code == 0
        assert pd.read_csv("t.csv")["number"].unique().tolist() == [0, 1, 2, 3]
    assert run("study", "plot", STORE, "--out", "p").stdout == "p.svg\np.csv\n"
    pair = ("--minimise", "cycles_mean", "--minimise", "area_mm2")
    told = run("study", "front", STORE, *pair, "--out", "f").stdout
    assert "feasible points" in told
    assert told.endswith("f.svg\nf.csv\n")
    assert pd.read_csv("f.csv")["front"].any()
    document = json.loads(run("study", "front", STORE, *pair, "--json").stdout)
    assert {row["axis"] for row in document["sensitivity"]} == {"pe_array.rows", "scratchpad.capacity_bytes"}
    failed(run("study", "front", STORE), 2, "a front needs two objectives, not 1")
    told = run("study", "explain", STORE, 0, 2).stdout
    assert told.startswith("4 rows: ")
    assert "\nwith one change (ratios to point 2):\n  " in told
    document = json.loads(run("study", "explain", STORE, 2, "--json").stdout)
    assert document["sentences"][0].startswith("point 2 (workload net.npz, rows 4, capacity_bytes 32768): ")
    assert document["what_ifs"]["tried"][0]["speedup"] > 1
    assert "with one change" not in run("study", "explain", STORE, 0, 2, "--no-what-ifs").stdout


def test_a_point_that_fails_makes_the_exit_code_1_and_is_told(run, study):
    (study / "net.yaml").write_text(STUDY.replace("[32768", "[64"))
    done = run("study", "run", "net.yaml", "--workers", 1)
    assert done.exit_code == 1
    assert "2 now, 2 failed" in done.stdout
    assert "failed, 1 x: a: no plan fits" in run("study", "status", STORE).stdout


def test_what_is_wrong_is_told_at_its_line(run, study):
    failed(run("study", "run", "none.yaml"), 2, "none.yaml: cannot read the study")
    (study / "net.yaml").write_text(STUDY.replace("pe_array.rows", "pe_array.rwos"))
    failed(run("study", "run", "net.yaml"), 2, "net.yaml:5: pe_array: unknown key 'rwos'")
    (study / "net.yaml").write_text(STUDY)
    failed(run("study", "run", "net.yaml", "--workers", 0), 2, "--workers must be at least 1")
    failed(run("study", "status", "none.sqlite"), 2, "none.sqlite: no such store")
    assert run("study", "run", "net.yaml", "--workers", 1).exit_code == 0
    failed(run("study", "export", STORE), 2, "--csv FILE or --parquet FILE")
    failed(run("study", "plot", STORE, "--where", "a b"), 2, "--where 'a b'")
    failed(run("study", "explain", STORE, 0, 9), 2, "no point 9")
    (study / "net.yaml").write_text(STUDY + "description: another\n")
    failed(run("study", "run", "net.yaml"), 2, "another study; --store names another file")
