"""What is fuzzed: every reader, its law, and seeds that are real encodings.

A target takes any bytes. A target of an encoding cuts them into shape, zero point, metadata and payload; the
others write them to a file and read it. `trace_sealed` and `npz_arrays` build the container (checksums, zip)
around the bytes, so that mutations reach what lies behind it.

The law of all: a value that encodes to the same bytes again, or an AccelsimError that names the tensor or the
file. Any other exception, a warning, or a gigabyte of memory breaks it.
"""

import contextlib
import hashlib
import json
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any
from unittest import mock

import fuzz_seeds as seeds
import numpy as np

from accelsim.errors import AccelsimError
from accelsim.formats import FORMATS, Absolute, RelativeCSC, Stream
from accelsim.formats.stream import MOST_ELEMENTS

CASES = Path(__file__).parent / "cases"
_HEADROOM_BYTES = 1 << 30
# A byte of a shape is a size; those above 199 stand for sizes that overflow something.
_HUGE = (
    -1,
    1 << 16,
    1 << 20,
    1 << 31,
    1 << 32,
    1 << 33,
    (1 << 33) + 1,
    1 << 40,
    1 << 62,
    1 << 63,
    1 << 64,
    1 << 70,
)
_MOST_DECODED = 1 << 12  # elements: kernels without JIT step through them one by one


class LawBroken(Exception):
    """A reader gave a value or an error that its law forbids."""


@dataclass(frozen=True)
class Target:
    """`run` raises if the bytes of a case break the law; the folder is for files."""

    run: Callable[[bytes, Path], None]
    seeds: Callable[[Path], list[bytes]]


