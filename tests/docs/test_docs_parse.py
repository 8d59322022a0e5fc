"""Every command that README and docs show is one that the program knows."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from accelsim.cli.main import app

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from docs_blocks import PAGES, ROOT, SHELLS, blocks, command

FIRST = ROOT / "docs" / "index.md"
ALL = [block for page in PAGES for block in blocks(page)]
SHOWN = [
    pytest.param(line, id=block.place)
    for block in ALL
    for line in block.commands
    if line.startswith("accelsim ")
]


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


def test_every_block_has_a_language_that_is_known() -> None:
    known = {*SHELLS, "python", "yaml", "sql"}
    assert {
        b.place: b.language for b in ALL if b.language not in known and not b.language.startswith("{")
    } == {}


def test_the_figures_of_the_first_page_stand_on_the_pages_that_it_names() -> None:
    rows = re.findall(r"^\| (.*\*\*.*) \| .* \| \[\w+\]\(([\w.]+).*\) \|$", FIRST.read_text(), re.MULTILINE)
    assert len(rows) == 3
    for figures, page in rows:
        text = (FIRST.parent / page).read_text()
        for figure in re.findall(r"\*\*(.+?)\*\*", figures):
            assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d.]*\d)", text), (
                f"{figure} is not in {page}"
            )
