"""The fenced blocks of README and docs, and the commands in them.

=============  ==================================================================================
language       what `tools/docs_run.py` and `tests/docs` make of it
=============  ==================================================================================
`sh`           each `accelsim` and `python` command runs
`console`      each line that starts with `$ ` runs; the lines below it are what it prints
`text`, none   `accelsim` lines must parse; they may hold placeholders
`yaml`, `python`, `text`  first line `# name.ext`: that file is written (a .csv without the line)
=============  ==================================================================================
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = (path for path in (ROOT / "docs").rglob("*.md") if "generated" not in path.parts)
PAGES = [ROOT / "README.md", *sorted(DOCS)]
SHELLS = ("sh", "console", "text", "")
NAMED = re.compile(r"# ([\w.-]+\.(?:yaml|csv|py))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line after the fence (from 1), its language and text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> tuple[str, str] | None:
        """Name and text of the file that the block is, if it names one."""
        named = NAMED.match(self.text)
        if named is None or self.language not in ("yaml", "python", "text"):
            return None
        return named[1], self.text[named.end() :] if named[1].endswith(".csv") else self.text

    @property
    def commands(self) -> list[str]:
        """Its commands, joined where a line ends in a backslash, without the prompt."""
        lines = re.sub(r"\\\n\s*", " ", self.text).splitlines()
        if self.language == "console":
            return [line[2:] for line in lines if line.startswith("$ ")]
        return [line.strip() for line in lines] if self.language in SHELLS else []


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found, fence, start = [], "", 0
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.startswith("```"):
            continue
        if fence:
            text = "\n".join(lines[start : number - 1]) + "\n"
            found.append(Block(page, start + 1, fence[3:].strip(), text))
        fence, start = ("", 0) if fence else (line, number)
    if fence:
        raise ValueError(f"{page}:{start}: a fence is not closed")
    return found


@dataclass(frozen=True)
class Command:
    """The words of a line; where its output goes: a file (`> FILE`), or cut after some lines (`| head -N`);
    its exit code, where a comment `# exit code N` says that it is not 0.
    """

    words: list[str]
    file: str | None = None
    lines: int | None = None
    code: int = 0


def command(line: str) -> Command:
    """A line without its comment."""
    words, file, lines = shlex.split(line, comments=True), None, None
    if ">" in words:
        *words, _, file = words
    elif "|" in words:
        *words, _, program, count = words
        if program != "head":
            raise ValueError(f"only `| head -N` is known, not: {line}")
        lines = int(count.lstrip("-n"))
    code = re.search(r"# exit code (\d)", line)
    return Command(words, file, lines, int(code[1]) if code else 0)