@contextlib.contextmanager
def headroom() -> Iterator[None]:
    """Within it a gigabyte more than now can be had, whether touched or not (where the system can tell)."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _HEADROOM_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _expect(holds: bool, law: str) -> None:
    if not holds:
        raise LawBroken(law)


def _expect_named(error: AccelsimError, *names: str) -> None:
    _expect(any(name in str(error) for name in names), f"the error names none of {names}: {error}")


# Encodings -------------------------------------------------------------------------------------------------


def stream_of(data: bytes) -> tuple[Stream, tuple[int, ...], Any]:
    """A stream, a shape and a zero point of any bytes."""
    rest = BytesIO(data)

    def byte() -> int:
        return (rest.read(1) or b"\0")[0]

    dtype = np.dtype(seeds.DTYPES[byte() % len(seeds.DTYPES)])
    sizes = [byte() for _ in range(byte() % 6)]
    shape = tuple(size if size < 200 else _HUGE[size % len(_HUGE)] for size in sizes)
    count = byte()
    zeros = np.frombuffer(rest.read(2 * (1 if count == 255 else count)), np.uint8)
    zeros = np.frombuffer(zeros[: zeros.size // 2 * 2].tobytes(), "<i2").astype(np.int32)
    zero = (int(zeros[0]) if zeros.size else 0) if count == 255 else zeros
    metadata = np.frombuffer(rest.read(int.from_bytes(rest.read(2), "little")), np.uint8)
    payload = rest.read()
    values = np.frombuffer(payload[: len(payload) // dtype.itemsize * dtype.itemsize], dtype)
    return Stream(metadata, values), shape, zero


def _decodes(name: str) -> Callable[[bytes, Path], None]:
    encoding = FORMATS[name]

    def run(data: bytes, folder: Path) -> None:
        stream, shape, zero = stream_of(data)
        # A few bytes are a true encoding of any number of zeros where only pointers tell the shape.
        unbounded = isinstance(encoding, Absolute | RelativeCSC)
        if unbounded and min(shape, default=0) >= 0 and _MOST_DECODED < prod(shape) <= MOST_ELEMENTS:
            return
        try:
            dense = encoding.decode(stream, shape, zero, name="conv1")
        except AccelsimError as error:
            _expect_named(error, "conv1")
            return
        _expect(dense.shape == shape, f"{dense.shape} is not {shape}")
        again = encoding.encode(dense, zero, name="conv1")
        for part in ("metadata", "payload"):
            given, back = getattr(stream, part), getattr(again, part)
            same = given.dtype == back.dtype and np.array_equal(given, back)
            _expect(same, f"{part} {given.dtype} {given.tolist()} comes back as {back.dtype} {back.tolist()}")

    return run


# Traces ----------------------------------------------------------------------------------------------------


class _AgreesWithAll(str):
    """A checksum that no stored one differs from."""

    def __ne__(self, other: object) -> bool:
        return False

    __eq__ = object.__eq__
    __hash__ = str.__hash__


def _reads_trace(file: Path) -> None:
    from accelsim.trace import NetworkTrace, read, write

    try:
        trace = read(file)
    except AccelsimError as error:
        _expect_named(error, str(file))
        return
    held: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for lazy, values in zip((trace.tensors, trace.parameters), held, strict=True):
        for name in lazy:
            try:
                values[name] = lazy[name]
            except AccelsimError as error:
                _expect_named(error, str(file))
    if (len(held[0]), len(held[1])) != (len(trace.tensors), len(trace.parameters)):
        return
    for name in trace.layers:
        try:
            trace.layer(name)
        except AccelsimError as error:
            _expect_named(error, str(file), trace.network.name, name)
    again = NetworkTrace(trace.network, held[1], held[0])
    copy = file.with_name("copy.safetensors")
    write(again, copy)
    _expect(read(copy).content_hash == again.content_hash, "a trace written again has another hash")


def _trace_file(data: bytes, folder: Path) -> None:
    file = folder / "net.safetensors"
    file.write_bytes(data)
    _reads_trace(file)


def _trace_sealed(data: bytes, folder: Path) -> None:
    """Lines of the description and of the arrays' header, then the arrays; all checksums are made to agree."""
    text, _, rest = data.partition(b"\n")
    header, _, arrays = rest.partition(b"\n")
    described = text.decode("utf-8", "replace")
    try:
        document = json.loads(described)
        named = {"network": document["network"], "sha256": document["sha256"]}
        canonical = json.dumps(named, sort_keys=True, separators=(",", ":"))
        document["content_hash"] = hashlib.sha256(canonical.encode()).hexdigest()
        described = json.dumps(document)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass  # the reader gets the text as it is
    entry = json.dumps({"accelsim": described}).encode()
    whole = b'{"__metadata__":' + entry + b"," + header.removeprefix(b"{")
    file = folder / "net.safetensors"
    file.write_bytes(struct.pack("<Q", len(whole)) + whole + arrays)
    with mock.patch("accelsim.trace.file.checksum", return_value=_AgreesWithAll()):
        _reads_trace(file)


# Plain arrays ----------------------------------------------------------------------------------------------


def _npz_file(data: bytes, folder: Path) -> None:
    from accelsim.trace import from_npz

    file = folder / "net.npz"
    file.write_bytes(data)
    try:
        trace = from_npz(file)
    except AccelsimError as error:
        _expect_named(error, str(file), "net: tensor")
        return
    for name in trace.layers:
        trace.layer(name)


def _entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and files, each behind its length in 1 and 2 bytes."""
    rest = BytesIO(data)
    while length := rest.read(1):
        name = rest.read(length[0]).decode("utf-8", "replace")
        yield name, rest.read(int.from_bytes(rest.read(2), "little"))


def _npz_arrays(data: bytes, folder: Path) -> None:
    """Entries made a .npz."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in _entries(data):
            entry = zipfile.ZipInfo(name)  # cuts a name at its first NUL
            if entry.filename not in archive.namelist():
                archive.writestr(entry, array)
    _npz_file(packed.getvalue(), folder)


def _folder(data: bytes, folder: Path) -> None:
    """Entries made files of one folder."""
    from accelsim.trace.folder import from_folder

    net = folder / "net"
    shutil.rmtree(net, ignore_errors=True)
    net.mkdir()
    for name, content in _entries(data):
        plain = name.replace("/", "-").replace("\0", "")
        if plain not in ("", ".", "..") and len(plain.encode()) < 200:
            (net / plain).write_bytes(content)
    try:
        trace = from_folder(net)
    except AccelsimError as error:
        _expect_named(error, str(net), "net: tensor")
        return
    for name in trace.layers:
        trace.layer(name)


