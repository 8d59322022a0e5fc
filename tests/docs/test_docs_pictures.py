"""The committed pictures of dataflows are what the script draws, and every dataflow shows one."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import draw_dataflows
import draw_machine

ROOT = Path(__file__).parents[2]


@pytest.mark.small
def test_the_pictures_are_those_that_the_script_draws(tmp_path, monkeypatch):
    committed = ROOT / "docs" / "pictures" / "dataflows"
    monkeypatch.setattr(draw_dataflows, "OUT", tmp_path)
    draw_dataflows.main()
    drawn = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_text() for path in committed.iterdir()}


@pytest.mark.small
def test_the_picture_of_the_machine_is_the_one_that_the_script_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(draw_machine, "OUT", tmp_path)
    draw_machine.main()
    drawn = (tmp_path / "machine.svg").read_text()
    assert drawn == (ROOT / "docs" / "pictures" / "machine.svg").read_text()


@pytest.mark.small
def test_every_page_of_a_dataflow_shows_its_picture():
    from accelsim.dataflows import DATAFLOWS

    for name in DATAFLOWS:
        page = (ROOT / "docs" / "dataflows" / f"{name}.md").read_text()
        assert f"](../pictures/dataflows/{name}.svg)" in page, name
