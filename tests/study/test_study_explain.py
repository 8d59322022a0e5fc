"""Why a point is slow, and what to change: laws over points written by hand, and over points that ran."""

import re

import pytest

from accelsim import zoo
from accelsim.errors import InputError
from accelsim.study import points, what_ifs
from accelsim.study.driver import run_study
from accelsim.study.explain import explain
from accelsim.study.points import Outcome
from accelsim.study.store import Store
from accelsim.study.store_tables import Rows
from accelsim.study.study_file import parse_study
from accelsim.tables import CAUSES
from accelsim.trace import write


def told_by(store, *numbers):
    return explain(store, *numbers, what_if=False).sentences


def test_four_times_the_pes_are_measured_against_four_times_the_speed(hand_store):
    told = told_by(hand_store, 0, 3)
    # 200 x 256 of 400 x 1024 lane-cycles are MACs: 12.5 %; the others wait.
    assert told[0] == (
        "rows x columns 32 x 32: 2.50x faster than rows x columns 16 x 16, ideal 4.0x; of the lane-cycles "
        "88 % wait for DRAM fetches (was 80 %)"
    )
    assert told[1].startswith(
        "energy 100 to 40 uJ, 0.40x; DRAM traffic 2 to 2 MB, 1.00x; area 2.56 to 10.24 mm2"
    )
    assert told[2] == "first: 750 to 300 cycles (-450); -338 wait for DRAM fetches"
    assert len(told) == 4


def test_one_axis_is_named_and_several_are_listed(hand_store):
    assert told_by(hand_store, 0, 1)[0].startswith("32 columns: 1.67x faster than 16 columns, ideal 2.00x")
    assert told_by(hand_store, 1, 1)[0].startswith("point 1 (the same settings): as fast as point 1")


@pytest.mark.parametrize(("number", "told"), [(4, "point 4 failed: no plan fits"), (9, "no point 9")])
def test_a_point_without_figures_is_not_explained(hand_store, number, told):
    with pytest.raises(InputError, match=told):
        told_by(hand_store, 0, number)


def test_one_point_says_what_its_lane_cycles_are_and_where(hand_store):
    told = told_by(hand_store, 0)
    assert told[0] == (
        "point 0 (workload a, rows 16, columns 16, peak_gb_per_s 12.8): 1,000 cycles an inference; "
        "of the lane-cycles 80 % wait for DRAM fetches, 20 % do effectual MACs"
    )
    assert told[1] == "energy 100 uJ; DRAM traffic 2 MB; area 2.56 mm2; power 5 mW"
    assert told[2] == "first: 750 of 1,000 cycles, 75 %; of its lane-cycles 80 % wait for DRAM fetches"
    assert len(told) == 4


def test_other_counts_make_other_words(hand_store):
    causes = {f"{cause}_lane_cycles": 0 for cause in CAUSES}
    causes |= {"mac_lane_cycles": 30, "imbalance_lane_cycles": 60, "send_wait_lane_cycles": 10}
    hand_store.add(
        "k0",
        {"workload": "a", "pe_array.rows": 16, "pe_array.columns": 16, "dram.peak_gb_per_s": 12.8},
        number=0,
        figures=causes | {"cycles_mean": 77.0},
        layers=Rows.of_dicts([{"layer": "first", "cycles": 77} | causes]),
    )
    told = told_by(hand_store, 0)
    assert "77 cycles an inference; of the lane-cycles 60 % are imbalance between PEs, 30 % do" in told[0]
    assert told[2].endswith("of its lane-cycles 60 % are imbalance between PEs")


STUDY = """name: small
base: both-skip-16x16
workloads: [one.safetensors]
axes:
  - {keys: [pe_array.rows, pe_array.columns], values: [[4, 4], [8, 8]]}
  - {key: dram.peak_gb_per_s, values: [0.8, 1.6, 3.2]}
  - {key: postprocessor.elements_per_cycle, values: [16, 64], when: pe_array.rows == 8}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder with a store of nine points of one digit."""
    folder = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write(zoo.digits_trace("digits-cnn").select_input(0), "one.safetensors")
        run_study(parse_study(STUDY, "s.yaml"), STUDY, folder / "s.sqlite", file="s.yaml")
    return folder


@pytest.fixture
def real(ran, monkeypatch):
    monkeypatch.chdir(ran)
    with Store(ran / "s.sqlite") as store:
        yield store


def test_a_what_if_gives_what_the_study_itself_found(real):
    """Point 0 with twice the bandwidth is point 1; both ends of the ratio are in the store."""
    rows = real.points().set_index("number")
    assert rows["pe_array.rows"].tolist() == [4] * 3 + [8] * 6
    told = explain(real, 0)
    assert told.what_ifs is not None
    assert not told.what_ifs.fresh
    twice = next(one for one in told.what_ifs.tried if one.short == "2x dram.peak_gb_per_s")
    assert twice.change == "dram.peak_gb_per_s 0.8 to 1.6"
    assert twice.cycles_mean == rows["cycles_mean"][1]
    assert twice.speedup == rows["cycles_mean"][0] / rows["cycles_mean"][1]
    assert twice.energy_ratio == rows["energy_uj_mean"][1] / rows["energy_uj_mean"][0]
    assert twice.area_ratio == 1
    # The first sentence ends with the change that gave most.
    best = max(told.what_ifs.tried, key=lambda one: one.speedup)
    assert told.sentences[0].endswith(
        f"; the first thing to change is {best.short}, which gives {best.speedup:.2f}x"
    )
    speedups = [one.speedup for one in told.what_ifs.tried]
    assert speedups == sorted(speedups, reverse=True)


def test_of_two_points_the_second_is_changed(real):
    both, alone = explain(real, 0, 8), explain(real, 8)
    assert both.what_ifs == alone.what_ifs
    assert both.sentences[0].startswith("point 8 (")
    assert re.search(r"; the first thing to change is .* which gives \d\.\d\dx$", both.sentences[0])


def test_a_row_of_other_code_is_simulated_again(real, monkeypatch):
    stored = explain(real, 3).what_ifs
    for module in ("space", "points"):
        monkeypatch.setattr(f"accelsim.study.{module}.code_version", lambda: "other")
    again = explain(real, 3).what_ifs
    assert (stored.fresh, again.fresh) == (False, True)
    assert again.tried == stored.tried


def test_without_its_trace_a_point_is_explained_from_the_store_alone(real, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=r"s\.yaml:3: one\.safetensors: neither .*\n\(--no-what-ifs explains"
    ):
        explain(real, 0)
    assert "first thing" not in told_by(real, 0)[0]


def test_a_change_that_does_not_run_is_told_and_the_others_answer(real, monkeypatch):
    def evaluate(point):
        if point.chip.scratchpad.capacity_bytes > 524288:
            return Outcome(error="no plan fits")
        return points.evaluate(point)

    monkeypatch.setattr(what_ifs, "evaluate", evaluate)
    tried = explain(real, 0).what_ifs.tried
    assert [one.error for one in tried if one.error] == ["point 0: no plan fits"]
    assert tried[-1].error
    assert tried[0].speedup > 1