# Models ----------------------------------------------------------------------------------------------------


def _tflite(data: bytes, folder: Path) -> None:
    from accelsim.frontend.tflite_file import read_tflite

    file = folder / "net.tflite"
    file.write_bytes(data)
    try:
        read_tflite(file)
    except AccelsimError as error:
        _expect_named(error, str(file))


def _torch(data: bytes, folder: Path) -> None:
    from accelsim.frontend.torch_file import read_torch_file

    try:
        arrays = read_torch_file(data, "net.pth")
    except AccelsimError as error:
        _expect_named(error, "net.pth")
        return
    for array in arrays.values():
        array.sum()  # every element can be read


# Texts -----------------------------------------------------------------------------------------------------


def _hardware(data: bytes, folder: Path) -> None:
    """A YAML file, and behind a first NUL the overrides, one per line."""
    from accelsim.hardware import load_hardware, to_yaml

    text, _, overrides = data.partition(b"\0")
    file = folder / "chip.yaml"
    file.write_bytes(text)
    try:
        chip = load_hardware(file, overrides.decode("utf-8", "replace").split("\n") if overrides else ())
    except AccelsimError as error:
        _expect_named(error, str(file), "--set")
        return
    file.write_text(to_yaml(chip), encoding="utf-8")
    _expect(load_hardware(file) == chip, "a chip written again is another")


def _topology(data: bytes, folder: Path) -> None:
    from accelsim.frontend.topology import read_topology

    file = folder / "net.csv"
    file.write_bytes(data)
    try:
        layers = read_topology(file)
    except AccelsimError as error:
        _expect_named(error, str(file))
        return
    names = [layer.name for layer in layers]
    _expect(len(set(names)) == len(names) > 0, f"layers are named {names}")
    _expect(min(min(layer.output_shape) for layer in layers) >= 1, "a layer has no outputs")


def _plans(data: bytes, folder: Path) -> None:
    from accelsim.plan_file import plans_csv, read_plans

    file = folder / "plans.csv"
    file.write_bytes(data)
    try:
        plans = read_plans(file)
    except AccelsimError as error:
        _expect_named(error, str(file))
        return
    file.write_bytes(plans_csv(plans))
    _expect(read_plans(file) == plans, "plans written again are others")


def _device(data: bytes, folder: Path) -> None:
    from accelsim.hardware.devices import load_device

    file = folder / "device.csv"
    file.write_bytes(data)
    try:
        device = load_device(str(file))
    except AccelsimError as error:
        _expect_named(error, str(file))
        return
    _expect(0 < device.utilisation() <= 1, "a device uses more than all of its bus")
    _expect(device.banks >= 1 and device.columns >= 1, "a device has no banks or columns")


def _study(data: bytes, folder: Path) -> None:
    from accelsim.study.study_file import read_study

    file = folder / "study.yaml"
    file.write_bytes(data)
    try:
        study, _ = read_study(file)
    except AccelsimError as error:
        _expect_named(error, str(file))
        return
    for axis in study.axes:
        few = axis.values is not None or (axis.log or axis.linear).points <= 1000
        _expect(not few or len(axis.steps()) >= 1, "an axis has no step")


FILES = {
    "trace_file": Target(_trace_file, seeds.trace_seeds),
    "trace_sealed": Target(_trace_sealed, seeds.sealed_seeds),
    "npz_file": Target(_npz_file, seeds.npz_seeds),
    "npz_arrays": Target(_npz_arrays, seeds.npz_array_seeds),
    "folder": Target(_folder, seeds.folder_seeds),
    "tflite": Target(_tflite, seeds.tflite_seeds),
    "torch": Target(_torch, seeds.torch_seeds),
    "hardware": Target(_hardware, seeds.hardware_seeds),
    "topology": Target(_topology, seeds.topology_seeds),
    "plans": Target(_plans, seeds.plan_seeds),
    "device": Target(_device, seeds.device_seeds),
    "study": Target(_study, seeds.study_seeds),
}
TARGETS = {f"decode_{name}": Target(_decodes(name), seeds.seeds_of(name)) for name in FORMATS} | FILES
