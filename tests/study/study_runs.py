"""A study run here or by a driver of its own, and what it left."""

import os
import subprocess
import sys

import pandas as pd

from accelsim.study.driver import run_study
from accelsim.study.store import Store
from accelsim.study.study_file import parse_study

STUDY = """name: small
base: both-skip-16x16
workloads: [one.safetensors]
axes:
  - {key: pe_array.rows, values: [4, 8, 16]}
  - {key: dram.peak_gb_per_s, values: [6.4, 12.8]}
  - {key: scratchpad.capacity_bytes, values: [64, 32768, 65536, 131072, 262144]}
constraints: [scratchpad.capacity_bytes < 262144]
"""
POINTS, FAILED = 24, 6  # nothing fits 64 bytes
DRIVER = """
import multiprocessing
import sys
from pathlib import Path
from accelsim.study.driver import run_study
from accelsim.study.study_file import read_study

def told(what):
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    if len(sys.argv) > 1:  # it cannot end before it is killed, however late that is
        sys.stdin.readline()

if __name__ == "__main__":
    study, text = read_study(Path("s.yaml"))
    run_study(study, text, Path("s.sqlite"), file="s.yaml", workers=2, progress=told)
"""


def run_text(path, text, **options):
    return run_study(parse_study(text, "s.yaml"), text, path, file="s.yaml", **options)


def run(path, text=STUDY, **options):
    return run_text(path, text, **options)


def driver_of(folder, most=None):
    """A driver with two workers on s.yaml; for each point it writes a line: its workers' process numbers.

    It goes on after `most` lines only when more are written to it.
    """
    (folder / "driver.py").write_text(DRIVER)
    process = subprocess.Popen(
        [sys.executable, "driver.py", *([] if most is None else ["held"])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=folder,
        start_new_session=True,
    )
    process.stdin.write(b"\n" * (most or 0))
    process.stdin.flush()
    return process


def tables(path):
    """Points and layers in the study's order, without the numbers that SQLite gave them."""
    with Store(path) as store:
        points, layers = store.points(), store.layers()
    layers["point"] = layers["point"].map(points.set_index("id")["number"])
    points = points.sort_values("number").drop(columns=["id", "provenance"]).reset_index(drop=True)
    layers = layers.sort_values("point", kind="stable").reset_index(drop=True)
    return points[sorted(points)], layers


def same(path, expected):
    for one, other in zip(tables(path), expected, strict=True):
        pd.testing.assert_frame_equal(one, other)
