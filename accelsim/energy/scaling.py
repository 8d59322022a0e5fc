"""Prices at another technology node, by stated rules.

::

    logic, registers, queues, clock, postprocessor    x energy factor of the node / of the table's node
    leakage of lanes                                  the same (the source scales it so)
    wires                                             x (V of the node / V of the table's node)^2, per mm
    sram_lstp                                         the fit of the node's own CACTI points, if any; else
                                                      accesses x energy factors, leakage between those
                                                      of the neighbouring nodes with points
    other SRAM                                        accesses x energy factors; leakage has no rule
    rows without a node (DRAM)                        as they stand

Factors: Stillmaker and Baas, Integration 58, 2017; supply of wires: Keckler, IEEE Micro 2011 (0.9 V at 45 and
28 nm, 0.8 V at 22 and 16 nm, 0.7 V at 7 nm; nodes between take the nearest larger one's), 65 nm: Eyeriss,
JSSC 2017. What no rule covers is left out of the scaled table, and its absence named when it is asked for.
"""

import csv
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

from accelsim.energy import sram
from accelsim.energy.rows import PriceRow
from accelsim.errors import InputError

_FACTORS = Path(__file__).parent / "data" / "technology_scaling.csv"
WithoutRule = dict[tuple[str, str], str]


@cache
def nodes() -> dict[float, dict[str, float | None]]:
    """Energy and area factors against 45 nm, and the wires' supply, by node in nm."""
    with _FACTORS.open(newline="") as file:
        return {
            float(row["node_nm"]): {k: float(v) if v else None for k, v in row.items()}
            for row in csv.DictReader(file)
        }


def factor(what: str, from_nm: float, to_nm: float, asked_by: str) -> float:
    """Factor of `energy` or `area` from one node to another; raises InputError for an unknown node."""
    known = nodes()
    for node in (from_nm, to_nm):
        if node not in known:
            listed = ", ".join(f"{n:g}" for n in known)
            raise InputError(f"{asked_by}: no scaling rule for {node:g} nm; nodes: {listed}")
    ratio = (known[to_nm][f"{what}_factor"] or 0) / (known[from_nm][f"{what}_factor"] or math.nan)
    return float(ratio)


def scaled(
    rows: tuple[PriceRow, ...], name: str, from_nm: float, to_nm: float
) -> tuple[tuple[PriceRow, ...], WithoutRule]:
    """A table's rows at another node, and those that no rule brings there, with the reason.

    Raises
    ------
    InputError
        If there are no factors for one of the nodes.
    """
    energy = factor("energy", from_nm, to_nm, name)
    done: list[PriceRow] = []
    without: WithoutRule = {}
    for row in rows:
        if row.node_nm is None:
            done.append(row)
            continue
        found: PriceRow | str
        if row.component == "wires":
            found = _wire(row, from_nm, to_nm)
        elif row.component.startswith("sram"):
            found = _memory(row, energy, to_nm)
        else:
            found = _times(row, energy, to_nm, "energy factors of Stillmaker and Baas 2017")
        if isinstance(found, str):
            without[row.component, row.action] = f"{row.place}: {found}"
        else:
            done.append(found)
    return tuple(done), without


def _times(row: PriceRow, by: float, to_nm: float, rule: str) -> PriceRow:
    return replace(
        row,
        node_nm=to_nm,
        pj=row.pj * by,
        low_pj=row.low_pj * by,
        high_pj=row.high_pj * by,
        place=f"{row.place} x {by:.4g}",
        note=f"{row.note}; scaled to {to_nm:g} nm by the {rule}".removeprefix("; "),
    )


def _wire(row: PriceRow, from_nm: float, to_nm: float) -> PriceRow | str:
    was, now = (nodes()[node]["wire_voltage_v"] for node in (from_nm, to_nm))
    if was is None or now is None:
        return f"no rule for the wires' supply at {to_nm if now is None else from_nm:g} nm"
    found = _times(row, (now / was) ** 2, to_nm, "square of the supply")
    return replace(found, voltage_v=now)


def _memory(row: PriceRow, energy: float, to_nm: float) -> PriceRow | str:
    # The fit replaces what was fitted: the table's one row of these cells, not a user's own memory.
    fitted = row.component == "sram_lstp" and row.group == sram.GROUP
    if fitted and to_nm in sram.point_nodes():
        return sram.fitted_row(row, to_nm)
    if row.action != "leakage":
        return _times(row, energy, to_nm, "energy factors of Stillmaker and Baas 2017")
    if not fitted:
        return f"leakage of cells {row.cell_type} has no scaling rule to {to_nm:g} nm; state it in an overlay"
    below = max((n for n in sram.point_nodes() if n < to_nm), default=None)
    above = min((n for n in sram.point_nodes() if n > to_nm), default=None)
    if below is None or above is None:
        return f"no CACTI points on both sides of {to_nm:g} nm; state the leakage in an overlay"
    ends = [sram.fitted_row(row, n) for n in (below, above)]
    share = math.log(to_nm / below) / math.log(above / below)
    middle = ends[0].pj ** (1 - share) * ends[1].pj ** share
    return replace(
        row,
        node_nm=to_nm,
        pj=middle,
        low_pj=min(end.low_pj for end in ends),
        high_pj=max(end.high_pj for end in ends),
        place=f"{row.place}, between {below:g} and {above:g} nm",
        note=f"between the fits at {below:g} and {above:g} nm, in logarithms; bounds: those of both",
    )
