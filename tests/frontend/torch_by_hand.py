"""Legacy torch.save streams, written by Python's own pickler under the names that torch has."""

import io
import pickle
import struct
import sys
from collections import OrderedDict
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt

DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
}


def _module(name: str, **names: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(names)
    return module


def _rebuild_tensor_v2(*arguments: Any) -> None:
    """Only its name is written."""


_rebuild_tensor_v2.__module__ = "torch._utils"
_CLASSES = {name: type(name, (), {"__module__": "torch"}) for name in (*DTYPES, "BFloat16Storage")}
_UTILS = _module("torch._utils", _rebuild_tensor_v2=_rebuild_tensor_v2)
_MODULES = {"torch": _module("torch", _utils=_UTILS, **_CLASSES), "torch._utils": _UTILS}


@dataclass
class Storage:
    """Elements under a key; the pickle says `count` of them, the stream `stored`."""

    key: str
    elements: npt.NDArray[Any]
    kind: str = "FloatStorage"
    count: int | None = None
    stored: int | None = None
    view: Any = None


@dataclass
class Tensor:
    """A view of a storage."""

    storage: Any
    offset: int
    shape: tuple[int, ...]
    strides: tuple[Any, ...]

    def __reduce__(self) -> Any:
        return _rebuild_tensor_v2, (
            self.storage,
            self.offset,
            self.shape,
            self.strides,
            False,
            OrderedDict(),
        )


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, found: dict[str, Storage]) -> None:
        super().__init__(file, protocol=2)
        self.found = found

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Storage):
            return None
        self.found[value.key] = value
        count = len(value.elements) if value.count is None else value.count
        return "storage", _CLASSES[value.kind], value.key, "cpu", count, value.view


def plain(value: Any) -> bytes:
    """A pickle without tensors."""
    return pickle.dumps(value, protocol=2)


def stream(
    entries: Any,
    *,
    start: bytes | None = None,
    keys: Any = None,
    after: bytes = b"",
) -> bytes:
    """A whole file around `entries`."""
    file, found = io.BytesIO(), dict[str, Storage]()
    with mock.patch.dict(sys.modules, _MODULES):
        _Pickler(file, found).dump(entries)
    if start is None:
        system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "long": 4}}
        start = plain(0x1950A86A20F9469CFC6C) + plain(1001) + plain(system)
    raw = b""
    for key in sorted(found):
        held = found[key]
        raw += struct.pack("<q", len(held.elements) if held.stored is None else held.stored)
        raw += np.asarray(held.elements, DTYPES.get(held.kind, "<i2")).tobytes()
    return start + file.getvalue() + plain(sorted(found) if keys is None else keys) + raw + after
