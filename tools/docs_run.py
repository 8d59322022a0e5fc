"""Run the commands of pages: `python tools/docs_run.py docs/tutorial.md` rewrites what they print (`--slow`:
also of those that tests do not run).

The folder has the repository's `workloads`, and a trace with two runs as `make run` leaves them.
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

from docs_blocks import ROOT, Block, Command, blocks, command

# What is not run, by its beginning, and why; tests/docs holds that each still stands on a page.
NOT_RUN = {
    "accelsim import model.onnx": "a file of the reader's own",
    "accelsim import bert.onnx": "a file of the reader's own",
    "accelsim import model.tflite": "a file of the reader's own",
    "accelsim import folder/": "a folder of the reader's own",
    "accelsim import topology.csv --weight-density 0.4 --activation-density 0.5 --out shapes.safetensors  ": (
        "a file of the reader's own"
    ),
    "accelsim trace info model.safetensors": "a file of the reader's own",
    "accelsim run layer.npz": "a file of the reader's own",
    "accelsim prune model.safetensors": "a file of the reader's own",
    "accelsim share model.safetensors": "a file of the reader's own",
    "accelsim compression": "three minutes",
    "accelsim cache-study": "a quarter of a minute each, three of them",
    "accelsim verify results/pose-detection.safetensors --seconds 30": "takes the time that it is told",
    "accelsim workloads build vgg16": "half a minute, with the run that follows",
    "accelsim run results/vgg16.safetensors": "half a minute",
    "accelsim reproduce all": "two minutes; the entries one by one: docs/validation.md",
    "accelsim reproduce chen-hpca2020": "20 s",
    "accelsim reproduce eie": "one minute",
    "accelsim reproduce scnn": "half a minute",
    "accelsim reproduce energy": "20 s",
    "accelsim between-layers": "nine runs: a minute",
    "accelsim hold": "half a minute",
}
# What a reader has run before, in `make run` or another page: once, for all pages.
PREPARED = (
    "accelsim workloads build pose-detection --out results/pose-detection.safetensors",
    "accelsim run results/pose-detection.safetensors --hardware dense-16x16 --hardware both-skip-16x16"
    " --out results",
)


def skipped(line: str) -> str | None:
    """Why a command is not run; None: it is."""
    if line in PREPARED:
        return "run before the first page"
    return next((why for start, why in NOT_RUN.items() if line.startswith(start)), None)


@contextlib.contextmanager
def folder_of_a_reader() -> Iterator[Path]:
    """A temporary folder as one stands in after `make run`; it is the working folder within."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "workloads").symlink_to(ROOT / "workloads")
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

    Commands of NOT_RUN are left out, but with `slow`; a `console` block that has one stays as it is.
    """
    if block.file:
        Path(block.file[0]).write_text(block.file[1])
        return block.text
    if block.language not in ("sh", "console"):
        return block.text
    if block.language == "console" and not slow and any(map(skipped, block.commands)):
        return block.text
    texts = []
    for line in block.commands:
        if not line.startswith(("accelsim ", "python ")) or (skipped(line) and not slow):
            continue
        try:
            texts.append(f"$ {line}\n{run(line)}".rstrip() + "\n")
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


def main() -> None:
    """Rewrite the pages that are named."""
    with folder_of_a_reader():
        slow = "--slow" in sys.argv
        for name in (word for word in sys.argv[1:] if word != "--slow"):
            page = (ROOT / name).resolve()
            start = time.process_time()
            page.write_text(rewritten(page, slow))
            print(f"{name}: {time.process_time() - start:.1f} s of CPU")


if __name__ == "__main__":
    main()
