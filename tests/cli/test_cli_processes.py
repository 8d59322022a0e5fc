"""The command line as a process of its own: what is imported, printed where, and left behind."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.trace import from_npz, write

MAIN = [sys.executable, "-c", "from accelsim.cli import main; main()"]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
HEAVY = {"numba", "pandas", "matplotlib", "scipy", "onnx", "onnxruntime", "simpy", "skimage", "sklearn"}
COMMANDS = ("run", "plot", "compare", "sweep", "verify", "import", "trace info", "hardware show", "workloads fetch")  # fmt: skip


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    generator = np.random.default_rng(2)
    weights = generator.integers(-3, 4, (16, 3, 3, 16)).astype(np.int8)
    activations = generator.integers(0, 3, (1, 8, 8, 16)).astype(np.uint8)
    np.savez(tmp_path / "net.npz", weights=weights, activations=activations, padding=1)
    return tmp_path / "net.npz"


def accelsim(*arguments: Any, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*MAIN, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=ENVIRONMENT, check=False
    )


def test_help_of_every_command_imports_nothing_heavy(tmp_path: Path) -> None:
    """In one process: what one help imports, the next would find."""
    code = (
        "import sys; from accelsim.cli import main\n"
        f"for command in ('', *{COMMANDS!r}):\n"
        "    sys.argv = ['accelsim', *command.split(), '--help']\n"
        "    try: main()\n"
        "    except SystemExit as exit: assert not exit.code, command\n"
        f"print(*sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stdout.count("Usage: ") == 1 + len(COMMANDS)
    assert done.stderr.split() == []


def test_without_a_terminal_nothing_but_results_is_printed(npz: Path, tmp_path: Path) -> None:
    done = accelsim("run", npz, "--hardware", "both-skip-16x16", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    json.loads(done.stdout)


def test_a_terminal_is_shown_progress_beside_the_results(npz: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*MAIN, "run", str(npz), "--hardware", "both-skip-16x16", "--json"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=tmp_path,
        env=ENVIRONMENT | {"TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            shown += part
        assert process.stdout is not None
        json.loads(process.stdout.read())
    os.close(ours)
    assert process.returncode == 0
    assert b"net" in shown
    assert b"1/1" in shown


def test_exit_codes_and_streams_of_a_process(npz: Path, tmp_path: Path) -> None:
    right = accelsim("hardware", "check", "dense-16x16", cwd=tmp_path)
    assert (right.returncode, right.stderr) == (0, "")
    wrong = accelsim("run", "none.npz", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "error: none.npz: no such file\n"
    unknown = accelsim("simulate", cwd=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "No such command 'simulate'" in unknown.stderr


def test_ctrl_c_keeps_the_chips_that_are_done(npz: Path, tmp_path: Path) -> None:
    chips = [part for rows in range(1, 40) for part in ("--hardware", f"chip{rows}.yaml")]
    shown = accelsim("hardware", "show", "both-skip-16x16", cwd=tmp_path).stdout
    for rows in range(1, 40):
        text = shown.replace("name: both-skip-16x16", f"name: chip{rows}")
        (tmp_path / f"chip{rows}.yaml").write_text(text)
    written = tmp_path / "results" / "net" / "chip1" / "summary.json"
    with subprocess.Popen(
        [*MAIN, "run", str(npz), *chips],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=ENVIRONMENT,
    ) as process:
        for _ in range(1200):
            if written.exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.startswith("interrupted")
    assert "Traceback" not in errors
    assert printed == ""
    assert json.loads(written.read_text())["chip"]["name"] == "chip1"
    assert not list(tmp_path.rglob("*.part"))


DAMAGED = {
    "short.safetensors": "not a whole safetensors file",
    "foreign.safetensors": "a safetensors file, but not a trace: it has no 'accelsim' metadata",
    "short.npz": "not a .npz file of plain arrays",
    "empty.npz": "not a .npz file of plain arrays",
}


def test_damaged_and_foreign_traces_are_told_by_every_command(npz: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file
    from typer.testing import CliRunner

    from accelsim.cli.main import app

    write(from_npz(npz), tmp_path / "net.safetensors")
    whole = (tmp_path / "net.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(whole[:-20])
    save_file({"a": np.zeros(3)}, tmp_path / "foreign.safetensors")
    (tmp_path / "short.npz").write_bytes(npz.read_bytes()[:300])
    (tmp_path / "empty.npz").write_bytes(b"")
    for name, message in DAMAGED.items():
        path = str(tmp_path / name)
        for command in (
            ["run", path],
            ["trace", "info", path],
            ["verify", path],
            ["sweep", path, "--over", "pe_array.rows=2"],
        ):
            result = CliRunner().invoke(app, command)
            assert (result.exit_code, result.stdout) == (2, ""), command
            assert result.stderr.startswith(f"error: {path}: {message}"), command


def test_a_name_near_a_shipped_chip_is_answered_with_it(npz: Path, tmp_path: Path) -> None:
    done = accelsim("run", npz, "--hardware", "both-skip-16x1", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'both-skip-16x16'?" in done.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty.npy", "empty.npy: not a .npy file of numbers"),
        ("archive.npz", "archive.npz: an archive, not a .npy file of one array"),
        ("text.npy", "text.npy: must be numbers [N, ...], not <U1 of shape (2, 2)"),
        ("one.npy", "one.npy: must be numbers [N, ...], not float64 of shape ()"),
        ("none.npy", "none.npy: must be numbers [N, ...], not float32 of shape (0, 3)"),
    ],
)
def test_inputs_that_are_no_array_of_numbers_are_told(name: str, words: str, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from accelsim.cli.main import app

    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "archive.npz", a=np.zeros((1, 3)))
    np.save(tmp_path / "text.npy", np.array([["a", "b"], ["c", "d"]]))
    np.save(tmp_path / "one.npy", 1.0)
    np.save(tmp_path / "none.npy", np.zeros((0, 3), np.float32))
    command = ["import", "m.onnx", "--inputs", str(tmp_path / name), "--out", str(tmp_path / "o.safetensors")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_folder_that_cannot_be_written_is_told_with_its_path(npz: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = accelsim("run", npz, "--hardware", "both-skip-16x16", "--out", "taken", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: taken/net/both-skip-16x16/")
    assert (tmp_path / "taken").read_text() == "a file"
