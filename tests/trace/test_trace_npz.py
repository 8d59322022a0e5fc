"""An .npz from a stranger: damaged files and options of a wrong kind are refused by name, nothing is rounded."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import TraceError
from accelsim.trace import from_npz

ARRAYS: dict[str, Any] = {
    "weights": np.arange(-72, 72, dtype=np.int8).reshape(4, 3, 3, 4),
    "activations": np.arange(100, dtype=np.uint8).reshape(1, 5, 5, 4),
}


def packed(**options: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **(ARRAYS | options))
    return file.getvalue()


@pytest.mark.small
@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("padding", 1.5, "whole numbers, not float64"),
        ("padding", np.array("1"), "whole numbers, not <U1"),
        ("stride", np.ones((2, 2), int), r"whole numbers, not int64 of shape \(2, 2\)"),
        ("dilation", np.nan, "whole numbers, not float64"),
        ("groups", [1, 1], r"one whole number, not int64 of shape \(2,\)"),
        ("activation_zero_point", 1.5, "one whole number, not float64"),
        ("output_zero_point", [1, 2], "one whole number"),
        ("activation_scale", np.array("x"), "one number, not <U1"),
        ("output_scale", 2j, "one number, not complex128"),
        ("relu", np.array("no"), "true or false, not <U2"),
    ],
)
def test_an_option_of_a_wrong_kind_is_refused_by_name(
    key: str, value: Any, wanted: str, tmp_path: Path
) -> None:
    (tmp_path / "f.npz").write_bytes(packed(**{key: value}))
    with pytest.raises(TraceError, match=rf"f\.npz: layer 'f': {key} must be {wanted}"):
        from_npz(tmp_path / "f.npz")


@pytest.mark.small
@pytest.mark.parametrize("scale", [np.nan, np.inf, -1.0])
def test_a_weight_scale_is_finite_and_not_negative(scale: float, tmp_path: Path) -> None:
    (tmp_path / "f.npz").write_bytes(packed(weight_scales=scale))
    with pytest.raises(TraceError, match="weight_scales must be finite"):
        from_npz(tmp_path / "f.npz")


def test_a_file_cut_anywhere_is_refused_by_name(tmp_path: Path) -> None:
    whole = packed()
    for length in range(0, len(whole), 11):
        (tmp_path / "f.npz").write_bytes(whole[:length])
        with pytest.raises(TraceError, match=r"f\.npz: not a \.npz file of plain arrays"):
            from_npz(tmp_path / "f.npz")


def test_a_byte_altered_anywhere_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    whole, path = packed(), tmp_path / "f.npz"
    path.write_bytes(whole)
    right = from_npz(path).content_hash
    refused = 0
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 0x55
        path.write_bytes(altered)
        try:
            assert from_npz(path).content_hash == right, place
        except TraceError:
            refused += 1
    assert refused > len(whole) // 2


@pytest.mark.small
def test_one_array_named_npz_and_an_archive_of_other_files_are_no_traces(tmp_path: Path) -> None:
    one = io.BytesIO()
    np.save(one, ARRAYS["weights"])
    (tmp_path / "one.npz").write_bytes(one.getvalue())
    with pytest.raises(TraceError, match=r"one\.npz: not a \.npz file"):
        from_npz(tmp_path / "one.npz")
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("weights", "text")
    with pytest.raises(TraceError, match=r"text\.npz: 'weights' is no array"):
        from_npz(tmp_path / "text.npz")
