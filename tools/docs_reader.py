"""The folder that a reader stands in: a checkout, with small stand-ins for files of the reader's own.

Stand-ins have the names that pages use and the least shape with which each command does what its page says.
Importing a model is tested in tests/frontend; here it is that the documented words work.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from docs_blocks import ROOT

TOKENS, WIDTH, SIDE = 64, 16, 8
CHECKOUT = ("Makefile", "benchmarks", "constraints.txt", "pyproject.toml", "tests", "tools", "workloads")
# No SLURM is here: a job starts at once, as processes of this machine. $SCRATCH is the user's cache folder.
SBATCH = """#!/bin/sh
job=$(mktemp -p {folder}) && cp "$1" "$job"
export SLURM_TMPDIR=$(mktemp -d -p {folder}) SCRATCH={scratch}
setsid bash "$job" > "$job.out" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = '#!/bin/sh\nkill -- "-$1"\n'


def furnish(folder: Path) -> None:
    """The checkout with its environment, and every file that pages call the reader's own."""
    for name in CHECKOUT:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    slurm(folder / "slurm")
    generator = np.random.default_rng(0)
    sys.path.insert(0, str(ROOT / "tests" / "frontend"))
    try:
        image_models(folder, generator)
        token_model(folder, generator)
    finally:
        sys.path.pop(0)
    arrays(folder, generator)


def slurm(folder: Path) -> None:
    """`sbatch` and `scancel` for processes of this machine."""
    folder.mkdir()
    scratch = Path(platformdirs.user_cache_dir("accelsim")).parent
    texts = {"sbatch": SBATCH.format(folder=folder, scratch=scratch), "scancel": SCANCEL}
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def image_models(folder: Path, generator: np.random.Generator) -> None:
    """`model.onnx` and `model.tflite`, two convolutions each, and `images.npy`: as many channels as rows and
    columns, so that one file suits both orders of axes.
    """
    from onnx_by_hand import Model
    from tflite_by_hand import File

    images = np.maximum(generator.normal(size=(4, SIDE, SIDE, SIDE)), 0).astype(np.float32)
    np.save(folder / "images.npy", images)
    model = Model(channels=SIDE, size=SIDE, batch="N")
    model.conv(SIDE, 16)
    model.conv(16, 32, size=1)
    model.save(folder / "model.onnx")
    file = File()
    image = file.tensor((1, SIDE, SIDE, SIDE))
    steps = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    last = image
    for channels, filters in ((SIDE, 16), (16, 32)):
        output = file.tensor((1, SIDE, SIDE, filters))
        weights = [file.normal(filters, 1, 1, channels), file.normal(filters)]
        options = {**steps, "Padding": 0, "FusedActivationFunction": 1}
        last = file.add("CONV_2D", [last, *weights], output, "Conv2DOptions", **options)
    file.save(folder / "model.tflite", [image], [last])


def token_model(folder: Path, generator: np.random.Generator) -> None:
    """`bert.onnx`, an embedding and a layer over a dynamic `sequence`, and `tokens.npz`."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    held = {
        "table": generator.normal(size=(TOKENS, WIDTH)).astype(np.float32),
        "query": generator.normal(size=(WIDTH, WIDTH)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"], name="embed"),
        helper.make_node("MatMul", ["embedded", "query"], ["product"], name="query"),
        helper.make_node("Relu", ["product"], ["y"], name="end"),
    ]
    graph = helper.make_graph(
        nodes,
        "tokens",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "sequence", WIDTH])],
        [numpy_helper.from_array(array, name) for name, array in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "bert.onnx")
    np.savez(folder / "tokens.npz", input_ids=generator.integers(0, TOKENS, (2, 128)))


def arrays(folder: Path, generator: np.random.Generator) -> None:
    """`layer.npz`, `folder/` of .npy, `topology.csv` for SCALE-Sim, `my.safetensors`, `my-chip.yaml`."""
    layer: dict[str, Any] = {
        "weights": generator.integers(-90, 90, (16, 3, 3, SIDE), dtype=np.int8),
        "activations": generator.integers(0, 3, (1, SIDE, SIDE, SIDE), dtype=np.uint8),
        "padding": np.array(1),
    }
    np.savez(folder / "layer.npz", **layer)
    inside = folder / "folder" / "conv1"
    inside.mkdir(parents=True)
    for name, array in layer.items():
        np.save(inside / f"{name}.npy", array)
    (folder / "topology.csv").write_text(
        "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
        "Conv1, 14, 14, 3, 3, 16, 16, 1,\n"
    )
    (folder / "my.safetensors").write_bytes((ROOT / "workloads" / "digits-mlp.safetensors").read_bytes())
    from accelsim.hardware import load_hardware, to_yaml

    (folder / "my-chip.yaml").write_text(to_yaml(load_hardware("both-skip-16x16")))
