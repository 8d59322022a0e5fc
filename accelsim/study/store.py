"""The store of a study: one SQLite file, a row per point, written whole or not at all.

::

    points       key, number, status, error, one column per axis, one per figure of `report.run_row`
    layers       a row per point, input and layer, as layers.csv
    tiles        a row per point, input, layer and tile, as tiles.csv       (on demand)
    provenance   versions, seeds and hashes, once for all points that share them
    meta         schema version, the study's file, its axes

Only the driver writes. A point is one transaction: after kill -9 it is there or it is not. The file is in
WAL mode, so that others read while a study runs; a lock beside it refuses a second driver.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError
from accelsim.study.store_lock import StoreError, locked
from accelsim.study.store_tables import TABLES, Rows, plain, quoted

if TYPE_CHECKING:
    import pandas as pd
    from filelock import FileLock

SCHEMA_VERSION = 1
DONE, FAILED = "done", "failed"
# From each older schema to the next: statements. (Schema 1 is the first.)
MIGRATIONS: dict[int, tuple[str, ...]] = {}


class Store:
    """An open store; as a context manager it closes, and gives up its lock.

    Parameters
    ----------
    path : the file
    study : text of the study's file, of a driver, which alone may write; None opens for reading
    axes : names of the axes, of a driver

    Raises
    ------
    InputError
        If there is no such file, it is no store, of a newer schema or of another study, or has a driver.
    StoreError
        If the file cannot be opened or brought up to date.
    """

    def __init__(self, path: Path, study: str | None = None, axes: Sequence[str] = ()) -> None:
        self.path = path
        self._lock: FileLock | None = None
        self._connection: sqlite3.Connection | None = None
        if study is None and not path.is_file():
            raise InputError(f"{path}: no such store")
        try:
            if study is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._lock = locked(path)
            with self._errors("open it"):
                source = path.absolute().as_uri() + ("?mode=ro" if study is None else "")
                self._connection = sqlite3.connect(source, uri=True, isolation_level=None, timeout=30)
                if study is not None:
                    self._prepare(study, list(axes))
            self._check(study)
            self.axes: list[str] = json.loads(self._meta("axes"))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give up the lock."""
        if self._connection is not None:
            if self._lock is not None:
                self._optimize()
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _optimize(self) -> None:
        """Let SQLite see which axis tells points apart best, if the store can be written."""
        with suppress(sqlite3.Error):
            self._run("PRAGMA optimize")

    def keys(self) -> dict[str, str]:
        """Keys of the points in the store, with their status."""
        with self._errors("read it"):
            return dict(self._run("SELECT key, status FROM points"))

    def add(
        self,
        key: str,
        settings: Mapping[str, Any],
        *,
        number: int | None = None,
        figures: Mapping[str, Any] | None = None,
        error: str = "",
        provenance: Mapping[str, Any] | None = None,
        layers: Rows | None = None,
        tiles: Rows | None = None,
    ) -> None:
        """Write a point, or write it again: all of it in one transaction.

        Parameters
        ----------
        key : hash of all that decides the point's figures
        settings : value of each axis
        number : place in the study's order; a row of the same place and another key (of older code, say) goes
        figures : `report.run_row`, of a point that is done; None of one that failed with `error`
        provenance : versions, seeds and hashes
        layers, tiles : rows of layers.csv, of tiles.csv
        """
        status = FAILED if figures is None else DONE
        row: dict[str, Any] = {"key": key, "status": status, "error": error}
        row |= {name: plain(value) for name, value in {**(figures or {}), **settings}.items()}
        with self._errors("write a point"), self._transaction():
            row["provenance"] = self._provenance(dict(provenance or {}))
            if number is not None:
                row["number"] = number
            self._columns("points", row)
            if number is not None:
                self._forget(number, key)
            point = self._insert_point(row)
            for name, table in (("layers", layers), ("tiles", tiles)):
                self._run(f"DELETE FROM {name} WHERE point = ?", (point,))
                if table is not None and table.values:
                    self._insert_table(name, point, table)

    def points(self, where: str = "", columns: Sequence[str] = ()) -> "pd.DataFrame":
        """A row per point, in the order they were first written.

        Parameters
        ----------
        where : an SQL condition over the columns, 'cycles_mean < 1e6 AND "pe_array.rows" = 16' say
        columns : those wanted, of `columns()`; all if none
        """
        return self._table("points", where, columns)

    def columns(self) -> list[str]:
        """Names of the columns of `points`."""
        with self._errors("read it"):
            return [str(found[1]) for found in self._run("PRAGMA table_info(points)")]

    def layers(self, where: str = "") -> "pd.DataFrame":
        """A row per point (column `point`: its id), input and layer."""
        return self._table("layers", where)

    def tiles(self, where: str = "") -> "pd.DataFrame":
        """A row per point, input, layer and tile, of points that kept them."""
        return self._table("tiles", where)

    def study(self) -> str:
        """The text of the study's file."""
        return self._meta("study")

    def fact(self, name: str) -> str:
        """What the driver noted of the study: `file`, `points`, `excluded`; empty if nothing."""
        return self._meta(name)

    def write_fact(self, name: str, value: str) -> None:
        """Note something of the study."""
        with self._errors("write it"):
            self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def provenance(self, identity: int) -> dict[str, Any]:
        """Versions, seeds and hashes of points, by the number in their column `provenance`."""
        with self._errors("read it"):
            row = self._run("SELECT facts FROM provenance WHERE id = ?", (int(identity),)).fetchone()
        return dict(json.loads(row[0])) if row else {}

    def _run(self, text: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        assert self._connection is not None
        return self._connection.execute(text, values)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:  # a full disk is an OperationalError
            raise StoreError(f"{self.path}: cannot {what}: {error}; finished points are kept") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._connection is not None and self._connection.in_transaction:
                self._run("ROLLBACK")
            raise

    def _meta(self, name: str) -> str:
        row = self._run("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def _prepare(self, study: str, axes: list[str]) -> None:
        """Make the tables, or bring those of an older schema up to date."""
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = NORMAL")
        with self._transaction():
            if not self._run("SELECT 1 FROM sqlite_master").fetchone():
                for text in TABLES:
                    self._run(text)
                self._columns("points", dict.fromkeys([*axes, "workload"]))
                for name in (*axes, "workload"):
                    self._run(f"CREATE INDEX {quoted(f'points_by_{name}')} ON points ({quoted(name)})")
                facts = {"schema_version": str(SCHEMA_VERSION), "study": study, "axes": json.dumps(axes)}
                for item in facts.items():
                    self._run("INSERT INTO meta VALUES (?, ?)", item)
                return
            version = self._version()
            for old in range(version, SCHEMA_VERSION):
                for text in MIGRATIONS[old]:
                    self._run(text)
            if version < SCHEMA_VERSION:
                self._run("UPDATE meta SET value = ? WHERE name = 'schema_version'", (str(SCHEMA_VERSION),))

    def _version(self) -> int:
        try:
            return int(self._meta("schema_version"))
        except (sqlite3.Error, ValueError) as error:
            raise InputError(f"{self.path}: not a store of a study") from error

    def _check(self, study: str | None) -> None:
        """Refuse a store of a newer schema, or of another study."""
        version = self._version()
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{self.path}: a store of schema {version}, newer than {SCHEMA_VERSION}, the last that this "
                "accelsim knows"
            )
        if version < SCHEMA_VERSION:
            raise InputError(
                f"{self.path}: a store of schema {version}, older than {SCHEMA_VERSION}: "
                "`accelsim study resume` brings it up to date"
            )
        if study is not None and self._meta("study") != study:
            raise InputError(f"{self.path}: a store of another study; --store names another file")

    def _provenance(self, facts: dict[str, Any]) -> int:
        text = json.dumps(facts, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
        self._run("INSERT OR IGNORE INTO provenance (hash, facts) VALUES (?, ?)", (digest, text))
        return int(self._run("SELECT id FROM provenance WHERE hash = ?", (digest,)).fetchone()[0])

    def _columns(self, table: str, row: Mapping[str, Any]) -> None:
        """Add the columns that a row has and the table has not."""
        known = {found[1] for found in self._run(f"PRAGMA table_info({table})")}
        for name in row:
            if name not in known:
                self._run(f"ALTER TABLE {table} ADD COLUMN {quoted(name)}")

    def _forget(self, number: int, key: str) -> None:
        old = "SELECT id FROM points WHERE number = ? AND key <> ?"
        for table, column in (("layers", "point"), ("tiles", "point"), ("points", "id")):
            self._run(f"DELETE FROM {table} WHERE {column} IN ({old})", (number, key))

    def _insert_point(self, row: Mapping[str, Any]) -> int:
        names = ", ".join(quoted(name) for name in row)
        marks = ", ".join("?" * len(row))
        changed = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in row)
        text = f"INSERT INTO points ({names}) VALUES ({marks}) ON CONFLICT (key) DO UPDATE SET {changed}"
        self._run(text, list(row.values()))
        return int(self._run("SELECT id FROM points WHERE key = ?", (row["key"],)).fetchone()[0])

    def _insert_table(self, name: str, point: int, table: Rows) -> None:
        self._columns(name, dict.fromkeys(table.columns))
        columns = ", ".join(["point", *map(quoted, table.columns)])
        marks = ", ".join("?" * (len(table.columns) + 1))
        rows = ((point, *values) for values in table.values)
        assert self._connection is not None
        self._connection.executemany(f"INSERT INTO {name} ({columns}) VALUES ({marks})", rows)

    def _table(self, name: str, where: str, columns: Sequence[str] = ()) -> "pd.DataFrame":
        import pandas as pd

        condition = f" WHERE {where}" if where else ""
        with self._errors("read it"):
            wanted = ", ".join(map(quoted, columns)) or "*"
            cursor = self._run(f"SELECT {wanted} FROM {name}{condition} ORDER BY rowid")
            return pd.DataFrame(cursor.fetchall(), columns=[column[0] for column in cursor.description])
