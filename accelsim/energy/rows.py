"""Rows of an energy table: what a CSV file must hold, and where each price stands.

The columns `pj`, `low_pj` and `high_pj` are pJ per `unit`; for unit `mw` they are mW, that is pJ per ns, and
for `mw_per_gb_per_s` mW for each 10^9 bytes a second of the DRAM's peak. `bit_mm` is a bit over a millimetre.
Rows of one `group` move together when prices are drawn.
"""

import csv
import io
import math
from dataclasses import dataclass
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
    "cell_type",
    "group",
    "source",
    "note",
)
UNITS = (
    "mac",
    "access",
    "bit",
    "bit_mm",
    "byte",
    "element",
    "activation",
    "refresh",
    "mw",
    "mw_per_gb_per_s",
)
MAX_BYTES = 1_000_000
Key = tuple[str, str, str, int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One price. `size_bytes` and `width_bits` say for which memory or operand; None where any.

    `place` is the file and line it was read from; what changed it since stands behind them.
    """

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
    cell_type: str
    group: str
    source: str
    note: str
    place: str

    @property
    def key(self) -> Key:
        """What tells a row from the others of its table, and an overlay which row it replaces."""
        return self.component, self.action, self.unit, self.size_bytes, self.width_bits


def read_file(path: Path, label: str) -> bytes:
    """A table's bytes; FileNotFoundError is the caller's, everything else an InputError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        content.decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{label}: cannot read the energy table: {error}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{label}: an energy table has at most {MAX_BYTES} bytes")
    return content


def read_rows(content: bytes, label: str) -> tuple[PriceRow, ...]:
    """The rows of a CSV file.

    Raises
    ------
    InputError
        With one line per error: `prices.csv:7: pj must not be negative, not -1`.
    """
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    errors: list[str] = []
    rows: dict[Key, PriceRow] = {}
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise InputError(f"{label}:1: the header must be {','.join(COLUMNS)}, not {','.join(header)}")
        for cells in reader:
            place = f"{label}:{reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(COLUMNS):
                errors.append(f"{place}: a row must have {len(COLUMNS)} cells, not {len(cells)}")
                continue
            row, wrong = row_of(dict(zip(COLUMNS, cells, strict=True)), place)
            errors += [f"{place}: {message}" for message in wrong]
            if row.key in rows:
                line = rows[row.key].place.rpartition(":")[2]
                errors.append(
                    f"{place}: duplicate row: {row.component}, {row.action}, per {row.unit} "
                    f"stands in line {line} already"
                )
            rows.setdefault(row.key, row)
    except csv.Error as error:
        raise InputError(f"{label}:{reader.line_num}: not CSV: {error}") from error
    if not rows and not errors:
        errors.append(f"{label}: no prices")
    if errors:
        raise InputError("\n".join(errors))
    return tuple(rows.values())


def row_of(cells: dict[str, str], place: str) -> tuple[PriceRow, list[str]]:
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
    if cells["unit"] == "activation" and size is None:
        wrong.append("size_bytes must say how many bytes the activated row holds")
    if cells["action"] == "leakage" and not cells["cell_type"].strip():
        wrong.append("cell_type is missing: leakage differs by four orders of magnitude between cell types")
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
        cell_type=cells["cell_type"],
        # A source moves with itself where nothing else is said.
        group=cells["group"] or cells["source"],
        source=cells["source"],
        note=cells["note"],
        place=place,
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
