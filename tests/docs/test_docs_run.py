"""Every command in a `sh` or `console` block of README and docs runs, and prints what the page says."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from docs_blocks import PAGES, ROOT, blocks
from docs_run import NOT_RUN, folder_of_a_reader, rewritten

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
