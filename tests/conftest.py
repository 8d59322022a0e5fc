"""Settings of all tests: hypothesis without deadlines (the first call of a kernel compiles it)."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Kernels and references are twins: their tests draw the same cases.
sys.path += [str(Path(__file__).parent / folder) for folder in ("dataflows", "reference")]

# Of two processes one compiles first what whole runs need, the mapper above all; meanwhile the other compiles kernels
# that are tested without a run. Later files find the kernels of both on disk.
_RUN = "test_simulation.py"
_KERNELS_ALONE = (
    "test_dataflows_inner_join_toggles.py",
    "test_dataflows_systolic_toggles.py",
    "test_dataflows_structured_toggles.py",
    "test_dataflows_cartesian_toggles.py",
    "test_dataflows_column_broadcast_toggles.py",
    "test_machine_banked.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several processes: files in an order in which no two compile the same kernels, then by number of tests."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    tests = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[bool, bool, int, Path]:
        name = item.path.name
        return name != _RUN, name not in _KERNELS_ALONE, -tests[item.path], item.path

    items.sort(key=place)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs write their tables alone: five pictures take ten times as long as a small run. For laws of the tables."""
    monkeypatch.setattr("accelsim.report.files._write_plots", lambda run, folder: [])
