"""All that a page of README and docs shows to run runs, and prints what the page says."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from docs_blocks import PAGES, ROOT, Block, blocks
from docs_run import Reader, cpu_s, folder_of_a_reader, rewritten, run_block, update
from docs_shell import CommandFailed, Session

pytestmark = [pytest.mark.docs, pytest.mark.filterwarnings("default")]
RUN = [page for page in PAGES if any(block.kind in ("run", "file", "printed") for block in blocks(page))]
PRINTED = "line\n3 rows: 1.5x faster\n"


@pytest.fixture(scope="module")
def reader(spent: dict[str, float]) -> Iterator[Reader]:
    start = cpu_s()
    with folder_of_a_reader() as made:
        spent["make run"] = cpu_s() - start
        yield made


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_runs_and_prints_what_it_says(
    page: Path, reader: Reader, spent: dict[str, float]
) -> None:
    start = cpu_s()
    assert rewritten(page, reader) == page.read_text()
    spent[str(page.relative_to(ROOT))] = cpu_s() - start


def test_an_update_leaves_a_page_that_is_true_as_it_is(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    assert update(ROOT / "docs" / "reference" / "python.md", reader) == 0
    assert "as it was" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sh", "no-such-program\n"),
        ("sh", "accelsim hardware show no-such-chip\n"),
        ("sh", "accelsim hardware list  # exit code 1\n"),
        ("sh", "no-such-program   # in a terminal of its own; prints tcp://10.0.0.1:1\n"),
        ("python", "import accelsim\naccelsim.no_such_name\n"),
        ("python", "import torch\nmodel = (\n"),
        ("sql", "-- sqlite3 no.sqlite\nSELECT 1;\n"),
        ("text", "line\n3 rows: 1.6x faster\n"),
    ],
)
def test_what_fails_fails_its_page(language: str, text: str, reader: Reader) -> None:
    with pytest.raises(CommandFailed, match="README"), Session(PRINTED) as session:
        run_block(Block(PAGES[0], 1, language, text), session)


def test_a_terminal_that_fails_later_fails_its_page(reader: Reader) -> None:
    block = Block(PAGES[0], 1, "sh", "exit 3   # in a terminal of its own\nsleep 0.5\n")
    with pytest.raises(CommandFailed, match="exit code 3"), Session() as session:
        run_block(block, session)


def test_a_select_that_finds_nothing_fails_its_page(reader: Reader) -> None:
    import sqlite3

    with sqlite3.connect("empty.sqlite") as store:
        store.execute("CREATE TABLE points (number)")
    block = Block(PAGES[0], 1, "sql", "-- sqlite3 empty.sqlite\nSELECT number FROM points;\n")
    with pytest.raises(CommandFailed, match="no row"), Session() as session:
        run_block(block, session)


def test_names_live_as_long_as_the_page(reader: Reader) -> None:
    with Session(PRINTED) as session:
        run_block(Block(PAGES[0], 1, "python", "three = 3\n"), session)
        run_block(Block(PAGES[0], 2, "python", "print(three * 2)\n"), session)
        run_block(Block(PAGES[0], 3, "text", "3 rows:  1.5x\n6\n"), session)
