"""A run's DRAM requests: as many as the layers count, where the address map says, in the run's own time."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import accelsim
from accelsim.errors import AuditError, InputError
from accelsim.hardware import Accelerator, load_hardware, to_yaml
from accelsim.study.dram_trace import write_run_requests
from accelsim.trace import NetworkTrace, from_arrays, network_of


def banked(tmp_path: Path) -> Accelerator:
    lines = to_yaml(load_hardware("both-skip-16x16")).splitlines()
    first, last = lines.index("dram:"), lines.index("dma:")
    path = tmp_path / "chip.yaml"
    own = ["  model: banked", "  device: ddr4-2400", "  channels: 1"]
    path.write_text("\n".join([*lines[:first], "dram:", *own, "", *lines[last:]]))
    return load_hardware(path, ["scratchpad.capacity_bytes=8192"])


def small() -> NetworkTrace:
    generator = np.random.default_rng(1)
    weights = generator.integers(-3, 4, (32, 3, 3, 32)).astype(np.int8)
    activations = generator.integers(0, 3, (2, 9, 9, 32)).astype(np.uint8)
    return network_of(from_arrays(weights, activations, padding=1, name="a/b"))


def test_requests_are_the_bursts_of_each_layer_of_each_input(tmp_path: Path) -> None:
    trace, chip = small(), banked(tmp_path)
    result = accelsim.simulate(trace, chip, threads=1, seed=3)
    paths = write_run_requests(trace, result, tmp_path / "out", balance_filters=False, seed=3)
    assert len(paths) == 4 * len(result.layer_results) == 8
    for index, layer in enumerate(result.layer_results):
        name = tmp_path / "out" / f"{chip.name}-{index}-a_b"
        table = pd.read_csv(f"{name}.requests.csv")
        counts = table["operation"].value_counts()
        assert counts["read"] * 64 == layer.dram_read_bytes
        assert counts["write"] * 64 == layer.dram_write_bytes
        assert (table["response_cycle"] >= table["request_cycle"]).all()
        assert table["request_cycle"].is_monotonic_increasing
        for form in ("loadstore", "readwrite", "dramsim3"):
            assert len(Path(f"{name}.{form}.trace").read_text().splitlines()) == len(table)


def test_another_seed_than_the_runs_is_noticed(tmp_path: Path) -> None:
    trace, chip = small(), banked(tmp_path)
    result = accelsim.simulate(trace, chip, threads=1, seed=3)
    with pytest.raises(AuditError, match="a/b: times of the tiles moved again are not those of the run"):
        write_run_requests(trace, result, tmp_path, balance_filters=False, seed=4)


def test_a_dram_without_banks_has_no_requests(tmp_path: Path) -> None:
    trace = small()
    result = accelsim.simulate(trace, "both-skip-16x16", threads=1)
    with pytest.raises(InputError, match=r"dram\.model of both-skip-16x16 must be banked, not bandwidth"):
        write_run_requests(trace, result, tmp_path, balance_filters=False, seed=0)
