"""Settings of all tests: hypothesis without deadlines (the first call of a kernel compiles it)."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# Kernels and references are twins: their tests draw the same cases.
sys.path += [str(Path(__file__).parent / folder) for folder in ("dataflows", "reference")]


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs write their tables alone: five pictures take ten times as long as a small run. For laws of the tables."""
    monkeypatch.setattr("accelsim.report.files._write_plots", lambda run, folder: [])
