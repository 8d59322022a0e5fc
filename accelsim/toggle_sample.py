"""Toggles of real operand streams, for every dataflow: of a tile, of a layer, all of them or a sample.

Defined in docs/dataflows/toggles.md and in each page of toggles of a dataflow. A dataflow walks its units,
and its walk has a twin in accelsim.reference; here units are drawn, and their counts summed or scaled up.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import (
    cartesian_toggles,
    column_broadcast_toggles,
    csc_row_stationary_toggles,
    inner_join_toggles,
    row_stationary_toggles,
    structured_toggles,
    systolic_toggles,
)
from accelsim.dataflows._toggle_walk import Walk
from accelsim.hardware import Accelerator
from accelsim.plan import Unrolling
from accelsim.tables import TOGGLES
from accelsim.toggles import ToggleCounts
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]
SAMPLED_UNITS = 40  # of a layer: the error is that of a mean of so many, whatever the layer's size
WALKS: dict[str, type[Walk]] = {
    "inner_join": inner_join_toggles.Walk,
    "systolic": systolic_toggles.Walk,
    "structured": structured_toggles.Walk,
    "row_stationary": row_stationary_toggles.Walk,
    "column_broadcast": column_broadcast_toggles.Walk,
    "cartesian": cartesian_toggles.Walk,
    "csc_row_stationary": csc_row_stationary_toggles.Walk,
}


def tile_toggles(
    trace: LayerTrace, box: Ints, chip: Accelerator, spatial: Unrolling | None = None
) -> dict[str, int]:
    """Every toggle of one tile, by the names of tables.TOGGLES; box as tables.BOX."""
    return layer_toggles(trace, box[None], chip, spatial, exact=True).counts


def layer_toggles(
    trace: LayerTrace,
    boxes: Ints,
    chip: Accelerator,
    spatial: Unrolling | None = None,
    *,
    exact: bool = False,
    seed: int | Sequence[int] = 0,
) -> ToggleCounts:
    """Toggles of all tiles of a layer.

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX
    spatial : of the plan; `inner_join` takes None for a filter a row, a position a column
    exact : count every unit; else a seeded sample of whole units
    """
    walk = WALKS[chip.dataflow](trace, chip, spatial, exact=exact)
    sizes = [walk.units(box) for box in boxes]
    ends = np.cumsum([len(one) for one in sizes])
    macs, every = np.concatenate(sizes), int(ends[-1])
    wanted = every if exact else min(every, SAMPLED_UNITS)
    drawn = np.arange(every)
    if wanted < every:
        drawn = np.sort(np.random.default_rng(seed).choice(every, wanted, replace=False))
    starts = np.concatenate([[0], ends[:-1]])
    of_tiles = np.split(drawn, np.searchsorted(drawn, ends)[:-1])
    found = [
        walk.walk(box, own - start)
        for box, own, start in zip(boxes, of_tiles, starts, strict=True)
        if own.size
    ]
    sums = np.concatenate(found) if found else np.zeros((0, len(TOGGLES)), np.int64)
    if wanted < every:
        counts, errors = _estimate(sums, macs[drawn].astype(float), every, trace.layer.dense_macs)
    else:
        counts = {name: round(count) for name, count in zip(TOGGLES, sums.sum(axis=0).tolist(), strict=True)}
        errors = dict.fromkeys(TOGGLES, 0.0)
    always = [walk.always(box) for box in boxes]
    for name in always[0]:
        counts[name], errors[name] = sum(one[name] for one in always), 0.0
    fraction = float(macs[drawn].sum()) / trace.layer.dense_macs if wanted < every else 1.0
    return ToggleCounts(counts, errors, fraction)


def _estimate(
    sums: npt.NDArray[Any], macs: npt.NDArray[np.float64], every: int, dense_macs: int
) -> tuple[dict[str, int], dict[str, float]]:
    """Toggles per dense MAC of the drawn units, times the layer's dense MACs; relative standard errors."""
    drawn, toggles = len(sums), sums.astype(float)
    of_drawn = toggles.sum(axis=0)
    ratios = of_drawn / macs.sum()
    spreads = ((toggles - np.outer(macs, ratios)) ** 2).sum(axis=0) / (drawn - 1)
    errors = np.sqrt((1 - drawn / every) * spreads / drawn)
    relative = np.divide(errors, of_drawn / drawn, out=np.zeros_like(errors), where=of_drawn > 0)
    counts = {name: round(ratio * dense_macs) for name, ratio in zip(TOGGLES, ratios.tolist(), strict=True)}
    return counts, dict(zip(TOGGLES, relative.tolist(), strict=True))
