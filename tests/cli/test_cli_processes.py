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

MAIN = [sys.executable, "-c", "from accelsim.cli import main; main()"]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
HEAVY = {"numba", "pandas", "matplotlib", "scipy", "onnx", "onnxruntime", "simpy", "skimage", "sklearn"}
COMMANDS = ("run", "plot", "compare", "sweep", "verify", "import", "trace info", "hardware show", "workloads fetch", "study run")  # fmt: skip


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
    assert b"4/4" in shown


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


def test_a_name_near_a_shipped_chip_is_answered_with_it(npz: Path, tmp_path: Path) -> None:
    done = accelsim("run", npz, "--hardware", "both-skip-16x1", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'both-skip-16x16'?" in done.stderr


def test_a_folder_that_cannot_be_written_is_told_with_its_path(npz: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = accelsim("run", npz, "--hardware", "both-skip-16x16", "--out", "taken", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: taken/net/both-skip-16x16: cannot be a folder of results")
    assert (tmp_path / "taken").read_text() == "a file"
