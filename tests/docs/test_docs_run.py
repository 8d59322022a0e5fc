"""Every command in a `sh` or `console` block of README and docs runs, and prints what the page says."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from docs_blocks import PAGES, ROOT, blocks
from docs_run import NOT_RUN, SMALLER, folder_of_a_reader, lessened, rewritten

RUN = [page for page in PAGES if any(block.language in ("sh", "console") for block in blocks(page))]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with folder_of_a_reader() as made:
        yield made


@pytest.mark.docs
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run_and_print_what_it_says(page: Path, folder: Path) -> None:
    assert rewritten(page) == page.read_text()


def test_what_is_not_run_stands_on_a_page() -> None:
    lines = [line for page in PAGES for block in blocks(page) for line in block.commands]
    assert [start for start in NOT_RUN if not any(line.startswith(start) for line in lines)] == []


def test_what_is_run_on_less_stands_on_a_page_and_is_less() -> None:
    lines = [
        line for page in PAGES for block in blocks(page) if block.language == "sh" for line in block.commands
    ]
    for start in SMALLER:
        found = [line for line in lines if line.startswith(start)]
        assert found, start
        assert all(lessened(line) != line for line in found), found
