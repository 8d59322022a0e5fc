"""The shelf: whole files or none, damage found, a limit kept, by several processes at once."""

import os
import subprocess
import sys
import time

import pytest

from accelsim.reuse import Shelf

KEYS = [f"{i:064x}" for i in range(256)]


def size(root):
    return sum(path.stat().st_size for path in root.glob("*/*"))


@pytest.mark.small
def test_what_is_put_is_found_and_nothing_else(tmp_path):
    shelf = Shelf(tmp_path, 10**6)
    shelf.put(KEYS[1], b"one")
    assert (shelf.get(KEYS[1]), shelf.get(KEYS[2])) == (b"one", None)
    assert Shelf(tmp_path, 10**6).get(KEYS[1]) == b"one"


@pytest.mark.small
@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:20], lambda b: b"", lambda b: b[:-1] + b"x"]
)
def test_a_damaged_file_is_not_believed_and_goes(tmp_path, damage):
    shelf = Shelf(tmp_path, 10**6)
    shelf.put(KEYS[1], b"one")
    (path,) = tmp_path.glob("*/*")
    path.write_bytes(damage(path.read_bytes()))
    assert shelf.get(KEYS[1]) is None
    assert not path.exists()
    assert not shelf.trouble


@pytest.mark.small
def test_the_limit_is_kept_and_what_was_used_longest_ago_goes_first(tmp_path):
    shelf = Shelf(tmp_path, 20_000)
    past = time.time() - 10_000
    for i, key in enumerate(KEYS[:15]):
        shelf.put(key, bytes(1000))
        (path,) = tmp_path.glob(f"*/{key}")
        os.utime(path, (past + i, past + i))
    assert shelf.get(KEYS[0]) is not None  # used now
    for key in KEYS[15:25]:
        shelf.put(key, bytes(1000))
    shelf.tidy()
    assert size(tmp_path) <= 20_000
    assert shelf.get(KEYS[0]) is not None
    assert [shelf.get(key) for key in KEYS[1:8]] == [None] * 7
    assert shelf.get(KEYS[24]) is not None


@pytest.mark.small
def test_what_a_dead_process_left_goes_and_what_a_live_one_writes_stays(tmp_path):
    shelf = Shelf(tmp_path, 10**6)
    shelf.put(KEYS[1], b"one")
    (folder,) = tmp_path.iterdir()
    for name, age in ((".old.part", 7200), (".new.part", 0)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    Shelf(tmp_path, 10**6).put(KEYS[1], b"one")
    assert sorted(path.name for path in folder.iterdir()) == [".new.part", KEYS[1]]


@pytest.mark.small
def test_a_folder_that_cannot_be_written_stops_writing_and_nothing_else(tmp_path):
    (tmp_path / "taken").write_text("")
    shelf = Shelf(tmp_path / "taken" / "reuse", 10**6)
    shelf.put(KEYS[1], b"one")
    assert "taken" in shelf.trouble
    assert shelf.get(KEYS[1]) is None


WRITER = """
import sys
from pathlib import Path
from accelsim.reuse import Shelf
shelf = Shelf(Path(sys.argv[1]), 100_000)
print("begun", flush=True)
while True:
    for i in range(256):
        shelf.put(f"{i:064x}", bytes([i]) * 4000)
        found = shelf.get(f"{(i * 7) % 256:064x}")
        assert found is None or found == bytes([(i * 7) % 256]) * 4000
        assert not shelf.trouble, shelf.trouble
"""


def test_writers_that_are_killed_leave_nothing_that_is_believed_but_wrong(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
    time.sleep(1)
    assert [writer.poll() for writer in writers] == [None, None]
    for writer in writers:
        writer.kill()
        writer.communicate()
    shelf = Shelf(tmp_path, 100_000)
    found = [shelf.get(key) for key in KEYS]
    assert any(found)
    assert all(body is None or body == bytes([i]) * 4000 for i, body in enumerate(found))
    shelf.tidy()
    assert size(tmp_path) <= 100_000 + 2 * 4100  # and two halves, until they are an hour old
