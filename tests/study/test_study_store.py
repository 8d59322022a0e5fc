"""The store of a study: whole points or none, one driver, figures that come back as they were."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pandas as pd
import pytest

from accelsim.errors import InputError
from accelsim.study import store as module
from accelsim.study.store import DONE, FAILED, Store
from accelsim.study.store_lock import StoreError
from accelsim.study.store_tables import Rows

STUDY = "name: drawn\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.sqlite"


def add(store, key, rows=16, **more):
    store.add(
        key,
        {"pe_array.rows": rows},
        figures={"cycles_mean": 100.5, "bound_by": "array 71 %"},
        provenance={"seed": 0},
        layers=Rows.of_frame(pd.DataFrame({"layer": ["a", "b"], "cycles": [60, 40]})),
        **more,
    )


def test_what_is_added_comes_back(path):
    with Store(path, STUDY, ["pe_array.rows"]) as store:
        add(store, "k1")
        add(store, "k2", 32)
    with Store(path) as store:
        points = store.points()
        assert points["pe_array.rows"].tolist() == [16, 32]
        assert points["cycles_mean"].tolist() == [100.5, 100.5]
        assert points["status"].tolist() == [DONE, DONE]
        assert store.layers()["cycles"].tolist() == [60, 40, 60, 40]
        assert store.study() == STUDY
        assert store.axes == ["pe_array.rows"]
        # Both points share one provenance.
        assert [store.provenance(i) for i in points["provenance"].unique()] == [{"seed": 0}]


def test_a_point_written_again_is_one_row(path):
    with Store(path, STUDY, ["pe_array.rows"]) as store:
        store.add("k1", {"pe_array.rows": 16}, error="out of memory")
        assert store.keys() == {"k1": FAILED}
        add(store, "k1")
        assert store.keys() == {"k1": DONE}
        assert len(store.points()) == 1
        assert store.points()["error"].tolist() == [""]
        add(store, "k1")
        assert len(store.layers()) == 2


def test_points_can_be_asked_for_in_sql(path):
    with Store(path, STUDY, ["pe_array.rows"]) as store:
        for rows in (8, 16, 32):
            add(store, f"k{rows}", rows)
        assert store.points('"pe_array.rows" > 8')["key"].tolist() == ["k16", "k32"]
        with pytest.raises(StoreError, match="no such column"):
            store.points("cylces < 3")


def test_a_second_driver_is_refused_and_readers_are_not(path):
    with Store(path, STUDY, []) as store:
        add(store, "k1")
        with pytest.raises(InputError, match="another driver is at work"):
            Store(path, STUDY, [])
        with Store(path) as reader:
            assert len(reader.points()) == 1
    Store(path, STUDY, []).close()


def test_a_store_of_another_study_is_refused(path):
    Store(path, STUDY, []).close()
    with pytest.raises(InputError, match="another study"):
        Store(path, "name: other\n", [])


def test_a_newer_schema_is_refused_and_an_older_one_is_brought_up_to_date(path, monkeypatch):
    with Store(path, STUDY, []) as store:
        add(store, "k1")
    monkeypatch.setattr(module, "SCHEMA_VERSION", 2)
    monkeypatch.setitem(module.MIGRATIONS, 1, ("ALTER TABLE points ADD COLUMN note TEXT DEFAULT 'old'",))
    with pytest.raises(InputError, match="older than 2"):
        Store(path)
    with Store(path, STUDY, []) as store:
        assert store.points()["note"].tolist() == ["old"]
        assert store.points()["cycles_mean"].tolist() == [100.5]
    monkeypatch.undo()
    for driver in (None, STUDY):
        with pytest.raises(InputError, match="schema 2, newer than 1"):
            Store(path, driver)


def test_what_is_no_store_is_refused(path):
    with pytest.raises(InputError, match="no such store"):
        Store(path)
    path.write_text("name,value\n")
    with pytest.raises((InputError, StoreError), match=r"study\.sqlite"):
        Store(path)
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE other (x)").connection.close()
    with pytest.raises(InputError, match="not a store of a study"):
        Store(path)


def test_a_full_disk_is_told_and_finished_points_stay(path):
    with Store(path, STUDY, []) as store:
        add(store, "k1")
        store._run("PRAGMA max_page_count = 1")  # SQLite then says what it says of a full disk
        with pytest.raises(StoreError, match=r"cannot write a point: database or disk is full; finished"):
            add(store, "k2", tiles=Rows.of_frame(pd.DataFrame({"x": range(10**5)})))
        assert store.keys() == {"k1": DONE}


DRIVER = """
import sys
from pathlib import Path
from accelsim.study.store import Store
from accelsim.study.store_tables import Rows
store = Store(Path(sys.argv[1]), "name: drawn\\n", ["i"])
layers = Rows(("layer", "cycles"), list(zip("abcdefgh" * 20, range(160))))
for i in range(10**6):
    if f"k{i}" not in store.keys():
        store.add(f"k{i}", {"i": i}, figures={"cycles_mean": i}, layers=layers)
    print(i, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9")
def test_a_killed_driver_leaves_whole_points_and_no_lock(path):
    """Three times: the points of before are there once, each with all its layers."""
    seen = 0
    for seconds in (0.01, 0.03, 0.05):
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert driver.stdout is not None
        for _ in range(seen + 5):
            last = int(driver.stdout.readline())
        time.sleep(seconds)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        driver.stdout.close()
        with Store(path) as store:
            points, layers = store.points(), store.layers()
        assert points["i"].tolist() == list(range(len(points)))
        assert len(points) > last
        assert layers.groupby("point").size().tolist() == [160] * len(points)
        seen = len(points)


def test_a_number_beyond_int64_is_kept_as_a_float(path):
    with Store(path, STUDY, []) as store:
        store.add("k", {"big": 2**70, "flag": True, "nothing": None, "many": [1, 2]}, figures={})
        row = store.points().iloc[0]
        assert row["big"] == float(2**70)
        assert (row["flag"], row["many"]) == (1, "[1, 2]")
