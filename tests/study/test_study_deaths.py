"""Deaths of drivers, workers and clusters: no point is lost or doubled (`make unit` leaves these out)."""

import multiprocessing
import os
import signal

import pandas as pd
import pytest
from study_runs import FAILED, POINTS, STUDY, driver_of, run, same, tables

from accelsim.errors import AccelsimError, InputError
from accelsim.study import executors
from accelsim.study.points import evaluate

SIGKILL = getattr(signal, "SIGKILL", None)
pytestmark = pytest.mark.kill


@pytest.mark.skipif(SIGKILL is None, reason="no kill -9")
def test_a_driver_killed_at_any_instant_loses_and_doubles_nothing(folder, expected):
    (folder / "s.yaml").write_text(STUDY)
    with driver_of(folder, most=5) as process:
        for _ in range(3):
            process.stdout.readline()
        with pytest.raises(InputError, match="another driver is at work"):
            run(folder / "s.sqlite")
        process.kill()
        process.wait()
        assert process.stdout.read() is not None  # until the last of its workers has let go of it
    assert 2 <= len(tables(folder / "s.sqlite")[0]) < POINTS
    run(folder / "s.sqlite")
    same(folder / "s.sqlite", expected)


@pytest.mark.skipif(SIGKILL is None, reason="no kill -9")
def test_a_worker_killed_loses_and_doubles_nothing(folder, expected):
    told = []

    def kill(what):
        told.append(what)
        if len(told) == 3:
            os.kill(multiprocessing.active_children()[0].pid, SIGKILL)

    run(folder / "s.sqlite", workers=2, progress=kill)
    same(folder / "s.sqlite", expected)
    assert len(told) == POINTS


def dies_at_one_point(point, content=None):
    if point.number == 11:
        os._exit(9)
    return evaluate(point, content)


@pytest.mark.parametrize("cluster", [None, "local"])
def test_a_point_that_kills_its_workers_is_recorded_and_no_other(folder, expected, monkeypatch, cluster):
    if cluster:
        pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "evaluate", dies_at_one_point)
    done = run(folder / "s.sqlite", workers=2, cluster=cluster)
    assert (done.done, done.failed) == (POINTS - FAILED - 1, FAILED + 1)
    points, wanted = tables(folder / "s.sqlite")[0], expected[0]
    dead = points["error"].str.contains("its worker died, twice")
    assert points[dead]["number"].tolist() == [11]
    pd.testing.assert_frame_equal(points[~dead], wanted[~dead])


def test_a_cluster_that_goes_away_is_told_and_finished_points_stay(folder):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
    )
    told = []

    def closed(what):
        told.append(what)
        if len(told) == 3:
            cluster.close()

    with pytest.raises(AccelsimError, match=r"went away; .* of 24 points are finished and in .*s\.sqlite"):
        run(folder / "s.sqlite", cluster=cluster.scheduler_address, progress=closed)
    assert 3 <= len(tables(folder / "s.sqlite")[0]) < POINTS
    with pytest.raises(AccelsimError, match="no scheduler answers"):
        run(folder / "s.sqlite", cluster=cluster.scheduler_address)
