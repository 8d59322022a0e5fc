"""Traces of a study: found by name once, by path and hash on every worker, shipped only where absent.

::

    driver   name or path -> trace -> TraceFile(path, hash)
    worker   open already?  in its own cache folder?  at that path, with that hash?  else: absent
    driver   sends the file's bytes with the point; the worker keeps them in its cache folder by hash

An open trace is memory-mapped, its arrays are read and checked when they are used; a process keeps the last
few open.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path

import platformdirs

from accelsim import zoo
from accelsim.errors import InputError, TraceError, nearest
from accelsim.files import write_whole
from accelsim.trace import NetworkTrace, from_folder, from_npz, read, write
from accelsim.version import code_version, versions

_OPEN = 2  # traces a process keeps open
_MODELS = (".onnx", ".tflite", ".pt", ".pth", ".csv", ".npy")  # what a trace may be made of, and is none
_KEPT = 16  # traces, and notes of builds, that the cache folder keeps: the last used


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace as a safetensors file, where the driver sees it, and its content hash."""

    path: str
    content_hash: str


def open_trace(path: Path) -> NetworkTrace:
    """A trace from its file; `.npz` and folders of `.npy` are the doors for people without ONNX.

    Raises
    ------
    InputError
        If there is none, or it is no trace.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        return from_folder(path)
    if path.suffix in _MODELS:
        raise InputError(
            f"{path}: a trace is a .safetensors or .npz file, or a folder of .npy; "
            "'accelsim import' makes one of a model"
        )
    return from_npz(path) if path.suffix == ".npz" else read(path)


def open_network(name: str, seed: int = 0) -> NetworkTrace:
    """A trace by its file, or a network by its name: real, trained here, or by shape and density.

    Raises
    ------
    InputError
        If there is neither a file nor a network of this name.
    """
    if Path(name).exists():
        return open_trace(Path(name))
    if name in zoo.recipes():
        return zoo.build(name)
    if name in zoo.digits_networks():
        return zoo.digits_trace(name)
    known = zoo.shape_networks()
    if name in known:
        return zoo.synthetic_trace(known[name], seed)
    every = [*zoo.recipes(), *zoo.digits_networks(), *known]
    raise InputError(
        f"{name}: neither a file nor a network; networks: {', '.join(every)}{nearest(str(name), every)}"
    )


def trace_file(name: str, seed: int = 0) -> TraceFile:
    """The file of a workload; of what is not a trace file yet, one in the cache folder.

    A network of a recipe is built once for each state of the recipe, of this package's code and of all
    installed packages.

    Raises
    ------
    InputError
        As `open_network`.
    """
    recipe = None if Path(name).exists() else zoo.recipes().get(name)
    note = None if recipe is None else _note(recipe)
    if note is not None and (built := _built(note)) is not None:
        return built
    trace = open_network(name, seed)
    path = Path(name)
    if not path.is_file() or path.suffix == ".npz":
        path = _cached(trace.content_hash)
        if not path.is_file():
            write(trace, path)
            _tidy()
    if note is not None:
        write_whole(note, trace.content_hash.encode(), TraceError)
    return TraceFile(str(path.absolute()), trace.content_hash)


def _note(recipe: zoo.Recipe) -> Path:
    """Where the content hash of what a recipe gave is written; named by all that decided it."""
    installed = sorted({(one.metadata["Name"], one.version) for one in distributions()})
    facts = recipe.model_dump(mode="json"), code_version(), versions(), installed
    return _folder() / f"{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}.built"


def _built(note: Path) -> TraceFile | None:
    """What a build gave before, if it is there still and whole."""
    try:
        content_hash = note.read_text()
        os.utime(note)
    except OSError:
        return None
    file = TraceFile(str(_cached(content_hash).absolute()), content_hash)
    return file if Path(file.path).is_file() and found(file) is not None else None


def found(file: TraceFile) -> NetworkTrace | None:
    """The trace on this machine, or None where it is absent (or another file stands in its place)."""
    try:
        return _opened(file)
    except TraceError:
        return None


def keep(file: TraceFile, content: bytes) -> None:
    """Put a trace that was shipped into this machine's cache folder.

    Raises
    ------
    TraceError
        If it cannot be written, or is not the trace of that hash.
    """
    path = _cached(file.content_hash)
    write_whole(path, content, TraceError)
    if (given := read(path).content_hash) != file.content_hash:
        path.unlink(missing_ok=True)
        wanted = file.content_hash
        raise TraceError(f"{file.path}: its hash is {given[:12]}, not {wanted[:12]}: it was changed")
    _tidy()


@lru_cache(maxsize=_OPEN)
def _opened(file: TraceFile) -> NetworkTrace:
    """Open; a trace that is absent raises TraceError, which the cache does not keep."""
    for path in (Path(file.path), _cached(file.content_hash)):
        if path.is_file():
            try:
                trace = read(path)
            except TraceError:
                continue  # altered or cut short: shipped again
            if trace.content_hash == file.content_hash:
                if path.parent == _folder():
                    os.utime(path)
                return trace
    raise TraceError(f"{file.path}: absent")


def _folder() -> Path:
    return Path(platformdirs.user_cache_dir("accelsim")) / "traces"


def _cached(content_hash: str) -> Path:
    return _folder() / f"{content_hash}.safetensors"


def _tidy() -> None:
    """Remove what was used longest ago; an open trace stays readable to whoever maps it."""
    for kind in ("*.safetensors", "*.built"):
        kept = sorted(_folder().glob(kind), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[_KEPT:]:
            path.unlink(missing_ok=True)
