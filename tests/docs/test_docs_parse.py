"""Every block that README and docs show is held by something; every command is one that the program knows."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from accelsim.cli.main import app

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from docs_blocks import PAGES, ROOT, Block, blocks, command, inline
from docs_ci import NOT_IN_CI, targets, targets_of_ci
from docs_run import SMALLER, lessened

FIRST = ROOT / "docs" / "index.md"
ALL = [block for page in PAGES for block in blocks(page)]
SHOWN = [
    pytest.param(line, id=block.place)
    for block in ALL
    for line in block.commands
    if line.startswith("accelsim ")
]
INLINE = sorted(
    {text for page in PAGES for text in inline(page) if re.match(r"accelsim( [\w<\[-]+)+", text)}
    - {"accelsim"}
)


def parse(words: list[str]) -> None:
    """Parse the words of a command without running it; raises what an unknown option raises."""
    known: Any = typer.main.get_command(app)
    name, rest, context = words[0], words[1:], None
    while True:
        context = known.make_context(name, rest, parent=context)
        if not hasattr(known, "resolve_command"):
            return
        name, known, rest = known.resolve_command(context, [*context._protected_args, *context.args])


@pytest.mark.parametrize("line", SHOWN)
def test_every_command_shown_parses(line: str) -> None:
    parse(command(line).words)


@pytest.mark.parametrize(
    "line", ["accelsim run x.npz --hardwear a", "accelsim simulate x", "accelsim sweep x.npz", "accelsim map"]
)
def test_a_command_that_is_not_known_fails(line: str) -> None:
    with pytest.raises(Exception, match=r"No such|Missing"):
        parse(command(line).words)


@pytest.mark.parametrize("line", INLINE)
def test_every_command_within_a_sentence_is_known(line: str) -> None:
    """Its words up to the first that is no command, and every option; the rest may be placeholders."""
    words = re.findall(r"[^\s\[\]]+", line)[1:]
    known: Any = typer.main.get_command(app)
    while hasattr(known, "commands") and words and not words[0].startswith("--"):
        assert words[0] in known.commands, line
        known = known.commands[words.pop(0)]
    options = {name for parameter in known.params for name in parameter.opts} | {"--help"}
    assert [word for word in words if word.startswith("--") and word not in options] == []


def test_every_block_is_run_or_printed_or_drawn() -> None:
    assert {block.kind for block in ALL} == {"file", "run", "printed", "drawn", "markup"}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "accelsim run x.npz\n"),
        ("", "$ accelsim run x.npz\n"),
        ("text", "table\n  .venv/bin/python tools/x.py\n"),
        ("text", "source .venv/bin/activate\n"),
        ("yaml", "name: x\n"),
        ("bash", "ls\n"),
        ("pycon", ">>> 1\n"),
    ],
)
def test_a_block_that_nothing_runs_fails(language: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"README\.md:7: (nothing is known|a command that does not run)"):
        _ = Block(PAGES[0], 7, language, text).kind


def test_every_file_of_a_page_is_used_by_a_command_of_it() -> None:
    files = [block for block in ALL if block.file]
    lines = {page: " ".join(c for b in ALL if b.page == page for c in b.commands) for page in PAGES}
    texts = {page: " ".join(b.text for b in files if b.page == page) for page in PAGES}
    unused = [
        block.place
        for block in files
        if block.file
        and block.file[0] not in lines[block.page]
        and texts[block.page].count(block.file[0]) < 2
    ]
    assert unused == []


def test_what_is_run_on_less_is_less_and_stands_on_a_page_that_shows_nothing_of_it() -> None:
    lines = [line for block in ALL if block.language == "sh" for line in block.commands]
    lines += [block.file[0] for block in ALL if block.file]
    for start, (whole, less) in SMALLER.items():
        found = [line for line in lines if line.startswith(start)]
        assert found, start
        assert whole != less
        texts = [block.file[1] for block in ALL if block.file and block.file[0] == start] or found
        assert all(whole in text for text in texts), texts
    shown = [line for block in ALL if block.language == "console" for line in block.commands]
    assert [line for line in shown if lessened(line) != line] == []


def test_every_target_of_make_that_a_page_names_is_run_by_ci() -> None:
    """In `.ci/run` itself, or in a block that it runs; or NOT_IN_CI says what is run in its place."""
    named = {text for page in PAGES for text in inline(page)}
    named |= {line for block in ALL for line in block.commands}
    made = {found[1] for text in named if (found := re.match(r"make ([a-z-]+)", text))}
    in_blocks = {line.split()[1] for b in ALL for line in b.commands if line.startswith("make ")}
    assert made <= set(targets())
    assert made - targets_of_ci() - in_blocks <= set(NOT_IN_CI)
    assert made >= set(NOT_IN_CI)
    assert "docs-test" in targets_of_ci()


def test_every_extra_that_a_page_installs_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = [
        name
        for page in PAGES
        for text in inline(page)
        for found in re.findall(r"pip install '(?:\.|accelsim)\[(.*?)\]'", text)
        for name in found.split(",")
    ]
    assert len(named) > 3
    assert set(named) <= set(extras)


def test_the_figures_of_the_first_page_stand_on_the_pages_that_it_names() -> None:
    rows = re.findall(r"^\| (.*\*\*.*) \| .* \| \[\w+\]\(([\w.]+).*\) \|$", FIRST.read_text(), re.MULTILINE)
    assert len(rows) == 3
    for figures, page in rows:
        text = (FIRST.parent / page).read_text()
        for figure in re.findall(r"\*\*(.+?)\*\*", figures):
            assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d.]*\d)", text), (
                f"{figure} is not in {page}"
            )
