"""A search by optuna: it finds what a grid finds with fewer points, and goes on where it ended."""

import pytest

from accelsim import zoo
from accelsim.study.driver import run_study
from accelsim.study.store import Store
from accelsim.study.study_file import parse_study
from accelsim.trace import write

pytest.importorskip("optuna")
STUDY = """name: searched
base: both-skip-16x16
workloads: [one.safetensors]
axes:
  - {key: pe_array.rows, values: [2, 4, 8, 16]}
  - {key: dram.peak_gb_per_s, values: [1.6, 3.2, 6.4, 12.8]}
  - {key: pe_array.lanes, values: [1, 2], when: pe_array.rows <= 8}
constraints: [pe_array.rows * pe_array.lanes > 2]
objectives: [{minimise: cycles_mean}, {minimise: area_mm2}]
budgets: {area_mm2: 4}
sampler: {kind: optuna, points: 12, seed: 1}
"""

WIDE = """name: wide
base: both-skip-16x16
workloads: [one.safetensors]
axes:
  - {key: pe_array.rows, linear: {from: 1, to: 16, points: 16}}
  - {key: dram.peak_gb_per_s, linear: {from: 1.5, to: 13.5, points: 25}}
objectives: [{minimise: cycles_mean}]
sampler: {kind: optuna, points: 24, seed: 1}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(zoo.digits_trace("digits-cnn").select_input(0), "one.safetensors")
    return tmp_path


def run(path, text=STUDY, **options):
    return run_study(parse_study(text, "s.yaml"), text, path, file="s.yaml", **options)


def points(path):
    with Store(path) as store:
        return store.points().sort_values("number", ignore_index=True).drop(columns=["id", "provenance"])


def test_a_search_has_as_many_points_as_it_is_asked_for_each_once_and_allowed(folder):
    done = run(folder / "s.sqlite")
    table = points(folder / "s.sqlite")
    assert (done.points, done.done, len(table)) == (12, 12, 12)
    assert table["number"].tolist() == list(range(12))
    assert table["key"].is_unique
    assert (table["pe_array.rows"] * table["pe_array.lanes"] > 2).all()


def test_a_search_is_repeatable_and_goes_on_where_it_was_interrupted(folder):
    run(folder / "whole.sqlite")
    told = []

    def interrupted(what):
        told.append(what)
        if len(told) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder / "s.sqlite", progress=interrupted)
    done = run(folder / "s.sqlite")
    assert (done.before, done.done) == (5, 7)
    whole, again = points(folder / "whole.sqlite"), points(folder / "s.sqlite")
    assert len(again) == 12
    assert again["key"].is_unique
    assert whole["key"].tolist()[:5] == again["key"].tolist()[:5]
    assert run(folder / "s.sqlite").done == 0


def test_a_search_of_a_small_space_ends_with_all_of_it(folder):
    small = STUDY.replace("[2, 4, 8, 16]", "[4, 8]").replace("[1.6, 3.2, 6.4, 12.8]", "[6.4]")
    done = run(folder / "s.sqlite", small, workers=2)
    assert done.done == len(points(folder / "s.sqlite")) == 4


def test_a_search_goes_where_its_objective_is(folder):
    """The same seed, made small and made large: the first points are drawn alike, the others part."""
    found = {}
    for way in ("minimise", "maximise"):
        run(folder / f"{way}.sqlite", WIDE.replace("minimise", way))
        found[way] = points(folder / f"{way}.sqlite")["cycles_mean"]
    assert found["minimise"][:6].tolist() == found["maximise"][:6].tolist()
    assert found["minimise"][6:].mean() < 0.5 * found["maximise"][6:].mean()
