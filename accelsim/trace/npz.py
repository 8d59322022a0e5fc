"""The `.npz` door: traces from plain numpy arrays, for people without ONNX.

One layer: arrays `weights`, `activations` and any of the options below. Several: the same names behind
`layername/`. Options are those of `trace.from_arrays`.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.trace.layer import LayerTrace, from_arrays
from accelsim.trace.network import NetworkTrace
from accelsim.trace.separate import from_layers

_NEEDED = ("weights", "activations")
_ARRAYS = ("weight_zero_points", "weight_scales", "bias", "outputs")
_WHOLE_PAIR = ("iu", 1, "whole numbers")
_WHOLE = ("iu", 0, "one whole number")
_REAL = ("iuf", 0, "one number")
# Kinds of dtype, most dimensions, what messages call it.
_NUMBERS = {
    "stride": _WHOLE_PAIR,
    "padding": _WHOLE_PAIR,
    "dilation": _WHOLE_PAIR,
    "groups": _WHOLE,
    "activation_zero_point": _WHOLE,
    "activation_scale": _REAL,
    "output_zero_point": _WHOLE,
    "output_scale": _REAL,
    "relu": ("b", 0, "true or false"),
}
KNOWN = (*_NEEDED, *_NUMBERS, *_ARRAYS)


def from_npz(path: str | Path) -> NetworkTrace:
    """A trace from a `.npz` file; nothing in it is unpickled.

    Raises
    ------
    TraceError
        If the file is no `.npz` of plain arrays, or a layer's arrays are unknown, missing or do not fit.
    """
    file = Path(path)
    if not file.is_file():
        raise TraceError(f"{file}: no such file")
    try:
        with file.open("rb") as opened:
            if not zipfile.is_zipfile(opened):
                raise ValueError("File is not a zip file")
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as arrays:
                given = {name: arrays[name] for name in arrays.files}
    except (
        Exception
    ) as error:  # of a damaged file numpy, zipfile, zlib and Python's own parser raise a dozen kinds
        raise TraceError(f"{file}: not a .npz file of plain arrays: {error}") from error
    return from_named_arrays(file, given)


def from_named_arrays(file: Path, given: Mapping[str, Any]) -> NetworkTrace:
    """A trace from arrays `weights`, or `layername/weights`, ...; `file` names it in errors.

    Raises
    ------
    TraceError
        If there are none, or a layer's arrays are unknown, missing or do not fit.
    """
    layers: dict[str, dict[str, Any]] = {}
    for name, array in given.items():
        layer, _, key = name.rpartition("/")
        if key not in KNOWN:
            raise TraceError(f"{file}: unknown array {name!r}; known: {', '.join(KNOWN)}")
        if not isinstance(array, np.ndarray):
            raise TraceError(f"{file}: {name!r} is no array")
        layers.setdefault(layer or file.stem, {})[key] = array
    if not layers:
        raise TraceError(f"{file}: no arrays")
    read = [_layer(file, name, arrays) for name, arrays in layers.items()]
    try:
        return from_layers(file.stem, read)
    except TraceError as error:
        raise TraceError(f"{file}: {error}") from error


def _layer(file: Path, name: str, arrays: dict[str, Any]) -> LayerTrace:
    for key in _NEEDED:
        if key not in arrays:
            raise TraceError(f"{file}: layer {name!r} has no {key!r}")
    options = {key: _option(file, name, key, array) for key, array in arrays.items() if key not in _NEEDED}
    try:
        return from_arrays(arrays["weights"], arrays["activations"], name=name, **options)
    except TraceError as error:
        raise TraceError(f"{file}: {error}") from error


def _option(file: Path, layer: str, key: str, array: npt.NDArray[Any]) -> Any:
    """An option as `from_arrays` takes it: arrays as they are, numbers without loss."""
    if key in _ARRAYS:
        return array
    kinds, dimensions, wanted = _NUMBERS[key]
    if array.dtype.kind not in kinds or array.ndim > dimensions:
        raise TraceError(
            f"{file}: layer {layer!r}: {key} must be {wanted}, not {array.dtype} of shape {array.shape}"
        )
    return tuple(array.tolist()) if array.ndim else array.item()
