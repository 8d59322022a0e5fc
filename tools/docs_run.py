"""Run what pages show, and rewrite what it prints: `python tools/docs_run.py [--slow] [PAGE ...]`; without
pages, of all. `--slow`: as it stands, also what tests run on less.

The folder is that of docs_reader.py, in which `make run` has run.
"""

import contextlib
import functools
import importlib.util
import os
import re
import resource
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from docs_blocks import PAGES, ROOT, Block, blocks
from docs_ci import elsewhere
from docs_reader import furnish
from docs_shell import CommandFailed, Session, in_bash

if TYPE_CHECKING:
    from accelsim.study.published.entry import Tables

# What is run on less than its page says: by the beginning of a line, or by the name of a file of a page.
# Output is shown of none of them: what is shown is run as it stands.
DIGITS = ("results/pose-detection.safetensors", "workloads/digits-cnn.safetensors")
SMALLER = {
    "accelsim between-layers results/pose-detection.safetensors": (
        DIGITS[0],
        f"{DIGITS[1]} --hardware dense-16x16",
    ),
    "accelsim run results/pose-detection.safetensors --hardware scnn-64": DIGITS,
    "accelsim hold results/pose-detection.safetensors": DIGITS,
    "accelsim verify results/pose-detection.safetensors": ("--seconds 30", "--seconds 2"),
    "accelsim workloads build vgg16 --out results/vgg16": ("build vgg16", "build neuraltalk-lstm"),
    "python -m benchmarks.scale": ("benchmarks.scale", "benchmarks.scale --points 2 --workers 1"),
    "scalesim/bin/python tools/compare_scalesim.py": (".py scalesim", ".py scalesim lenet_conv2"),
    "make bench": ("bench", "bench QUICK='--quick --only network start'"),
    # A port that is free, on this machine alone.
    "dask scheduler": ("scheduler", "scheduler --host 127.0.0.1 --port 0 --no-dashboard"),
    "dask worker": ("--nworkers 16", "--nworkers 1"),
    # One job of one worker.
    "cluster.py": ("cores=16, processes=16", "cores=1, processes=1"),
    "many.py": ("cores=16,\n    processes=16", "cores=1,\n    processes=1"),
    "python many.py": ("62", "1"),
}
# Run once, before the first page: it leaves the trace and the runs that pages work on.
PREPARED = "make run"
# What a snippet imports that no environment of this project has: 200 MB, and of no use elsewhere.
NOT_INSTALLED = ("torch",)
# A page, the finished run of its commands whose `cycles` it shows, and the picture.
CYCLES = ("docs/tutorial.md", "results/first/pose-detection/both-skip-16x16", "tutorial_cycles.png")


def lessened(line: str) -> str:
    """The command that is run in place of one that takes long; most run as they are."""
    words = next((words for start, words in SMALLER.items() if line.startswith(start)), ("", ""))
    return line.replace(*words, 1) if words[0] else line


@dataclass(frozen=True)
class Reader:
    """The folder of a reader, and what `make run` printed there."""

    folder: Path
    printed: str


