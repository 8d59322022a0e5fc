"""Where fuzzing starts: true encodings, traces, arrays, chips and topologies, all small."""

import json
import struct
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

import accelsim
from accelsim.formats import FORMATS, NOfM, Stream

sys.path.append(str(Path(__file__).parents[1] / "frontend"))  # files written by hand there

DTYPES = ("int8", "uint8", "int16", "float32")  # of the cases of encodings, by their first byte


def case_of(stream: Stream, shape: tuple[int, ...], zero: int | np.ndarray[Any, Any]) -> bytes:
    """The bytes that `fuzz_targets.stream_of` cuts into this stream."""
    zeros = np.atleast_1d(zero)
    head = [DTYPES.index(stream.payload.dtype.name), len(shape), *shape, zeros.size if np.ndim(zero) else 255]
    middle = zeros.astype("<i2").tobytes() + struct.pack("<H", stream.metadata.size)
    return bytes(head) + middle + stream.metadata.tobytes() + stream.payload.tobytes()


def seeds_of(name: str) -> Callable[[Path], list[bytes]]:
    encoding = FORMATS[name]

    def seeds(folder: Path) -> list[bytes]:
        generator = np.random.default_rng(7)
        found = []
        for shape in ((), (0,), (40,), (3, 1, 1, 20), (4, 9), (2, 3, 3, 5)):
            for dtype in (np.int8, np.uint8, np.int16):
                zero = 3 if dtype == np.uint8 else 0
                dense = generator.integers(4, 9, shape).astype(dtype)
                sparse = np.where(generator.random(shape) < 0.25, dense, np.asarray(zero, dtype))
                if isinstance(encoding, NOfM) and shape:
                    sparse[...] = zero
                    sparse[..., :: encoding.m] = dense[..., :: encoding.m]
                per_filter = len(shape) > 1
                zeros = np.full(shape[0], zero, np.int32) if per_filter else zero
                found.append(case_of(encoding.encode(sparse, zeros), shape, zeros))
        return found

    return seeds


def trace_seeds(folder: Path) -> list[bytes]:
    from accelsim.trace import from_arrays, from_layers, write

    generator = np.random.default_rng(3)
    weights = generator.integers(-2, 3, (2, 1, 3, 2)).astype(np.int8)
    activations = generator.integers(0, 3, (1, 2, 4, 4)).astype(np.uint8)
    layers = [
        from_arrays(weights, activations, name="a", padding=1, groups=2, bias=np.arange(2)),
        from_arrays(weights[:, 0, 0], activations[:, 0, 0, :2], name="b", relu=True),
    ]
    written = []
    for name, chosen in (("one", layers[1:]), ("two", layers)):
        write(from_layers(name, chosen), folder / "seed.safetensors")
        written.append((folder / "seed.safetensors").read_bytes())
    return written


def sealed_seeds(folder: Path) -> list[bytes]:
    found = []
    for whole in trace_seeds(folder):
        length = struct.unpack("<Q", whole[:8])[0]
        header = json.loads(whole[8 : 8 + length])
        described = header.pop("__metadata__")["accelsim"]
        found.append(described.encode() + b"\n" + json.dumps(header).encode() + b"\n" + whole[8 + length :])
    return found


_LAYER: dict[str, Any] = {
    "weights": np.ones((2, 1, 3, 2), np.int8),
    "activations": np.ones((1, 2, 4, 4), np.uint8),
    "stride": np.array([1, 2]),
    "padding": np.array(1),
    "groups": np.array(2),
    "weight_scales": np.array([0.5, 1.0]),
    "bias": np.arange(2),
    "activation_zero_point": np.array(3),
    "activation_scale": np.array(0.5),
    "relu": np.array(True),
    "outputs": np.ones((1, 4, 2, 2), np.uint8),
}


def npz_seeds(folder: Path) -> list[bytes]:
    found = []
    for save in (np.savez, np.savez_compressed):
        packed = BytesIO()
        save(packed, **{f"a/{key}": array for key, array in _LAYER.items()})
        found.append(packed.getvalue())
    return found


def npz_array_seeds(folder: Path) -> list[bytes]:
    return [b"".join(_entry(f"a/{key}.npy", array) for key, array in _LAYER.items())]


