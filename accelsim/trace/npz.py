"""The `.npz` door: traces from plain numpy arrays, for people without ONNX.

One layer: arrays `weights`, `activations` and any of the options below. Several: the same names behind
`layername/`. Options are those of `trace.from_arrays`.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import TraceError
from accelsim.trace.layer import LayerTrace, from_arrays
from accelsim.trace.network import NetworkTrace, from_layers

_NEEDED = ("weights", "activations")
_GEOMETRY = ("stride", "padding", "dilation", "groups")
_OPTIONS = (
    "weight_zero_points",
    "weight_scales",
    "activation_zero_point",
    "activation_scale",
    "bias",
    "relu",
    "outputs",
    "output_zero_point",
    "output_scale",
)


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
        with np.load(file, allow_pickle=False) as arrays:
            given = {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise TraceError(f"{file}: not a .npz file of plain arrays: {error}") from error
    layers: dict[str, dict[str, Any]] = {}
    for name, array in given.items():
        layer, _, key = name.rpartition("/")
        if key not in (*_NEEDED, *_GEOMETRY, *_OPTIONS):
            known = ", ".join((*_NEEDED, *_GEOMETRY, *_OPTIONS))
            raise TraceError(f"{file}: unknown array {name!r}; known: {known}")
        layers.setdefault(layer or file.stem, {})[key] = array
    if not layers:
        raise TraceError(f"{file}: no arrays")
    return from_layers(file.stem, [_layer(file, name, arrays) for name, arrays in layers.items()])


def _layer(file: Path, name: str, arrays: dict[str, Any]) -> LayerTrace:
    for key in _NEEDED:
        if key not in arrays:
            raise TraceError(f"{file}: layer {name!r} has no {key!r}")
    options: dict[str, Any] = {}
    for key, array in arrays.items():
        if key in _GEOMETRY:
            options[key] = int(array) if np.ndim(array) == 0 else tuple(int(v) for v in array)
        elif key in _OPTIONS:
            options[key] = array.item() if np.ndim(array) == 0 else array
    try:
        return from_arrays(arrays["weights"], arrays["activations"], name=name, **options)
    except TraceError as error:
        raise TraceError(f"{file}: {error}") from error
