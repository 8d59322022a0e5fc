"""Sweeps: in order, in parallel, and never losing a finished point."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from accelsim.errors import AccelsimError, InputError
from accelsim.study import sweep
from accelsim.study.sweep import points, run_sweep


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    generator = np.random.default_rng(1)
    weights = generator.integers(-3, 4, (16, 3, 3, 16)).astype(np.int8)
    activations = generator.integers(0, 3, (1, 8, 8, 16)).astype(np.uint8)
    np.savez(tmp_path / "net.npz", weights=weights, activations=activations, padding=1)
    return tmp_path / "net.npz"


@pytest.mark.small
def test_a_grid_goes_through_the_last_axis_fastest() -> None:
    assert points(["a.b=1,2", "c=x, y"]) == [
        {"a.b": "1", "c": "x"},
        {"a.b": "1", "c": "y"},
        {"a.b": "2", "c": "x"},
        {"a.b": "2", "c": "y"},
    ]


@pytest.mark.small
@pytest.mark.parametrize("axis", ["a", "=1", "a=", "a=1,,2", "a=1,"])
def test_an_axis_that_is_none_is_refused(axis: str) -> None:
    with pytest.raises(InputError, match="--over must be KEY=A,B,C"):
        points([axis])


def test_one_and_two_workers_write_the_same_bytes(npz: Path, tmp_path: Path) -> None:
    grid = points(["pe_array.rows=2,4,8", "pe_array.columns=4,8"])
    told: list[str] = []
    for workers in (1, 2):
        run_sweep(
            npz, "both-skip-16x16", [], grid, tmp_path / str(workers), workers=workers, progress=told.append
        )
    for name in ("points.csv", "sweep.csv", "sweep.svg"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    table = pd.read_csv(tmp_path / "1" / "points.csv")
    assert table["pe_count"].tolist() == [8, 16, 16, 32, 32, 64]
    assert len(told) == 2 * len(grid)


def test_every_chip_is_checked_before_any_runs(npz: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pe_array\.lanes must be"):
        run_sweep(npz, "both-skip-16x16", [], points(["pe_array.lanes=1,0"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_sentence_of_a_grid_says_where_in_the_grid_it_stands(npz: Path, tmp_path: Path) -> None:
    grid = points(["pe_array.rows=2,4", "pe_array.columns=4,8"])
    done = run_sweep(npz, "both-skip-16x16", [], grid, tmp_path / "out", workers=1)
    assert [text.partition(":")[0] for text in done.sentences] == [
        "pe_array.rows 2, 8 columns",
        "pe_array.rows 4, 8 columns",
    ]


def test_a_folder_that_cannot_be_written_is_told_before_any_point_runs(npz: Path, tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(InputError, match=r"net\.npz is no folder"):
        run_sweep(npz, "both-skip-16x16", [], points(["pe_array.rows=2,4"]), npz, progress=told.append)
    assert told == []


def test_three_axes_have_a_table_and_no_picture(npz: Path, tmp_path: Path) -> None:
    grid = points(["pe_array.rows=2,4", "pe_array.columns=4", "pe_array.lanes=1"])
    done = run_sweep(npz, "both-skip-16x16", [], grid, tmp_path / "out", workers=1)
    assert done.files == [tmp_path / "out" / "points.csv"]
    assert done.sentences == []  # no two neighbours differ in the last axis alone


def test_points_finished_before_an_interrupt_stay(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sweep._point
    calls: list[Any] = []

    def interrupted(*job: Any) -> Any:
        calls.append(job)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*job)

    monkeypatch.setattr(sweep, "_point", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"2 of 4 points are finished and in .*points\.csv"):
        run_sweep(npz, "both-skip-16x16", [], points(["pe_array.rows=2,4,8,16"]), tmp_path / "out", workers=1)
    assert pd.read_csv(tmp_path / "out" / "points.csv")["pe_array.rows"].tolist() == [2, 4]


def _dies(*_: Any) -> Any:
    os._exit(9)


@pytest.mark.filterwarnings("ignore:os.fork")  # where another test has imported JAX
def test_a_worker_that_dies_is_told(npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_point", _dies)
    monkeypatch.setattr(sweep, "get_context", lambda _: __import__("multiprocessing").get_context("fork"))
    with pytest.raises(AccelsimError, match=r"a worker died \(out of memory\?\); 0 of 2 points are finished"):
        run_sweep(npz, "both-skip-16x16", [], points(["pe_array.rows=2,4"]), tmp_path / "out", workers=2)


def _gone(group: int) -> bool:
    """Whether every process of a group ends within ten seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_ctrl_c_keeps_finished_points_and_leaves_no_process_and_no_traceback(
    npz: Path, tmp_path: Path
) -> None:
    values = ",".join(str(rows) for rows in range(1, 600))
    command = [sys.executable, "-c", "from accelsim.cli import main; main()", "sweep", str(npz)]
    command += ["--over", f"pe_array.rows={values}", "--workers", "2", "--out", str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment,
    ) as process:
        written = tmp_path / "out" / "points.csv"
        for _ in range(1200):
            if written.exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert process.poll() is None, process.communicate()
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted; " in errors
    assert "points are finished and in" in errors
    assert "Traceback" not in errors
    assert 1 <= len(pd.read_csv(written)) < 599
    assert _gone(process.pid)


def test_points_that_cannot_fit_are_rows_with_their_error_whoever_ran_them(npz: Path, tmp_path: Path) -> None:
    grid = points(["pe_array.rows=2,4", "scratchpad.capacity_bytes=64,32768,65536"])
    for workers in (1, 2):
        done = run_sweep(npz, "both-skip-16x16", [], grid, tmp_path / str(workers), workers=workers)
        assert done.failed == 2
        assert len(done.sentences) == 2  # a step between the two that ran, for each number of rows
    one, two = (tmp_path / str(workers) / "points.csv" for workers in (1, 2))
    assert one.read_bytes() == two.read_bytes()
    table = pd.read_csv(one)
    errors = table["error"].fillna("").tolist()
    assert [bool(error) for error in errors] == [True, False, False] * 2
    assert all("no plan fits the scratchpad of 64 bytes" in error for error in (errors[0], errors[3]))
    assert table["cycles_mean"].isna().tolist() == [True, False, False] * 2


def test_a_sweep_whose_points_all_fail_is_still_a_table(npz: Path, tmp_path: Path) -> None:
    grid = points(["scratchpad.capacity_bytes=64,65"])
    done = run_sweep(npz, "both-skip-16x16", [], grid, tmp_path / "out", workers=1)
    assert (done.failed, done.sentences, done.files) == (2, [], [tmp_path / "out" / "points.csv"])
    assert len(pd.read_csv(tmp_path / "out" / "points.csv")) == 2
