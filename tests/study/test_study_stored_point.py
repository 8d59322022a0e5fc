"""Rows of a store as settings of their study."""

import pytest

from accelsim import zoo
from accelsim.errors import InputError
from accelsim.study.space import Space
from accelsim.study.store import Store
from accelsim.study.stored_point import settings_of
from accelsim.study.study_file import parse_study
from accelsim.trace import write

STUDY = """name: kinds
base: systolic-weights-16x32
workloads: [one.safetensors]
axes:
  - {key: pe_array.overlap, values: [true, false]}
  - {keys: [pe_array.rows, pe_array.columns], values: [[4, 4], [8, 8]]}
  - {key: dram.peak_gb_per_s, log: {from: 1.3, to: 7.7, points: 3}, when: pe_array.overlap}
"""


@pytest.fixture
def space(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(zoo.digits_trace("digits-mlp").select_input(0), "one.safetensors")
    return Space(parse_study(STUDY, "s.yaml"), STUDY, "s.yaml")


def test_settings_come_back_from_the_store_as_they_went_in(space, tmp_path):
    """Booleans, floats, linked keys, and an axis that is off: its column holds the base's value."""
    chosen = space.chosen()
    assert len(chosen) == 2 * 3 + 2
    with Store(tmp_path / "s.sqlite", STUDY, space.study.axis_names) as store:
        for one in chosen:
            store.add(one.key, space.point(one).settings, number=one.number, error="none")
        rows = store.points().to_dict("records")
    for one, row in zip(chosen, rows, strict=True):
        found = settings_of(space, row)
        assert found == one.settings
        assert space.chip(found) == space.chip(one.settings)


def test_a_row_between_the_steps_is_no_point(space):
    row = space.point(space.chosen()[0]).settings | {"number": 5, "pe_array.rows": 7}
    with pytest.raises(InputError, match=r"point 5: .*'pe_array.rows': 7.* is no step"):
        settings_of(space, row)
