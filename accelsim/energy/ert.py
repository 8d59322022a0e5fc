"""Energy reference tables (ERT) as Accelergy writes and reads them: YAML in and out.

::

    ERT:
      version: 0.3
      tables:
      - name: system.scratchpad[0..3]      # the last name is the component
        actions:
        - name: read
          arguments: {unit: access, low_pj: 4.43, ...}   # or null
          energy: 6.64                                   # pJ

What the format has no place for (unit, size, bounds, source, ...) stands in `arguments`, which other tools
pass by; a table that is written and read again is the same table. Other arguments (`data_delta: 1`) become a
part of the action's name. Rows of power (unit mw) are mW, not pJ: their unit says so.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from accelsim.energy.rows import COLUMNS, UNITS, Key, PriceRow, read_file, row_of
from accelsim.errors import InputError

VERSION = 0.3
# Columns that an action's own keys hold; the others stand in its arguments.
_OWN = ("component", "action", "pj")
_EXTRA = tuple(name for name in COLUMNS if name not in _OWN)
_VARIANT = re.compile(r"(?P<name>[^()]*)\((?P<arguments>[^()]*)\)")


def to_ert(rows: tuple[PriceRow, ...]) -> str:
    """A table as the text of an ERT file."""
    tables: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        name, arguments = row.action, {}
        if found := _VARIANT.fullmatch(row.action):
            name = found["name"]
            arguments = dict(pair.split("=", 1) for pair in found["arguments"].split())
        known = {key: getattr(row, key) for key in _EXTRA}
        arguments |= {key: value for key, value in known.items() if value not in (None, "")}
        tables.setdefault(row.component, []).append({"name": name, "arguments": arguments, "energy": row.pj})
    document = {
        "ERT": {
            "version": VERSION,
            "tables": [{"name": f"accelsim.{name}", "actions": actions} for name, actions in tables.items()],
        }
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=2**20)


def from_ert(path: Path, unit: str | None = None) -> tuple[PriceRow, ...]:
    """The rows of an ERT file.

    Parameters
    ----------
    path : the YAML file
    unit : of actions whose arguments name none; None: that is an error

    Raises
    ------
    InputError
        With one line per error: `ert.yaml:14: energy must not be negative, not -1`.
    """
    label = str(path)
    if unit is not None and unit not in UNITS:
        raise InputError(f"--unit must be one of {', '.join(UNITS)}, not {unit!r}")
    try:
        text = read_file(path, label).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{label}: no such file") from error
    rows: dict[Key, PriceRow] = {}
    errors: list[str] = []
    for place, cells in _actions(text, label, unit):
        row, wrong = row_of(cells, place)
        errors += [f"{place}: {re.sub('^pj ', 'energy ', message)}" for message in wrong]
        if row.key in rows:
            first = rows[row.key].place
            errors.append(f"{place}: {row.component}, {row.action}, per {row.unit} stands at {first} already")
        rows.setdefault(row.key, row)
    if errors:
        raise InputError("\n".join(errors))
    if not rows:
        raise InputError(f"{label}: no actions")
    return tuple(rows.values())


def csv_text(rows: tuple[PriceRow, ...]) -> str:
    """Rows as a table's CSV file."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = (getattr(row, name) for name in COLUMNS)
        writer.writerow(["" if v is None else f"{v:.12g}" if isinstance(v, float) else v for v in values])
    return file.getvalue()


def _actions(text: str, label: str, unit: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """(place, cells of a row) of every action."""
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except (yaml.YAMLError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise InputError(f"{label}: not YAML: {told}") from error
    ert = _mapping(_mapping(root, label, "a file").get("ERT"), label, "ERT")
    for table in _sequence(ert.get("tables"), label, "ERT.tables"):
        keys = _mapping(table, label, "a table")
        name = _scalar(keys.get("name"), label, "a table's name")
        component = re.sub(r"\[[^\]]*\]$", "", name).rsplit(".", 1)[-1]
        for action in _sequence(keys.get("actions"), label, f"actions of {name}"):
            yield _cells(action, label, name, component, unit)


def _cells(
    action: yaml.Node, label: str, table: str, component: str, unit: str | None
) -> tuple[str, dict[str, str]]:
    place = _place(action, label)
    keys = _mapping(action, label, f"an action of {table}")
    name = _scalar(keys.get("name"), label, f"an action's name of {table}")
    given = keys.get("arguments")
    empty = given is None or (isinstance(given, yaml.ScalarNode) and given.value in ("", "null", "~"))
    arguments = {} if empty else _mapping(given, label, f"arguments of {table}, {name}")
    values = {key: _scalar(node, label, f"{table}, {name}: {key}") for key, node in arguments.items()}
    others = [f"{key}={value}" for key, value in values.items() if key not in COLUMNS]
    if "energy" not in keys:
        raise InputError(f"{place}: energy is missing: {table}, {name}")
    pj = _scalar(keys["energy"], label, f"{table}, {name}: energy")
    defaults = dict.fromkeys(COLUMNS, "") | {
        "low_pj": pj,
        "high_pj": pj,
        "unit": unit or "",
        "source": f"{label}: {table}",
    }
    known = {key: value for key, value in values.items() if key in _EXTRA}
    cells = defaults | known | {"component": component, "pj": pj}
    cells["action"] = f"{name}({' '.join(others)})" if others else name
    if not cells["unit"]:
        raise InputError(
            f"{place}: {table}, {name} has no unit among its arguments: say what its energy is per (--unit)"
        )
    return place, cells


def _place(node: yaml.Node, label: str) -> str:
    return f"{label}:{node.start_mark.line + 1}"


def _mapping(node: yaml.Node | None, label: str, what: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise InputError(
            f"{label if node is None else _place(node, label)}: {what} must be a mapping of keys"
        )
    return {str(key.value): value for key, value in node.value}


def _sequence(node: yaml.Node | None, label: str, what: str) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode):
        raise InputError(f"{label if node is None else _place(node, label)}: {what} must be a list")
    return list(node.value)


def _scalar(node: yaml.Node | None, label: str, what: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise InputError(f"{label if node is None else _place(node, label)}: {what} must be a value")
    return str(node.value)
