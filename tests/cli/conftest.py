"""A folder with a small trace of two layers, and the command line run inside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from accelsim.cli.main import app

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    generator = np.random.default_rng(3)
    arrays: dict[str, Any] = {}
    for name, channels, filters in (("a", 16, 8), ("b", 8, 24)):
        weights = generator.integers(-9, 9, (filters, 3, 3, channels)) * (
            generator.random((filters, 3, 3, channels)) < 0.4
        )
        arrays[f"{name}/weights"] = weights.astype(np.int8)
        arrays[f"{name}/activations"] = generator.integers(0, 3, (2, 6, 6, channels)).astype(np.uint8)
        arrays[f"{name}/padding"] = 1
    np.savez(tmp_path / "net.npz", **arrays)
    return tmp_path / "net.npz"
