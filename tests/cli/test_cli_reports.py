"""report and heatmap: from a trace to a page; refusals."""

import json

import pytest
from cli_results import failed

CHIP = "results/net/both-skip-16x16"


@pytest.fixture
def done(run, npz, without_pictures):
    told = run("run", npz, "--hardware", "both-skip-16x16", "--seed", 4, "--together", "--timeline-tiles", 5)
    assert told.exit_code == 0, told.output
    return npz


def test_a_run_from_its_trace_to_its_report(run, done, tmp_path):
    assert run("report", CHIP).stdout.startswith(f"{CHIP}/report.html: ")
    text = (tmp_path / CHIP / "report.html").read_text()
    command = f"accelsim run {done} --hardware both-skip-16x16 --together --timeline-tiles 5 --seed 4"
    assert f"<code>{command}</code>" in text
    assert "accelsim heatmap TRACE RUN_FOLDER" in text
    told = json.loads(run("heatmap", done, CHIP, "--json").stdout)
    assert {row["layer"] for row in told["layers"]} == {"a", "b"}
    assert all((tmp_path / path).is_file() for path in told["files"])
    assert run("report", CHIP, "--out", "r.html").exit_code == 0
    assert "utilisation of each PE" in (tmp_path / "r.html").read_text()
    table = run("heatmap", done, CHIP, "--layer", "b")
    assert table.exit_code == 0
    assert f"{CHIP}/plots/pes/b.png" in table.stdout
    document = json.loads((tmp_path / CHIP / "timeline.json").read_text())
    assert document["otherData"]["tiles_drawn"] <= 5


def test_what_is_neither_a_run_nor_a_store_is_refused(run, npz, tmp_path):
    failed(run("report", "nowhere"), 2, "nowhere: neither the folder of a run nor the store of a study")
    failed(run("report", tmp_path), 2, "summary.json: cannot be read")
    failed(run("report", npz), 2, "net.npz: not a store of a study")


def test_a_heat_map_of_nothing_is_refused(run, done):
    failed(run("heatmap", done, CHIP, "--layer", "c"), 2, "--layer must be one of", "not 'c'")
    failed(run("heatmap", "none.npz", CHIP), 2, "none.npz: no such file")
