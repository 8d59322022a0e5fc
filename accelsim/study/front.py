"""Pareto front of a study: its finished points that no other of the same workload dominates."""

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
    signs = [1.0 if objective.minimise else -1.0 for objective in study.objectives]
    costs = done[[objective.figure for objective in study.objectives]].to_numpy(float) * signs
    feasible = (done["feasible"] == 1).to_numpy() & np.isfinite(costs).all(axis=1)
    for workload in done["workload"].unique():
        those = np.flatnonzero(feasible & (done["workload"] == workload).to_numpy())
        front[those] = undominated(costs[those])
    return front


def undominated(costs: Floats) -> npt.NDArray[np.bool_]:
    """bool [points]: no other is as good in every column and better in one; float64 [points, columns]."""
    kept = np.ones(len(costs), bool)
    # In order of the first cost only earlier points dominate later ones; equal rows keep each other.
    order = np.lexsort(costs.T[::-1])
    front = np.empty((0, costs.shape[1]))
    for index in order:
        one = costs[index]
        if (((front <= one).all(axis=1)) & ((front < one).any(axis=1))).any():
            kept[index] = False
        else:
            front = np.vstack([front, one])
    return kept
