"""Energy tables and areas on the command line, wrong input included."""

import json
from pathlib import Path

import pytest
from cli_results import failed
from conftest import Run

from accelsim.energy import load_table, tables
from accelsim.hardware import presets

pytestmark = pytest.mark.small


def test_shipped_tables_are_listed_with_their_nodes(run: Run) -> None:
    listed = json.loads(run("energy", "list", "--json").stdout)
    assert [(row["table"], row["node_nm"]) for row in listed] == [("22nm", 22), ("45nm", 45), ("7nm", 7)]
    assert "lpddr4_3200" in run("energy", "list").stdout


def test_a_table_is_shown_row_by_row_at_a_node_with_what_has_no_rule(run: Run) -> None:
    text = run("energy", "show", "--node", "28").stdout
    lines = text.splitlines()
    assert len(lines) == len(load_table("45nm", node_nm=28).rows) + 2
    assert lines[0].startswith("mac.done 8 bit")
    assert "per mac" in lines[0]
    assert "45nm.csv:2 x 0.5132" in lines[0]
    assert "sram_hp.leakage: none; 45nm.csv:" in lines[-1]
    assert len(json.loads(run("energy", "show", "7nm", "--json").stdout)) == len(load_table("7nm").rows)


@pytest.mark.parametrize("name", list(tables()))
def test_a_table_goes_out_as_ert_and_comes_back(name: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "ert.yaml").write_text(run("energy", "show", name, "--ert").stdout)
    done = run("energy", "import", "ert.yaml", "--out", "back.csv")
    assert done.stdout == f"{len(load_table(name).rows)} rows in back.csv\n"
    assert (tmp_path / "back.csv").read_text() == run("energy", "show", name, "--csv").stdout


def test_the_fit_is_printed_and_drawn(run: Run, tmp_path: Path) -> None:
    done = run("energy", "sram", "--node", "22", "--out", "fit", "--json")
    document = json.loads(done.stdout)
    assert len(document["points"]) == 78
    assert {path.name for path in (tmp_path / "fit").iterdir()} == {"sram_22nm.svg", "sram_22nm.csv"}


@pytest.mark.parametrize("name", list(presets()))
def test_the_area_of_every_chip_is_the_sum_of_its_components(name: str, run: Run) -> None:
    document = json.loads(run("hardware", "area", name, "--json").stdout)
    assert document["area_mm2"] == pytest.approx(sum(row["mm2"] for row in document["components"]))
    assert document["area_low_mm2"] < document["area_mm2"] < document["area_high_mm2"]
    text = run("hardware", "area", name, "--set", "energy.node_nm=22").stdout
    assert f"{name} at 22 nm: " in text
    assert "pitch of a PE " in text


def test_wrong_input_is_located_and_leaves_standard_output_empty(run: Run, tmp_path: Path) -> None:
    failed(run("energy", "show", "44nm"), 2, "44nm: neither a file nor a shipped energy table")
    failed(run("energy", "show", "--node", "11"), 2, "45nm: no scaling rule for 11 nm")
    failed(run("energy", "show", "--overlay", "no.csv"), 2, "no.csv: no such overlay of an energy table")
    failed(run("energy", "import", "no.yaml"), 2, "no.yaml: no such file")
    failed(run("energy", "sram", "--node", "28"), 2, "no CACTI points at 28 nm; nodes: 7, 16, 22")
    failed(run("hardware", "area", "nothing"), 2, "nothing: neither a file nor a shipped chip")
    (tmp_path / "mine.csv").write_text("component\n")
    failed(
        run("hardware", "area", "eie-64", "--set", "energy.table=mine.csv"),
        2,
        "mine.csv:1: the header must be",
    )
    failed(run("whatif", "nowhere"), 2, "nowhere/summary.json: cannot be read")
