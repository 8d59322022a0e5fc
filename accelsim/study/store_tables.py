"""What the store's file is made of: its tables, names and values as SQLite has them."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE provenance (id INTEGER PRIMARY KEY, hash TEXT UNIQUE NOT NULL, facts TEXT NOT NULL)",
    "CREATE TABLE points (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, status TEXT NOT NULL, "
    "error TEXT NOT NULL, number INTEGER, provenance INTEGER REFERENCES provenance (id))",
    "CREATE TABLE layers (point INTEGER NOT NULL REFERENCES points (id))",
    "CREATE TABLE tiles (point INTEGER NOT NULL REFERENCES points (id))",
    "CREATE INDEX points_by_number ON points (number)",
    "CREATE INDEX layers_of_point ON layers (point)",
    "CREATE INDEX tiles_of_point ON tiles (point)",
)


def quoted(name: str) -> str:
    """A column's name, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


class Rows(NamedTuple):
    """Rows on their way into `layers` or `tiles`: names of the columns, and plain values of each row."""

    columns: tuple[str, ...]
    values: list[tuple[Any, ...]]

    @classmethod
    def of_frame(cls, table: "pd.DataFrame") -> "Rows":
        """The rows of a table."""
        rows = table.itertuples(index=False, name=None)
        return cls(tuple(map(str, table.columns)), [tuple(map(plain, row)) for row in rows])

    @classmethod
    def of_dicts(cls, rows: Sequence[Mapping[str, Any]]) -> "Rows":
        """Rows by column; what one has not is None."""
        columns = tuple(dict.fromkeys(name for row in rows for name in row))
        return cls(columns, [tuple([plain(row.get(name)) for name in columns]) for row in rows])


def plain(value: Any) -> Any:
    """A value as SQLite keeps it: numbers, text, None."""
    if type(value) in _KEPT:
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value)
    return value if isinstance(value, float | str | None) else json.dumps(value, default=str)


_KEPT = frozenset((float, str, type(None)))
