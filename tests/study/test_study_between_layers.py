"""The modes side by side: what is saved is the difference of what is moved; runs and table say the same."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from accelsim.cli.main import app
from accelsim.hardware import load_hardware
from accelsim.network import Layer
from accelsim.report import read_run
from accelsim.study.between_layers import between_layers
from accelsim.trace import write
from accelsim.zoo import chained, shape_network_of, synthetic_trace

CHIP = load_hardware("both-skip-16x16", ["scratchpad.capacity_bytes=30000"])


def toy():
    """Three convolutions and a pool; the tensor after the first takes more than half of the scratchpad."""
    sizes = [(24, 8, 32), (24, 32, 8), (12, 8, 8)]
    layers = [
        Layer(
            name=f"l{i}",
            input_height=size,
            input_width=size,
            channels=channels,
            filters=filters,
            kernel=(3, 3),
            padding=(1, 1, 1, 1),
        )
        for i, (size, channels, filters) in enumerate(sizes)
    ]
    return chained(synthetic_trace(shape_network_of("toy", layers, 0.5, 0.9, "given")))


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("between")
    return between_layers(toy(), [CHIP], folder), folder


def test_what_is_saved_is_the_difference_of_what_is_moved(compared) -> None:
    table, _ = compared
    assert list(table["between_layers"]) == ["dram", "keep", "fuse"]
    assert table["saved_mb"].to_numpy() == pytest.approx(table["dram_mb"][0] - table["dram_mb"].to_numpy())
    assert (np.diff(table["cycles"]) <= 0).all()
    assert table["speedup"][0] == 1
    assert table["fused_layers"][2] == 2


def test_the_files_say_what_the_table_says(compared) -> None:
    table, folder = compared
    pd.testing.assert_frame_equal(pd.read_csv(folder / "between_layers.csv"), table, check_dtype=False)
    for row in table.to_dict("records"):
        run = folder / CHIP.name / row["between_layers"]
        document = json.loads((run / "summary.json").read_text())
        told = document["between_layers"]
        assert told["mode"] == row["between_layers"] == document["provenance"]["between_layers"]
        assert told["saved_dram_bytes"] / 1e6 == pytest.approx(row["saved_mb"])
        assert len({tensor["tensor"] for tensor in told["kept"]}) == row["kept_tensors"]
        layers = read_run(run).layers
        assert layers["saved_dram_bytes"].sum() == told["saved_dram_bytes"]
        plans = pd.read_csv(run / "plans.csv")["layer"]
        fused = layers.loc[layers["fused"].astype(bool), "layer"]
        assert not set(fused) & set(plans)
        assert set(fused) == {name for chain in told["fused"] for name in chain["layers"]}
        said = " ".join(document["notes"])
        assert ("stay in the scratchpad between layers" in said) == (row["between_layers"] != "dram")
        assert ("run band by band of rows: l0+l1" in said) == (row["between_layers"] == "fuse")


def test_the_command_prints_every_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(toy(), Path("toy.safetensors"))
    command = ["between-layers", "toy.safetensors", "--hardware", "both-skip-16x16"]
    result = CliRunner().invoke(app, [*command, "--set", "scratchpad.capacity_bytes=30000"])
    assert result.exit_code == 0, result.output
    for word in ("dram", "keep", "fuse", "saved_mb", "results in results/between-layers/toy"):
        assert word in result.stdout
    rows = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert [row["between_layers"] for row in rows] == ["dram", "keep", "fuse"]
