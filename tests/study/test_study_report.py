import re

import pytest

from accelsim.errors import InputError
from accelsim.study import report, report_pictures
from accelsim.study.answers import finished, study_of
from accelsim.study.report import study_page
from accelsim.study.sensitivity import sensitivity
from accelsim.study.store import Store
from accelsim.tables import CAUSES

STUDY = """name: hand
description: two sizes & <more>
base: both-skip-16x16
workloads: [a, b]
axes:
  - {keys: [pe_array.rows, pe_array.columns], values: [[8, 8], [16, 16], [32, 32]]}
  - {key: dram.peak_gb_per_s, values: [6.4, 12.8]}
constraints: [pe_array.rows >= 8]
objectives: [{minimise: cycles_mean}, {minimise: energy_uj_mean}]
budgets: {area_mm2: 20}
"""
AXES = ["pe_array.rows", "pe_array.columns", "dram.peak_gb_per_s"]


def figures(number, energy):
    causes = dict.fromkeys((f"{cause}_lane_cycles" for cause in CAUSES), 1)
    return causes | {
        "cycles_mean": 1000.0 - number,
        "energy_uj_mean": energy(number),
        "area_mm2": 5.0,
        "power_mw": 3.0,
    }


def straight(number):
    return 1.0 + number


def bent(number):
    """With the cycles a front whose knee is point 4 of workload a, 5 of workload b."""
    return 1.0 + number if number < 6 else 100.0 + number


def written(path, points, failed=1, energy=straight, text=STUDY, backwards=False):
    with Store(path, text, AXES) as store:
        store.write_fact("points", str(points + failed))
        store.write_fact("file", "studies/hand.yaml")
        numbers = range(points + failed)
        for number in reversed(numbers) if backwards else numbers:
            size = (8, 16, 32)[number % 3]
            settings = {
                "workload": "ab"[number % 2],
                **dict(zip(AXES, (size, size, 6.4 * (1 + number % 2)), strict=True)),
            }
            if number < points:
                facts = figures(number, energy) | {"feasible": number != 1}
                store.add(
                    f"k{number}",
                    settings,
                    number=number,
                    figures=facts,
                    provenance={"accelsim": "0.1", "seed": 7},
                )
            else:
                store.add(f"k{number}", settings, number=number, error="<b>no plan</b> fits")
    return path


