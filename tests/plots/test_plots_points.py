import pandas as pd
import pytest

from accelsim import plots
from accelsim.errors import InputError

TABLE = pd.DataFrame(
    {
        "rows": [8, 16, 32, 8],
        "kind": ["b", "a", "b", "a"],
        "cycles": [4.0, 2.0, 1.0, 5.0],
        "net": ["x", "x", "x", "y"],
    }
)
LABELS = {"rows": "rows", "cycles": "Duration (cycles)", "kind": "kind"}


def drawn(figure):
    return [tuple(map(float, place)) for c in figure.axes[0].collections for place in c.get_offsets()]


def test_every_row_is_a_point_at_its_values():
    figure = plots.points(TABLE, "rows", "cycles", "net", LABELS)
    assert drawn(figure) == [(8, 4), (16, 2), (32, 1), (8, 5)]
    assert figure.axes[0].get_ylabel() == "Duration (cycles)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["x", "y"]


def test_no_point_is_cut_by_the_edge():
    near = TABLE.assign(cycles=[1000.0, 1000.1, 1000.2, 1000.3])
    low, high = plots.points(near, "rows", "cycles", "net", LABELS).axes[0].get_ylim()
    assert low == 0
    assert high > 1000.3 * 1.03


def test_text_stands_in_the_order_it_comes():
    figure = plots.points(TABLE, "kind", "cycles", "net", LABELS)
    assert drawn(figure) == [(0, 4), (1, 2), (0, 1), (1, 5)]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["b", "a"]


def test_marked_points_are_circled_and_joined_in_order():
    front = pd.Series([False, True, True, False])
    lines = plots.points(TABLE.iloc[[2, 1, 0, 3]], "rows", "cycles", "net", LABELS, front).axes[0].lines
    assert [line.get_xydata().tolist() for line in lines] == [[[16, 2], [32, 1]]] * 2


def test_points_that_are_not_joined_are_circled_alone():
    front = pd.Series([True, True, True, True])
    axes = plots.points(TABLE, "rows", "cycles", "net", LABELS, front, joined=False).axes[0]
    assert [line.get_linestyle() for line in axes.lines] == ["None", "None"]


def test_a_named_row_has_a_star_and_its_name_beside_it():
    axes = plots.points(TABLE, "rows", "cycles", "net", LABELS, named={1: "knee: point 7"}).axes[0]
    assert axes.collections[-1].get_offsets().tolist() == [[16, 2]]
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("knee: point 7", (16, 2))]


def test_values_are_named_below_the_axis_only_where_their_names_have_room():
    def named(values):
        figure = plots.points(TABLE.assign(rows=values), "rows", "cycles", "net", LABELS)
        return [float(tick) for tick in figure.axes[0].get_xticks()]

    assert named([8, 16, 32, 8]) == [8, 16, 32]
    assert named([100, 101, 180, 8]) != [8, 100, 101, 180]
    assert named([5, 5, 5, 5]) == [5]


def test_no_rows_and_unknown_columns_are_refused():
    with pytest.raises(InputError, match="no rows"):
        plots.points(TABLE.head(0), "rows", "cycles", "net", LABELS)
    with pytest.raises(InputError, match="no column 'lanes'"):
        plots.points(TABLE, "lanes", "cycles", "net", LABELS)
