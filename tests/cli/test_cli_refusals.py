"""Wrong input, of every command: exit code 2, nothing on standard output, a message that says where and what."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_results import failed
from safetensors.numpy import save_file
from typer.testing import Result

from accelsim.trace import from_npz, write

Run = Callable[..., Result]

WRONG: dict[str, tuple[list[str], list[str]]] = {
    "missing trace": (["run", "none.npz"], ["error: none.npz: no such file"]),
    "foreign trace": (["run", "text.safetensors"], ["text.safetensors: not a whole safetensors file"]),
    "model for a trace": (["run", "model.onnx"], ["model.onnx: a trace is a .safetensors or .npz file, or a folder of .npy; 'accelsim import'"]),
    "scale of nothing": (["run", "scale.npz"], ["scale.npz: ", "scale"]),
    "unknown chip": (["run", "net.npz", "--hardware", "dense16"], ["dense16: neither a file nor a shipped chip", "dense-16x16"]),
    "unknown key": (["run", "net.npz", "--set", "pe_array.row=3"], ["unknown key 'row'; did you mean 'rows'?"]),
    "zero size": (["run", "net.npz", "--set", "pe_array.rows=0"], ["pe_array.rows must be at least 1, not 0"]),
    "no equals sign": (["run", "net.npz", "--set", "pe_array.rows"], ["--set"]),
    "baseline": (["run", "net.npz", "--baseline", "x"], ["--baseline must be one of dense-16x16", "not 'x'"]),
    "chip twice": (["run", "net.npz", "--hardware", "dense-16x16", "--hardware", "dense-16x16"], ["two chips are named 'dense-16x16'"]),
    "scratchpad too small": (["run", "net.npz", "--set", "scratchpad.capacity_bytes=64"], ["no plan fits the scratchpad of 64 bytes"]),
    "requests of no banks": (["run", "net.npz", "--hardware", "dense-16x16", "--dram-trace", "t"], ["--dram-trace: dram.model of dense-16x16 must be banked, not bandwidth"]),
    "between layers": (["run", "net.npz", "--between-layers", "cache"], ["between_layers must be one of dram, keep, fuse, not 'cache'"]),
    "nothing is kept": (["run", "net.npz", "--keep", "t"], ["keep 't': between_layers is 'dram', which keeps nothing"]),
    "no tensor to keep": (["run", "net.npz", "--between-layers", "keep", "--keep", "t"], ["keep 't':", "has no such tensor"]),
    "no chain to fuse": (["run", "net.npz", "--between-layers", "fuse", "--fuse", "a+c"], ["fuse a+c: no layer 'c' runs"]),
    "axis": (["sweep", "net.npz", "--over", "pe_array.rows"], ["--over must be KEY=A,B,C, not 'pe_array.rows'"]),
    "axis twice": (["sweep", "net.npz", "--over", "a=1", "--over", "a=2"], ["--over a: the axis is given twice"]),
    "axis value": (["sweep", "net.npz", "--over", "pe_array.rows=4,x"], ["pe_array.rows must be an integer, not 'x'"]),
    "model": (["import", "none.onnx", "--inputs", "i.npy", "--out", "o.safetensors"], ["none.onnx: no such file"]),
    "no inputs": (["import", "none.onnx", "--out", "o.safetensors"], ["--inputs is needed"]),
    "size": (["import", "none.onnx", "--inputs", "none.npy", "--size", "length", "--out", "o.safetensors"], ["none.npy: no such file"]),
    "topology": (["import", "bad.csv", "--out", "o.safetensors"], ["bad.csv:2: 2 columns; a convolution has 8"]),
    "inputs": (["import", "none.onnx", "--inputs", "none.npy", "--out", "o.safetensors"], ["none.npy: no such file"]),
    "PyTorch": (["import", "net/m.pt", "--inputs", "i.npy", "--out", "o.safetensors"], ["net/m.pt: PyTorch's files have no graph", "torch.onnx.export(model.eval(), (example,), 'm.onnx')", "accelsim import m.onnx"]),
    "misspelt network": (["workloads", "build", "pose-detecton", "--out", "o.safetensors"], ["no network 'pose-detecton'; there are: ", "digits-cnn", "vgg16", "did you mean 'pose-detection'?"]),
    "network to show": (["workloads", "show", "vgg-16"], ["no network 'vgg-16'; there are: ", "did you mean 'vgg16'?"]),
    "network to study": (["cache-study", "digits-cn", "--layer", "x"], ["digits-cn: neither a file nor a network", "did you mean 'digits-cnn'?"]),
    "seed": (["run", "net.npz", "--seed", "-1"], ["--seed", "greater than or equal to 0"]),
    "no time": (["verify", "net.npz", "--seconds", "0"], ["--seconds", "greater than or equal to 0.1"]),
    "plan of no layer": (["run", "net.npz", "--plans", "none.csv"], ["none.csv:3: no layer z; layers: a, b"]),
    "plan that cuts nothing": (["run", "net.npz", "--plans", "cut.csv"], ["cut.csv:2: a: tile_c must be all 16 channels or a multiple of the chunk of 64, not 7"]),
    "plan that does not fit": (["run", "net.npz", "--plans", "whole.csv", "--set", "scratchpad.capacity_bytes=1024"], ["whole.csv:2: a: no plan fits the scratchpad of 1024 bytes"]),
    "network": (["workloads", "fetch", "vgg"], ["no network 'vgg'; there are: ", "resnet50-thin"]),
    "shipped": (["workloads", "fetch", "digits-cnn"], ["digits-cnn is shipped", "accelsim workloads build digits-cnn"]),
    "no density": (["prune", "net.npz", "--out", "p.safetensors"], ["prune needs either --density or --schedule"]),
    "density": (["prune", "net.npz", "--density", "2", "--out", "p.safetensors"], ["density must be within 0..1, not 2.0"]),
    "structure": (["prune", "net.npz", "--density", "0.5", "--structure", "row", "--out", "p.safetensors"], ["structure must be one of", "'row'"]),
    "schedule": (["prune", "net.npz", "--schedule", "sched.yaml", "--out", "p.safetensors"], ["sched.yaml: a: density must be within 0..1, not 'half'"]),
    "schedule's layer": (["prune", "net.npz", "--schedule", "layer.yaml", "--out", "p.safetensors"], ["net: no layer 'z'; layers: a, b"]),
    "bits": (["quantise", "net.npz", "--bits", "3", "--out", "q.safetensors"], ["bits of weights must be one of 8, 4, 2, not 3"]),
    "codebook": (["share", "net.npz", "--bits", "9", "--out", "q.safetensors"], ["bits of a codebook must be within 1..8, not 9"]),
    "layers of another kind": (["run", "net.npz", "--hardware", "eie-64"], ["eie-64: column_broadcast runs fully connected and recurrent layers, not a convolution", "--skip-unsupported"]),
    "nothing is left": (["run", "net.npz", "--hardware", "eie-64", "--skip-unsupported"], ["net: every layer is left out on eie-64"]),
    "file with two errors": (["hardware", "check", "bad.yaml"], ["bad.yaml:2: unknown key 'colour'", "bad.yaml:3: clock_mhz must be"]),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_exit_code_2_and_a_message(case: str, run: Run, npz: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "i.npy", np.zeros((1, 3, 8, 8), np.float32))
    (tmp_path / "text.safetensors").write_text("no trace")
    (tmp_path / "model.onnx").write_bytes(b"")
    layer = {"weights": np.ones((1, 1, 1, 1), np.int8), "activations": np.ones((1, 1, 1, 1), np.uint8)}
    np.savez(tmp_path / "scale.npz", **layer, activation_scale=np.array(0.0))
    (tmp_path / "bad.yaml").write_text("schema_version: 1\ncolour: red\nclock_mhz: -5\n")
    (tmp_path / "bad.csv").write_text("Layer,\nconv1, 3,\n")
    (tmp_path / "sched.yaml").write_text("a: half\n")
    (tmp_path / "layer.yaml").write_text("z: 0.5\n")
    head = "layer,order,tile_n,tile_k,tile_c,tile_p,tile_q,resident,spatial\n"
    (tmp_path / "none.csv").write_text(f"{head}\nz,,,,,,,,\n")
    (tmp_path / "cut.csv").write_text(f"{head}a,,,,7,,,,\n")
    (tmp_path / "whole.csv").write_text(f"{head}a,,,,,,,weights+activations+outputs,\n")
    arguments, words = WRONG[case]
    failed(run(*arguments), 2, *words)


DAMAGED = {
    "short.safetensors": "not a whole safetensors file",
    "foreign.safetensors": "a safetensors file, but not a trace: it has no 'accelsim' metadata",
    "short.npz": "not a .npz file of plain arrays",
    "empty.npz": "not a .npz file of plain arrays",
}


def test_damaged_and_foreign_traces_are_told_by_every_command(run: Run, npz: Path, tmp_path: Path) -> None:
    write(from_npz(npz), tmp_path / "net.safetensors")
    whole = (tmp_path / "net.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(whole[:-20])
    save_file({"a": np.zeros(3)}, tmp_path / "foreign.safetensors")
    (tmp_path / "short.npz").write_bytes(npz.read_bytes()[:300])
    (tmp_path / "empty.npz").write_bytes(b"")
    for name, message in DAMAGED.items():
        path = str(tmp_path / name)
        for command in (
            ["run", path],
            ["trace", "info", path],
            ["verify", path],
            ["sweep", path, "--over", "pe_array.rows=2"],
        ):
            failed(run(*command), 2, f"error: {path}: {message}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty.npy", "empty.npy: not a .npy or .npz file of numbers"),
        ("archive.npz", "archive.npz: every array must have the same N"),
        ("text.npy", "text.npy: must be numbers [N, ...], not <U1 of shape (2, 2)"),
        ("one.npy", "one.npy: must be numbers [N, ...], not float64 of shape ()"),
        ("none.npy", "none.npy: must be numbers [N, ...], not float32 of shape (0, 3)"),
    ],
)
def test_inputs_that_are_no_array_of_numbers_are_told(
    name: str, words: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "archive.npz", a=np.zeros((1, 3)), b=np.zeros((2, 3)))
    np.save(tmp_path / "text.npy", np.array([["a", "b"], ["c", "d"]]))
    np.save(tmp_path / "one.npy", 1.0)
    np.save(tmp_path / "none.npy", np.zeros((0, 3), np.float32))
    failed(run("import", "m.onnx", "--inputs", name, "--out", "o.safetensors"), 2, words)
