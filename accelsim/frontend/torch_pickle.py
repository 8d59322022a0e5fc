"""The stack machine of pickles, as far as a dictionary of tensors needs it; nothing of a file is executed.

A pickle is a program. Ours knows the two dozen instructions that torch wrote for a dictionary of tensors,
calls two functions of its own (an ordered dictionary, a tensor as a view of a storage) and knows the names
of eight storages; all else is refused by its name. Lengths are checked before they are used.
"""

import struct
from dataclasses import dataclass
from typing import Any

from accelsim.errors import ImportedModelError

_ORDERED_DICT, _REBUILD = "collections.OrderedDict", "torch._utils._rebuild_tensor_v2"
_STORAGES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
}
# Instructions of the pickle machine, by what they do.
_CONSTANTS: dict[bytes, Any] = {b"N": None, b"\x88": True, b"\x89": False, b")": ()}
_INTEGERS = {b"J": "<i", b"K": "<B", b"M": "<H"}
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
_PUT = {b"q": "<B", b"r": "<I"}
_GET = {b"h": "<B", b"j": "<I"}


@dataclass(frozen=True, slots=True)
class _Name:
    """A class or function that a pickle names, one of those that we know."""

    name: str


@dataclass(frozen=True, slots=True)
class Storage:
    """What a tensor says of its storage: its key, element type and count of elements."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage; offset and strides in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Stream:
    """Bytes read in order, never past their end."""

    def __init__(self, content: bytes, label: str) -> None:
        self.content = content
        self.label = label
        self.at = 0

    def wrong(self, why: str) -> ImportedModelError:
        """An error that names the file and how far it was read."""
        return ImportedModelError(f"{self.label}: {why} (byte {self.at})")

    def take(self, count: int) -> bytes:
        """The next bytes."""
        left = len(self.content) - self.at
        if not 0 <= count <= left:
            raise self.wrong(f"truncated or damaged: {count} bytes are announced, {left} are left")
        self.at += count
        return self.content[self.at - count : self.at]

    def number(self, code: str) -> int:
        """The next integer, of a struct code."""
        return int(struct.unpack(code, self.take(struct.calcsize(code)))[0])

    def text(self, content: bytes) -> str:
        """Bytes as text."""
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.wrong("text that is not UTF-8") from error

    def line(self) -> str:
        """Text up to the next line feed, which is left out."""
        end = self.content.find(b"\n", self.at)
        if end < 0:
            raise self.wrong("truncated: a name without an end")
        line = self.text(self.take(end - self.at))
        self.at += 1
        return line


class Machine:
    """Runs one pickle; the storages that its tensors name are added to `storages`."""

    def __init__(self, stream: Stream, storages: dict[str, Storage]) -> None:
        self.stream = stream
        self.storages = storages
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks below each mark
        self.memory: dict[int, Any] = {}

    def run(self) -> Any:
        """The value that it builds."""
        while (code := self.stream.take(1)) != b".":
            if not self._pushes(code) and not self._builds(code):
                raise self.stream.wrong(f"pickle instruction {code!r} is not supported")
        return self._pop()

    def _pushes(self, code: bytes) -> bool:
        """Obey an instruction that reads the stream; False if it is none."""
        stream = self.stream
        if code in _CONSTANTS:
            self.stack.append(_CONSTANTS[code])
        elif code in _INTEGERS:
            self.stack.append(stream.number(_INTEGERS[code]))
        elif code == b"\x8a":  # a long: its length, then its bytes
            self.stack.append(int.from_bytes(stream.take(stream.number("<B")), "little", signed=True))
        elif code == b"X":
            self.stack.append(stream.text(stream.take(stream.number("<I"))))
        elif code in (b"}", b"]"):
            self.stack.append({} if code == b"}" else [])
        elif code == b"c":
            self.stack.append(self._name(f"{stream.line()}.{stream.line()}"))
        elif code in _PUT:
            self.memory[stream.number(_PUT[code])] = self._last(object)
        elif code in _GET:
            place = stream.number(_GET[code])
            if place not in self.memory:
                raise stream.wrong(f"place {place} of the pickle's memory is empty")
            self.stack.append(self.memory[place])
        elif code == b"\x80":
            if (protocol := stream.number("<B")) != 2:
                raise stream.wrong(f"pickle protocol {protocol} is not supported, only 2")
        else:
            return False
        return True

    def _builds(self, code: bytes) -> bool:
        """Obey an instruction that works on the stack alone; False if it is none."""
        if code == b"(":
            self.below.append(self.stack)
            self.stack = []
        elif code == b"t":
            values = tuple(self._marked())
            self.stack.append(values)
        elif code in _TUPLES:
            self.stack.append(tuple(self._pop() for _ in range(_TUPLES[code]))[::-1])
        elif code in (b"a", b"e"):
            items = self._marked() if code == b"e" else [self._pop()]
            self._last(list).extend(items)
        elif code in (b"s", b"u"):
            self._set_items(self._marked() if code == b"u" else [self._pop(), self._pop()][::-1])
        elif code == b"R":
            arguments, function = self._pop(), self._pop()
            self.stack.append(self._call(function, arguments))
        elif code == b"b":  # attributes of a dictionary: torch keeps versions of modules there
            self._pop()
            self._last(dict)
        elif code == b"Q":
            self.stack.append(self._storage(self._pop()))
        else:
            return False
        return True

    def _pop(self) -> Any:
        if not self.stack:
            raise self.stream.wrong("damaged: a pickle that takes more than it has")
        return self.stack.pop()

    def _last(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise self.stream.wrong(f"damaged: a pickle that builds on what is no {kind.__name__}")
        return self.stack[-1]

    def _marked(self) -> list[Any]:
        if not self.below:
            raise self.stream.wrong("damaged: a pickle without a mark")
        values, self.stack = self.stack, self.below.pop()
        return values

    def _set_items(self, pairs: list[Any]) -> None:
        target, keys = self._last(dict), pairs[::2]
        if len(pairs) % 2 or not all(isinstance(key, str) for key in keys):
            raise self.stream.wrong("a dictionary whose keys are not text")
        target.update(zip(keys, pairs[1::2], strict=True))

    def _name(self, name: str) -> _Name:
        if name not in (_ORDERED_DICT, _REBUILD, *_STORAGES):
            raise self.stream.wrong(f"{name!r:.120} is named, which no dictionary of tensors needs: refused")
        return _Name(name)

    def _call(self, function: Any, arguments: Any) -> Any:
        if function == _Name(_ORDERED_DICT) and arguments == ():
            return {}
        if function != _Name(_REBUILD):
            called = function.name if isinstance(function, _Name) else type(function).__name__
            raise self.stream.wrong(f"a call of {called!r} is not supported")
        kinds = (Storage, int, tuple, tuple, bool, dict)  # the last two are about gradients
        if not isinstance(arguments, tuple) or [type(a) for a in arguments] != list(kinds):
            raise self.stream.wrong("a tensor that is not described as torch does")
        storage, offset, shape, strides, _, _ = arguments
        if not all(type(n) is int for n in (*shape, *strides)):
            raise self.stream.wrong("a tensor whose shape or strides are no integers")
        return Tensor(storage, offset, shape, strides)

    def _storage(self, given: Any) -> Storage:
        kinds = (str, _Name, str, str, int, type(None))  # 'storage', its class, key, device, count, no view
        if not isinstance(given, tuple) or [type(v) for v in given] != list(kinds) or given[0] != "storage":
            raise self.stream.wrong("a storage that is not described as torch does, or a part of one")
        _, kind, key, _, count, _ = given
        if kind.name not in _STORAGES:
            raise self.stream.wrong(f"storage {key!r:.40} is of class {kind.name!r}")
        storage = Storage(key, _STORAGES[kind.name], count)
        if self.storages.setdefault(key, storage) != storage:
            raise self.stream.wrong(f"storage {key!r:.40} is described in two ways")
        return storage
