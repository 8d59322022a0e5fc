"""Folders of one .npy per tensor."""

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import TraceError
from accelsim.trace import from_arrays, from_folder

GENERATOR = np.random.default_rng(2)
WEIGHTS = GENERATOR.integers(-9, 9, (4, 3, 3, 5)).astype(np.int8)
ACTIVATIONS = GENERATOR.integers(0, 9, (1, 6, 7, 5)).astype(np.uint8)


def saved(folder: Path, **files: np.ndarray) -> Path:
    for name, array in files.items():
        path = folder / f"{name.replace('__', '/')}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)
    return folder


@pytest.mark.small
@pytest.mark.parametrize(
    "names",
    [
        ("conv1__weights", "conv1__activations"),
        ("conv1.weight", "conv1.input"),
        ("wgt-conv1", "act-conv1-0"),
        ("conv1_weights", "conv1_act"),
    ],
)
def test_names_say_layer_and_tensor(tmp_path: Path, names: tuple[str, str]) -> None:
    saved(tmp_path / "net", **{names[0]: WEIGHTS, names[1]: ACTIVATIONS})
    (tmp_path / "net" / "layers.csv").write_text("layer,stride,padding\nconv1,2,1\n")
    trace = from_folder(tmp_path / "net")
    wanted = from_arrays(WEIGHTS, ACTIVATIONS, name="conv1", stride=2, padding=1)
    assert trace.network.name == "net"
    assert trace.layer("conv1").layer == wanted.layer
    np.testing.assert_array_equal(trace.layer("conv1").weights, WEIGHTS)


@pytest.mark.small
def test_channels_first_is_turned(tmp_path: Path) -> None:
    saved(
        tmp_path / "net", weights=WEIGHTS.transpose(0, 3, 1, 2), activations=ACTIVATIONS.transpose(0, 3, 1, 2)
    )
    layer = from_folder(tmp_path / "net", channels_first=True).layer("net")
    np.testing.assert_array_equal(layer.weights, WEIGHTS)
    np.testing.assert_array_equal(layer.activations, ACTIVATIONS)


@pytest.mark.small
def test_a_tensors_own_file_wins_over_the_table(tmp_path: Path) -> None:
    saved(tmp_path / "net", a__weights=WEIGHTS, a__activations=ACTIVATIONS, a__stride=np.array(3))
    (tmp_path / "net" / "layers.csv").write_text("layer,stride,padding\na,2,\n")
    assert from_folder(tmp_path / "net").layer("a").layer.stride == (3, 3)


@pytest.mark.small
@pytest.mark.parametrize(
    ("files", "table", "words"),
    [
        ({"a__weights": WEIGHTS, "a__mystery": ACTIVATIONS}, "", r"mystery\.npy: its name has no array's"),
        ({"a__weights": WEIGHTS}, "", "layer 'a' has no 'activations'"),
        ({"a__weights": WEIGHTS, "a.wgt": WEIGHTS}, "", "a second array 'a/weights'"),
        (
            {"a__weights": WEIGHTS, "a__activations": ACTIVATIONS},
            "layer,stride\na,two\n",
            r"layers\.csv:2: stride must be a whole",
        ),
        (
            {"a__weights": WEIGHTS, "a__activations": ACTIVATIONS},
            "layer,stride\na\n",
            r"layers\.csv:2: needs a layer",
        ),
        ({"a__weights": np.array(["x"]), "a__activations": ACTIVATIONS}, "", "weights must"),
        ({}, "", "no arrays"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, files: dict, table: str, words: str) -> None:
    folder = saved(tmp_path / "net", **files)
    folder.mkdir(exist_ok=True)
    if table:
        (folder / "layers.csv").write_text(table)
    with pytest.raises(TraceError, match=words):
        from_folder(folder)


@pytest.mark.small
def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no such folder"):
        from_folder(tmp_path / "none")
    folder = saved(tmp_path / "net", weights=WEIGHTS, activations=ACTIVATIONS)
    (folder / "weights.npy").write_bytes((folder / "weights.npy").read_bytes()[:-3])
    with pytest.raises(TraceError, match=r"weights\.npy: not a \.npy file"):
        from_folder(folder)
