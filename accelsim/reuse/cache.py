"""Reuse of results by content: in memory, on disk, or made."""

import hashlib
import json
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from accelsim.hardware import Accelerator
from accelsim.reuse.content import Aside, Later, add, digest, field_names, only
from accelsim.reuse.shelf import Shelf
from accelsim.reuse.written import from_bytes, to_bytes
from accelsim.version import code_version, versions

DISK_BYTES = 2 * 2**30
_MEMORY_BYTES = 512 * 2**20
_CHIPS = 64  # chips whose keys are remembered, with every kind
_WORTH_A_FILE_S = 0.003  # what is made faster is not written
WAYS = ("memory", "disk", "made")
Counts = dict[str, dict[str, int]]  # by kind: how many were found in memory, on disk, made


@dataclass(frozen=True, slots=True)
class Kind:
    """A function whose results are kept.

    Attributes
    ----------
    function : of arguments and the chip, last; it reads nothing else, and changes nothing
    keys : dotted keys of the chip that it gets; by `dataflow` where fewer will do
    on_disk : whether results are written; else they are kept in memory alone
    types : dataclasses that a written result is made of
    """

    name: str
    function: Callable[..., Any]
    keys: tuple[str, ...]
    fewer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_disk: bool = True
    types: tuple[type, ...] = ()

    def chip(self, chip: Accelerator) -> Accelerator:
        """The chip as the function gets it."""
        return only(chip, self.fewer.get(chip.dataflow, self.keys))


def _resolved(argument: Any) -> Any:
    if isinstance(argument, Later):
        return argument()
    return argument.value if isinstance(argument, Aside) else argument


