"""Folds of a systolic tile: which indices meet in the array, in order (section 1 of the description)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

from accelsim.plan import Tile
from accelsim.trace.layer import LayerTrace

Index = tuple[int, int, int]  # r, s, c of a reduction; n, p, q of a position
T = TypeVar("T")


@dataclass
class Fold:
    """Filters, positions and reduction indices that meet in the array, and which of them stream."""

    filters: Sequence[int]
    positions: Sequence[Index]
    reduction: Sequence[Index]
    down: Sequence[Any]
    across: Sequence[Any]
    stream: Sequence[Any]


def folds(trace: LayerTrace, tile: Tile, array: Any) -> Iterator[Fold]:
    """The folds of a tile in order: group by group, block across by block across, down by down."""
    per_group, (r, s) = trace.layer.group_filters, trace.layer.kernel
    positions = positions_of(tile)
    reduction = list(product(range(r), range(s), range(tile.c0, tile.c1)))
    by_group: dict[int, list[int]] = {}
    for k in range(tile.k0, tile.k1):
        by_group.setdefault(k // per_group, []).append(k)
    for filters in by_group.values():
        kept: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
            "weights": (reduction, filters, positions),
            "activations": (reduction, positions, filters),
            "outputs": (positions, filters, reduction),
        }
        downs, acrosses, stream = kept[array.stationary]
        for across in blocks(acrosses, array.columns):
            for down in blocks(downs, array.rows):
                parts: dict[str, tuple[Any, Any, Any]] = {
                    "weights": (across, positions, down),
                    "activations": (filters, across, down),
                    "outputs": (across, down, reduction),
                }
                yield Fold(*parts[array.stationary], down=down, across=across, stream=stream)


def positions_of(tile: Tile) -> list[Index]:
    """(n, p, q) of a tile, q fastest."""
    return list(product(range(tile.n0, tile.n1), range(tile.p0, tile.p1), range(tile.q0, tile.q1)))


def blocks(indices: Sequence[T], size: int) -> list[Sequence[T]]:
    """Consecutive parts of `size`, the last may be smaller."""
    return [indices[i : i + size] for i in range(0, len(indices), size)]


def runs(reduction: Sequence[Index]) -> list[list[Index]]:
    """Reduction indices of a fold, cut where (r, s) changes."""
    found: list[list[Index]] = []
    for index in reduction:
        if not found or found[-1][-1][:2] != index[:2]:
            found.append([])
        found[-1].append(index)
    return found
