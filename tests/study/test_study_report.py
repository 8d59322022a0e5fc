import re

import pytest

from accelsim.errors import InputError
from accelsim.study import report, report_pictures
from accelsim.study.report import study_page
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


def figures(number):
    causes = dict.fromkeys((f"{cause}_lane_cycles" for cause in CAUSES), 1)
    return causes | {
        "cycles_mean": 1000.0 - number,
        "energy_uj_mean": 1.0 + number,
        "area_mm2": 5.0,
        "power_mw": 3.0,
    }


def written(path, points, failed=1):
    with Store(path, STUDY, AXES) as store:
        store.write_fact("points", str(points + failed))
        store.write_fact("file", "studies/hand.yaml")
        for number in range(points + failed):
            size = (8, 16, 32)[number % 3]
            settings = {
                "workload": "ab"[number % 2],
                **dict(zip(AXES, (size, size, 6.4 * (1 + number % 2)), strict=True)),
            }
            if number < points:
                facts = figures(number) | {"feasible": number != 1}
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
        "Energy (µJ) against Duration (cycles)",
        "Duration (cycles) against pe_array.rows, pe_array.columns",
        "Duration (cycles) against dram.peak_gb_per_s",
    ]
    titles = re.findall(r"<title>(point [^<]+)</title>", text)
    assert len(titles) == 3 * 7
    assert titles[0].startswith("point 0: Duration 1,000 cycles, Energy 1.00 µJ\nworkload a, pe_array.rows 8")


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
