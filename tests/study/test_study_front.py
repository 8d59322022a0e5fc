import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.study.front import front_of, undominated
from accelsim.study.study_file import parse_study

STUDY = """name: hand
base: both-skip-16x16
workloads: [a, b]
objectives: [{minimise: cycles_mean}, {maximise: inferences_per_s}]
"""


@pytest.mark.small
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=30))
def test_a_point_stays_unless_another_is_as_good_in_all_and_better_in_one(rows):
    costs = np.array(rows, float).reshape(-1, 3)
    wanted = [not any((b <= a).all() and (b < a).any() for b in costs) for a in costs]
    assert undominated(costs).tolist() == wanted


def test_each_workload_has_a_front_of_its_feasible_points():
    rows = [("a", 5, 1, 1), ("a", 4, 2, 0), ("a", 9, 1, 1), ("b", 9, 1, 1), ("b", 8, np.nan, 1)]
    done = pd.DataFrame(rows, columns=["workload", "cycles_mean", "inferences_per_s", "feasible"])
    assert front_of(done, parse_study(STUDY, "hand.yaml")).tolist() == [True, False, False, True, False]
    alone = parse_study(STUDY.rsplit("objectives", 1)[0], "hand.yaml")
    assert front_of(done, alone).tolist() == [False] * 5
