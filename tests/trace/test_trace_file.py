"""The trace file: whole or not at all, the same bytes, lazily read, and every way to be wrong told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from traces_by_hand import trace

from accelsim.errors import TraceError
from accelsim.trace import NetworkTrace, read, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.safetensors"
    write(trace(), file)
    return file


def contents(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with safe_open(path, framework="numpy") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, json.loads(file.metadata()["accelsim"])


def rewrite(path: Path, arrays: dict[str, Any], document: Any) -> None:
    save_file(
        arrays, path, metadata={"accelsim": document if isinstance(document, str) else json.dumps(document)}
    )


def same(a: NetworkTrace, b: NetworkTrace) -> None:
    assert a.network == b.network
    assert list(a.tensors) == list(b.tensors) or sorted(a.tensors) == sorted(b.tensors)
    for name in a.tensors:
        np.testing.assert_array_equal(a.tensors[name], b.tensors[name])
    for name in a.layers:
        for part, array in a.parameters[name].arrays(name).items():
            np.testing.assert_array_equal(array, b.parameters[name].arrays(name)[part])


def test_reading_gives_back_the_network_and_every_array(path: Path) -> None:
    same(trace(), read(path))


def test_the_same_trace_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    write(read(path), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_memory_and_file_have_one_hash(path: Path) -> None:
    assert read(path).content_hash == trace().content_hash


def test_another_tensor_has_another_hash() -> None:
    assert trace(seed=1).content_hash != trace().content_hash


def test_a_reader_written_from_the_page_finds_every_value(path: Path) -> None:
    """docs/trace_format.md, with safetensors and numpy alone."""
    arrays, document = contents(path)
    assert document["schema_version"] == 1
    for name, described in document["network"]["tensors"].items():
        n, h, w, c = described["shape"]
        mask = arrays[f"tensor/{name}.mask"].reshape(n * h * w, (c + 7) // 8)
        bits = np.unpackbits(mask, axis=1, bitorder="little")[:, :c].astype(bool)
        values = np.full((n * h * w, c), described["zero_point"], described["dtype"])
        values[bits] = arrays[f"tensor/{name}.values"]
        np.testing.assert_array_equal(values.reshape(n, h, w, c), trace().tensors[name])


def test_only_the_altered_tensor_is_refused_and_only_when_it_is_used(path: Path) -> None:
    arrays, document = contents(path)
    arrays["tensor/s.values"] = arrays["tensor/s.values"].copy()
    arrays["tensor/s.values"][0] ^= 64
    rewrite(path, arrays, document)
    opened = read(path)
    assert opened.tensors["x"].shape == (1, 4, 5, 3)
    opened.layer("conv/a")
    with pytest.raises(TraceError, match="tensor/s was altered: its checksum differs"):
        opened.layer("fc")


def test_altered_weights_are_refused(path: Path) -> None:
    arrays, document = contents(path)
    arrays["layer/fc/bias"] = arrays["layer/fc/bias"] + 1
    rewrite(path, arrays, document)
    with pytest.raises(TraceError, match="layer/fc/bias was altered"):
        read(path).layer("fc")


@pytest.mark.parametrize("length", [0, 4, 100, 2000])
def test_a_truncated_file_is_refused_by_name(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(TraceError, match=r"small\.safetensors: not a whole safetensors file"):
        read(path)


def test_a_file_cut_by_one_byte_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TraceError, match="not a whole safetensors file"):
        read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"none\.safetensors: no such file"):
        read(tmp_path / "none.safetensors")


def test_a_foreign_safetensors_file_is_told_apart(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "f.safetensors")
    with pytest.raises(
        TraceError, match="a safetensors file, but not a trace: it has no 'accelsim' metadata"
    ):
        read(tmp_path / "f.safetensors")


def test_another_schema_is_refused_with_both_versions(path: Path) -> None:
    arrays, document = contents(path)
    rewrite(path, arrays, document | {"schema_version": 99})
    with pytest.raises(TraceError, match="schema version 99; this accelsim reads 1"):
        read(path)


def test_metadata_that_is_no_json_is_refused(path: Path) -> None:
    arrays, _ = contents(path)
    rewrite(path, arrays, "{")
    with pytest.raises(TraceError, match="the 'accelsim' metadata is not readable"):
        read(path)


def test_an_altered_description_is_refused(path: Path) -> None:
    arrays, document = contents(path)
    document["network"]["tensors"]["x"]["zero_point"] = 4
    rewrite(path, arrays, document)
    with pytest.raises(TraceError, match="the description of the network was altered: its checksum differs"):
        read(path)


def test_an_unknown_key_of_the_description_is_refused(path: Path) -> None:
    arrays, document = contents(path)
    document["network"]["surprise"] = 1
    rewrite(path, arrays, document)
    with pytest.raises(TraceError, match="not a description of this version"):
        read(path)


def test_a_missing_array_is_named_when_it_is_used(path: Path) -> None:
    arrays, document = contents(path)
    del arrays["tensor/x.values"]
    rewrite(path, arrays, document)
    with pytest.raises(TraceError, match=r"array 'tensor/x\.values' is missing"):
        read(path).layer("conv/a")


def test_an_array_of_another_dtype_is_named(path: Path) -> None:
    arrays, document = contents(path)
    arrays["tensor/x.values"] = arrays["tensor/x.values"].view(np.int8)
    rewrite(path, arrays, document)
    with pytest.raises(TraceError, match="tensor/x must be uint8, not int8"):
        read(path).layer("conv/a")


def test_without_space_the_old_file_stays_and_the_bytes_needed_are_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(TraceError, match=r"small\.safetensors: cannot write \d+ bytes: No space left"):
        write(trace(seed=5), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_arrays_from_a_file_cannot_be_changed(path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        read(path).tensors["x"][0, 0, 0, 0] = 1