@contextlib.contextmanager
def folder_of_a_reader() -> Iterator[Reader]:
    """A temporary folder as one stands in after `make run`; it is the working folder within."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        furnish(folder)
        os.chdir(folder)
        try:
            with published_tables_computed_once():
                yield Reader(folder, in_bash(as_installed(PREPARED)))
        finally:
            os.chdir(before)


@contextlib.contextmanager
def published_tables_computed_once() -> Iterator[None]:
    """`reproduce all` of one page and `reproduce eie` of another show the same tables: half the time."""
    from accelsim.study.published.reproduce import ENTRIES

    before = dict(ENTRIES)
    for name, entry in before.items():
        ENTRIES[name] = replace(entry, tables=copied(functools.cache(entry.tables)))
    try:
        yield
    finally:
        ENTRIES.update(before)


def copied(tables: "Callable[[int], Tables]") -> "Callable[[int], Tables]":
    """The same tables, for each caller its own."""
    return lambda seed: {name: rows.copy() for name, rows in tables(seed).items()}


def as_installed(line: str) -> str:
    """A line of `make` that takes the environment as it is: nothing is installed into it."""
    return re.sub(r"^make ", "make --no-print-directory --old-file=.venv/.installed ", line)


def run_block(block: Block, session: Session, slow: bool = False) -> str:
    """Run or write what a block says; its text, with what its commands print now."""
    try:
        if block.kind == "file":
            write_file(block, slow)
        elif block.kind == "printed":
            check_printed(block, session)
        elif block.language == "python":
            snippet(block, session)
        elif block.language == "sql":
            query(block)
    except Exception as error:
        raise CommandFailed(f"{block.place}: {error}") from error
    texts, as_it_is = [], slow or block.language == "console"
    for line in block.commands:
        if elsewhere(line) or line.startswith((PREPARED, "#")):
            continue
        try:
            given = as_installed(line if as_it_is else lessened(line))
            texts.append(f"$ {line}\n{session.run(given)}".rstrip() + "\n")
        except Exception as error:
            raise CommandFailed(f"{block.place}: {line}: {error}") from error
    return "\n".join(texts) if block.language == "console" else block.text


def snippet(block: Block, session: Session) -> None:
    """Run a block of Python; where a package of NOT_INSTALLED is not, only its syntax is looked at."""
    missing = [name for name in NOT_INSTALLED if importlib.util.find_spec(name) is None]
    if any(re.search(rf"^import {name}$", block.text, re.MULTILINE) for name in missing):
        compile(block.text, block.place, "exec")
    else:
        session.execute(block.text, block.place)


def write_file(block: Block, slow: bool) -> None:
    """The file that a block is, into the working folder."""
    assert block.file is not None
    name, text = block.file
    Path(name).write_text(text if slow or name not in SMALLER else text.replace(*SMALLER[name]))


def check_printed(block: Block, session: Session) -> None:
    """Each line of a `text` block is in what was printed above it."""
    printed = " ".join(session.printed.split())
    for line in block.text.splitlines():
        if " ".join(line.split()) not in printed:
            raise CommandFailed(f"nothing above prints this: {line}")


def query(block: Block) -> None:
    """Each statement of an `sql` block, on the store that its first line names; a SELECT finds something."""
    first, *_ = block.text.splitlines()
    path = Path(first.removeprefix("-- sqlite3 "))
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        for statement in block.text.split(";"):
            rows = store.execute(statement).fetchall()
            if "SELECT" in statement and not rows:
                raise CommandFailed(f"no row: {statement}")


def rewritten(page: Path, reader: Reader, slow: bool = False) -> str:
    """The page, with what its commands print now."""
    text = page.read_text()
    with Session(reader.printed) as session:
        for block in blocks(page):
            new = run_block(block, session, slow)
            if new != block.text:
                fence = f"```{block.language}\n"
                text = text.replace(fence + block.text, fence + new)
    return text


def cpu_s() -> float:
    """Processor time of this process and of its children that have ended, seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def draw_cycles() -> None:
    """The picture of CYCLES, in few colours: as SVG it takes ten times the bytes."""
    import io

    from PIL import Image

    from accelsim import plots
    from accelsim.report import read_run

    drawn = io.BytesIO()
    plots.cycles(read_run(CYCLES[1])).savefig(drawn, dpi=90, format="png")
    few = Image.open(drawn).convert("RGB").quantize(48)
    few.save(ROOT / "docs" / "pictures" / CYCLES[2], optimize=True)


def main() -> int:
    """Rewrite the pages that are named, or all; 1 if a command failed, whose page then stays as it is."""
    slow = "--slow" in sys.argv
    pages = [(ROOT / name).resolve() for name in sys.argv[1:] if name != "--slow"] or PAGES
    start = cpu_s()
    with folder_of_a_reader() as reader:
        print(f"{PREPARED}: {cpu_s() - start:.1f} s of CPU", flush=True)
        return max(update(page, reader, slow) for page in pages)


def update(page: Path, reader: Reader, slow: bool = False) -> int:
    """Rewrite a page, and say so; 1 if a command failed."""
    start, before, said, failed = cpu_s(), page.read_text(), "as it was", 0
    try:
        text = rewritten(page, reader, slow)
        if text != before:
            page.write_text(text)
            said = "rewritten"
        if page == ROOT / CYCLES[0]:
            draw_cycles()
    except CommandFailed as error:
        said, failed = f"FAILED: {error}", 1
    print(f"{page.relative_to(ROOT)}: {said}, {cpu_s() - start:.1f} s of CPU", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
