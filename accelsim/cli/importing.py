"""import: models of other formats become traces."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from accelsim.cli.app import JSON, app, guarded, show
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.trace import NetworkTrace


_OF_PYTORCH = (".pt", ".pth", ".pt2", ".ckpt", ".torchscript")


@app.command("import")
@guarded
def import_model(
    model: Path = typer.Argument(
        help="an ONNX or TensorFlow Lite model, a SCALE-Sim topology (.csv), or a folder of .npy files"
    ),
    inputs: Path | None = typer.Option(
        None,
        "--inputs",
        help=".npy of inputs, [N, ...] (time first: [N, T, 1, C]); .npz of one such array per input",
    ),
    calibration: Path | None = typer.Option(None, "--calibration", help="as --inputs; default: the inputs"),
    out: Path = typer.Option(..., "--out", help="the trace to write, .safetensors"),
    batch: int | None = typer.Option(
        None, "--batch", min=1, help="fixes a dynamic first dimension (1: one image each)"
    ),
    sizes: list[str] = typer.Option([], "--size", metavar="NAME=N", help="fixes another dynamic dimension"),
    channels_first: bool = typer.Option(
        False, "--channels-first", help="of a folder: weights K,C,R,S and activations N,C,H,W"
    ),
    weight_density: float = typer.Option(1.0, "--weight-density", help="of a topology's synthetic tensors"),
    activation_density: float = typer.Option(1.0, "--activation-density", help="the same for activations"),
    seed: int = typer.Option(0, "--seed", min=0, help="of a topology's synthetic tensors"),
    as_json: bool = JSON,
) -> None:
    """Quantise a model and capture it on real inputs; draw a topology's tensors; or read a folder's."""
    from accelsim.trace import from_folder, places, write

    if model.is_dir():
        trace = from_folder(model, channels_first=channels_first)
    elif model.suffix == ".csv":
        trace = _topology(model, weight_density, activation_density, seed)
    else:
        _check_exported(model)
        if inputs is None:
            raise InputError("--inputs is needed: activations are captured on real inputs")
        samples = read_samples(inputs)
        calibrated = samples if calibration is None else read_samples(calibration)
        trace = _captured(model, samples, calibrated, batch, _sizes(sizes))
    write(trace, out)
    where = places(trace.network)
    if as_json:
        show(
            {
                "trace": str(out),
                "layers": len(trace.layers),
                **{k.replace(" ", "_"): v for k, v in where.items()},
            }
        )
        return
    print(f"{out}: {len(trace.layers)} layers on the array")
    for key, value in trace.network.provenance.items():
        print(f"{key}: {value}")
    for place, parts in where.items():
        kinds = Counter(part.split(" '")[0] for part in parts)
        print(f"{place}: {', '.join(f'{count} {kind}' for kind, count in kinds.items()) or 'nothing'}")
    print("refused: nothing")


def _check_exported(model: Path) -> None:
    """Raise InputError for a file of PyTorch's: it has weights, or code, and no graph to read."""
    if model.suffix in _OF_PYTORCH:
        onnx = f"{model.stem}.onnx"
        raise InputError(
            f"{model}: PyTorch's files have no graph that can be read; export the model to ONNX in Python: "
            f"torch.onnx.export(model.eval(), (example,), '{onnx}'), example one input as a tensor; then: "
            f"accelsim import {onnx} --inputs inputs.npy --out FILE (docs/howto/import_a_network.md)"
        )


def read_samples(path: Path) -> list[Any]:
    """Inputs of a model from a file: of `.npy` [N, ...] one array each; of `.npz` a dict each, by name.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds no numbers.
    """
    import numpy as np

    if not path.exists():
        raise InputError(f"{path}: no such file")
    try:
        loaded = np.load(path, allow_pickle=False)
        named = (
            {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
        )
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        raise InputError(f"{path}: not a .npy or .npz file of numbers: {error}") from error
    for name, array in named.items():
        label = f"{path}: {name}" if name else str(path)
        if array.dtype.kind not in "biuf" or array.ndim < 2 or not len(array):
            raise InputError(f"{label}: must be numbers [N, ...], not {array.dtype} of shape {array.shape}")
    if not named or len({len(array) for array in named.values()}) > 1:
        raise InputError(f"{path}: every array must have the same N")
    if "" in named:
        array = named[""].astype(np.float32) if named[""].dtype.kind in "bf" else named[""]
        return [array[i : i + 1] for i in range(len(array))]
    count = len(next(iter(named.values())))
    return [{name: array[i : i + 1] for name, array in named.items()} for i in range(count)]


def _topology(model: Path, weight_density: float, activation_density: float, seed: int) -> "NetworkTrace":
    from accelsim.frontend.topology import read_topology
    from accelsim.zoo import shape_network_of, synthetic_trace

    layers = read_topology(model)
    source = f"topology {model.name}"
    network = shape_network_of(model.stem, layers, weight_density, activation_density, source)
    return synthetic_trace(network, seed)


def _captured(
    model: Path, samples: list[Any], calibration: list[Any], batch: int | None, sizes: dict[str, int]
) -> "NetworkTrace":
    from accelsim.frontend.onnx import import_onnx
    from accelsim.frontend.tflite import import_tflite

    if model.suffix == ".tflite":
        return import_tflite(model, samples, calibration)
    return import_onnx(model, samples, calibration, batch=batch, sizes=sizes)


def _sizes(given: list[str]) -> dict[str, int]:
    sizes = {}
    for text in given:
        name, _, size = text.partition("=")
        if not name or not size.isdecimal() or int(size) < 1:
            raise InputError(f"--size must be NAME=N, not {text!r}")
        sizes[name] = int(size)
    return sizes
