import pandas as pd
import pytest

from accelsim import plots
from accelsim.errors import InputError

NAN = float("nan")
TABLE = pd.DataFrame(
    [
        ("Duration", "lanes", 4, 2.0, 3.0, -0.9),
        ("Duration", "clock", 2, 1.5, 1.5, 0.1),
        ("Energy", "clock", 2, 1.1, 1.2, NAN),
        ("Energy", "lanes", 0, NAN, NAN, 0.3),
        ("Area", "lanes", 4, 4.0, 4.0, 1.0),
    ],
    columns=["objective", "axis", "pairs", "step_factor", "most_factor", "rank_correlation"],
)


def bars(axes):
    return [(round(bar.get_x(), 9), round(bar.get_x() + bar.get_width(), 9)) for bar in axes.patches]


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_bar_goes_from_one_to_the_mean_factor_and_a_line_to_the_largest():
    duration, energy, area = plots.sensitivity(TABLE).axes
    assert [axes.get_title("left") for axes in (duration, energy, area)] == ["Duration", "Energy", "Area"]
    assert names(duration) == ["lanes", "clock"]
    assert bars(duration) == [(1, 2), (1, 1.5)]
    assert bars(energy) == [(1, 1.1), (1, 1)]
    assert duration.lines[0].get_xdata().tolist() == [3, 1.5]
    assert duration.get_xlim()[0] == 1
    assert duration.get_xlim()[1] > 3


def test_the_first_axis_is_on_top():
    low, high = plots.sensitivity(TABLE).axes[0].get_ylim()
    assert low > high


def test_a_sample_without_pairs_shows_rank_correlations():
    sample = TABLE.assign(pairs=0, step_factor=NAN, most_factor=NAN)
    axes = plots.sensitivity(sample).axes[0]
    assert bars(axes) == [(0, -0.9), (0, 0.1)]
    assert axes.get_xlabel() == "rank correlation"
    assert axes.get_xlim() == (-1.05, 1.05)


def test_no_rows_and_missing_columns_are_refused():
    with pytest.raises(InputError, match="no rows"):
        plots.sensitivity(TABLE.head(0))
    with pytest.raises(InputError, match="no column 'most_factor'"):
        plots.sensitivity(TABLE.drop(columns="most_factor"))
