"""The trace file: safetensors, bitmask + non-zero values, a checksum per tensor, no pickle.

Everything but the arrays stands in one metadata entry, `accelsim`, as JSON: `schema_version`, the
network, and per array its shape, zero point and sha256 (docs/trace_format.md). Opening a file reads
its header only; an array is read, decoded and checked when it is used.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from accelsim.errors import TraceError
from accelsim.formats import bitmask
from accelsim.network import Network
from accelsim.trace.network import LayerParameters, NetworkTrace, checksum, content_hash

SCHEMA_VERSION = 1
_ENTRY = "accelsim"
_PARTS = ("weights", "weight_zero_points", "weight_scales", "bias")
V = TypeVar("V")
Array = npt.NDArray[Any]


def write(trace: NetworkTrace, path: str | Path) -> None:
    """Write a trace; the file appears whole or not at all, and the same trace gives the same bytes.

    Raises
    ------
    TraceError
        If the file cannot be written (no space, say); says how many bytes were needed.
    """
    from safetensors.numpy import save

    arrays: dict[str, Array] = {}
    described: dict[str, dict[str, Any]] = {}
    for name in sorted(trace.tensors):
        zero = trace.network.tensors[name].zero_point
        _encode(f"tensor/{name}", trace.tensors[name], zero, arrays, described)
    for layer in sorted(trace.parameters):
        given = trace.parameters[layer]
        _encode(f"layer/{layer}/weights", given.weights, given.weight_zero_points, arrays, described)
        for part in _PARTS[1:]:
            if (array := getattr(given, part)) is not None:
                name = f"layer/{layer}/{part}"
                arrays[name] = np.ascontiguousarray(array)
                described[name] = {"sha256": checksum(array)}
    document = {
        "schema_version": SCHEMA_VERSION,
        "network": asdict(trace.network),
        "arrays": described,
        "content_hash": content_hash(trace.network, {k: v["sha256"] for k, v in described.items()}),
    }
    data = save(arrays, metadata={_ENTRY: json.dumps(document, sort_keys=True)})
    _write_whole(Path(path), data)


def _encode(
    name: str, dense: Array, zero: int | Array, arrays: dict[str, Array], described: dict[str, Any]
) -> None:
    stream = bitmask.encode(dense, zero)
    arrays[f"{name}.mask"] = stream.metadata
    arrays[f"{name}.values"] = stream.payload
    described[name] = {"sha256": checksum(dense), "shape": list(dense.shape)}


def _write_whole(path: Path, data: bytes) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise TraceError(f"{path}: cannot write {len(data)} bytes: {error.strerror or error}") from error


def read(path: str | Path) -> NetworkTrace:
    """Open a trace; arrays are read and checked when they are used.

    Raises
    ------
    TraceError
        If the file is missing, truncated, altered, foreign, or of a newer schema; here or on first use.
    """
    from safetensors import SafetensorError, safe_open

    file = Path(path)
    if not file.is_file():
        raise TraceError(f"{file}: no such file")
    try:
        opened = safe_open(file, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise TraceError(f"{file}: not a whole safetensors file: {error}") from error
    text = (opened.metadata() or {}).get(_ENTRY)
    if text is None:
        raise TraceError(f"{file}: a safetensors file, but not a trace: it has no '{_ENTRY}' metadata")
    document = _document(file, text)
    try:
        network = TypeAdapter(Network).validate_python(document["network"])
        described: dict[str, Any] = document["arrays"]
        sums = {name: entry["sha256"] for name, entry in described.items()}
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise TraceError(
            f"{file}: the description of the network is not one of this version: {error}"
        ) from error
    if document.get("content_hash") != content_hash(network, sums):
        raise TraceError(f"{file}: the description of the network was altered: its checksum differs")
    reader = _Reader(file, opened, described)
    tensors = {name.removeprefix("tensor/") for name in described if name.startswith("tensor/")}
    layers = {name.split("/", 1)[1].rsplit("/", 1)[0] for name in described if name.startswith("layer/")}

    def tensor(name: str) -> Array:
        info = network.tensors.get(name)
        return reader.decoded(f"tensor/{name}", info.zero_point if info else 0, info.dtype if info else None)

    return NetworkTrace(
        network,
        _Lazy(sorted(layers), reader.parameters),
        _Lazy(sorted(tensors), tensor),
        content_hash=document["content_hash"],
    )


def _document(file: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
        version = document["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise TraceError(f"{file}: the '{_ENTRY}' metadata is not readable: {error}") from error
    if version != SCHEMA_VERSION:
        raise TraceError(f"{file}: schema version {version!r}; this accelsim reads {SCHEMA_VERSION}")
    return dict(document)


class _Reader:
    """Arrays of an open file, checked against their description."""

    def __init__(self, file: Path, opened: Any, described: Mapping[str, Any]) -> None:
        self.file = file
        self.opened = opened
        self.described = described
        self.stored = set(opened.keys())

    def plain(self, name: str) -> Array:
        array: Array = self._stored(name)
        return self._checked(name, array)

    def decoded(self, name: str, zero: int | Array, dtype: str | None = None) -> Array:
        stream = bitmask.Stream(self._stored(f"{name}.mask"), self._stored(f"{name}.values"))
        if dtype is not None and stream.payload.dtype.name != dtype:
            raise TraceError(f"{self.file}: {name} must be {dtype}, not {stream.payload.dtype}")
        shape = tuple(self.described[name]["shape"])
        dense = bitmask.decode(stream, shape, zero, name=f"{self.file}: {name}")
        return self._checked(name, dense)

    def parameters(self, layer: str) -> LayerParameters:
        zeros = self.plain(f"layer/{layer}/weight_zero_points")
        bias = f"layer/{layer}/bias"
        return LayerParameters(
            weights=self.decoded(f"layer/{layer}/weights", zeros),
            weight_zero_points=zeros,
            weight_scales=self.plain(f"layer/{layer}/weight_scales"),
            bias=self.plain(bias) if bias in self.described else None,
        )

    def _stored(self, name: str) -> Array:
        if name not in self.stored:
            raise TraceError(f"{self.file}: array {name!r} is missing")
        array: Array = self.opened.get_tensor(name)
        return array

    def _checked(self, name: str, array: Array) -> Array:
        if checksum(array) != self.described[name]["sha256"]:
            raise TraceError(f"{self.file}: {name} was altered: its checksum differs")
        return array


class _Lazy(Mapping[str, V]):
    """Values made on first use, and kept."""

    def __init__(self, names: list[str], make: Callable[[str], V]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, V] = {}

    def __getitem__(self, name: str) -> V:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
