"""Energy, leakage and area of an SRAM macro by size and width: fits to CACTI's points, which are shipped.

::

    read_pj(size, width)  = reference * (size / reference size)^0.57  * (width / reference width)^0.56
    write_pj(size, width) = reference * (size / reference size)^0.465 * (width / reference width)^0.775
    area(size, width)     = reference * (size / 8 KiB)^0.97           * (width / 64 bit)^0.09

The exponents are least squares in logarithms, common to 45, 22 and 7 nm, through the 48 points a node of
CACTI (hwcomponents-cacti 1.0.40; cells itrs-lstp, 300 K; `data/sram_cacti.csv`) from 1 KiB to 2 MiB and 32 to
256 bits; the reference is a row of the energy table: 6.64 and 8.41 pJ at 45 nm. Points lie between the rows'
low and high. Leakage is linear in the size. A row at the macro's own size and width is used as written.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from accelsim.energy.rows import PriceRow

# (size, width)
EXPONENTS = {"read": (0.57, 0.56), "write": (0.465, 0.775), "leakage": (1.0, 0.0), "area": (0.97, 0.09)}
FIT_BYTES = (1024, 2 * 2**20)
FIT_BITS = (32, 256)
GROUP = "CACTI itrs-lstp"
_POINTS = Path(__file__).parent / "data" / "sram_cacti.csv"


@dataclass(frozen=True, slots=True)
class Point:
    """One macro as CACTI sees it; pJ per access, mW, square micrometres."""

    cell_type: str
    node_nm: float
    size_bytes: int
    width_bits: int
    read_pj: float
    write_pj: float
    leakage_mw: float
    area_um2: float

    def of(self, what: str) -> float:
        """The point's `read`, `write` (pJ), `leakage` (mW) or `area` (um2)."""
        unit = {"leakage": "mw", "area": "um2"}.get(what, "pj")
        return float(getattr(self, f"{what}_{unit}"))


@cache
def points() -> tuple[Point, ...]:
    """Every shipped point, those outside of the fit too (widths under 32 bits, 512 bytes)."""
    with _POINTS.open(newline="") as file:
        return tuple(
            Point(
                row["cell_type"],
                float(row["node_nm"]),
                int(row["size_bytes"]),
                int(row["width_bits"]),
                *(float(row[name]) for name in ("read_pj", "write_pj", "leakage_mw", "area_um2")),
            )
            for row in csv.DictReader(file)
        )


def fit_points(node_nm: float, cell_type: str = "itrs-lstp") -> list[Point]:
    """The points that a node's fit goes through."""
    return [
        p
        for p in points()
        if (p.node_nm, p.cell_type) == (node_nm, cell_type) and not extrapolated(p.size_bytes, p.width_bits)
    ]


@cache
def point_nodes() -> tuple[float, ...]:
    """Nodes with points of low standby power."""
    return tuple(sorted({p.node_nm for p in points() if p.cell_type == "itrs-lstp"}))


def shape(what: str, size: float, width: float) -> float:
    """The fit's growth with size and width, each relative to the reference's own."""
    size_exponent, width_exponent = EXPONENTS[what]
    return float(size**size_exponent * width**width_exponent)


@cache
def fitted(what: str, node_nm: float, size_bytes: int, width_bits: int) -> tuple[float, float, float]:
    """A node's own regression at a size and width, and its points' least and largest, brought there."""
    brought = [
        p.of(what) / shape(what, p.size_bytes / size_bytes, p.width_bits / width_bits)
        for p in fit_points(node_nm)
    ]
    own = regression(what, [node_nm])
    middle = math.exp(own[0] + own[1] * math.log(size_bytes / 8192) + own[2] * math.log(width_bits / 64))
    return middle, min(brought), max(brought)


def regression(what: str, of_nodes: Sequence[float]) -> list[float]:
    """Least squares in logarithms: intercept at 8 KiB x 64 bit of each node, then the two exponents."""
    rows, logs = [], []
    for i, node in enumerate(of_nodes):
        for p in fit_points(node):
            at_node = [float(i == j) for j in range(len(of_nodes))]
            rows.append([*at_node, math.log(p.size_bytes / 8192), math.log(p.width_bits / 64)])
            logs.append(math.log(p.of(what)))
    return [float(x) for x in np.linalg.lstsq(np.array(rows), np.array(logs), rcond=None)[0]]


def fitted_row(row: PriceRow, node_nm: float) -> PriceRow:
    """The row at another node with points: their regression at the row's size, least and largest."""
    middle, least, largest = fitted(row.action, node_nm, row.size_bytes or 8192, row.width_bits or 64)
    # Rounded to where the table is: four digits.
    middle, least, largest = (float(f"{value:.4g}") for value in (middle, least, largest))
    return replace(
        row,
        node_nm=node_nm,
        pj=middle,
        low_pj=min(least, middle),
        high_pj=max(largest, middle),
        place=f"{row.place}, CACTI points at {node_nm:g} nm",
        note=f"{len(fit_points(node_nm))} points at {node_nm:g} nm"
        + ("; CACTI's 22 nm scaled" if node_nm < 22 else ""),
    )


def nearest(rows: Sequence[PriceRow], size_bytes: int, width_bits: int) -> PriceRow:
    """The row whose size and width need the least scaling; the first of equals."""

    def distance(row: PriceRow) -> float:
        size, width = row.size_bytes or size_bytes, row.width_bits or width_bits
        return abs(math.log(size / size_bytes)) + abs(math.log(width / width_bits))

    return min(rows, key=distance)


def scale(row: PriceRow, size_bytes: int, width_bits: int) -> float:
    """Factor from the row's own size and width to the macro's; exactly 1 where they are equal."""
    return shape(
        row.action, size_bytes / (row.size_bytes or size_bytes), width_bits / (row.width_bits or width_bits)
    )


def extrapolated(size_bytes: int, width_bits: int) -> bool:
    """Whether the fit has no points around this size and width."""
    return not (FIT_BYTES[0] <= size_bytes <= FIT_BYTES[1] and FIT_BITS[0] <= width_bits <= FIT_BITS[1])
