"""Studies run: the same table whoever runs it, and no point lost or doubled whoever dies."""

import dataclasses
import json
import sqlite3

import pandas as pd
import pytest
from study_runs import FAILED, POINTS, STUDY, run, same, tables

from accelsim import zoo
from accelsim.errors import AccelsimError, InputError
from accelsim.study import driver, executors
from accelsim.study.points import evaluate
from accelsim.study.space import Space
from accelsim.study.store import Store
from accelsim.study.study_file import read_study


def test_one_process_and_two_give_the_same_tables(folder, expected):
    done = run(folder / "two.sqlite", workers=2)
    same(folder / "two.sqlite", expected)
    assert (done.points, done.excluded, done.done, done.failed) == (POINTS, 6, POINTS - FAILED, FAILED)
    points, layers = expected
    assert points["number"].tolist() == list(range(POINTS))
    assert points["pe_array.rows"].tolist() == [4] * 8 + [8] * 8 + [16] * 8
    failed = points[points["status"] == "failed"]
    assert failed["scratchpad.capacity_bytes"].tolist() == [64] * FAILED
    assert failed["error"].str.contains("no plan fits").all()
    assert layers.groupby("point").size().nunique() == 1
    assert layers.groupby("point")["cycles"].sum().tolist() == points["cycles_mean"].dropna().tolist()


def test_points_that_share_nothing_give_the_same_tables(folder, expected):
    alone = run(folder / "alone.sqlite", reuse_bytes=0)
    same(folder / "alone.sqlite", expected)
    assert alone.reused == {}
    shared = run(folder / "shared.sqlite")
    same(folder / "shared.sqlite", expected)
    layers = shared.reused["counted layers"]
    assert layers["made"] < layers["memory"]
    with Store(folder / "shared.sqlite") as store:
        assert json.loads(store.fact("reused")) == shared.reused
        assert store.provenance(store.points()["provenance"].iloc[-1])["reuse"] is True


def test_a_dask_cluster_gives_the_same_tables(folder, expected):
    pytest.importorskip("distributed")
    run(folder / "dask.sqlite", workers=2, cluster="local")
    same(folder / "dask.sqlite", expected)


def test_run_again_does_nothing_unless_failed_points_are_to_be_tried(folder):
    run(folder / "s.sqlite")
    told = []
    again = run(folder / "s.sqlite", progress=told.append)
    assert (again.before, again.done, again.failed, told) == (POINTS, 0, 0, [])
    retried = run(folder / "s.sqlite", retry_failed=True, progress=told.append)
    assert (retried.before, retried.failed, len(told)) == (POINTS - FAILED, FAILED, FAILED)
    assert len(tables(folder / "s.sqlite")[0]) == POINTS


def test_other_code_runs_every_point_again_in_place_of_the_old(folder, monkeypatch):
    run(folder / "s.sqlite")
    before, layers = tables(folder / "s.sqlite")
    for module in ("space", "points"):
        monkeypatch.setattr(f"accelsim.study.{module}.code_version", lambda: "other")
    assert run(folder / "s.sqlite").before == 0
    after, again = tables(folder / "s.sqlite")
    assert set(before["key"]).isdisjoint(after["key"])
    pd.testing.assert_frame_equal(before.drop(columns="key"), after.drop(columns="key"))
    pd.testing.assert_frame_equal(layers, again)


def test_a_worker_with_other_code_stops_the_study(folder, monkeypatch):
    monkeypatch.setattr("accelsim.study.points.code_version", lambda: "0123456789abcdef")
    with pytest.raises(AccelsimError, match="a worker runs another accelsim"):
        run(folder / "s.sqlite")


def test_a_budget_marks_points_and_loses_none(folder):
    run(folder / "s.sqlite", STUDY + "budgets: {area_mm2: 3.4}\n")
    points = tables(folder / "s.sqlite")[0].query("status == 'done'")
    assert 0 < points["feasible"].sum() < len(points)
    assert ((points["area_mm2"] <= 3.4) == (points["feasible"] == 1)).all()


def test_an_interrupt_keeps_what_is_finished(folder):
    told = []

    def interrupted(what):
        told.append(what)
        if len(told) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"of 24 points are finished and in .*s\.sqlite"):
        run(folder / "s.sqlite", progress=interrupted)
    assert len(tables(folder / "s.sqlite")[0]) == 5
    assert run(folder / "s.sqlite").before == 5


