"""Fuzz every reader for a while, then replay what was reached against the compiled kernels.

::

    python tests/fuzz/run.py --seconds 60 --seed 1

    for target in targets:          half the time for encodings, half for files
      a forked process: atheris mutates the corpus, kernels run as Python (it sees their branches)
    a new process: kernels compiled with bounds checks, all kept cases and all of the corpora

Inputs that break a law are written to results/fuzz/<target>/, each with its traceback beside it. The
process fails if there are any; mended, they become files of tests/fuzz/cases/<target>/.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE.parents[1] / "results" / "fuzz"
_MOST_FOUND = 20  # per target: places of errors, not inputs
_LONGEST_CASE_SECONDS = 10
_REPLAY_SECONDS = 600


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz every reader of accelsim.")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations, at least 1")
    parser.add_argument("--only", help="targets whose name contains this")
    parser.add_argument("--replay", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.simplefilter("error")
    if given.replay:
        return _replay(given.replay)
    if not _has_atheris():
        print(
            f"fuzz: skipped: atheris has no wheel for Python {platform.python_version()} on {sys.platform} "
            f"{platform.machine()}; it has for CPython 3.11 to 3.13 on Linux, x86-64"
        )
        return 0
    shutil.rmtree(FOUND, ignore_errors=True)
    checked = dict(os.environ) | {"NUMBA_BOUNDSCHECK": "1"}
    with tempfile.TemporaryDirectory() as corpora:
        checked.setdefault("NUMBA_CACHE_DIR", f"{corpora}/.numba")  # a cache without checks ignores the flag
        _fuzz(Path(corpora), given.seconds, given.seed, given.only or "")
        command = [sys.executable, __file__, "--replay", corpora]
        replayed = subprocess.run(command, env=checked, timeout=_REPLAY_SECONDS, check=False).returncode
    found = sorted(FOUND.rglob("*.txt"))
    for report in found:
        print(f"\n{report.with_suffix('')}\n{report.read_text()}")
    print(f"fuzz: {len(found)} found" + (f", see {FOUND}" if found else ""))
    return 1 if found or replayed else 0


def _has_atheris() -> bool:
    """Whether it is there; where the extra `fuzz` brings it, it must be."""
    from importlib.util import find_spec

    if find_spec("atheris"):
        return True
    brought = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)
    if brought:
        sys.exit("fuzz: atheris is not installed: pip install -e '.[fuzz]'")
    return False


def _fuzz(corpora: Path, seconds: int, seed: int, only: str) -> None:
    """Mutate each target's corpus in a process of its own, and print a line about it."""
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "OPENBLAS_NUM_THREADS": "1"}
    import atheris

    with atheris.instrument_imports(include=["accelsim"]):
        from fuzz_targets import CASES, FILES, TARGETS

        _import_readers()
    chosen = {name: target for name, target in TARGETS.items() if only in name}
    files = sum(name in FILES for name in chosen)
    shares = {True: files, False: len(chosen) - files}
    halves = sum(count > 0 for count in shares.values())
    print(f"{'target':28} {'runs':>8} {'per second':>10} {'coverage':>8} {'corpus':>6} {'found':>5}")
    for name, target in chosen.items():
        share = max(1, round(seconds / halves / shares[name in FILES]))
        corpus = corpora / name
        corpus.mkdir()
        with tempfile.TemporaryDirectory() as scratch:
            for seed_case in target.seeds(Path(scratch)):
                _store(corpus, seed_case)
        for case in (CASES / name).glob("*"):
            _store(corpus, case.read_bytes())
        log = corpora / f"{name}.log"
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _fuzz_one(name, corpus, log, share, seed)
        _, status = os.waitpid(child, 0)
        _print_line(name, log.read_text(errors="replace"), corpus, os.waitstatus_to_exitcode(status))


def _import_readers() -> None:
    """Everything that a reader imports when it is used, so that it is instrumented before the forks."""
    import accelsim.formats._bitmask_kernel
    import accelsim.formats._bits_kernel
    import accelsim.formats._gaps_kernel
    import accelsim.formats._huffman_kernel
    import accelsim.formats._lines_kernel
    import accelsim.frontend.tflite_file
    import accelsim.frontend.topology
    import accelsim.frontend.torch_file
    import accelsim.hardware
    import accelsim.plan_file
    import accelsim.trace  # noqa: F401


def _fuzz_one(name: str, corpus: Path, log: Path, seconds: int, seed: int) -> None:
    """Fuzz in this (forked) process, which ends with it."""
    import atheris
    from fuzz_targets import headroom

    stream = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    scratch = corpus.with_suffix(".files")
    scratch.mkdir()
    places: set[str] = set()
    arguments = [
        f"-max_total_time={seconds}",
        f"-seed={max(1, seed)}",
        f"-timeout={_LONGEST_CASE_SECONDS}",
        f"-artifact_prefix={found}/",
        "-max_len=4096",
        "-rss_limit_mb=0",  # the limit of `headroom` also counts memory that is never touched
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup([name, *arguments], lambda data: _try(name, data, scratch, places))
    with headroom():
        atheris.Fuzz()
    os._exit(0)


def _try(name: str, data: bytes, scratch: Path, places: set[str]) -> None:
    """Run one case; an input that breaks a law at a new place is stored, with its traceback."""
    from fuzz_targets import TARGETS

    try:
        TARGETS[name].run(data, scratch)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of an extension is no Exception
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "atheris" not in f.filename]
        place = f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}"
        if place not in places and len(places) < _MOST_FOUND:
            places.add(place)
            stored = _store(FOUND / name, data)
            text = "".join(traceback.format_exception(error))
            stored.with_suffix(".txt").write_text(text, errors="backslashreplace")


def _store(folder: Path, data: bytes) -> Path:
    path = folder / hashlib.sha256(data).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _print_line(name: str, log: str, corpus: Path, status: int) -> None:
    """What libFuzzer said last; an early end (a hang, a crash) counts as found."""
    runs, speed = (
        (re.findall(rf"stat::{what}:\s+(\d+)", log) or ["?"])[-1]
        for what in ("number_of_executed_units", "average_exec_per_sec")
    )
    coverage = (re.findall(r"cov: (\d+)", log) or ["?"])[-1]
    if status:
        ended = FOUND / name / f"ended-with-{status}.txt"
        ended.parent.mkdir(parents=True, exist_ok=True)
        ended.write_text(log[-4000:])
    found = len(list((FOUND / name).glob("*.txt")))
    kept = len(list(corpus.iterdir()))
    print(f"{name:28} {runs:>8} {speed:>10} {coverage:>8} {kept:>6} {found:>5}", flush=True)


def _replay(corpora: Path) -> int:
    """Run all kept cases and all of the corpora here, with compiled kernels."""
    from fuzz_targets import CASES, TARGETS, headroom

    count = 0
    before = len(list(FOUND.rglob("*.txt")))
    with tempfile.TemporaryDirectory() as scratch:
        for name in TARGETS:
            places: set[str] = set()
            for folder in (CASES / name, corpora / name):
                for case in sorted(folder.glob("*")):
                    with headroom():
                        _try(name, case.read_bytes(), Path(scratch), places)
                    count += 1
    found = len(list(FOUND.rglob("*.txt"))) - before
    print(f"replayed {count} cases with compiled kernels and bounds checks: {found} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())
