"""What a result depends on, as a hash; and chips that have nothing else.

A function that is given `only(chip, keys)` cannot read another key: it is not there, and reading it raises.
So a key made of what the function is given cannot lack what it read.
"""

import dataclasses
import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import Part
from accelsim.hardware.dram_model import BankedDram


class Later:
    """A result that is made, or found, when it is first asked for; its key is known at once."""

    def __init__(self, key: str, find: Callable[[], Any]) -> None:
        self.key = key
        self._find: Callable[[], Any] | None = find
        self._value: Any = None
        self._lock = threading.Lock()

    def __call__(self) -> Any:
        """The result."""
        with self._lock:
            if self._find is not None:
                self._value, self._find = self._find(), None
            return self._value


@dataclasses.dataclass(frozen=True, slots=True)
class Aside:
    """An argument that no key has: it is made of the others and of the chip's keys, and says nothing more."""

    value: Any


# Of messages alone: a chip keeps its name, and no key has it.
_PLAIN = frozenset((int, str, bool, float, type(None)))
_LABELS = ("name", "description")


def only(chip: Accelerator, keys: Iterable[str]) -> Accelerator:
    """The chip with these dotted keys and its name alone; reading another raises AttributeError.

    Of a banked DRAM every part is there where one is wanted: what it derives comes from all of them.
    """
    wanted: dict[str, set[str]] = {}
    for key in keys:
        part, _, name = key.partition(".")
        wanted.setdefault(part, set()).add(name)
    made = chip.model_copy()
    for part in list(made.__dict__):
        if part == "name":
            continue
        names = wanted.get(part)
        if names is None:
            del made.__dict__[part]
        elif "" not in names and not isinstance(made.__dict__[part], BankedDram):
            made.__dict__[part] = _with(made.__dict__[part], names)
    return made


def _with(part: Part, names: set[str]) -> Part:
    made = part.model_copy()
    for name in set(made.__dict__) - names:
        del made.__dict__[name]
    return made


def digest(value: Any) -> bytes:
    """sha256 of a value: of its type and content, never of where it lies.

    Raises
    ------
    TypeError
        If some part is of a kind whose content is not known here.
    """
    into = hashlib.sha256()
    add(into, value)
    return into.digest()


def add(into: Any, value: Any) -> None:
    """Hash a value into a sha256, as `digest`; what is added says where it ends."""
    kind = type(value)
    if kind in _PLAIN:
        into.update(f"{kind.__name__}\0{value!r}\0".encode())
        return
    into.update(kind.__name__.encode() + b"\0")
    if kind is Aside:
        return
    if names := field_names(kind):
        _parts(into, [getattr(value, name) for name in names])
        return
    match value:
        case Later():
            into.update(value.key.encode())
        case np.ndarray() if not value.dtype.hasobject:
            into.update(f"{value.dtype.descr}{value.shape}".encode() + b"\0")
            into.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
        case tuple() | list():
            _parts(into, value)
        case Fraction():
            into.update(repr(value).encode() + b"\0")
        case bytes():
            into.update(str(len(value)).encode() + b"\0" + value)
        case np.generic() if not value.dtype.hasobject:
            into.update(value.tobytes())
        case frozenset() | set():
            _parts(into, sorted(digest(one) for one in value))
        case Part():
            _part(into, value)
        case Mapping():
            _parts(into, sorted(digest(item) for item in value.items()))
        case _:
            raise TypeError(f"reuse: no key can be made of {kind.__name__}")


_FIELDS: dict[type, tuple[str, ...]] = {}


def field_names(kind: type) -> tuple[str, ...]:
    """Of a dataclass; of another type none."""
    if kind not in _FIELDS:
        _FIELDS[kind] = (
            tuple(f.name for f in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()
        )
    return _FIELDS[kind]


def _parts(into: Any, values: Sequence[Any]) -> None:
    into.update(str(len(values)).encode() + b"\0")
    for value in values:
        add(into, value)


def _part(into: Any, part: Part) -> None:
    """Keys of a part of a chip that are there; of a DRAM device by name or path, its table."""
    labels = _LABELS if isinstance(part, Accelerator) else ()
    _parts(into, sorted((name, digest(value)) for name, value in part.__dict__.items() if name not in labels))
    if isinstance(part, BankedDram):
        add(into, part.timing)
