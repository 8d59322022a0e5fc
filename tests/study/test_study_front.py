import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.study.front import front_of, knee, knee_of, undominated
from accelsim.study.study_file import parse_study

STUDY = """name: hand
base: both-skip-16x16
workloads: [a, b]
objectives: [{minimise: cycles_mean}, {maximise: inferences_per_s}]
"""


@pytest.mark.small
@given(st.integers(1, 3), st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=30))
def test_a_point_stays_unless_another_is_as_good_in_all_and_better_in_one(columns, rows):
    costs = np.array(rows, float).reshape(-1, 3)[:, :columns]
    wanted = [not any((b <= a).all() and (b < a).any() for b in costs) for a in costs]
    assert undominated(costs).tolist() == wanted


def test_each_workload_has_a_front_of_its_feasible_points():
    rows = [("a", 5, 1, 1), ("a", 4, 2, 0), ("a", 9, 1, 1), ("b", 9, 1, 1), ("b", 8, np.nan, 1)]
    done = pd.DataFrame(rows, columns=["workload", "cycles_mean", "inferences_per_s", "feasible"])
    assert front_of(done, parse_study(STUDY, "hand.yaml")).tolist() == [True, False, False, True, False]
    alone = parse_study(STUDY.rsplit("objectives", 1)[0], "hand.yaml")
    assert front_of(done, alone).tolist() == [False] * 5


@pytest.mark.small
def test_the_knee_is_farthest_from_the_chord():
    """Scaled, the chord is x + y = 1; the points are 0, 0.6, 0.7 and 0 below it (times 1 / sqrt 2)."""
    costs = np.array([[0, 10], [1, 3], [2, 1], [10, 0]], float)
    assert knee(costs) == 2
    assert knee(costs * [1, 1000] + [5, -7]) == 2
    three = np.array([[0, 9, 9], [9, 0, 9], [9, 9, 0], [1, 1, 1], [2, 2, 0.5]], float)
    assert knee(three) == 3


@pytest.mark.small
@pytest.mark.parametrize(
    "costs",
    [[], [[1, 2]], [[0, 9], [9, 0]], [[0, 4], [2, 2], [4, 0]], [[0, 4], [3, 3], [4, 0]], [[1, 5], [1, 5]]],
)
def test_a_front_without_a_bend_has_no_knee(costs):
    assert knee(np.array(costs, float).reshape(-1, 2)) is None


@pytest.mark.small
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=3, max_size=20))
def test_no_point_of_the_front_is_farther_from_the_line_between_its_ends_than_the_knee(rows):
    costs = np.array(rows, float)
    costs = costs[undominated(costs)]
    found = knee(costs)
    first, last = costs[costs[:, 0].argmin()], costs[costs[:, 1].argmin()]
    span = last - first
    if found is None or not span.all():
        assert found is None or span.all()
        return
    scaled = (costs - [first[0], last[1]]) / np.abs(span)
    # Twice the area of the triangle with the ends, which is the distance times the chord's length.
    distance = 1 - scaled[:, 0] - scaled[:, 1]
    assert distance[found] == pytest.approx(distance.max())
    assert distance[found] > 0


def test_each_workload_has_a_knee_of_its_own_and_one_objective_has_none():
    rows = [("a", 0, 9, 1), ("a", 1, 8, 1), ("a", 9, 10, 1), ("b", 0, 9, 1), ("b", 9, 10, 1)]
    done = pd.DataFrame(rows, columns=["workload", "cycles_mean", "inferences_per_s", "feasible"])
    study = parse_study(STUDY.replace("{maximise: inf", "{minimise: inf"), "hand.yaml")
    assert not knee_of(done, study, front_of(done, study)).any()
    done["inferences_per_s"] = [1, 8, 10, 9, 10]
    study = parse_study(STUDY, "hand.yaml")
    assert knee_of(done, study, front_of(done, study)).tolist() == [False, True, False, False, False]
    alone = parse_study(STUDY.replace(", {maximise: inferences_per_s}", ""), "hand.yaml")
    assert not knee_of(done, alone, front_of(done, alone)).any()
