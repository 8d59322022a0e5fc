"""What every number of a report means: the glossary's own words, read from its page."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from accelsim.errors import InputError

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def glossary_page() -> Path:
    """The glossary, in an installed package or in a checkout."""
    package = Path(__file__).parents[2]
    installed = package / "_docs" / "glossary.md"
    return installed if installed.is_file() else package.parent / "docs" / "glossary.md"


@cache
def glossary() -> dict[str, str]:
    """Definition of each word, ratio, cause and column, without markup; of one word the first it has.

    Raises
    ------
    InputError
        If the page cannot be read.
    """
    page = glossary_page()
    try:
        lines = page.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{page}: cannot be read: {error.strerror or error}") from error
    found: dict[str, str] = {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) < 2 or set(line) <= set("|- "):
            continue
        for name in re.findall(r"`([^`]+)`", cells[0]) or cells[0].split(", "):
            found.setdefault(name, _LINK.sub(r"\1", cells[-1]).replace("`", ""))
    return found


def defined(names: Iterable[str]) -> dict[str, str]:
    """Those of the names that the glossary defines, in their order."""
    known = glossary()
    return {name: known[name] for name in names if name in known}
