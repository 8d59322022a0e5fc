"""The commands of studies: what they print, the files they leave, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_results import failed
from typer.testing import Result

Run = Callable[..., Result]


@pytest.mark.usefixtures("without_pictures")
def test_a_roofline_of_one_run_and_of_two(run: Run, npz: Path, tmp_path: Path) -> None:
    chips = ("--hardware", "dense-16x16", "--hardware", "both-skip-16x16")
    assert run("run", npz, *chips, "--out", "out").exit_code == 0
    one = run("roofline", "out/net/dense-16x16", "--out", "one")
    assert one.exit_code == 0, one.output
    assert "ceiling" in one.stdout
    assert "measured" in (tmp_path / "one.svg").read_text()
    both = run("roofline", "out/net/dense-16x16", "out/net/both-skip-16x16", "--out", "two", "--cpu", "none")
    assert "all layers" in both.stdout
    assert "measured" not in (tmp_path / "two.svg").read_text()
    document = json.loads(run("roofline", "out/net/dense-16x16", "--json").stdout)
    assert [row["layer"] for row in document["layers"]] == ["a", "b"]
    failed(run("roofline", "out/net/dense-16x16", "--cpu", "mine.csv"), 2, "mine.csv: cannot be read")


@pytest.mark.usefixtures("without_pictures")
def test_ceilings_measured_are_a_file_that_the_roofline_takes(run: Run, npz: Path) -> None:
    assert "int8 tops" in run("ceilings", "--seconds", 0.02, "--out", "cpu.csv").stdout
    run("run", npz, "--hardware", "dense-16x16", "--out", "out")
    assert run("roofline", "out/net/dense-16x16", "--cpu", "cpu.csv").exit_code == 0
    failed(run("ceilings", "--seconds", 0), 2, "seconds must be positive, not 0")


def test_a_cache_study_prints_a_row_per_memory(run: Run, npz: Path, tmp_path: Path) -> None:
    result = run("cache-study", npz, "--layer", "a", "--out", "cache")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("cache ") >= 12
    assert "line accesses" in result.stdout
    assert (tmp_path / "cache" / "cache.svg").is_file()
    rows = json.loads(run("cache-study", npz, "--layer", "b", "--json").stdout)["rows"]
    assert rows[0]["memory"] == "scratchpad"
    failed(run("cache-study", npz), 2, "--layer must name the layers to study")
    failed(run("cache-study", npz, "--layer", "x"), 2, "no layer 'x'")
    failed(run("cache-study", "nothing"), 2, "--layer must name")
    failed(run("cache-study", "nothing", "--layer", "a"), 2, "nothing: neither a file nor a network")
    failed(run("cache-study", npz, "--layer", "a", "--ways", 0), 2, "ways must be at least 1")
    failed(
        run("cache-study", npz, "--layer", "a", "--hardware", "systolic-weights-16x32"), 2, "a cache needs"
    )


def test_compression_prints_a_table_and_why(run: Run, npz: Path, tmp_path: Path) -> None:
    chips = ("--hardware", "dense-16x16", "--hardware", "both-skip-16x16")
    result = run("compression", npz, *chips, "--out", "c")
    assert result.exit_code == 0, result.output
    assert "net: encoded, " in result.stdout
    assert "both-skip-16x16: " in result.stdout
    for name in ("compression.svg", "compression.csv", "kinds.csv"):
        assert (tmp_path / "c" / "net" / name).is_file()
    document = json.loads(run("compression", npz, *chips, "--json").stdout)
    assert len(document[str(npz)]["rows"]) == 8
    failed(run("compression", "nothing"), 2, "nothing: neither a file nor a network; networks: ")


def test_hold_prints_a_row_per_policy_and_order(run: Run, npz: Path) -> None:
    result = run("hold", npz, "--hardware", "dense-16x16", "--toggles", "exact", "--order-channels")
    assert result.exit_code == 0, result.output
    for policy in ("compute", "gate, without hold", "gate, ordered", "skip"):
        assert policy in result.stdout
    rows = json.loads(run("hold", npz, "--hardware", "dense-16x16", "--json").stdout)
    assert [row["policy"] for row in rows] == ["compute", "gate, without hold", "gate", "skip"]
    failed(run("hold", npz, "--toggles", "some"), 2, "--toggles must be one of sampled, exact, off")
    failed(run("hold", "nothing"), 2, "nothing: neither a file nor a network")
    rows = json.loads(run("hold", npz, "--hardware", "tpu-v1", "--json").stdout)
    assert [row["policy"] for row in rows] == ["compute", "gate, without hold", "gate"]


@pytest.mark.usefixtures("without_pictures")
def test_a_run_says_how_it_counted_toggles(run: Run, npz: Path, tmp_path: Path) -> None:
    result = run("run", npz, "--hardware", "dense-16x16", "--toggles", "sampled", "--order-channels")
    assert result.exit_code == 0, result.output
    assert "dense-16x16: toggles sampled, " in result.stdout
    assert "toggles" in json.loads((tmp_path / "results/net/dense-16x16/summary.json").read_text())
    command = ("run", npz, "--hardware", "dense-16x16", "--toggles")
    assert "dense-16x16: all toggles counted." in run(*command, "exact").stdout
    assert "toggles" not in run(*command, "off").stdout
    failed(
        run("run", npz, "--toggles", "some"), 2, "--toggles must be one of sampled, exact, off, not 'some'"
    )
