"""Prices of actions from a CSV file: one row per component and action, each with bounds and a source.

The columns `pj`, `low_pj` and `high_pj` are pJ per `unit`; for unit `mw` they are mW, that is pJ per ns.
"""

import csv
import hashlib
import io
import math
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from accelsim.errors import InputError

COLUMNS = (
    "component",
    "action",
    "unit",
    "size_bytes",
    "width_bits",
    "node_nm",
    "voltage_v",
    "pj",
    "low_pj",
    "high_pj",
    "source",
    "note",
)
UNITS = ("mac", "access", "bit", "byte", "element", "mw")
MAX_BYTES = 1_000_000
_TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One price. `size_bytes` and `width_bits` say for which memory or operand; None where any."""

    component: str
    action: str
    unit: str
    size_bytes: int | None
    width_bits: int | None
    node_nm: float | None
    voltage_v: float | None
    pj: float
    low_pj: float
    high_pj: float
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class EnergyTable:
    """All prices of one technology node; `sha256` is that of the file, for provenance."""

    name: str
    node_nm: float | None
    sha256: str
    rows: tuple[PriceRow, ...]

    def find(self, component: str, action: str, unit: str) -> list[PriceRow]:
        """The prices of an action in this unit (of several sizes or widths); raises InputError if none."""
        found = [r for r in self.rows if (r.component, r.action, r.unit) == (component, action, unit)]
        if not found:
            components = list(dict.fromkeys(row.component for row in self.rows))
            raise InputError(
                f"{self.name}: no price for component '{component}', action '{action}', per {unit}; "
                f"components: {', '.join(components)}"
            )
        return found


def tables() -> dict[str, Path]:
    """The shipped tables: name -> CSV file."""
    return {path.stem: path for path in sorted(_TABLES.glob("*.csv"))}


def load_table(name_or_path: str | Path) -> EnergyTable:
    """Read an energy table.

    Parameters
    ----------
    name_or_path : the name of one of `tables()`, or a CSV file with the columns `COLUMNS`

    Raises
    ------
    InputError
        With one line per error: `prices.csv:7: pj must not be negative, not -1`.
    """
    shipped = tables()
    path = shipped.get(str(name_or_path)) or Path(name_or_path)
    label = path.name if path.parent == _TABLES else str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError as error:
        close = get_close_matches(str(name_or_path), list(shipped), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise InputError(
            f"{name_or_path}: neither a file nor a shipped energy table{hint}; shipped: {', '.join(shipped)}"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{label}: cannot read the energy table: {error}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{label}: an energy table has at most {MAX_BYTES} bytes")
    rows = _rows(text, label)
    nodes = sorted({row.node_nm for row in rows if row.node_nm is not None})
    if len(nodes) > 1:
        raise InputError(
            f"{label}: one table describes one node, not {' and '.join(f'{n:g}' for n in nodes)} nm"
        )
    name = path.stem if path.parent == _TABLES else label
    return EnergyTable(name, nodes[0] if nodes else None, hashlib.sha256(content).hexdigest(), tuple(rows))


def _rows(text: str, label: str) -> list[PriceRow]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    errors: list[str] = []
    rows: dict[tuple[object, ...], tuple[int, PriceRow]] = {}
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise InputError(f"{label}:1: the header must be {','.join(COLUMNS)}, not {','.join(header)}")
        for cells in reader:
            line = reader.line_num
            if not cells:
                continue
            if len(cells) != len(COLUMNS):
                errors.append(f"{label}:{line}: a row must have {len(COLUMNS)} cells, not {len(cells)}")
                continue
            row, wrong = _row(dict(zip(COLUMNS, cells, strict=True)))
            errors += [f"{label}:{line}: {message}" for message in wrong]
            key = (row.component, row.action, row.unit, row.size_bytes, row.width_bits)
            if key in rows:
                errors.append(
                    f"{label}:{line}: duplicate row: {row.component}, {row.action}, per {row.unit} "
                    f"stands in line {rows[key][0]} already"
                )
            rows.setdefault(key, (line, row))
    except csv.Error as error:
        raise InputError(f"{label}:{reader.line_num}: not CSV: {error}") from error
    if not rows and not errors:
        errors.append(f"{label}: no prices")
    if errors:
        raise InputError("\n".join(errors))
    return [row for _, row in rows.values()]


def _row(cells: dict[str, str]) -> tuple[PriceRow, list[str]]:
    """A row's cells as a PriceRow, and what is wrong with them."""
    wrong: list[str] = []
    for name in ("component", "action", "source"):
        if not cells[name].strip():
            wrong.append(f"{name} is missing")
    if cells["unit"] not in UNITS:
        wrong.append(f"unit must be one of {', '.join(UNITS)}, not {cells['unit']!r}")
    size, width = (_size(name, cells[name], wrong) for name in ("size_bytes", "width_bits"))
    node, voltage = (
        _number(name, cells[name], wrong) if cells[name] else None for name in ("node_nm", "voltage_v")
    )
    before = len(wrong)
    low, nominal, high = (_number(name, cells[name], wrong) for name in ("low_pj", "pj", "high_pj"))
    if len(wrong) == before and not low <= nominal <= high:
        wrong.append(f"low_pj <= pj <= high_pj must hold, not {low:g}, {nominal:g}, {high:g}")
    if cells["unit"] == "access" and None in (size, width):
        wrong.append("size_bytes and width_bits must say which memory an access of is priced")
    return PriceRow(
        component=cells["component"],
        action=cells["action"],
        unit=cells["unit"],
        size_bytes=size,
        width_bits=width,
        node_nm=node,
        voltage_v=voltage,
        pj=nominal,
        low_pj=low,
        high_pj=high,
        source=cells["source"],
        note=cells["note"],
    ), wrong


def _size(name: str, text: str, wrong: list[str]) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) < 2**48:
        wrong.append(f"{name} must be a positive integer or empty, not {text!r}")
        return None
    return int(text)


def _number(name: str, text: str, wrong: list[str]) -> float:
    try:
        value = float(text)
    except ValueError:
        wrong.append(f"{name} is missing" if not text.strip() else f"{name} must be a number, not {text!r}")
        return 0.0
    if not math.isfinite(value):
        wrong.append(f"{name} must be a finite number, not {text!r}")
    elif value < 0:
        wrong.append(f"{name} must not be negative, not {text}")
    return value
