"""Speed of encodings on a large weight tensor, and of opening a large trace."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.formats import FORMATS
from accelsim.trace import from_layers, read, write
from benchmarks.synthetic import layer

SHAPE = (512, 7, 7, 512)  # 12.8 MB
DENSITY = 0.3
# MB of dense values per second.
TARGETS = {"bitmask": 300, "run_length4": 300, "run_length5": 300, "csc": 100, "csc_relative4": 100}


def speeds(repeats: int) -> dict[str, float]:
    """Median MB/s of encoding and decoding by each format with a target, one thread."""
    generator = np.random.default_rng(0)
    dense = (generator.integers(1, 100, SHAPE) * (generator.random(SHAPE) < DENSITY)).astype(np.int8)
    found = {}
    for name in TARGETS:
        encoding = FORMATS[name]
        stream = encoding.encode(dense)
        encoding.decode(stream, SHAPE)  # compiled
        found[f"{name}, encode"] = dense.nbytes / 1e6 / _median(lambda e=encoding: e.encode(dense), repeats)
        found[f"{name}, decode"] = (
            dense.nbytes / 1e6 / _median(lambda e=encoding, s=stream: e.decode(s, SHAPE), repeats)
        )
    return found


def open_seconds(repeats: int) -> tuple[float, float]:
    """(seconds to open a trace and list its layers, size of its file in MB)."""
    traces = [layer(f"layer{i}", 28, 1024, 1024, 3) for i in range(14)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.safetensors"
        write(from_layers("large", traces), path)
        del traces

        def listed() -> None:
            opened = read(path)
            assert len([opened.network.tensors[node.input].shape for node in opened.network.nodes]) == 14

        return _median(listed, repeats), path.stat().st_size / 1e6


def _median(work: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        before = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds)
