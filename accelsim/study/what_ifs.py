"""What a stored point would be if one thing of its chip were better: simulated again, change by change.

::

    row of the store -> settings -> chip -> relaxations of its lost lane-cycles -> simulate each -> rank

The point itself is simulated again, too, if its row is of other code or another trace than are here now, so
that both ends of a ratio come from one simulator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from accelsim.errors import AccelsimError, InputError
from accelsim.study.points import Point, evaluate
from accelsim.study.relaxations import relaxations
from accelsim.study.space import Chosen, Space
from accelsim.study.stored_point import settings_of
from accelsim.study.study_file import Keep
from accelsim.tables import CAUSES

LEAST_GAIN = 0.02  # of cycles: less is no reason to change a chip
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """One change, simulated: ratios are with the change / without it, `speedup` is of cycles the other way.

    `error` says why it did not run; its numbers are nan then.
    """

    change: str
    short: str
    cause: str
    speedup: float
    cycles_mean: float
    energy_ratio: float
    area_ratio: float
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfs:
    """What was tried, the fastest first; `fresh` if the point itself had to be simulated again."""

    tried: tuple[WhatIf, ...]
    fresh: bool

    @property
    def best(self) -> WhatIf | None:
        """The change that gives most, if any is worth it."""
        return next((one for one in self.tried if one.speedup >= 1 + LEAST_GAIN), None)


def shares_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Share of each cause in a row's lane-cycles."""
    cycles = {cause: float(row[f"{cause}_lane_cycles"]) for cause in CAUSES}
    total = sum(cycles.values())
    return {cause: value / total if total else 0.0 for cause, value in cycles.items()}


def what_ifs(space: Space, row: Mapping[str, Any], progress: Progress | None = None) -> WhatIfs:
    """Simulate a stored point with one change at a time.

    Parameters
    ----------
    space : of the store's study
    row : of the store, of a point that is done
    progress : called with each change that has been simulated

    Raises
    ------
    InputError
        If the row is no point of the study.
    AccelsimError
        If the point itself no longer runs.
    """
    workload = space.study.workloads.index(row["workload"])
    settings = settings_of(space, row)
    number = int(row["number"])
    key = space.choose(settings, number)[workload].key
    point = replace(space.point(Chosen(number, key, settings, workload)), keep=Keep(layers=False))
    base = row
    if row["key"] != key:
        base = _figures(point)
    tried = []
    for one in relaxations(point.chip, point.mapping, shares_of(base)):
        ratios = dict.fromkeys(("speedup", "cycles_mean", "energy_ratio", "area_ratio"), float("nan"))
        error = ""
        try:
            now = _figures(replace(point, chip=one.chip, mapping=one.mapping))
            ratios = {
                "speedup": base["cycles_mean"] / now["cycles_mean"],
                "cycles_mean": now["cycles_mean"],
                "energy_ratio": now["energy_uj_mean"] / base["energy_uj_mean"],
                "area_ratio": now["area_mm2"] / base["area_mm2"],
            }
        except AccelsimError as failed:  # nothing fits any more, say: the others still answer
            error = str(failed)
        tried.append(WhatIf(change=one.words, short=one.short, cause=one.cause, error=error, **ratios))
        if progress is not None:
            progress(one.short)
    tried.sort(key=lambda one: -one.speedup if one.speedup == one.speedup else 0.0)
    return WhatIfs(tried=tuple(tried), fresh=base is not row)


def _figures(point: Point) -> dict[str, Any]:
    outcome = evaluate(point)
    if outcome.absent:
        raise InputError(f"{point.trace.path}: the trace could not be opened")
    if outcome.figures is None:
        raise AccelsimError(f"point {point.number}: {outcome.error}")
    return outcome.figures
