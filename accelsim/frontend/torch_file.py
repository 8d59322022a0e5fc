"""Weights out of a legacy `torch.save` file (before torch 1.6), as numpy arrays, without torch or pickle.

The file is five pickles and the raw storages::

    magic number | 1001 | system | {name: tensor} | [storage keys] | count, elements | count, elements | ...

Nothing of the file is executed (`torch_pickle`), and nothing is believed: lengths, counts, offsets and
strides are checked before they are used.
"""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import ImportedModelError
from accelsim.frontend.torch_pickle import Machine, Storage, Stream, Tensor

Array = npt.NDArray[Any]
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MOST_DIMENSIONS = 32  # as many as every numpy has
_MOST_EMPTY = 1 << 31  # product of the sides of a tensor without elements, the zeros left out


def read_torch_file(source: str | Path | bytes, name: str | None = None) -> dict[str, Array]:
    """The tensors of a file, by name.

    Parameters
    ----------
    source : a path, or the content of a file
    name : what errors call it (the path, if there is one)

    Returns
    -------
    dict of arrays of the file's own shapes and types; tensors that share a storage there share it here

    Raises
    ------
    ImportedModelError
        If there is no file, it is no such file, is damaged, or holds anything but a dictionary of tensors.
    """
    if isinstance(source, bytes):
        content, label = source, name or "a torch file in memory"
    else:
        path, label = Path(source), name or str(source)
        if not path.is_file():
            raise ImportedModelError(f"{label}: no such file")
        content = path.read_bytes()
    stream = Stream(content, label)
    _check_start(stream)
    storages: dict[str, Storage] = {}
    entries = Machine(stream, storages).run()
    if not isinstance(entries, dict):
        raise stream.wrong(f"the file holds no dictionary of tensors but a {type(entries).__name__}")
    arrays = _elements(stream, Machine(stream, {}).run(), storages)
    return {key: _view(stream, key, tensor, arrays) for key, tensor in entries.items()}


def _check_start(stream: Stream) -> None:
    """Magic number, protocol and byte order."""
    if stream.content[:4] == b"PK\x03\x04":
        raise stream.wrong("a zip archive, as torch saves since 1.6; the format before it is supported")
    if stream.content[:1] != b"\x80" or Machine(stream, {}).run() != _MAGIC:
        raise stream.wrong("not a file of torch.save")
    if Machine(stream, {}).run() != _PROTOCOL:
        raise stream.wrong(f"not protocol {_PROTOCOL} of torch.save")
    system = Machine(stream, {}).run()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise stream.wrong("not written on a little-endian machine")


def _elements(stream: Stream, keys: Any, storages: dict[str, Storage]) -> dict[str, Array]:
    """The content of every storage, in the order of `keys`."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise stream.wrong("no list of storage keys")
    if len(keys) != len(storages) or set(keys) != set(storages):
        raise stream.wrong(f"the file stores {len(keys)} storages, but its tensors need {len(storages)}")
    arrays = {}
    for key in keys:
        storage = storages[key]
        count = stream.number("<q")
        if count != storage.count:
            raise stream.wrong(f"storage {key!r:.40} holds {count} elements, its tensors say {storage.count}")
        content = stream.take(count * np.dtype(storage.dtype).itemsize)
        arrays[key] = np.frombuffer(content, storage.dtype).copy()  # aligned, and the caller's own
    if stream.at != len(stream.content):
        raise stream.wrong(f"{len(stream.content) - stream.at} bytes follow the last storage")
    return arrays


def _view(stream: Stream, name: str, tensor: Any, arrays: dict[str, Array]) -> Array:
    """A tensor as a view of its storage; one without elements needs none of it."""
    where = f"tensor {name!r:.80}"
    if not isinstance(tensor, Tensor):
        raise stream.wrong(f"{where} is no tensor but a {type(tensor).__name__}")
    array, shape, strides = arrays[tensor.storage.key], tensor.shape, tensor.strides
    if len(shape) != len(strides) or len(shape) > _MOST_DIMENSIONS or min((*shape, *strides, 0)) < 0:
        raise stream.wrong(f"{where}: {len(shape)} dimensions and {len(strides)} strides do not fit together")
    empty = prod(shape) == 0
    elements = prod([n or 1 for n in shape] if empty else shape)
    most = _MOST_EMPTY if empty else array.size
    last = tensor.offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True) if n > 1)
    # More elements than the storage has: a stride of 0 would let one element stand for terabytes.
    if elements > most or (not empty and not 0 <= tensor.offset <= last < array.size):
        raise stream.wrong(
            f"{where}: shape {shape} with strides {strides} at {tensor.offset} leaves its storage "
            f"of {array.size} elements"
        )
    if empty:
        return np.zeros(shape, array.dtype)
    steps = [step * array.itemsize if n > 1 else 0 for n, step in zip(shape, strides, strict=True)]
    return np.lib.stride_tricks.as_strided(array[tensor.offset :], shape, steps)