class Off:
    """No reuse: every function runs, with the whole chip."""

    on = False

    def value(self, kind: Kind, chip: Accelerator, *arguments: Any) -> Any:
        """What the function gives."""
        return kind.function(*map(_resolved, arguments), chip)

    def later(self, kind: Kind, chip: Accelerator, *arguments: Any) -> Later:
        """The same, when it is asked for."""
        return Later("", lambda: self.value(kind, chip, *arguments))

    def same(self, owner: Any, name: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives."""
        return make()

    def snapshot(self) -> Counts:
        """Counts until now."""
        return {}

    def since(self, before: Counts) -> Counts:
        """Counts since a snapshot."""
        return {}


OFF = Off()


class Reuse(Off):
    """Results by the content of what they are made from; threads may share it.

    Parameters
    ----------
    shelf : where results are kept on disk, or None: memory alone
    memory_bytes : most bytes of results in memory
    """

    on = True

    def __init__(self, shelf: Shelf | None = None, memory_bytes: int = _MEMORY_BYTES) -> None:
        self.shelf = shelf
        self.counts: Counts = {}
        self._memory_bytes, self._held_bytes = memory_bytes, 0
        self._memory: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._chips: OrderedDict[tuple[int, str], tuple[Accelerator, Accelerator, Any]] = OrderedDict()
        self._same: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
        self._digests: dict[int, tuple[Any, bytes]] = {}  # by identity, which holds while the object is here
        self._lock = threading.Lock()

    def value(self, kind: Kind, chip: Accelerator, *arguments: Any) -> Any:
        """A function's result: the one kept, or made and kept. It is not to be changed."""
        given, key = self._key(kind, chip, arguments)
        return self._found(kind, key, given, arguments)

    def later(self, kind: Kind, chip: Accelerator, *arguments: Any) -> Later:
        """The same, when it is asked for."""
        given, key = self._key(kind, chip, arguments)
        return Later(key, lambda: self._found(kind, key, given, arguments))

    def same(self, owner: Any, name: Any, make: Callable[[], Any]) -> Any:
        """A part of an object that does not change: made once, hashed once, as long as its owner lives."""
        with self._lock:
            parts = self._same.setdefault(owner, {})
            if name not in parts:
                parts[name] = part = make()
                if is_dataclass(part):
                    self._digests[id(part)] = part, digest(part)
                    weakref.finalize(owner, self._digests.pop, id(part), None)
            return parts[name]

    def snapshot(self) -> Counts:
        """Counts until now."""
        with self._lock:
            return {name: dict(counts) for name, counts in self.counts.items()}

    def since(self, before: Counts) -> Counts:
        """Counts since a snapshot."""
        now, nothing = self.snapshot(), dict.fromkeys(WAYS, 0)
        less = {name: {way: -count for way, count in before.get(name, nothing).items()} for name in now}
        return {name: counts for name, counts in added(now, less).items() if any(counts.values())}

    def _key(self, kind: Kind, chip: Accelerator, arguments: tuple[Any, ...]) -> tuple[Accelerator, str]:
        given, begun = self._given(kind, chip)
        into = begun.copy()
        for argument in arguments:
            known = self._digests.get(id(argument))
            if known is None:
                add(into, argument)
            else:
                into.update(known[1])
        return given, into.hexdigest()

    def _given(self, kind: Kind, chip: Accelerator) -> tuple[Accelerator, Any]:
        """The chip as the kind gets it, and a key's beginning, which has all but the arguments."""
        at = id(chip), kind.name
        with self._lock:
            known = self._chips.get(at)
            if known is not None and known[0] is chip:
                return known[1], known[2]
        given = kind.chip(chip)
        begun = hashlib.sha256(f"{kind.name}\0{_made_by()}\0".encode() + digest(given))
        with self._lock:
            self._chips[at] = chip, given, begun
            while len(self._chips) > _CHIPS:
                self._chips.popitem(last=False)
        return given, begun

    def _found(self, kind: Kind, key: str, chip: Accelerator, arguments: tuple[Any, ...]) -> Any:
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                self._count(kind, "memory")
                return self._memory[key][0]
        value = self._on_disk(kind, key)
        if value is not None:
            self._keep(kind, key, value, "disk")
            return value
        given = [_resolved(argument) for argument in arguments]
        begun = time.perf_counter()
        value = kind.function(*given, chip)
        took = time.perf_counter() - begun
        self._keep(kind, key, value, "made")
        if self.shelf is not None and kind.on_disk and took >= _WORTH_A_FILE_S:
            self.shelf.put(key, to_bytes(value))
        return value

    def _on_disk(self, kind: Kind, key: str) -> Any:
        if self.shelf is None or not kind.on_disk:
            return None
        body = self.shelf.get(key)
        try:
            return None if body is None else from_bytes(body, kind.types)
        except (ValueError, KeyError, TypeError):  # whole, but of another program
            return None

    def _keep(self, kind: Kind, key: str, value: Any, how: str) -> None:
        with self._lock:
            self._count(kind, how)
            if key in self._memory:
                self._held_bytes -= self._memory.pop(key)[1]
            size = nbytes(value)
            self._memory[key] = value, size
            self._held_bytes += size
            while self._held_bytes > self._memory_bytes and len(self._memory) > 1:
                self._held_bytes -= self._memory.popitem(last=False)[1][1]

    def _count(self, kind: Kind, how: str) -> None:
        of_kind = self.counts.setdefault(kind.name, dict.fromkeys(WAYS, 0))
        of_kind[how] += 1


def added(one: Counts, other: Counts) -> Counts:
    """Sums of two counts."""
    nothing = dict.fromkeys(WAYS, 0)
    return {
        kind: {way: one.get(kind, nothing)[way] + other.get(kind, nothing)[way] for way in WAYS}
        for kind in [*one, *(kind for kind in other if kind not in one)]
    }


def nbytes(value: Any) -> int:
    """About how many bytes a result holds."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, tuple | list):
        return sum(map(nbytes, value))
    if hasattr(value, "held_bytes"):
        return int(value.held_bytes)
    parts: list[int] = [nbytes(getattr(value, name)) for name in field_names(type(value))]
    return 100 + sum(parts)


@cache
def _made_by() -> str:
    """What decides results beside arguments: the code and what it is made with."""
    return json.dumps([code_version(), versions()], sort_keys=True)


def folder() -> Path:
    """Where results are kept: in the user's cache folder."""
    return Path(platformdirs.user_cache_dir("accelsim")) / "reuse"


@lru_cache(maxsize=4)
def of_process(disk_bytes: int) -> Off:
    """The reuse that all runs of this process share; with 0 bytes none."""
    return Reuse(Shelf(folder(), disk_bytes)) if disk_bytes else OFF
