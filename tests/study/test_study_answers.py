"""What a store answers: laws over points written by hand."""

import pytest

from accelsim.errors import InputError
from accelsim.study import answers


@pytest.fixture
def store(hand_store):
    return hand_store


def test_the_status_counts_every_point_and_the_best_keeps_its_budget(store):
    found = answers.status(store)
    counts = [found[name] for name in ("points", "excluded", "done", "failed", "left", "infeasible")]
    assert counts == [8, 2, 4, 1, 3, 1]
    assert found["errors"] == {"no plan fits": 1}
    assert {name: best["number"] for name, best in found["best"].items()} == {
        "cycles_mean": 2,
        "inferences_per_s": 2,
    }


def test_points_come_in_the_order_of_the_study_whoever_ended_first(store):
    assert answers.exported(store, "points")["number"].tolist() == [0, 1, 2, 3, 4]
    assert answers.exported(store, "layers")["number"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(InputError, match="points, layers or tiles, not 'rows'"):
        answers.exported(store, "rows")


def test_a_picture_has_a_line_for_each_value_of_the_other_axis(store):
    figure, table = answers.picture(store)
    assert table.groupby("pe_array.rows")["pe_array.columns"].apply(list).tolist() == [[16, 32], [16, 32]]
    assert len(figure.axes) == 2
    _, table = answers.picture(store, "pe_array.rows", figure="area_mm2", where='"pe_array.columns" = 16')
    assert table["area_mm2"].tolist() == [2.56, 5.12]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"figure": "cycels"}, "no column 'cycels'"),
        ({"over": "dram.peak_gb_per_s", "figure": "area_mm2"}, "several points share"),
        ({"where": "number = 0"}, "no axis has two finished points"),
        ({"where": "a b"}, "--where 'a b': .*syntax error"),
    ],
)
def test_a_picture_that_cannot_be_says_why(store, options, told):
    with pytest.raises(InputError, match=told):
        answers.picture(store, **options)


def test_parquet_is_the_same_table_or_says_what_it_needs(store, monkeypatch):
    table = answers.exported(store, "layers")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InputError, match="--parquet needs pyarrow"):
        answers.parquet_bytes(table)


def test_fronts_draw_the_feasible_points_and_star_the_knee(store):
    """Areas 2.56, 5.12, 5.12 and 10.24 mm2 for 1000, 600, 500 and 400 cycles; point 3 is over a budget."""
    found = answers.fronts(store, minimise=["cycles_mean", "area_mm2"])
    assert found.table["number"].tolist() == [0, 1, 2]
    assert found.table["front"].tolist() == [True, False, True]
    assert not found.table["knee"].any()  # two points have no bend
    settings = {"workload": "a", "pe_array.rows": 24, "pe_array.columns": 24, "dram.peak_gb_per_s": 12.8}
    figures = {"cycles_mean": 550.0, "area_mm2": 2.6, "feasible": True}
    store.add("k5", settings, number=5, figures=figures)
    found = answers.fronts(store, minimise=["cycles_mean", "area_mm2"])
    assert found.table["number"][found.table["knee"]].tolist() == [5]
    assert [text.get_text() for text in found.picture.axes[0].texts] == ["knee: point 5"]
    assert set(found.sensitivity["objective"]) == {"cycles_mean", "area_mm2"}
    assert set(found.sensitivity["axis"]) == {"pe_array.rows", "pe_array.columns"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"minimise": ["cycles_mean"]}, "a front needs two objectives, not 1"),
        ({"minimise": ["cycles_mea", "area_mm2"]}, "'cycles_mea' is no figure of a point; did you mean 'cyc"),
        ({"minimise": ["workload", "area_mm2"]}, "'workload' is no figure of a point$"),
        ({"where": "number = 3"}, "no finished point is within the budgets"),
        ({"where": "number = 99"}, "no finished point is within the budgets"),
    ],
)
def test_a_front_that_cannot_be_says_why(store, options, told):
    with pytest.raises(InputError, match=told):
        answers.fronts(store, **options)