def elsewhere(point, content=None):
    """A worker on a machine that sees nothing of the driver's files."""
    SHIPPED.append(content is not None)
    return evaluate(
        dataclasses.replace(point, trace=dataclasses.replace(point.trace, path="/none/one.safetensors")),
        content,
    )


SHIPPED: list[bool] = []


def test_a_trace_is_shipped_once_where_it_is_absent(folder, expected, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setattr(executors, "evaluate", elsewhere)
    SHIPPED.clear()
    run(folder / "s.sqlite")
    same(folder / "s.sqlite", expected)
    assert sum(SHIPPED) == 1
    assert len(SHIPPED) == POINTS + 1


def test_a_full_disk_ends_the_run_and_keeps_what_is_finished(folder, expected, monkeypatch):
    """SQLite's own error: the file may have so many pages and no more."""
    connect = sqlite3.connect

    def small(*given, **options):
        connection = connect(*given, **options)
        connection.execute("PRAGMA max_page_count = 18")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(
        AccelsimError, match=r"s\.sqlite: cannot write a point: .*full; finished points are kept"
    ):
        run(folder / "s.sqlite")
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    finished = len(tables(folder / "s.sqlite")[0])
    assert 1 <= finished < POINTS
    assert run(folder / "s.sqlite").before == finished
    same(folder / "s.sqlite", expected)


def test_a_count_of_workers_does_not_fail_where_the_scheduler_has_gone():
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
    )
    workers = executors.Dask(cluster.scheduler_address, 1)

    def gone():
        raise OSError("Timed out trying to connect")

    workers._client.nthreads = gone
    assert workers.in_flight == 1
    cluster.close()
    workers.close()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("pe_array.rows", "pe_array.rwos", r"s\.yaml:5: pe_array: unknown key 'rwos'; did you mean 'rows'"),
        ("[4, 8, 16]", "[4, 0]", r"s\.yaml:5: pe_array\.rows must be at least 1, not 0"),
        ("bytes <", "byte <", r"s\.yaml:8: .*unknown name 'scratchpad.capacity_byte'; did you mean"),
        ("one.safetensors", "two.safetensors", r"s\.yaml:3: two.safetensors: neither a file nor a network"),
        ("both-skip-16x16", "both-skip", r"s\.yaml:2: both-skip: neither a file nor a shipped chip"),
        ("constraints:", "set: {pe_array.lanes: 0}\nconstraints:", r"s\.yaml:8: pe_array.lanes.* at least 1"),
    ],
)
def test_what_is_wrong_is_told_at_its_line_before_anything_runs(folder, old, new, told):
    with pytest.raises(InputError, match=told):
        run(folder / "s.sqlite", STUDY.replace(old, new))
    assert not (folder / "s.sqlite").exists()


def test_an_objective_that_is_no_figure_is_told_and_binds_no_store(folder):
    text = STUDY.replace("[64, 32768", "[32768") + "objectives:\n  - minimise: cycle_mean\n"
    with pytest.raises(
        InputError, match=r"s\.yaml:10: 'cycle_mean' is no figure of a run; did you mean 'cyc"
    ):
        run(folder / "s.sqlite", text)
    run(folder / "s.sqlite", text.replace("cycle_mean", "cycles_mean"))


def test_there_must_be_a_worker(folder):
    with pytest.raises(InputError, match="--workers must be at least 1, not 0"):
        run(folder / "s.sqlite", workers=0)


def test_the_driver_knows_a_death_when_it_submits(folder, monkeypatch):
    """A pool may break between two points: the point goes into the next pool."""

    class Breaks(executors.InProcess):
        deaths = (BrokenPipeError,)
        broken = True

        def submit(self, point, content=None):
            if self.broken:
                raise BrokenPipeError
            return super().submit(point, content)

        def renew(self):
            self.broken = False

    monkeypatch.setattr(driver, "workers_of", lambda *_: Breaks())
    assert run(folder / "s.sqlite").done == POINTS - FAILED


def test_the_shipped_study_has_the_points_its_page_explains(folder):
    study, text = read_study(zoo.workloads_folder() / "studies" / "digits.yaml")
    space = Space(study, text, "digits.yaml")
    chosen = space.chosen()
    # 3 sizes x 3 bandwidths x 2 lanes (32 x 32 PEs: the base's), of which 64 multipliers are too few; 2 networks
    assert (len(chosen), space.excluded) == (2 * 3 * (2 + 2 + 1 - 1), 2 * 3)
    assert len({one.key for one in chosen}) == len(chosen)
    assert [one.number for one in chosen] == list(range(len(chosen)))
