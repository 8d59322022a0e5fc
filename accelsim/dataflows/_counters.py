"""The table of a tile's counters, row by row."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from accelsim.tables import COUNTERS

Ints = npt.NDArray[np.int64]


def counters_table(tiles: Iterable[Mapping[str, int]]) -> Ints:
    """Counters of tiles by name, absent ones 0: int64 [tiles, len(tables.COUNTERS)]."""
    rows = [[counted.get(name, 0) for name in COUNTERS] for counted in tiles]
    return np.array(rows, np.int64).reshape(len(rows), len(COUNTERS))


def summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counters of parts of a tile, added up."""
    total = dict.fromkeys(COUNTERS, 0)
    for part in parts:
        for name, count in part.items():
            total[name] += count
    return total
