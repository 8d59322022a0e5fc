"""Run a line of a page as its reader does: `accelsim` and `python FILE` in this process, which has loaded its
kernels, all else in bash with the reader's `.venv` first on its path.

A line `# in a terminal of its own` goes on until its page ends. With `; prints tcp://10.0.0.1:8786` in the
comment that address, in later lines of the page, stands for the one that was printed.
"""

import contextlib
import io
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from docs_blocks import Command, command

ADDRESS = re.compile(r"tcp://[\d.]+:\d+")
PRINTED_S, ENDED_S, LINE_S = 120.0, 10.0, 900


class CommandFailed(Exception):
    """A documented command did not do what it should."""


class Terminal:
    """A line that goes on, in bash."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._log = tempfile.NamedTemporaryFile("w+")  # noqa: SIM115  (closed by `end`)
        self._process = subprocess.Popen(
            ["bash", "-c", line],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
        )

    def address(self) -> str:
        """The first address that it prints."""
        end = time.monotonic() + PRINTED_S
        while time.monotonic() < end and self._process.poll() is None:
            if found := ADDRESS.search(Path(self._log.name).read_text()):
                return found[0]
            time.sleep(0.1)
        raise CommandFailed(f"no address was printed, but: {Path(self._log.name).read_text()[-500:]}")

    def end(self) -> None:
        """Enter, the end of its input, and a signal to what is left. It must not have failed before."""
        died, log = self._process.poll(), Path(self._log.name).read_text()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(b"\n")
            self._process.stdin.close()
        for signal_ in (None, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                if signal_:
                    os.killpg(self._process.pid, signal_)
                self._process.wait(ENDED_S if signal_ else ENDED_S / 4)
                break
        self._log.close()
        if died:
            raise CommandFailed(f"exit code {died}: {self._line}: {log[-500:]}")


class Session:
    """What the blocks of one page share: names of Python, terminals and their addresses, what was printed."""

    def __init__(self, printed: str = "") -> None:
        self.names: dict[str, Any] = {}
        self.printed = printed
        self._terminals: list[Terminal] = []
        self._addresses: dict[str, str] = {}

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failures = []
        for terminal in reversed(self._terminals):
            try:
                terminal.end()
            except CommandFailed as failure:
                failures.append(failure)
        if failures and error is None:
            raise failures[0]

    def run(self, line: str) -> str:
        """Run a line; what it prints. Raises CommandFailed for a wrong exit code."""
        wanted = command(line)
        for shown, real in self._addresses.items():
            line = line.replace(shown, real)
            wanted.words[:] = [word.replace(shown, real) for word in wanted.words]
        if wanted.terminal:
            self._terminals.append(Terminal(line))
            if wanted.address:
                self._addresses[wanted.address] = self._terminals[-1].address()
            return ""
        first, *rest = wanted.words
        here = first == "accelsim" or (first == "python" and rest[0].endswith(".py"))
        with limited(line):
            text = in_this_process(wanted, line) if here else in_bash(line, wanted.code)
        self.printed += text
        return text

    def execute(self, text: str, place: str) -> None:
        """Run a snippet of Python."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, place, "exec"), self.names)
        self.printed += printed.getvalue()


@contextlib.contextmanager
def limited(line: str) -> Iterator[None]:
    """Fail after LINE_S: a study waits for workers as long as their scheduler lives."""

    def late(number: int, frame: FrameType | None) -> None:
        raise CommandFailed(f"it did not end within {LINE_S} s: {line}")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LINE_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def in_this_process(wanted: Command, line: str) -> str:
    """What an `accelsim` command or a file of Python prints, redirected and cut as the line says."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        name, *arguments = wanted.words
        if name == "python":
            before, sys.argv = sys.argv, arguments
            try:
                runpy.run_path(arguments[0], run_name="__main__")
            finally:
                sys.argv = before
        else:
            from accelsim.cli.main import app

            code = app(arguments, prog_name="accelsim", standalone_mode=False) or 0
            if code != wanted.code:
                raise CommandFailed(f"exit code {code}, not {wanted.code}: {line}")
    text = printed.getvalue()
    if wanted.file:
        Path(wanted.file).write_text(text)
        return ""
    return "".join(text.splitlines(keepends=True)[: wanted.lines])


def in_bash(line: str, code: int = 0) -> str:
    """What a line prints that bash runs."""
    done = subprocess.run(
        ["bash", "-c", line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    if done.returncode != code:
        said = (done.stdout + done.stderr)[-1000:]
        raise CommandFailed(f"exit code {done.returncode}, not {code}: {line}: {said}")
    return done.stdout


def environment() -> dict[str, str]:
    """That of a reader in the working folder: `.venv` is active, a SLURM job is a process (docs_reader.py).

    Each process finds the folder of compiled kernels anew, as it depends on the user's cache folder.
    """
    here = Path.cwd()
    path = f"{here / 'slurm'}:{here / '.venv' / 'bin'}:{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    return {**kept, "PATH": path}
