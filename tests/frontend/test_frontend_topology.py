"""SCALE-Sim topologies: both forms, with and without a last comma, and errors with file and line."""

from pathlib import Path

import pytest

from accelsim.errors import ImportedModelError
from accelsim.frontend.topology import read_topology

HEAD = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "net.csv").write_text(text)
    return tmp_path / "net.csv"


@pytest.mark.small
def test_convolutions_have_the_files_shapes(tmp_path: Path) -> None:
    text = HEAD + "Conv1, 224, 230, 7, 5, 3, 64, 2,\n\nFC, 1, 1, 1, 1, 2048, 1000, 1\n"
    conv, connected = read_topology(written(tmp_path, text))
    assert (conv.name, conv.weight_shape, conv.activation_shape) == ("Conv1", (64, 7, 5, 3), (1, 224, 230, 3))
    assert conv.output_shape == (1, 109, 113, 64)
    assert connected.dense_macs == 2048 * 1000


@pytest.mark.small
def test_matrix_products_are_a_row_of_positions(tmp_path: Path) -> None:
    (layer,) = read_topology(written(tmp_path, "Layer, M, N, K,\nqkv, 128, 768, 512,\n"))
    assert layer.dense_macs == 128 * 768 * 512
    assert layer.output_shape == (1, 1, 128, 768)


@pytest.mark.small
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Conv1, 224, 224, 7, 7, 3, 64,", r"net\.csv:2: 7 columns; a convolution has 8, a matrix product 4"),
        (
            "Conv1, 224, 224, 7, 7, x, 64, 2",
            r"net\.csv:2: Conv1: channels must be a whole number of at least 1, not 'x'",
        ),
        (
            "Conv1, 224, 224, 7, 7, 3, 0, 2",
            r"net\.csv:2: Conv1: filters must be a whole number of at least 1, not '0'",
        ),
        ("Conv1, 4, 4, 7, 7, 3, 64, 2", r"net\.csv:2: Conv1: a filter of 7 x 7 does not fit in 4 x 4"),
        ("a, 4, 4, 1, 1, 3, 6, 1\na, 4, 4, 1, 1, 3, 6, 1", r"net\.csv:3: two layers are named 'a'"),
        ("", r"net\.csv: no layers below its first line"),
    ],
)
def test_a_line_that_is_no_layer_is_refused_by_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ImportedModelError, match=message):
        read_topology(written(tmp_path, HEAD + line))


@pytest.mark.small
def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportedModelError, match=r"none\.csv: cannot be read"):
        read_topology(tmp_path / "none.csv")