def folder_seeds(folder: Path) -> list[bytes]:
    both = {key: _LAYER[key] for key in ("weights", "activations")}
    table = b"layer,stride,padding,groups\na,1,1,2\n"
    return [
        b"".join(_entry(f"a-{key}.npy", array) for key, array in _LAYER.items()),
        _entry("wgt-a.npy", both["weights"])
        + _entry("act-a-0.npy", both["activations"])
        + b"\x0alayers.csv"
        + struct.pack("<H", len(table))
        + table,
    ]


def _entry(name: str, array: Any) -> bytes:
    one = BytesIO()
    np.save(one, array)
    return bytes([len(name)]) + name.encode() + struct.pack("<H", len(one.getvalue())) + one.getvalue()


def tflite_seeds(folder: Path) -> list[bytes]:
    from tflite_by_hand import File

    file = File()
    x = file.tensor((1, 4, 4, 2), "int8", scales=[0.5], zeros=[3])
    levels: list[Any] = [2, (np.array([0, 1, 3], np.int32), np.array([1, 0, 2], np.uint8))]
    weights = file.tensor(
        (2, 4),
        "int8",
        np.array([1, 2, 3], np.int8),
        sparsity={"order": [0, 1], "levels": levels},
        scales=[1.0],
    )
    bias = file.constant(np.arange(2, dtype=np.int32))
    y = file.tensor((4, 2), "int8", scales=[0.5], zeros=[0])
    file.add("FULLY_CONNECTED", [x, weights, bias], y, "FullyConnectedOptions")
    return [file.save(folder / "seed.tflite", [x], [y]).read_bytes()]


def torch_seeds(folder: Path) -> list[bytes]:
    from torch_by_hand import Storage, Tensor, stream

    shared = Storage("1", np.arange(6, dtype=np.float32))
    whole = Storage("0", np.arange(3), "LongStorage")
    return [
        stream({"a": Tensor(shared, 0, (2, 3), (3, 1)), "b": Tensor(shared, 1, (2,), (2,))}),
        stream({"n": Tensor(whole, 0, (3,), (1,))}),
    ]


def hardware_seeds(folder: Path) -> list[bytes]:
    from accelsim.hardware import presets

    shipped = [path.read_bytes() for path in presets().values()]
    bare = [b"\n".join(line.split(b" #")[0] for line in text.splitlines()) for text in shipped]
    return [*bare, bare[0] + b"\0pe_array.rows=32\ndram.latency_ns=1e2"]


def topology_seeds(folder: Path) -> list[bytes]:
    return [
        b"Layer, H, W, R, S, C, K, Strides,\nConv1, 24, 30, 7, 5, 3, 64, 2,\n\nFC, 1, 1, 1, 1, 20, 10, 1\n",
        b"Layer, M, N, K,\r\nqkv, 128, 768, 512,\r\n",
    ]


def plan_seeds(folder: Path) -> list[bytes]:
    head = b"layer,order,tile_n,tile_k,tile_c,tile_p,tile_q,resident,spatial\n"
    return [
        head + b"conv1,NPCKQ,1,32,1,7,55,outputs,\nconv2,NPKCQ,1,64,2,27,27,,K8+NPQ4+CRS2\n",
        head + b'"a,b",NKCPQ,4,8,16,2,3,weights+activations,\r\n\n',
    ]


def device_seeds(folder: Path) -> list[bytes]:
    table = Path(accelsim.__file__).parent / "hardware" / "dram" / "timing.csv"
    head, *rows = table.read_bytes().splitlines(keepends=True)
    names = dict.fromkeys(row.split(b",")[0] for row in rows)
    return [head + b"".join(row for row in rows if row.startswith(name + b",")) for name in names]


def study_seeds(folder: Path) -> list[bytes]:
    head = b"name: s\nbase: both-skip-16x16\nworkloads: [a.safetensors]\n"
    return [
        head
        + b"axes:\n- {key: pe_array.rows, values: [8, 16]}\n- {key: a, log: {from: 1, to: 8, points: 4}}\n",
        head + b"axes:\n- {keys: [a, b], values: [[1, 2]], when: c <= 3}\nconstraints: [a * b <= 1e6]\n",
        head + b"objectives: [{minimise: cycles_mean}]\nsampler: {kind: optuna, points: 3, seed: 1}\n",
    ]
