"""Which axis of a study moves an objective most.

::

    points that differ in this axis alone, side by side in the order of its values  -> pairs
    step factor       exp(mean |ln(figure of one / figure of the other)|) over the pairs
    rank correlation  of the axis' place and the figure, within each workload: for samples without pairs
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.study.study_file import Axis, Study

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
COLUMNS = ("objective", "axis", "pairs", "step_factor", "most_factor", "rank_correlation")


def sensitivity(done: "pd.DataFrame", study: Study) -> "pd.DataFrame":
    """A row per objective and axis, those that move an objective most first.

    Parameters
    ----------
    done : finished points, all workloads; keys of an axis that change together are one axis

    Returns
    -------
    DataFrame of COLUMNS: `pairs` of points that differ in the axis alone and stand side by side;
    `step_factor`, mean factor (1 or more) between the two of a pair, geometric; `most_factor`, the largest;
    `rank_correlation` (Spearman), mean over workloads, nan where an axis has words. nan without pairs.
    """
    import pandas as pd

    rows = []
    for objective in study.objectives:
        figure = objective.figure
        found: list[dict[str, Any]] = [
            {"objective": figure, "axis": " ".join(axis.names), **_of(done, study, axis, figure)}
            for axis in study.axes
            if len(done) and len(done[list(axis.names)].drop_duplicates()) > 1
        ]
        found.sort(key=lambda row: (-_or_zero(row["step_factor"]), -abs(_or_zero(row["rank_correlation"]))))
        rows += found
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of(done: "pd.DataFrame", study: Study, axis: Axis, figure: str) -> dict[str, float]:
    places, ordered = _places(done, axis)
    others = ["workload", *(name for name in study.axis_names if name not in axis.names)]
    group = done.groupby(others, sort=False, dropna=False).ngroup().to_numpy()
    values = done[figure].to_numpy(float)
    order = np.lexsort((places, group))
    beside = (np.diff(group[order]) == 0) & (np.diff(places[order]) > 0)
    first, second = values[order][:-1][beside], values[order][1:][beside]
    positive = (first > 0) & (second > 0)
    steps = np.abs(np.log(second[positive] / first[positive]))
    return {
        "pairs": len(steps),
        "step_factor": float(np.exp(steps.mean())) if len(steps) else float("nan"),
        "most_factor": float(np.exp(steps.max())) if len(steps) else float("nan"),
        "rank_correlation": _rank_correlation(done, places, figure) if ordered else float("nan"),
    }


def _places(done: "pd.DataFrame", axis: Axis) -> tuple[npt.NDArray[np.int64], bool]:
    """int64 [points]: place of each point's value of the axis; and whether the values are numbers.

    Numbers stand in their order (of linked keys the first key's, then the next's), words as in the file.
    """
    names = list(axis.names)
    values = list(done[names].itertuples(index=False, name=None))
    distinct = list(dict.fromkeys(values))
    ordered = all(isinstance(one, int | float | np.number) for value in distinct for one in value)
    if ordered:
        distinct.sort()
    else:
        stated = [tuple(step[name] for name in names) for step in axis.steps()]
        distinct.sort(key=lambda value: stated.index(value) if value in stated else len(stated))
    place = {value: i for i, value in enumerate(distinct)}
    return np.array([place[value] for value in values], np.int64), ordered


def _rank_correlation(done: "pd.DataFrame", places: npt.NDArray[np.int64], figure: str) -> float:
    """Spearman's, within each workload; their mean, weighted by points; nan where nothing varies."""
    table = done[["workload"]].assign(place=places, figure=done[figure].astype(float))
    found, weights = [], []
    for _, rows in table.groupby("workload", sort=False):
        ranks = rows[["place", "figure"]].rank().to_numpy(float)
        if (ranks.std(axis=0) > 0).all():
            found.append(float(np.corrcoef(ranks.T)[0, 1]))
            weights.append(len(rows))
    return float(np.average(found, weights=weights)) if found else float("nan")


def _or_zero(value: float) -> float:
    return 0.0 if np.isnan(value) else value
