"""A folder of `.npy` files, one per tensor, as some simulators write them.

::

    net/conv1/weights.npy  net/conv1/activations.npy  net/conv1/stride.npy   # or conv1-weights.npy, ...
    net/wgt-conv1.npy      net/act-conv1-0.npy                               # or so
    net/layers.csv                                                           # layer,stride,padding,groups

Names of arrays are those of the `.npz` door. `layers.csv` may hold the options that are numbers.
"""

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import TraceError
from accelsim.trace.network import NetworkTrace
from accelsim.trace.npz import KNOWN, from_named_arrays

_WORDS = {
    "act": "activations",
    "activation": "activations",
    "input": "activations",
    "output": "outputs",
    "weight": "weights",
    "wgt": "weights",
}
_TABLE = "layers.csv"


def from_folder(path: str | Path, *, channels_first: bool = False) -> NetworkTrace:
    """A trace from a folder of `.npy` files; nothing in them is unpickled.

    Parameters
    ----------
    channels_first : weights are K,C,R,S and activations N,C,H,W, instead of channel last

    Raises
    ------
    TraceError
        If a file is no array of numbers or has a name that says neither layer nor tensor, or arrays do
        not fit.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise TraceError(f"{folder}: no such folder")
    given: dict[str, Any] = {}
    for file in sorted(folder.rglob("*.npy")):
        name = _name(file.relative_to(folder), file)
        if name in given:
            raise TraceError(f"{file}: a second array {name!r}")
        try:
            array = np.load(file, allow_pickle=False)
        except Exception as error:  # numpy raises a dozen kinds for a damaged header
            raise TraceError(f"{file}: not a .npy file of numbers: {error}") from error
        given[name] = _channels_last(array) if channels_first else array
    for name, number in _numbers(folder / _TABLE).items():
        given.setdefault(name, np.array(number))
    return from_named_arrays(folder, given)


def _channels_last(array: Any) -> Any:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def _name(relative: Path, file: Path) -> str:
    """`layer/array` of a file's path: the array's name stands last or first."""
    text = relative.with_suffix("").as_posix()
    known = {**{name: name for name in KNOWN}, **_WORDS}
    words = "|".join(sorted(known, key=len, reverse=True))
    last = re.fullmatch(rf"(?:(.+)[/._-])?({words})", text)
    if last:
        layer, word = last.groups()
        return f"{layer}/{known[word]}" if layer else known[word]
    first = re.fullmatch(rf"({words})[/._-](.+?)(?:-0)?", text)
    if first:
        word, layer = first.groups()
        return f"{layer}/{known[word]}"
    raise TraceError(f"{file}: its name has no array's: {', '.join(KNOWN)}")


def _numbers(table: Path) -> dict[str, int]:
    """`layer/option` -> number, of a folder's table; raises TraceError with file and line."""
    if not table.is_file():
        return {}
    found: dict[str, int] = {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            for row in reader:
                found |= _options(row, f"{table}:{reader.line_num}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{table}: is not CSV in UTF-8: {error}") from error
    return found


def _options(row: dict[str, Any], where: str) -> dict[str, int]:
    layer = (row.pop("layer", None) or "").strip()
    found = {}
    for key, text in row.items():
        if not layer or key is None or text is None:
            raise TraceError(f"{where}: needs a layer and as many columns as the head")
        if not text.strip():
            continue
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", text):
            raise TraceError(f"{where}: {key} must be a whole number of at most 9 digits, not {text!r}")
        found[f"{layer}/{key.strip()}"] = int(text)
    return found
