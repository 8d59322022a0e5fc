"""A study of 200 points through kill -9 of its driver and its workers, and on a Dask cluster.

`make unit` leaves these out; `.ci/run` has a step for them and `test_study_deaths`.
"""

import os
import signal

import pytest
from study_runs import driver_of, run_text, same, tables

from accelsim import zoo
from accelsim.trace import write

POINTS = 200
STUDY = """name: many
base: both-skip-16x16
workloads: [one.safetensors]
axes:
  - {key: pe_array.rows, values: [4, 8, 16, 32, 64]}
  - {key: dram.peak_gb_per_s, log: {from: 1.6, to: 25.6, points: 10}}
  - {key: scratchpad.capacity_bytes, values: [64, 65536, 131072, 262144]}
"""
FAILED = POINTS // 4  # nothing fits 64 bytes
SIGKILL = getattr(signal, "SIGKILL", None)
pytestmark = pytest.mark.kill


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    there = tmp_path_factory.mktemp("many")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(there)
        write(zoo.digits_trace("digits-mlp").select_input(0), "one.safetensors")
        (there / "s.yaml").write_text(STUDY)
        yield there


@pytest.fixture(scope="module")
def expected(folder):
    """The tables of two processes that nobody kills."""
    done = run_text(folder / "expected.sqlite", STUDY, workers=2)
    assert (done.points, done.done, done.failed) == (POINTS, POINTS - FAILED, FAILED)
    return tables(folder / "expected.sqlite")


@pytest.mark.skipif(SIGKILL is None, reason="no kill -9")
def test_200_points_survive_kills_of_driver_and_workers(folder, expected):
    counts = [0]
    for after, victim in ((25, "worker"), (15, "driver"), (40, "driver")):
        with driver_of(folder) as process:
            for _ in range(after):
                workers = process.stdout.readline().split()
            if victim == "worker":
                os.kill(int(workers[0]), SIGKILL)
                for _ in range(after):  # it goes on, with another one
                    assert process.stdout.readline()
            process.kill()
            process.wait()
            assert process.stdout.read() is not None  # until the last of its workers has let go of it
        found = tables(folder / "s.sqlite")[0]
        counts.append(len(found))
        assert found["number"].is_unique
    assert counts == sorted(counts)
    assert POINTS / 2 <= counts[-1] < POINTS
    last = run_text(folder / "s.sqlite", STUDY, workers=2)
    assert last.before == counts[-1]
    same(folder / "s.sqlite", expected)
    assert len(expected[0]) == POINTS


def test_200_points_are_the_same_on_a_dask_cluster(folder, expected):
    pytest.importorskip("distributed")
    run_text(folder / "dask.sqlite", STUDY, workers=2, cluster="local")
    same(folder / "dask.sqlite", expected)
