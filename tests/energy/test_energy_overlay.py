"""A user's rows replace the shipped ones, and the bill says which row priced what."""

from pathlib import Path

import pytest

from accelsim.energy import action_counts, load_table, price, table_of
from accelsim.energy.rows import COLUMNS
from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.tables import COUNTERS, TRAFFIC

pytestmark = pytest.mark.small

HEADER = ",".join(COLUMNS)
BUSY = dict.fromkeys((*COUNTERS, *TRAFFIC, "cycles"), 1000)


def overlay(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([HEADER, *lines, ""]))
    return path


def test_one_row_of_an_overlay_prices_one_line(tmp_path: Path) -> None:
    path = overlay(tmp_path, "", "mac,done,mac,,8,45,,0.2,0.1,0.3,,mine,my own multiplier,")
    plain = load_hardware("both-skip-16x16")
    chip = load_hardware("both-skip-16x16", [f"energy.overlay={path}"])
    before, after = (price(action_counts(BUSY, c), c, table_of(c)) for c in (plain, chip))
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    ((shipped, mine),) = changed
    assert (mine.component, mine.action, mine.pj_each, mine.low_pj, mine.group) == (
        "mac",
        "done",
        0.2,
        100.0,
        "mine",
    )
    assert (shipped.priced_by, mine.priced_by) == ("45nm.csv:2", f"{path}:3")
    assert all(row.priced_by.startswith("45nm.csv:") for row in before)
    assert table_of(plain).sha256 in table_of(chip).sha256
    assert table_of(plain).sha256 != table_of(chip).sha256


def test_a_new_row_is_added_and_the_nearest_memory_is_used(tmp_path: Path) -> None:
    path = overlay(tmp_path, "sram_lstp,read,access,524288,128,45,,33.5,30,40,itrs-lstp,,a compiler,")
    table = load_table("45nm", overlay=path)
    assert len(table.rows) == len(load_table("45nm").rows) + 1
    chip = load_hardware("both-skip-16x16")
    (row,) = (
        r for r in price(action_counts(BUSY, chip), chip, table) if r.action == "read" and r.unit == "access"
    )
    assert (row.pj_each, row.priced_by, row.group) == (33.5, f"{path}:2", "a compiler")


def test_an_overlay_of_another_node_is_refused_row_by_row(tmp_path: Path) -> None:
    path = overlay(
        tmp_path, "mac,done,mac,,8,22,,0.2,0.1,0.3,,,mine,", "queue,read,byte,,,,,0.2,0.1,0.3,,,mine,"
    )
    with pytest.raises(InputError) as caught:
        load_table("45nm", overlay=path)
    assert str(caught.value) == (
        f"{path}:2: node_nm must be 45 or empty over 45nm, not 22: an overlay's rows are not scaled"
    )
    assert load_table("45nm", node_nm=22, overlay=path).find("mac", "done", "mac")[0].pj == 0.2


def test_a_wrong_or_missing_overlay_is_located(tmp_path: Path) -> None:
    path = overlay(tmp_path, "mac,done,mac,,8,45,,-0.2,0.1,0.3,,,mine,")
    with pytest.raises(InputError, match=r"mine\.csv:2: pj must not be negative, not -0.2"):
        load_table("45nm", overlay=path)
    with pytest.raises(InputError, match=r"nowhere\.csv: no such overlay of an energy table"):
        load_table("45nm", overlay=tmp_path / "nowhere.csv")
