"""Tables and pictures of a report, before they are HTML."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from accelsim.report.html.definitions import glossary

if TYPE_CHECKING:
    import pandas as pd

_MOST = 1.7e308
_MOST_DIGITS = 6


class Cell(NamedTuple):
    """What a cell shows, and by what it is sorted: a number, its text, or None, which comes last."""

    text: str
    value: float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: key of the rows, heading, unit, and how its numbers are shown.

    Attributes
    ----------
    scale : numbers are multiplied by it: 100 for a fraction in %
    digits : decimals; None: text
    meaning : its definition; empty: the glossary's under `key`
    wide : text that may take several lines
    """

    key: str
    heading: str
    unit: str = ""
    scale: float = 1.0
    digits: int | None = None
    meaning: str = ""
    wide: bool = False

    @property
    def definition(self) -> str:
        """What its values mean; empty where nobody says."""
        return self.meaning or glossary().get(self.key, "")

    def cell(self, value: Any) -> Cell:
        """The cell of a value; a dash where there is none."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return Cell("-", None)
        if self.digits is None or isinstance(value, str):
            return Cell(str(value), str(value))
        number = float(value) * self.scale
        # What sorts it is read by JavaScript, which has no word for inf.
        return Cell(number_text(number, self.digits), max(-_MOST, min(_MOST, number)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlTable:
    """A table that can be sorted and, where `name` is given, filtered."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    name: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture with what it shows in words, and the data drawn; a small one is not as wide as the page."""

    title: str
    svg: str
    text: str
    data: HtmlTable | None = None
    small: bool = False


def number_text(value: float, digits: int) -> str:
    """A number with so many decimals, or as many as show three digits of it; a whole one may have none."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value and not (digits == 0 and value == int(value)):
        digits = max(digits, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if digits <= _MOST_DIGITS else f"{value:.3g}"


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a frame by column."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def table_of(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], caption: str, name: str = "", note: str = ""
) -> HtmlTable:
    """A table of rows by key; a key that a row lacks is a dash."""
    cells = [[column.cell(row.get(column.key)) for column in columns] for row in rows]
    return HtmlTable(caption=caption, columns=columns, rows=cells, name=name, note=note)
