"""Energy tables: one row per component and action, each with bounds and a source.

::

    shipped table or file --scaling.py--> the chip's node --overlay--> the prices of a run

An overlay is a file of the same columns whose rows replace those of the same component, action, unit, size
and width, and add the others.
"""

import hashlib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from accelsim.energy.rows import PriceRow, read_file, read_rows
from accelsim.energy.scaling import scaled
from accelsim.errors import InputError, nearest
from accelsim.hardware import Accelerator

_TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True)
class EnergyTable:
    """All prices of one technology node.

    Attributes
    ----------
    sha256 : of the file (with the overlay's and the node behind it, where there are any), for provenance
    without_rule : rows that could not be brought to the node, with the reason
    """

    name: str
    node_nm: float | None
    sha256: str
    rows: tuple[PriceRow, ...]
    without_rule: dict[tuple[str, str], str] = field(default_factory=dict)

    def has(self, component: str, action: str, unit: str) -> bool:
        """Whether there is a price of an action in this unit."""
        return any((r.component, r.action, r.unit) == (component, action, unit) for r in self.rows)

    def find(self, component: str, action: str, unit: str) -> list[PriceRow]:
        """The prices of an action in this unit (of several sizes or widths); raises InputError if none."""
        found = [r for r in self.rows if (r.component, r.action, r.unit) == (component, action, unit)]
        if not found:
            reason = self.without_rule.get((component, action))
            components = list(dict.fromkeys(row.component for row in self.rows))
            raise InputError(
                f"{self.name}: no price for component '{component}', action '{action}', per {unit}; "
                + (reason or f"components: {', '.join(components)}")
            )
        return found


def tables() -> dict[str, Path]:
    """The shipped tables: name -> CSV file."""
    return {path.stem: path for path in sorted(_TABLES.glob("*.csv"))}


def load_table(
    name_or_path: str | Path, *, node_nm: float | None = None, overlay: str | Path | None = None
) -> EnergyTable:
    """Read an energy table.

    Parameters
    ----------
    name_or_path : the name of one of `tables()`, or a CSV file with the columns `COLUMNS`
    node_nm : the node to bring its rows to, by the rules of `scaling.py`; None: as they stand
    overlay : a CSV file whose rows replace and add to the table's, at the node asked for

    Raises
    ------
    InputError
        With one line per error: `prices.csv:7: pj must not be negative, not -1`.
    """
    shipped = tables()
    path = shipped.get(str(name_or_path)) or Path(name_or_path)
    label = path.name if path.parent == _TABLES else str(path)
    try:
        content = read_file(path, label)
    except FileNotFoundError as error:
        meant = nearest(str(name_or_path), shipped)
        raise InputError(
            f"{name_or_path}: neither a file nor a shipped energy table{meant}; shipped: {', '.join(shipped)}"
        ) from error
    name = path.stem if path.parent == _TABLES else label
    table = _of_content(content, label, name, node_nm)
    return table if overlay is None else _overlaid(table, Path(overlay))


@lru_cache(maxsize=32)
def _of_content(content: bytes, label: str, name: str, node_nm: float | None) -> EnergyTable:
    """The table in a file's bytes, at a node."""
    rows = read_rows(content, label)
    table = EnergyTable(name, _node(rows, label), hashlib.sha256(content).hexdigest(), rows)
    return table if node_nm is None or node_nm == table.node_nm else _at(table, node_nm)


def table_of(chip: Accelerator) -> EnergyTable:
    """The table that a chip's `energy` names, at its node, with its overlay; raises as `load_table`."""
    return load_table(chip.energy.table, node_nm=chip.energy.node_nm, overlay=chip.energy.overlay)


def _node(rows: tuple[PriceRow, ...], label: str) -> float | None:
    nodes = sorted({row.node_nm for row in rows if row.node_nm is not None})
    if len(nodes) > 1:
        raise InputError(
            f"{label}: one table describes one node, not {' and '.join(f'{n:g}' for n in nodes)} nm"
        )
    return nodes[0] if nodes else None


def _at(table: EnergyTable, node_nm: float) -> EnergyTable:
    if table.node_nm is None:
        raise InputError(f"{table.name}: no row states node_nm, so nothing can be scaled to {node_nm:g} nm")
    rows, without_rule = scaled(table.rows, table.name, table.node_nm, node_nm)
    name, digest = f"{table.name} at {node_nm:g} nm", f"{table.sha256}@{node_nm:g}"
    return EnergyTable(name, node_nm, digest, rows, without_rule)


def _overlaid(table: EnergyTable, path: Path) -> EnergyTable:
    label = str(path)
    try:
        content = read_file(path, label)
    except FileNotFoundError as error:
        raise InputError(f"{label}: no such overlay of an energy table") from error
    rows = read_rows(content, label)
    wrong = [
        f"{row.place}: node_nm must be {table.node_nm:g} or empty over {table.name}, not {row.node_nm:g}: "
        "an overlay's rows are not scaled"
        for row in rows
        if row.node_nm is not None and table.node_nm is not None and row.node_nm != table.node_nm
    ]
    if wrong:
        raise InputError("\n".join(wrong))
    merged = {row.key: row for row in table.rows} | {row.key: row for row in rows}
    digest = f"{table.sha256}+{hashlib.sha256(content).hexdigest()}"
    return replace(table, name=f"{table.name} + {path.name}", sha256=digest, rows=tuple(merged.values()))
