"""The fenced blocks of README, CONTRIBUTING and docs, and the commands in them.

=============  ==================================================================================
language       what `tools/docs_run.py` and `tests/docs` make of it
=============  ==================================================================================
`sh`           each line runs
`console`      each line that starts with `$ ` runs; the lines below it are what it prints
`python`       runs, after those above it on the page: its names are theirs
`sql`          `-- sqlite3 STORE`: each statement runs on that store, a SELECT finds something
`yaml`, `python`, `text`  first line `# name.ext`: that file is written (a .csv without the line)
`text`         what commands above it print, cut or wrapped: each line is found there
none           a drawing, a formula, a message: no command
=============  ==================================================================================

No other block is allowed: `Block.kind` raises.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = (path for path in (ROOT / "docs").rglob("*.md") if "generated" not in path.parts)
PAGES = [ROOT / "README.md", *sorted(DOCS), ROOT / "CONTRIBUTING.md"]
RUN = ("sh", "console", "python", "sql")
NAMED = re.compile(r"# ([\w.-]+\.(?:yaml|csv|py))\n")
LOOKS_RUN = re.compile(
    r"\s*(\$ |(\S*/)?(accelsim|python3?|pip3?|make|dask|sqlite3|sbatch)\s+[\w./-]|source |\.ci/run)"
)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


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
    def kind(self) -> str:
        """`file`, `run`, `printed`, `drawn` or `markup`; ValueError where nothing would hold it."""
        if self.file:
            return "file"
        if self.language in RUN:
            return "run"
        if self.language.startswith("{"):
            return "markup"
        if self.language not in ("text", ""):
            raise ValueError(f"{self.place}: nothing is known to do with a block of {self.language!r}")
        if found := next(filter(LOOKS_RUN.match, self.text.splitlines()), None):
            raise ValueError(f"{self.place}: a command that does not run; `sh` or `console`: {found}")
        return "printed" if self.language else "drawn"

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
        return [line for line in lines if line.strip(" ")] if self.language == "sh" else []


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


def inline(page: Path) -> list[str]:
    """What stands between single backticks outside of blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return INLINE.findall(text)


@dataclass(frozen=True)
class Command:
    """The words of a line; where its output goes: a file (`> FILE`), or cut after some lines (`| head -N`).

    Of its comment: `# exit code N`, where that is not 0; `# in a terminal of its own`, where it goes on until
    the page's end, with `; prints tcp://ADDRESS` where later lines name the address that it prints.
    """

    words: list[str]
    file: str | None = None
    lines: int | None = None
    code: int = 0
    terminal: bool = False
    address: str | None = None


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
    terminal = re.search(r"# in a terminal of its own", line) is not None
    address = re.search(r"; prints (tcp://[\w.:]+)", line)
    return Command(words, file, lines, int(code[1]) if code else 0, terminal, address[1] if address else None)
