"""Run the commands of pages, and rewrite what they print: `python tools/docs_run.py [--slow] [PAGE ...]`,
without pages of all of them. `--slow`: also the commands that tests do not run, or run on less.

The folder is that of docs_reader.py, with a trace and two runs as `make run` leaves them.
"""

import contextlib
import io
import os
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from docs_blocks import PAGES, ROOT, Block, Command, blocks, command
from docs_reader import furnish

# What is not run, by its beginning, and what holds it instead; each must stand on a page (tests/docs).
NOT_RUN = {
    "accelsim reproduce all": "two minutes; its entries stand one by one in docs/validation.md",
    "accelsim reproduce eie": "one minute; tests/study/test_study_published_machines.py runs its first table",
    "accelsim reproduce scnn": "half a minute; there, too: AlexNet, the dense machine and the densities",
}
# What is run on less than its page says: there its output is not shown, and it takes half a minute or more.
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
}
# What a reader has run before, in `make run` or another page: once, for all pages.
PREPARED = (
    "accelsim workloads build pose-detection --out results/pose-detection.safetensors",
    "accelsim run results/pose-detection.safetensors --hardware dense-16x16 --hardware both-skip-16x16"
    " --out results",
)
# A page, the finished run of its commands whose `cycles` it shows, and the picture.
CYCLES = ("docs/tutorial.md", "results/first/pose-detection/both-skip-16x16", "tutorial_cycles.png")


def skipped(line: str) -> str | None:
    """Why a command is not run; None: it is."""
    if line in PREPARED:
        return "run before the first page"
    return next((why for start, why in NOT_RUN.items() if line.startswith(start)), None)


def lessened(line: str) -> str:
    """The command that is run in place of one that takes long; most run as they are."""
    words = next((words for start, words in SMALLER.items() if line.startswith(start)), ("", ""))
    return line.replace(*words) if words[0] else line


@contextlib.contextmanager
def folder_of_a_reader() -> Iterator[Path]:
    """A temporary folder as one stands in after `make run`; it is the working folder within."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        furnish(folder)
        os.chdir(folder)
        try:
            for line in PREPARED:
                run(line)
            yield folder
        finally:
            os.chdir(before)


def run(line: str) -> str:
    """Run a command in this process; what it prints. Raises CommandFailed for a wrong exit code."""
    wanted = command(line)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        _called(wanted, line)
    text = printed.getvalue()
    if wanted.file:
        Path(wanted.file).write_text(text)
        return ""
    return "".join(text.splitlines(keepends=True)[: wanted.lines])


def _called(wanted: Command, line: str) -> None:
    name, *arguments = wanted.words
    if name == "python":
        runpy.run_path(arguments[0], run_name="__main__")
        return
    from accelsim.cli.main import app

    code = app(arguments, prog_name="accelsim", standalone_mode=False) or 0
    if code != wanted.code:
        raise CommandFailed(f"exit code {code}, not {wanted.code}: {line}")


class CommandFailed(Exception):
    """A documented command did not do what it should."""


def run_block(block: Block, slow: bool = False) -> str:
    """Run or write what a block says; its text, with what its commands print now.

    Commands of NOT_RUN are left out, but with `slow`; a `console` block that has one stays as it is, and what
    is shown with its output is never lessened.
    """
    if block.file:
        Path(block.file[0]).write_text(block.file[1])
        return block.text
    if block.language not in ("sh", "console"):
        return block.text
    if block.language == "console" and not slow and any(map(skipped, block.commands)):
        return block.text
    texts, as_it_is = [], slow or block.language == "console"
    for line in block.commands:
        if not line.startswith(("accelsim ", "python ")) or (skipped(line) and not slow):
            continue
        try:
            texts.append(f"$ {line}\n{run(line if as_it_is else lessened(line))}".rstrip() + "\n")
        except Exception as error:
            raise CommandFailed(f"{block.place}: {line}: {error}") from error
    return "\n".join(texts) if block.language == "console" else block.text


def rewritten(page: Path, slow: bool = False) -> str:
    """The page, with what its commands print now; with `slow`, also those of NOT_RUN."""
    text = page.read_text()
    for block in blocks(page):
        new = run_block(block, slow)
        if new != block.text:
            fence = f"```{block.language}\n"
            text = text.replace(fence + block.text, fence + new)
    return text


def draw_cycles() -> None:
    """The picture of CYCLES, in few colours: as SVG it takes ten times the bytes."""
    from PIL import Image

    from accelsim import plots
    from accelsim.report import read_run

    drawn = io.BytesIO()
    plots.cycles(read_run(CYCLES[1])).savefig(drawn, dpi=90, format="png")
    few = Image.open(drawn).convert("RGB").quantize(48)
    few.save(ROOT / "docs" / "pictures" / CYCLES[2], optimize=True)


def main() -> int:
    """Rewrite the pages that are named, or all; 1 if a command failed, whose page then stays as it is."""
    slow, failed = "--slow" in sys.argv, 0
    pages = [(ROOT / name).resolve() for name in sys.argv[1:] if name != "--slow"] or PAGES
    with folder_of_a_reader():
        for page in pages:
            start, before, said = time.process_time(), page.read_text(), "as it was"
            try:
                text = rewritten(page, slow)
                if text != before:
                    page.write_text(text)
                    said = "rewritten"
                if page == ROOT / CYCLES[0]:
                    draw_cycles()
            except CommandFailed as error:
                said, failed = f"FAILED: {error}", 1
            took = f"{time.process_time() - start:.1f} s of CPU"
            print(f"{page.relative_to(ROOT)}: {said}, {took}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
