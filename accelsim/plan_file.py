"""Plans of a network's layers as a CSV file: what a run writes, and `--plans` reads back.

::

    layer,order,tile_n,tile_k,tile_c,tile_p,tile_q,resident,spatial
    conv1,NPCKQ,1,32,1,7,55,outputs,                    # several resident operands: outputs+weights
    fc6,NPQKC,1,4096,9216,1,1,,K64+NPQ1+CRS4            # filters, positions, parts of a reduction at once
"""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from accelsim.errors import PlanError
from accelsim.plan import OPERAND_LOOPS, Operand, Plan, Unrolling

_SIZES = ("tile_n", "tile_k", "tile_c", "tile_p", "tile_q")
COLUMNS = ("layer", "order", *_SIZES, "resident", "spatial")
_SPATIAL = re.compile(r"K([1-9][0-9]{0,7})\+NPQ([1-9][0-9]{0,7})\+CRS([1-9][0-9]{0,7})", re.ASCII)


def plans_csv(plans: Mapping[str, Plan]) -> bytes:
    """The file of some plans, by layer."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, plan in plans.items():
        sizes = (getattr(plan, size) for size in _SIZES)
        writer.writerow([name, plan.order, *sizes, "+".join(sorted(plan.resident)), plan.spatial or ""])
    return text.getvalue().encode()


def read_plans(path: str | Path) -> dict[str, Plan]:
    """Plans by layer.

    Raises
    ------
    PlanError
        With file and line: if columns are missing or unknown, a layer stands twice, or a value is none of
        its column. Whether a plan can cut its layer is asked where they meet.
    """
    file = Path(path)
    plans: dict[str, Plan] = {}
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
        plans[name] = plan
    return plans


def _plan(where: str, cells: list[str]) -> tuple[str, Plan]:
    if len(cells) != len(COLUMNS):
        raise PlanError(f"{where}: {len(cells)} cells, not {len(COLUMNS)}: {','.join(COLUMNS)}")
    name, order, *sizes, resident, unrolled = cells
    for column, size in zip(_SIZES, sizes, strict=True):
        if not (size.isascii() and size.isdigit() and 0 < int(size) < 2**40):
            raise PlanError(f"{where}: {column} must be a whole number of at least 1, not {size!r}")
    kept = [operand for operand in resident.split("+") if operand]
    if unknown := [operand for operand in kept if operand not in OPERAND_LOOPS]:
        raise PlanError(f"{where}: resident must be some of {'+'.join(OPERAND_LOOPS)}, not {unknown[0]!r}")
    found = _SPATIAL.fullmatch(unrolled)
    if unrolled and found is None:
        raise PlanError(
            f"{where}: spatial must be K<filters>+NPQ<positions>+CRS<parts>, each at least 1, or empty for "
            f"the array's own mapping, not {unrolled!r}"
        )
    n, k, c, p, q = (int(size) for size in sizes)
    return name, Plan(
        tile_n=n,
        tile_k=k,
        tile_c=c,
        tile_p=p,
        tile_q=q,
        order=order,
        resident=frozenset(cast(Operand, operand) for operand in kept),
        spatial=Unrolling(*(int(factor) for factor in found.groups())) if found else None,
    )
