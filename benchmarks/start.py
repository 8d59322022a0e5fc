"""How long a user waits before anything happens: the help text, and a first run without compiled kernels."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

HELP = "from accelsim.cli import main; main()"
FIRST_RUN = """
import accelsim
from benchmarks.synthetic import layer
accelsim.simulate(layer("small", 14, 64, 64, 3), "both-skip-16x16")
"""


def help_seconds(repeats: int) -> float:
    """Median seconds of `accelsim --help`, from starting Python to its end."""
    return statistics.median(_seconds(["-c", HELP, "--help"], {}) for _ in range(repeats))


def first_run_seconds() -> float:
    """Seconds of a small run in a new process that has to compile every kernel it uses."""
    with tempfile.TemporaryDirectory() as folder:
        return _seconds(["-c", FIRST_RUN], {"NUMBA_CACHE_DIR": folder})


def _seconds(arguments: list[str], environment: dict[str, str]) -> float:
    before = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - before
