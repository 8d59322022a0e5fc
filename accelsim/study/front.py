"""Pareto front of a study: its finished points that no other of the same workload dominates; its knee.

::

    front points, each objective scaled:  0 the best value on the front, 1 the worst
    plane through the points (1, 0, 0), (0, 1, 0), (0, 0, 1); of two objectives: the chord between the ends
    knee: the front point farthest from it on the side of the origin
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim.study.study_file import Study

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


def front_of(done: "pd.DataFrame", study: Study) -> npt.NDArray[np.bool_]:
    """bool [points]: on the front of its workload; none without objectives, none over a budget."""
    front = np.zeros(len(done), bool)
    if not study.objectives or not len(done):
        return front
    costs = _costs(done, study)
    feasible = (done["feasible"] == 1).to_numpy() & np.isfinite(costs).all(axis=1)
    for workload in done["workload"].unique():
        those = np.flatnonzero(feasible & (done["workload"] == workload).to_numpy())
        front[those] = undominated(costs[those])
    return front


def knee_of(done: "pd.DataFrame", study: Study, front: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """bool [points]: the knee of each workload's front; none of one objective or a front without a bend.

    Parameters
    ----------
    front : of `front_of`
    """
    knees = np.zeros(len(done), bool)
    if len(study.objectives) < 2 or not front.any():
        return knees
    costs = _costs(done, study)
    for workload in done["workload"].unique():
        those = np.flatnonzero(front & (done["workload"] == workload).to_numpy())
        if (place := knee(costs[those])) is not None:
            knees[those[place]] = True
    return knees


def knee(costs: Floats) -> int | None:
    """Row of the knee of a front, float64 [points, objectives]; the first of equals, None without a bend."""
    if not len(costs):
        return None
    low = costs.min(axis=0)
    span = costs.max(axis=0) - low
    scaled = (costs - low) / np.where(span > 0, span, 1.0)
    distance = (1 - scaled.sum(axis=1)) / np.sqrt(costs.shape[1])
    # An objective that is the same for all bends nothing.
    if (span <= 0).any() or distance.max() <= 1e-9:
        return None
    return int(distance.argmax())


def _costs(done: "pd.DataFrame", study: Study) -> Floats:
    """float64 [points, objectives]: less is better."""
    signs = [1.0 if objective.minimise else -1.0 for objective in study.objectives]
    costs: Floats = done[[objective.figure for objective in study.objectives]].to_numpy(float) * signs
    return costs


def undominated(costs: Floats) -> npt.NDArray[np.bool_]:
    """bool [points]: no other is as good in every column and better in one; float64 [points, columns]."""
    # By the first cost, then the second, ...: only earlier rows dominate later ones. Equal ones are one.
    rows, place = np.unique(costs, axis=0, return_inverse=True)
    return _kept(rows)[place.reshape(-1)]


def _kept(rows: Floats) -> npt.NDArray[np.bool_]:
    kept = np.zeros(len(rows), bool)
    if rows.shape[1] == 2 and len(rows):  # of two costs the second has to fall
        least = np.minimum.accumulate(rows[:, 1])
        kept[0], kept[1:] = True, rows[1:, 1] < least[:-1]
        return kept
    left = np.arange(len(rows))
    while left.size:
        kept[left[0]] = True
        left = left[(rows[left] < rows[left[0]]).any(axis=1)]
    return kept
