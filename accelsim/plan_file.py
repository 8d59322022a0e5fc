"""Plans of a network's layers as a CSV file: what a run writes, and `--plans` reads back.

::

    layer,order,tile_n,tile_k,tile_c,tile_p,tile_q,resident,spatial
    conv1,NPCKQ,1,32,1,7,55,outputs,                    # several resident operands: outputs+weights
    fc6,NPQKC,1,4096,9216,1,1,,K64+NPQ1+CRS4            # filters, positions, parts of a reduction at once
    conv2,,,64,,,,none,                                 # an empty cell is the mapper's to choose

An empty `resident` of a whole plan means that none is, as `none` does; an empty `spatial`, the array's own.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from accelsim.errors import PlanError, listed, nearest
from accelsim.plan import LOOPS, OPERAND_LOOPS, Fixed, Operand, Plan, Unrolling

_SIZES = ("tile_n", "tile_k", "tile_c", "tile_p", "tile_q")
COLUMNS = ("layer", "order", *_SIZES, "resident", "spatial")
_SPATIAL = re.compile(r"K([1-9][0-9]{0,7})\+NPQ([1-9][0-9]{0,7})\+CRS([1-9][0-9]{0,7})", re.ASCII)


class PlansOfFile(dict[str, Plan | Fixed]):
    """Plans by layer, and where each stands: `places`, file and line by layer."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, str] = {}


def place_of(plans: Mapping[str, Plan | Fixed], name: str) -> str | None:
    """File and line of a layer's plan; None if it is of no file."""
    return plans.places.get(name) if isinstance(plans, PlansOfFile) else None


def check_layers(plans: Mapping[str, Plan | Fixed], layers: Collection[str]) -> None:
    """Raise PlanError if a plan is of none of these layers."""
    if unknown := sorted(set(plans) - set(layers)):
        raise PlanError(
            f"{place_of(plans, unknown[0]) or 'plans'}: no layer {', '.join(unknown)}; layers: "
            f"{listed(sorted(layers))}{nearest(unknown[0], layers)}"
        )


@contextmanager
def told_where(plans: Mapping[str, Plan | Fixed], name: str) -> Iterator[None]:
    """Errors of a layer's plan begin with where it stands, if it is of a file."""
    try:
        yield
    except PlanError as error:
        place = place_of(plans, name)
        if place is None:
            raise
        raise PlanError(f"{place}: {error}") from error


def plans_csv(plans: Mapping[str, Plan | Fixed]) -> bytes:
    """The file of some plans, by layer; what is not fixed is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, plan in plans.items():
        sizes = (getattr(plan, size) for size in _SIZES)
        resident = "" if plan.resident is None else "+".join(sorted(plan.resident))
        if isinstance(plan, Fixed) and plan.resident == frozenset():
            resident = "none"
        writer.writerow([name, plan.order, *sizes, resident, plan.spatial or ""])
    return text.getvalue().encode()


def read_plans(path: str | Path) -> PlansOfFile:
    """Plans by layer, or what is fixed of them, and where each stands.

    Raises
    ------
    PlanError
        With file and line: if columns are missing or unknown, a layer stands twice, or a value is none of
        its column. Whether a plan can cut its layer is asked where they meet.
    """
    file = Path(path)
    plans = PlansOfFile()
    try:
        rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines(), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlanError(f"{file}: cannot be read: {error}") from error
    if not rows or tuple(cell.strip() for cell in rows[0]) != COLUMNS:
        raise PlanError(f"{file}:1: the columns must be {','.join(COLUMNS)}")
    for number, row in enumerate(rows[1:], 2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        name, plan = _plan(f"{file}:{number}", cells)
        if name in plans:
            raise PlanError(f"{file}:{number}: two plans of layer {name!r}")
        plans[name], plans.places[name] = plan, f"{file}:{number}"
    return plans


def whole_plans(path: str | Path) -> dict[str, Plan]:
    """As `read_plans`; raises PlanError too if a row leaves something open."""
    plans, given = {}, read_plans(path)
    for name, plan in given.items():
        if isinstance(plan, Fixed):
            raise PlanError(f"{given.places[name]}: the plan of layer {name!r} has empty cells")
        plans[name] = plan
    return plans


def fixed_parts(settings: Sequence[str]) -> Fixed:
    """What is fixed by texts such as tile_k=64, order=NKPQC, resident=weights+outputs or resident=none.

    Raises
    ------
    PlanError
        If a text is not of that form, or a key comes twice.
    """
    parts: dict[str, Any] = {}
    for text in settings:
        key, equals, value = (part.strip() for part in text.partition("="))
        where = f"--fix {text}"
        if not equals or key not in COLUMNS[1:]:
            raise PlanError(f"{where}: must be KEY=VALUE with one of {', '.join(COLUMNS[1:])}")
        if key in parts:
            raise PlanError(f"{where}: {key} is fixed twice")
        parts[key] = _part(where, key, value)
    return Fixed(**parts)


def _part(where: str, key: str, value: str) -> Any:
    if key == "resident":
        return _resident(where, value)
    if key == "spatial":
        return _spatial(where, value)
    if key == "order":
        if sorted(value) != sorted(LOOPS):
            raise PlanError(f"{where}: order must be a permutation of {LOOPS}, not {value!r}")
        return value
    if not (value.isascii() and value.isdigit() and 0 < int(value[:20]) < 2**40):
        raise PlanError(f"{where}: {key} must be a whole number of at least 1, not {value!r}")
    return int(value)


def _resident(where: str, value: str) -> frozenset[Operand]:
    kept = [operand for operand in value.split("+") if operand and value != "none"]
    if unknown := [operand for operand in kept if operand not in OPERAND_LOOPS]:
        raise PlanError(f"{where}: resident must be some of {'+'.join(OPERAND_LOOPS)}, not {unknown[0]!r}")
    return frozenset(cast(Operand, operand) for operand in kept)


def _spatial(where: str, value: str) -> Unrolling:
    found = _SPATIAL.fullmatch(value)
    if found is None:
        raise PlanError(
            f"{where}: spatial must be K<filters>+NPQ<positions>+CRS<parts>, each at least 1, or empty for "
            f"the array's own mapping, not {value!r}"
        )
    return Unrolling(*(int(factor) for factor in found.groups()))


def _plan(where: str, cells: list[str]) -> tuple[str, Plan | Fixed]:
    if len(cells) != len(COLUMNS):
        raise PlanError(f"{where}: {len(cells)} cells, not {len(COLUMNS)}: {','.join(COLUMNS)}")
    parts = {
        key: _part(where, key, value) for key, value in zip(COLUMNS[1:], cells[1:], strict=True) if value
    }
    if {"order", *_SIZES} <= parts.keys():
        return cells[0], Plan(**parts)
    return cells[0], Fixed(**parts)
