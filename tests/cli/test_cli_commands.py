"""Every command: what it prints, its exit code, and the files it leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_results import failed
from typer.testing import Result

from accelsim.hardware import presets
from accelsim.trace import from_arrays, from_layers, from_npz, write

Run = Callable[..., Result]
ONE = ("--hardware", "both-skip-16x16")
TWO = ("--hardware", "dense-16x16", *ONE)


def test_run_prints_tables_and_leaves_a_folder_per_chip(run: Run, npz: Path, tmp_path: Path) -> None:
    result = run("run", npz, "--out", "out")
    assert result.exit_code == 0, result.output
    for word in ("speed-up over dense-16x16", "both-skip-16x16", "machine and energy", "results in out/net"):
        assert word in result.stdout
    assert "Outputs drawn" in result.stdout
    for chip in ("dense-16x16", "activation-skip-16x16", "both-skip-16x16"):
        assert (tmp_path / "out" / "net" / chip / "layers.csv").is_file()
    assert (tmp_path / "out" / "net" / "compare.svg").is_file()


@pytest.mark.usefixtures("without_pictures")
def test_json_is_all_that_is_printed(run: Run, npz: Path) -> None:
    document = json.loads(run("run", npz, "--json").stdout)
    rows = document[str(npz)]
    assert [row["chip"] for row in rows] == ["dense-16x16", "activation-skip-16x16", "both-skip-16x16"]
    assert rows[0]["speedup"] == 1
    assert rows[0]["inputs"] == 2
    for command in (
        ["hardware", "list"],
        ["hardware", "show", "dense-16x16"],
        ["hardware", "schema"],
        ["workloads", "list"],
        ["trace", "info", npz],
    ):
        json.loads(run(*command, "--json").stdout)


@pytest.mark.usefixtures("without_pictures")
def test_a_chip_whose_dram_is_priced_as_another_is_told_by_check_and_run(
    run: Run, npz: Path, tmp_path: Path
) -> None:
    text = presets()["both-skip-16x16"].read_text()
    start, end = text.index("\ndram:") + 1, text.index("\nenergy:") + 1
    banked = "dram:\n  model: banked\n  device: lpddr4-3200\n  channels: 1\n\n"
    (tmp_path / "banked.yaml").write_text(text[:start] + banked + text[end:])
    other = ["--set", "energy.dram=hbm2_2000"]
    words = "timed as lpddr4-3200 (dram.device) and priced as hbm2_2000 (energy.dram)"
    assert words in run("hardware", "check", "banked.yaml", *other).stdout
    assert words in run("run", npz, "--hardware", "banked.yaml", *other).stdout
    assert "note" not in run("hardware", "check", "banked.yaml").stdout


def test_verify_takes_every_shipped_chip(run: Run) -> None:
    reports = json.loads(run("verify", "--all", "--seconds", 0.1, "--json").stdout)
    assert [report["chip"] for report in reports] == list(presets())
    assert all(report["drawn"] >= 1 and report["differences"] == [] for report in reports)


@pytest.mark.usefixtures("without_pictures")
def test_the_baseline_is_the_one_that_was_asked_for(run: Run, npz: Path) -> None:
    rows = json.loads(run("run", npz, *TWO, "--baseline", "both-skip-16x16", "--json").stdout)[str(npz)]
    assert {row["baseline"] for row in rows} == {"both-skip-16x16"}
    assert rows[1]["speedup"] == 1


@pytest.mark.usefixtures("without_pictures")
def test_an_override_reaches_every_chip(run: Run, npz: Path) -> None:
    small, large = (
        json.loads(run("run", npz, *TWO, "--set", f"pe_array.rows={rows}", "--json").stdout)[str(npz)]
        for rows in (2, 16)
    )
    assert all(a["cycles_mean"] > b["cycles_mean"] for a, b in zip(small, large, strict=True))


@pytest.mark.usefixtures("without_pictures")
def test_the_same_command_twice_and_with_one_or_two_threads_gives_the_same_bytes(
    run: Run, npz: Path, tmp_path: Path
) -> None:
    for name, threads in (("one", 1), ("two", 2), ("again", 2)):
        assert run("run", npz, *ONE, "--out", name, "--threads", threads).exit_code == 0
    for file in (tmp_path / "one").rglob("*"):
        if file.suffix in (".csv", ".json"):
            for name in ("two", "again"):
                assert (
                    tmp_path / name / file.relative_to(tmp_path / "one")
                ).read_bytes() == file.read_bytes(), file


def test_a_finished_run_can_be_drawn_and_compared(run: Run, npz: Path, tmp_path: Path) -> None:
    run("run", npz, *TWO, "--out", "out")
    dense, both = "out/net/dense-16x16", "out/net/both-skip-16x16"
    (tmp_path / dense / "plots" / "cycles.svg").unlink()
    assert "cycles.svg" in run("plot", dense).stdout
    assert (tmp_path / dense / "plots" / "cycles.svg").is_file()
    assert run("plot", dense, "--kind", "timeline", "--layer", "b").exit_code == 0
    text = run("compare", dense, both).stdout
    assert "before: net on dense-16x16" in text
    assert "by cause: " in text
    rows = json.loads(run("compare", dense, both, "--json").stdout)
    assert [row["layer"] for row in rows] == ["a", "b"]
    failed(
        run("plot", dense, "--kind", "pie"),
        2,
        "--kind must be one of cycles, energy, flow, roofline, timeline, all, not 'pie'",
    )
    failed(run("plot", "out"), 2, "out/summary.json: cannot be read")
    failed(run("compare", dense, "nothing"), 2, "nothing/summary.json")


@pytest.mark.usefixtures("without_pictures")
def test_hardware_shown_is_a_file_that_runs(run: Run, npz: Path, tmp_path: Path) -> None:
    shown = run("hardware", "show", "both-skip-16x16", "--set", "pe_array.rows=4").stdout
    (tmp_path / "mine.yaml").write_text(shown.replace("name: both-skip-16x16", "name: mine"))
    assert "mine is right" in run("hardware", "check", "mine.yaml").stdout
    assert (
        json.loads(run("run", npz, "--hardware", "mine.yaml", "--json").stdout)[str(npz)][0]["chip"] == "mine"
    )


def test_trace_info_lists_layers_and_totals(run: Run, npz: Path, tmp_path: Path) -> None:
    write(from_npz(npz), tmp_path / "net.safetensors")
    for path in ("net.npz", "net.safetensors"):
        document = json.loads(run("trace", "info", path, "--json").stdout)
        assert [row["layer"] for row in document["layers"]] == ["a", "b"]
        assert document["inputs"] == 2
    assert "2 input(s), hash" in run("trace", "info", "net.npz").stdout


def test_verify_says_what_was_covered(run: Run, npz: Path) -> None:
    result = run("verify", npz, "--hardware", "both-skip-16x16", "--seconds", 1)
    assert result.exit_code == 0, result.output
    assert "of 2 of 2 layers" in result.stdout
    assert "counters equal" in result.stdout


def test_a_difference_between_the_twins_is_an_exit_code(
    run: Run, npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.dataflows import inner_join

    real = inner_join.tile_counters

    def wrong(*arguments: Any, **choices: Any) -> Any:
        counted = real(*arguments, **choices).copy()
        counted[:, 0] += 1
        return counted

    monkeypatch.setattr(inner_join, "tile_counters", wrong)
    result = run("verify", npz, "--hardware", "both-skip-16x16", "--seconds", 0.1)
    assert result.exit_code == 1
    assert "compute_cycles is " in result.stdout
    assert "in the kernel" in result.stdout


def test_a_sweep_prints_a_table_a_sentence_a_step_and_its_files(run: Run, npz: Path, tmp_path: Path) -> None:
    result = run("sweep", npz, "--over", "pe_array.rows=2,4", "--out", "sw", "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "4 rows: " in result.stdout
    assert "ideal 2.00x" in result.stdout
    assert sorted(path.name for path in (tmp_path / "sw").iterdir()) == [
        "points.csv",
        "sweep.csv",
        "sweep.svg",
    ]
    document = json.loads(run("sweep", npz, "--over", "pe_array.rows=2,4", "--workers", 1, "--json").stdout)
    assert [row["pe_count"] for row in document["points"]] == [32, 64]


def test_a_point_that_fails_is_a_row_and_an_exit_code(run: Run, npz: Path) -> None:
    result = run("sweep", npz, "--over", "scratchpad.capacity_bytes=64,65536", "--workers", 1, "--json")
    assert result.exit_code == 1
    tight, roomy = json.loads(result.stdout)["points"]
    assert "no plan fits the scratchpad of 64 bytes" in tight["error"]
    assert roomy["cycles_mean"] > 0


def test_a_point_that_fails_is_told_below_a_table_no_wider_for_it(run: Run, npz: Path) -> None:
    result = run("sweep", npz, "--over", "scratchpad.capacity_bytes=64,65536", "--workers", 1)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert max(map(len, lines[:3])) < 200
    assert lines[3].startswith(
        "scratchpad.capacity_bytes=64 failed: a: no plan fits the scratchpad of 64 bytes"
    )


def test_memory_that_is_not_there_is_told_without_a_traceback(
    run: Run, npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.execution import layer

    def full(_: object) -> int:
        raise MemoryError("Unable to allocate 2.33 TiB")

    monkeypatch.setattr(layer, "layer_cycles", full)
    failed(run("run", npz), 1, "the run failed: out of memory: Unable to allocate 2.33 TiB")


def test_a_failed_audit_is_exit_code_1_with_both_numbers(
    run: Run, npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.execution import layer

    real = layer.layer_cycles
    monkeypatch.setattr(layer, "layer_cycles", lambda timeline: real(timeline) + 1)
    result = run("run", npz)
    failed(result, 1, "the run failed: ")
    numbers = [word for word in result.stderr.replace(",", " ").split() if word.isdigit()]
    assert len(numbers) >= 2


@pytest.mark.usefixtures("without_pictures")
def test_import_writes_a_trace_that_runs(run: Run, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(0)
    weights = numpy_helper.from_array(generator.normal(size=(4, 3, 3, 3)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], name="conv1", kernel_shape=[3, 3]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 8, 8])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 4, 6, 6])
    graph = helper.make_graph(nodes, "g", [x], [z], [weights])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
        tmp_path / "m.onnx",
    )
    np.save(tmp_path / "images.npy", generator.normal(size=(2, 3, 8, 8)).astype(np.float32))
    failed(
        run("import", "m.onnx", "--inputs", "images.npy", "--out", "m.safetensors"),
        2,
        "fix it with batch=1 (--batch 1)",
    )
    result = run("import", "m.onnx", "--inputs", "images.npy", "--batch", 1, "--out", "m.safetensors")
    assert "m.safetensors: 1 layers on the array" in result.stdout
    assert run("run", "m.safetensors", "--hardware", "both-skip-16x16").exit_code == 0


@pytest.mark.usefixtures("without_pictures")
def test_prune_writes_a_trace_that_says_what_it_is(run: Run, npz: Path, tmp_path: Path) -> None:
    result = run("prune", npz, "--density", 0.2, "--out", "p.safetensors")
    assert result.exit_code == 0, result.output
    assert "pattern only, accuracy not claimed" in result.stdout
    rows = json.loads(run("prune", npz, "--density", 0.2, "--out", "p.safetensors", "--json").stdout)[
        "layers"
    ]
    assert all(row["density_after_fraction"] == pytest.approx(0.2, abs=0.01) for row in rows)
    assert all(0 < row["relative_error_fraction"] < 1 for row in rows)
    assert all(row["bitmask_after_bytes"] < row["bitmask_before_bytes"] for row in rows)
    shown = run("run", "p.safetensors", "--hardware", "both-skip-16x16").stdout
    assert "pattern only, accuracy not claimed" in shown
    (tmp_path / "s.yaml").write_text("a: 0.1\n")
    rows = json.loads(run("prune", npz, "--schedule", "s.yaml", "--out", "p.safetensors", "--json").stdout)[
        "layers"
    ]
    assert rows[1]["relative_error_fraction"] == 0
    assert run("prune", npz, "--density", 0.3, "--global", "--out", "p.safetensors").exit_code == 0
    assert run("prune", npz, "--density", 0.5, "--structure", "n_m", "--out", "p.safetensors").exit_code == 0


@pytest.mark.usefixtures("without_pictures")
def test_fewer_bits_and_codebooks_are_commands(run: Run, npz: Path) -> None:
    rows = json.loads(run("quantise", npz, "--bits", 4, "--out", "q.safetensors", "--json").stdout)["layers"]
    assert all(0 < row["relative_error_fraction"] < 0.1 for row in rows)
    shared = run("share", npz, "--bits", 2, "--initialisation", "density", "--out", "s.safetensors")
    assert "weights shared by codebooks of 2 bits per layer (density initialisation, seed 0)" in shared.stdout
    assert run("run", "s.safetensors", "--hardware", "both-skip-16x16").exit_code == 0


@pytest.mark.usefixtures("without_pictures")
def test_a_topology_becomes_a_trace_with_synthetic_zeros(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text("Layer, H, W, R, S, C, K, stride,\nconv1, 8, 8, 3, 3, 16, 8, 1,\n")
    result = run(
        "import", "net.csv", "--weight-density", 0.5, "--activation-density", 0.4, "--out", "t.safetensors"
    )
    assert result.exit_code == 0, result.output
    assert "zeros: synthetic" in result.stdout
    rows = json.loads(run("trace", "info", "t.safetensors", "--json").stdout)["layers"]
    assert rows[0]["weight_density_fraction"] == pytest.approx(0.5, abs=0.1)
    assert run("run", "t.safetensors", "--hardware", "dense-16x16").exit_code == 0


def test_the_version_is_that_of_the_package(run: Run) -> None:
    import accelsim

    assert run("--version").stdout == f"accelsim {accelsim.__version__}\n"


def test_every_command_is_in_the_help_and_has_json(run: Run) -> None:
    text = run("--help").stdout
    for command in ("run", "sweep", "plot", "verify", "compare", "import", "trace", "hardware", "workloads"):
        assert command in text
    for command in ("run", "sweep", "plot", "verify", "compare", "import", "prune", "formats", "reproduce"):
        assert "--json" in run(command, "--help").stdout


@pytest.mark.usefixtures("without_pictures")
def test_skipped_layers_are_skipped_on_every_chip_and_listed(run: Run, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    conv = from_arrays(
        generator.integers(-2, 3, (4, 3, 3, 8)).astype(np.int8), np.ones((1, 5, 5, 8), np.uint8), name="conv1"
    )
    fc = from_arrays(generator.integers(-2, 3, (4, 8)).astype(np.int8), np.ones((1, 8), np.uint8), name="fc1")
    write(from_layers("net", [conv, fc]), tmp_path / "net.safetensors")
    done = run(
        "run", tmp_path / "net.safetensors", "--hardware", "dense-16x16", "--hardware", "eie-64",
        "--skip-unsupported", "--toggles", "off", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "Not run: layer conv1 (eie-64: column_broadcast runs fully connected" in " ".join(
        done.stdout.split()
    )
    for chip in ("dense-16x16", "eie-64"):
        document = json.loads((tmp_path / "out" / "net" / chip / "summary.json").read_text())
        assert list(document["left_out"]) == ["conv1"]
        assert document["summary"]["dense_macs"] == 32
    swept = run(
        "sweep", tmp_path / "net.safetensors", "--hardware", "eie-64", "--over", "pe_array.queue_depth=1,2",
        "--workers", 1, "--skip-unsupported", "--toggles", "off", "--out", tmp_path / "sweep", "--json",
    )  # fmt: skip
    assert [point["left_out"] for point in json.loads(swept.stdout)["points"]] == ["conv1", "conv1"]


@pytest.mark.usefixtures("without_pictures")
def test_map_shows_the_best_plan_and_those_that_none_dominates(run: Run, npz: Path, tmp_path: Path) -> None:
    result = run("map", npz, "--layer", "a", "--objective", "energy", "--fix", "tile_p=2", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "the best for energy on both-skip-16x16" in result.stdout
    assert "plans that none dominates" in result.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"plans.csv", "pareto.svg", "pareto.csv"}
    document = json.loads(run("map", npz, "--fix", "tile_p=2", "--json").stdout)
    best = [plan for plan in document["plans"] if plan["plan"] == "best"]
    assert [plan["layer"] for plan in best] == ["a", "b"]
    assert all(plan["tile_p"] == 2 and plan["energy_uj"] > 0 for plan in document["plans"])
    # What map writes, run takes.
    plans = tmp_path / "out" / "plans.csv"
    assert run("run", npz, *ONE, "--plans", plans, "--objective", "dram").exit_code == 0


@pytest.mark.usefixtures("without_pictures")
def test_a_plans_file_may_leave_cells_to_the_mapper(run: Run, npz: Path, tmp_path: Path) -> None:
    file = tmp_path / "plans.csv"
    file.write_text("layer,order,tile_n,tile_k,tile_c,tile_p,tile_q,resident,spatial\na,,,,,3,,none,\n")
    assert run("run", npz, *ONE, "--plans", file, "--out", "out").exit_code == 0
    rows = (tmp_path / "out" / "net" / "both-skip-16x16" / "plans.csv").read_text().splitlines()
    assert rows[1].split(",")[5] == "3"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fix", "tile_k"], "--fix tile_k: must be KEY=VALUE with one of order, tile_n"),
        (["--fix", "tile_k=x"], "--fix tile_k=x: tile_k must be a whole number of at least 1, not 'x'"),
        (["--fix", "order=NKC"], "order must be a permutation of NKCPQ, not 'NKC'"),
        (["--fix", "resident=bias"], "resident must be some of weights"),
        (
            ["--fix", "tile_c=12"],
            "a: tile_c must be all 16 channels or a multiple of the chunk of 64, not 12",
        ),
        (["--fix", "tile_p=2", "--fix", "tile_p=3"], "tile_p is fixed twice"),
        (["--layer", "z"], "--layer: no layer z; layers: a, b"),
        (["--objective", "time"], "--objective must be one of cycles, dram, energy, edp, not 'time'"),
        (["--set", "scratchpad.capacity_bytes=256"], "a: no plan fits the scratchpad of 256 bytes"),
    ],
)
def test_what_map_cannot_do_is_told(run: Run, npz: Path, arguments: list[str], message: str) -> None:
    result = run("map", npz, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
