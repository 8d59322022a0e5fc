"""Which axis moves an objective most: laws over points whose figures are formulas."""

import math

import pandas as pd
import pytest

from accelsim.study.sensitivity import COLUMNS, sensitivity
from accelsim.study.study_file import parse_study

STUDY = parse_study(
    """name: hand
base: both-skip-16x16
workloads: [a, b]
axes:
  - {keys: [pe_array.rows, pe_array.columns], values: [[4, 4], [16, 16], [8, 8]]}
  - {key: dram.peak_gb_per_s, values: [1.0, 2.0]}
  - {key: pe_array.lane_assignment, values: [pooled, fixed]}
  - {key: pe_array.lanes, values: [2]}
objectives: [{minimise: cycles_mean}, {minimise: energy_uj_mean}]
""",
    "hand.yaml",
)
LANES = {"pooled": 1.0, "fixed": 1.5}


def points():
    """cycles = w / (rows^0.5 x bandwidth^2) x lanes' factor; energy = rows x w."""
    rows = [
        {
            "workload": name,
            "pe_array.rows": rows,
            "pe_array.columns": rows,
            "dram.peak_gb_per_s": gb,
            "pe_array.lane_assignment": lanes,
            "pe_array.lanes": 2,
            "cycles_mean": w / (rows**0.5 * gb**2) * LANES[lanes],
            "energy_uj_mean": float(rows * w),
        }
        for name, w in (("a", 10.0), ("b", 1e6))
        for rows in (16, 4, 8)
        for gb in (2.0, 1.0)
        for lanes in LANES
    ]
    return pd.DataFrame(rows)


def test_the_axis_with_the_largest_factor_a_step_stands_first():
    table = sensitivity(points(), STUDY)
    assert list(table) == list(COLUMNS)
    cycles = table[table["objective"] == "cycles_mean"].set_index("axis")
    assert list(cycles.index) == [
        "dram.peak_gb_per_s",
        "pe_array.lane_assignment",
        "pe_array.rows pe_array.columns",
    ]
    assert cycles["step_factor"].tolist() == pytest.approx([4, 1.5, math.sqrt(2)])
    # 3 x 2 x 2 points of 2 workloads: pairs of neighbours only, 4 with 8 and 8 with 16.
    assert cycles["pairs"].tolist() == [12, 12, 16]
    assert cycles["rank_correlation"]["dram.peak_gb_per_s"] < -0.8
    assert math.isnan(cycles["rank_correlation"]["pe_array.lane_assignment"])


def test_what_an_axis_does_not_move_has_the_factor_one():
    table = sensitivity(points(), STUDY)
    energy = table[table["objective"] == "energy_uj_mean"].set_index("axis")
    assert energy["step_factor"].to_dict() == pytest.approx(
        {"pe_array.rows pe_array.columns": 2, "dram.peak_gb_per_s": 1, "pe_array.lane_assignment": 1}
    )
    # Workloads differ by 10^5, and do not enter.
    assert energy["rank_correlation"]["pe_array.rows pe_array.columns"] == pytest.approx(1)
    assert energy["rank_correlation"]["dram.peak_gb_per_s"] == pytest.approx(0)


def test_the_largest_factor_of_a_pair_stands_beside_the_mean():
    done = points()
    done.loc[(done["pe_array.rows"] == 16) & (done["workload"] == "a"), "energy_uj_mean"] *= 8
    table = sensitivity(done, STUDY).set_index(["objective", "axis"])
    row = table.loc[("energy_uj_mean", "pe_array.rows pe_array.columns")]
    assert row["most_factor"] == pytest.approx(16)
    assert row["step_factor"] == pytest.approx(2 ** (7 / 4))  # 2, 16 in one workload, 2, 2 in the other


def test_without_pairs_the_rank_correlation_ranks():
    """A sample in which all axes change from point to point."""
    done = points().iloc[[0, 6, 9]].reset_index(drop=True)
    table = sensitivity(done, STUDY)
    assert (table["pairs"] == 0).all()
    assert table["step_factor"].isna().all()
    cycles = table[table["objective"] == "cycles_mean"]
    ranks = cycles["rank_correlation"].abs().fillna(0).tolist()
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > 0


def test_of_no_points_nothing_is_said():
    assert sensitivity(points().head(0), STUDY).empty
