"""Reuse: made once, found after, in memory and on disk; bounded; what is damaged is made again."""

import numpy as np
import pytest

from accelsim.hardware import load_hardware
from accelsim.reuse import OFF, Kind, Reuse, Shelf, added
from accelsim.reuse import cache as module

CHIP = load_hardware("both-skip-16x16")
FASTER = load_hardware("both-skip-16x16", ["dram.peak_gb_per_s=99"])
WIDER = load_hardware("both-skip-16x16", ["pe_array.columns=99"])


@pytest.fixture
def calls(monkeypatch):
    monkeypatch.setattr(module, "_WORTH_A_FILE_S", 0.0)
    return []


@pytest.fixture
def columns(calls):
    def function(number, chip):
        calls.append(number)
        return np.array([chip.pe_array.columns, number])

    return Kind("columns", function, ("pe_array",))


@pytest.mark.small
def test_made_once_for_all_chips_that_are_alike_in_the_keys_it_gets(calls, columns):
    reuse = Reuse()
    found = [reuse.value(columns, chip, 3).tolist() for chip in (CHIP, FASTER, WIDER, CHIP)]
    assert found == [[16, 3], [16, 3], [99, 3], [16, 3]]
    assert reuse.value(columns, CHIP, 4).tolist() == [16, 4]
    assert calls == [3, 3, 4]
    assert reuse.counts == {"columns": {"memory": 2, "disk": 0, "made": 3}}


@pytest.mark.small
def test_off_gives_the_same_and_keeps_nothing(calls, columns):
    assert [OFF.value(columns, CHIP, 3).tolist() for _ in range(2)] == [[16, 3]] * 2
    assert calls == [3, 3]


@pytest.mark.small
def test_another_process_finds_it_on_disk_and_makes_again_what_is_damaged(calls, columns, tmp_path):
    for _ in range(2):
        reuse = Reuse(Shelf(tmp_path, 10**6))
        assert reuse.value(columns, CHIP, 3).tolist() == [16, 3]
    assert calls == [3]
    assert reuse.counts["columns"]["disk"] == 1
    (path,) = tmp_path.glob("*/*")
    path.write_bytes(path.read_bytes()[:-3])
    assert Reuse(Shelf(tmp_path, 10**6)).value(columns, CHIP, 3).tolist() == [16, 3]
    assert calls == [3, 3]


@pytest.mark.small
def test_other_code_finds_nothing(calls, columns, tmp_path, monkeypatch):
    Reuse(Shelf(tmp_path, 10**6)).value(columns, CHIP, 3)
    monkeypatch.setattr(module, "_made_by", lambda: "other")
    Reuse(Shelf(tmp_path, 10**6)).value(columns, CHIP, 3)
    assert calls == [3, 3]


@pytest.mark.small
def test_memory_keeps_its_limit_and_lets_go_of_what_was_used_longest_ago(calls):
    big = Kind("big", lambda number, chip: calls.append(number) or np.zeros(1000), ())
    reuse = Reuse(memory_bytes=20_000)
    for number in (0, 1, 0, 2, 0, 1):
        reuse.value(big, CHIP, number)
    assert calls == [0, 1, 2, 1]


@pytest.mark.small
def test_what_is_made_later_is_made_once_and_its_key_stands_for_it(calls, columns):
    reuse = Reuse()
    doubled = Kind("doubled", lambda columns, chip: calls.append("doubled") or 2 * columns, ())
    for _ in range(2):
        assert reuse.value(doubled, CHIP, reuse.later(columns, CHIP, 3)).tolist() == [32, 6]
    assert calls == [3, "doubled"]
    assert reuse.value(doubled, CHIP, reuse.later(columns, WIDER, 3)).tolist() == [198, 6]


@pytest.mark.small
def test_counts_add_up_and_a_part_is_what_came_since(columns, calls):
    reuse = Reuse()
    reuse.value(columns, CHIP, 1)
    before = reuse.snapshot()
    reuse.value(columns, CHIP, 1)
    since = reuse.since(before)
    assert since == {"columns": {"memory": 1, "disk": 0, "made": 0}}
    assert added(before, since) == reuse.counts
