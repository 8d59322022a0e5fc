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
    return Draws(lines, layers, draws, seed).of_layers()


class Draws:
    """Draws of one bill, from which the energies of its layers, and of all of them, follow.

    Parameters
    ----------
    lines, layers, draws, seed : as of `drawn`
    """

    def __init__(self, lines: Iterable[Line], layers: int, draws: int = DRAWS, seed: int = 0) -> None:
        rows: dict[str, tuple[str, list[float], list[float]]] = {}
        for layer, row, group, low, nominal, high in lines:
            if row not in rows:
                rows[row] = group, [0.0] * layers, [0.0, 0.0, 0.0]
            _, by_layer, sums = rows[row]
            by_layer[layer] += high
            sums[0] += low
            sums[1] += nominal
            sums[2] += high
        self._relative = np.zeros((draws, len(rows)))
        for r, (group, _, sums) in enumerate(rows.values()):
            if sums[2] > 0:
                shares = uniform(group, draws, seed)
                self._relative[:, r] = between(shares, sums[0] / sums[2], sums[1] / sums[2], 1.0)
        self._high = np.array([high for _, high, _ in rows.values()]).reshape(len(rows), layers)
        self._whole = np.array([sums[2:] for _, _, sums in rows.values()]).reshape(len(rows), 1)

    def of_layers(self) -> Floats:
        """float64[draws, layers]: energies in pJ."""
        return np.asarray(self._relative @ self._high)

    def of_all(self) -> Floats:
        """float64[draws]: energies of all layers together, in pJ."""
        return np.asarray(self._relative @ self._whole)[:, 0]


def intervals(energies: Floats) -> Floats:
    """float64[layers, 2]: the middle 90 % of draws [draws, layers] of each layer."""
    found: Floats = np.percentile(energies, INTERVAL, axis=0).T
    return found


def interval(values: Floats) -> tuple[float, float]:
    """The middle 90 % of draws."""
    low, high = np.percentile(values, INTERVAL)
    return float(low), float(high)
