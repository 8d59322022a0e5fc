"""The trace file: safetensors, bitmask + non-zero values, a checksum per tensor, no pickle.

Everything but the arrays stands in one metadata entry, `accelsim`, as JSON: `schema_version`, the
network, and the sha256 of every array (docs/trace_format.md). Opening a file reads
its header only; an array is read, decoded and checked when it is used.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.files import write_whole
from accelsim.formats import Stream, bitmask
from accelsim.network import Layer, LayerNode, Network
from accelsim.trace.canonical import canonical_text, checksum, content_hash, description, network_of
from accelsim.trace.network import LayerParameters, NetworkTrace, check_parameters

SCHEMA_VERSION = 1
_ENTRY = "accelsim"
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
    for name in trace.tensors:
        zero = trace.network.tensors[name].zero_point
        _encode(f"tensor/{name}", trace.tensors[name], zero, arrays)
    for layer in trace.weighted_layers:
        given = trace.parameters[layer]
        named = given.arrays(layer)
        _encode(
            f"layer/{layer}/weights", named.pop(f"layer/{layer}/weights"), given.weight_zero_points, arrays
        )
        arrays |= {name: np.ascontiguousarray(array) for name, array in named.items()}
    document = {
        "schema_version": SCHEMA_VERSION,
        "network": description(trace.network),
        "sha256": trace.checksums,
        "content_hash": trace.content_hash,
    }
    data = save(dict(sorted(arrays.items())), metadata={_ENTRY: canonical_text(document)})
    write_whole(Path(path), data, TraceError)


def _encode(name: str, dense: Array, zero: int | Array, arrays: dict[str, Array]) -> None:
    stream = bitmask.encode(dense, zero, name)
    arrays[f"{name}.mask"] = stream.metadata
    arrays[f"{name}.values"] = stream.payload


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
        opened: Any = safe_open(file, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise TraceError(f"{file}: not a whole safetensors file: {error}") from error
    metadata: dict[str, str] = opened.metadata() or {}
    if _ENTRY not in metadata:
        raise TraceError(f"{file}: a safetensors file, but not a trace: it has no '{_ENTRY}' metadata")
    document = _document(file, metadata[_ENTRY])
    network, sums = _described(file, document)
    if document.get("content_hash") != content_hash(network, sums):
        raise TraceError(f"{file}: the description of the network was altered: its checksum differs")
    reader = _Reader(file, opened, network, sums)
    tensors = [name.removeprefix("tensor/") for name in sums if name.startswith("tensor/")]
    layers = [name.split("/", 1)[1].rsplit("/", 1)[0] for name in sums if name.endswith("/weights")]
    try:
        return NetworkTrace(
            network, _Lazy(layers, reader.parameters), _Lazy(tensors, reader.tensor), checksums=sums
        )
    except TraceError as error:
        raise TraceError(f"{file}: {error}") from error


def _document(file: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
        version = document["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise TraceError(f"{file}: the '{_ENTRY}' metadata is not readable: {error}") from error
    if version != SCHEMA_VERSION:
        raise TraceError(f"{file}: schema version {version!r}; this accelsim reads {SCHEMA_VERSION}")
    return dict(document)


def _described(file: Path, document: Mapping[str, Any]) -> tuple[Network, dict[str, str]]:
    try:
        network = network_of(document["network"])
        sums = {str(name): str(sha256) for name, sha256 in document["sha256"].items()}
    except (TraceError, KeyError, AttributeError) as error:
        raise TraceError(f"{file}: not a description of this version: {error}") from error
    return network, sums


class _Reader:
    """Arrays of an open file, checked against their description."""

    def __init__(self, file: Path, opened: Any, network: Network, sums: Mapping[str, str]) -> None:
        self.file = file
        self.opened = opened
        self.network = network
        self.layers = {n.layer.name: n.layer for n in network.nodes if isinstance(n, LayerNode)}
        self.sums = sums
        self.stored = set(opened.keys())

    def tensor(self, name: str) -> Array:
        info = self.network.tensors[name]
        return self._decoded(f"tensor/{name}", info.shape, info.zero_point, info.dtype)

    def parameters(self, name: str) -> LayerParameters:
        layer: Layer = self.layers[name]
        zeros = self._plain(f"layer/{name}/weight_zero_points")
        bias = f"layer/{name}/bias"
        parameters = LayerParameters(
            weights=self._decoded(f"layer/{name}/weights", layer.weight_shape, zeros),
            weight_zero_points=zeros,
            weight_scales=self._plain(f"layer/{name}/weight_scales"),
            bias=self._plain(bias) if bias in self.sums else None,
        )
        check_parameters(str(self.file), layer, parameters)
        return parameters

    def _plain(self, name: str) -> Array:
        return self._checked(name, self._stored(name))

    def _decoded(
        self, name: str, shape: tuple[int, ...], zero: int | Array, dtype: str | None = None
    ) -> Array:
        stream = Stream(self._stored(f"{name}.mask"), self._stored(f"{name}.values"))
        if dtype is not None and stream.payload.dtype.name != dtype:
            raise TraceError(f"{self.file}: {name} must be {dtype}, not {stream.payload.dtype}")
        return self._checked(name, bitmask.decode(stream, shape, zero, name=f"{self.file}: {name}"))

    def _stored(self, name: str) -> Array:
        if name not in self.stored:
            raise TraceError(f"{self.file}: array {name!r} is missing")
        array: Array = self.opened.get_tensor(name)
        return array

    def _checked(self, name: str, array: Array) -> Array:
        if checksum(array) != self.sums.get(name):
            raise TraceError(f"{self.file}: {name} was altered: its checksum differs")
        array.flags.writeable = False
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
