"""What a published result is to `reproduce`: its source, how ours is computed, how far apart they may be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Tables = dict[str, "pd.DataFrame"]


@dataclass(frozen=True, slots=True)
class Band:
    """Where a column of a table has to stay: each value of it, or the median of the absolute values.

    Attributes
    ----------
    low, high : in the column's own unit, both inclusive
    """

    table: str
    column: str
    low: float
    high: float
    of: Literal["each", "median of absolutes"] = "each"

    def misses(self, tables: Tables) -> list[str]:
        """A sentence for each value outside of the band."""
        table = tables[self.table]
        values = dict(zip(table.iloc[:, 0].astype(str), table[self.column].astype(float), strict=True))
        if self.of == "median of absolutes":
            values = {self.of: float(table[self.column].abs().median())}
        # A value that is not a number is outside of every band.
        return [
            f"{self.table}, {name}: {self.column} is {value:.4g}, not within {self.low:g} to {self.high:g}"
            for name, value in values.items()
            if not self.low <= value <= self.high
        ]


@dataclass(frozen=True, slots=True)
class Entry:
    """A published result; `tables` computes ours beside it, by name, from a seed.

    Attributes
    ----------
    notes : what explains the differences of all rows
    bands : what `reproduce` holds the tables to; none: printed, not judged
    figures : pictures of the tables, each with the table it draws
    """

    title: str
    source: str
    tables: Callable[[int], Tables]
    notes: tuple[str, ...] = ()
    bands: tuple[Band, ...] = ()
    figures: "Callable[[Tables], dict[str, tuple[Figure, pd.DataFrame]]] | None" = None

    def misses(self, tables: Tables) -> list[str]:
        """What lies outside of its band."""
        return [text for band in self.bands for text in band.misses(tables)]
