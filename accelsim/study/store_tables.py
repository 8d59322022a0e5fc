"""What the store's file is made of: its tables, names and values as SQLite has them."""

import json
from typing import Any

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


def plain(value: Any) -> Any:
    """A value as SQLite keeps it: numbers, text, None."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value if isinstance(value, int | float | str | None) else json.dumps(value, default=str)