def table(text, name):
    rows = re.search(rf'<table id="{name}">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)[1]
    return [re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", row) for row in rows.strip().split("\n")]


def test_a_study_shows_every_point_with_its_state(tmp_path):
    text = study_page(written(tmp_path / "hand.sqlite", 8, failed=2))
    rows = table(text, "points-table")
    assert [row[0] for row in rows] == [str(number) for number in range(10)]
    assert [row[1] for row in rows] == [
        "done, front",
        "done, over a budget",
        *["done, front"] * 6,
        "failed",
        "failed",
    ]
    assert [row[-1] for row in table(text, "failed-table")] == ["&lt;b&gt;no plan&lt;/b&gt; fits"] * 2
    assert "8 of 10 points are done, 2 failed, 0 are left" in text
    assert "two sizes &amp; &lt;more&gt;" in text
    assert "<b>" not in text


def test_the_front_is_a_table_and_each_axis_a_picture_linked_ones_once(tmp_path):
    text = study_page(written(tmp_path / "hand.sqlite", 8))
    assert len(table(text, "front")) == 7
    pictures = re.findall(r'<svg[^>]*aria-label="([^"]+)"', text)
    assert pictures == [
        "What moves an objective",
        "Energy (µJ) against Duration (cycles)",
        "Duration (cycles) against pe_array.rows, pe_array.columns",
        "Duration (cycles) against dram.peak_gb_per_s",
    ]
    titles = re.findall(r"<title>(point [^<]+)</title>", text)
    assert len(titles) == 3 * 7
    assert titles[0].startswith("point 0: Duration 1,000 cycles, Energy 1.00 µJ\nworkload a, pe_array.rows 8")


def test_the_knee_of_each_front_is_named_starred_and_among_the_best(tmp_path):
    text = study_page(written(tmp_path / "hand.sqlite", 8, energy=bent))
    assert [row[:2] for row in table(text, "front") if row[1]] == [["4", "knee"], ["5", "knee"]]
    states = {row[0]: row[1] for row in table(text, "points-table")}
    assert [number for number, state in states.items() if "knee" in state] == ["4", "5"]
    assert states["4"] == "done, front, knee"
    assert re.findall(r"knee of the front</th><td[^>]*>(\d)<", text) == ["4", "5"]
    assert re.findall(r"<title>point (\d), knee: Duration", text) == ["4", "5", "4", "5"]  # point, star
    assert re.findall(r">knee: point (\d)<", text) == ["4", "5"]
    assert "Starred: the knee of a front." in text
    assert re.search(r"<dt>knee</dt><dd>of a Pareto front: scale", text)


def test_a_straight_front_has_no_knee(tmp_path):
    text = study_page(written(tmp_path / "hand.sqlite", 8))
    assert {row[1] for row in table(text, "front")} == {""}
    assert "Starred" not in text
    assert "knee of the front" not in text


def test_a_knee_is_not_cut_from_a_big_front(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST_ROWS", 2)
    text = study_page(written(tmp_path / "hand.sqlite", 8, energy=bent))
    assert [row[:2] for row in table(text, "front")] == [["4", "knee"], ["5", "knee"]]
    assert [row[0] for row in table(text, "points-table")] == ["4", "5"]


def test_what_moves_an_objective_is_what_its_function_says(tmp_path):
    path = written(tmp_path / "hand.sqlite", 8)
    text = study_page(path)
    with Store(path) as store:
        moves = sensitivity(finished(store), study_of(store))
    rows = table(text, "sensitivity-table")
    assert [row[0] for row in rows] == ["Duration"] * 2 + ["Energy"] * 2
    assert [row[1].replace(",", "") for row in rows] == moves["axis"].tolist()
    assert [int(row[2]) for row in rows] == moves["pairs"].tolist()
    for place, name in enumerate(("step_factor", "most_factor"), 3):
        shown = [float(row[place].replace("-", "nan")) for row in rows]
        assert shown == pytest.approx(moves[name].tolist(), abs=0.0006, nan_ok=True)
    tips = re.findall(r"<title>((?:Duration|Energy)\n[^<]+)</title>", text)
    assert len(tips) == 4
    assert tips[0].startswith("Duration\npe_array.rows, pe_array.columns: mean ")
    for word in ("step_factor", "most_factor", "rank_correlation", "pair of an axis"):
        assert f"<dt>{word}</dt>" in text


def test_a_study_without_an_objective_says_that_nothing_is_moved(tmp_path):
    text = STUDY.replace("objectives:", "#")
    page = study_page(written(tmp_path / "hand.sqlite", 8, text=text))
    assert "names no objective, or no axis has two values" in page
    assert "sensitivity-table" not in page


def test_of_three_objectives_the_front_is_circled_without_a_line(tmp_path):
    text = STUDY.replace("{minimise: energy_uj_mean}", "{minimise: energy_uj_mean}, {minimise: power_mw}")
    page = study_page(written(tmp_path / "hand.sqlite", 8, text=text))
    assert "Circled: points of a workload" in page
    assert "Circled and joined: points" not in page


def test_equal_stores_give_equal_files_in_whatever_order_points_came(tmp_path):
    for name, backwards in (("one", False), ("other", True)):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "hand.sqlite", 8, energy=bent, backwards=backwards)
    page = study_page(tmp_path / "one" / "hand.sqlite")
    assert page == study_page(tmp_path / "one" / "hand.sqlite")
    assert page == study_page(tmp_path / "other" / "hand.sqlite")


def test_provenance_is_what_the_store_keeps_of_its_points(tmp_path):
    text = study_page(written(tmp_path / "hand.sqlite", 2))
    assert "accelsim study run hand.yaml" in text
    assert re.search(r">seed</th><td[^>]*>7<", text)
    assert "budgets: {area_mm2: 20}" in text
    assert "<li>budget: area_mm2 &lt;= 20</li>" in text


def test_a_big_study_is_capped_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST_ROWS", 5)
    monkeypatch.setattr(report_pictures, "MOST_DRAWN", 4)
    text = study_page(written(tmp_path / "hand.sqlite", 20))
    assert len(table(text, "points-table")) == 5
    assert "5 of 21 points: the front, then the least cycles_mean." in text
    assert "Of 19 points the front and every 5th are drawn." in text


@pytest.mark.parametrize("points", [0, 1])
def test_a_study_that_has_hardly_begun_has_a_report(tmp_path, points):
    text = study_page(written(tmp_path / "hand.sqlite", points, failed=0))
    assert "there is nothing to draw" in text
    assert f"{points} of {points} points are done" in text


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such store"):
        study_page(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("hello")
    with pytest.raises(InputError, match="not a store of a study"):
        study_page(tmp_path / "text.sqlite")
