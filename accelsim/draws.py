"""Prices drawn at random between their bounds, and what energies follow: seeded, the same on every run.

::

    u[draw, group]      uniform in (0, 1), one for each group of prices: rows of one source move together
    price[draw, row]    the price below which a share u of its distribution lies
    energy[draw, layer] sum over rows of count x price

Half of a price's distribution lies on either side of its nominal value, each half a triangle that falls to
nothing at low and at high: nominal is the median, however far apart the bounds are. A row of one value stays.
An interval is the middle 90 % of the draws. It holds what is known of prices, not what a machine's model
leaves out.
"""

import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

# Of every report; `whatif` takes more.
DRAWS = 2000
INTERVAL = (5.0, 95.0)


class Line(NamedTuple):
    """A line of a bill: which layer, which price (`row`), of which group, and pJ at low, nominal and high."""

    layer: int
    row: str
    group: str
    low_pj: float
    pj: float
    high_pj: float


@lru_cache(maxsize=256)
def uniform(group: str, draws: int, seed: int) -> Floats:
    """float64[draws]: where in its range a group's prices stand, the same for every run and chip."""
    values = np.random.default_rng([seed, zlib.crc32(group.encode())]).random(draws)
    values.flags.writeable = False
    return values


def between(u: Floats, low: float, nominal: float, high: float) -> Floats:
    """float64[draws]: prices at the shares `u` of their distribution."""
    rising = low + (nominal - low) * np.sqrt(2 * np.minimum(u, 0.5))
    falling = high - (high - nominal) * np.sqrt(2 * np.minimum(1 - u, 0.5))
    prices: Floats = np.where(u < 0.5, rising, falling)
    return prices


def drawn(lines: Iterable[Line], layers: int, draws: int = DRAWS, seed: int = 0) -> Floats:
    """float64[draws, layers]: energies in pJ.

    Lines of one `row` must scale alike (the same low : nominal : high), as those of one chip do.
    """
    rows: dict[str, int] = {}
    groups: list[str] = []
    entries: list[Line] = []
    for line in lines:
        if line.row not in rows:
            rows[line.row] = len(rows)
            groups.append(line.group)
        entries.append(line)
    high = np.zeros((len(rows), layers))
    sums = np.zeros((len(rows), 3))
    for line in entries:
        r = rows[line.row]
        high[r, line.layer] += line.high_pj
        sums[r] += (line.low_pj, line.pj, line.high_pj)
    relative = np.zeros((draws, len(rows)))
    for r, group in enumerate(groups):
        if sums[r, 2] > 0:
            low, nominal = (sums[r, :2] / sums[r, 2]).tolist()
            relative[:, r] = between(uniform(group, draws, seed), low, nominal, 1.0)
    return relative @ high


def intervals(lines: Iterable[Line], layers: int) -> Floats:
    """float64[layers, 2]: the middle 90 % of the draws of each layer's energy in pJ."""
    found: Floats = np.percentile(drawn(lines, layers), INTERVAL, axis=0).T
    return found


def interval(values: Floats) -> tuple[float, float]:
    """The middle 90 % of draws."""
    low, high = np.percentile(values, INTERVAL)
    return float(low), float(high)
