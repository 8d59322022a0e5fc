"""Small TensorFlow Lite files, written field by field with the schema's own functions."""

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tflite

TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int8": 9, "int64": 4}


class File:
    """Collects tensors and operators; `save` writes the file."""

    def __init__(self) -> None:
        self.tensors: list[dict[str, Any]] = []
        self.operators: list[dict[str, Any]] = []
        self.generator = np.random.default_rng(11)

    def tensor(
        self,
        shape: tuple[int, ...],
        dtype: str = "float32",
        data: Any = None,
        scales: Any = (),
        zeros: Any = (),
        axis: int = 0,
        sparsity: Any = None,
        name: str = "",
    ) -> int:
        self.tensors.append(
            {
                "shape": shape,
                "dtype": dtype,
                "data": None if data is None else np.ascontiguousarray(data),
                "scales": list(scales),
                "zeros": list(zeros),
                "axis": axis,
                "sparsity": sparsity,
                "name": name or f"t{len(self.tensors)}",
            }
        )
        return len(self.tensors) - 1

    def constant(self, data: Any, **given: Any) -> int:
        array = np.asarray(data)
        return self.tensor(array.shape, array.dtype.name, array, **given)

    def normal(self, *shape: int) -> int:
        return self.constant(
            (self.generator.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)
        )

    def add(
        self, kind: str, inputs: list[int], output: int, table: str = "", custom: str = "", **options: Any
    ) -> int:
        """An operator; `options` are fields of the schema's table `table`."""
        self.operators.append(
            {
                "kind": kind,
                "inputs": inputs,
                "output": output,
                "table": table,
                "options": options,
                "custom": custom,
            }
        )
        return output

    def save(self, path: Path, inputs: list[int], outputs: list[int]) -> Path:
        b = flatbuffers.Builder(1024)
        buffers = [_buffer(b, None)] + [_buffer(b, t["data"]) for t in self.tensors]
        tensors = [_tensor(b, t, i + 1) for i, t in enumerate(self.tensors)]
        codes = [_code(b, o["kind"], o["custom"]) for o in self.operators]
        operators = [_operator(b, o, i) for i, o in enumerate(self.operators)]
        lists = {
            "Tensors": _offsets(b, tensors),
            "Operators": _offsets(b, operators),
            "Inputs": _ints(b, inputs),
            "Outputs": _ints(b, outputs),
        }
        graph = _table(b, "SubGraph", lists)
        fields = {
            "OperatorCodes": _offsets(b, codes),
            "Subgraphs": _offsets(b, [graph]),
            "Buffers": _offsets(b, buffers),
        }
        b.Finish(_table(b, "Model", {"Version": 3, **fields}), b"TFL3")
        path.write_bytes(bytes(b.Output()))
        return path


def _table(b: Any, kind: str, fields: dict[str, Any]) -> int:
    getattr(tflite, f"{kind}Start")(b)
    for name, value in fields.items():
        getattr(tflite, f"{kind}Add{name}")(b, value)
    return int(getattr(tflite, f"{kind}End")(b))


def _ints(b: Any, values: Any) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, np.int32)))


def _offsets(b: Any, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _buffer(b: Any, data: Any) -> int:
    fields = {}
    if data is not None:
        fields["Data"] = b.CreateNumpyVector(np.frombuffer(data.tobytes(), np.uint8))
    return _table(b, "Buffer", fields)


def _tensor(b: Any, given: dict[str, Any], buffer: int) -> int:
    fields = {
        "Shape": _ints(b, given["shape"]),
        "Type": TYPES[given["dtype"]],
        "Buffer": buffer,
        "Name": b.CreateString(given["name"]),
    }
    if given["scales"]:
        scale = b.CreateNumpyVector(np.asarray(given["scales"], np.float32))
        zero = b.CreateNumpyVector(np.asarray(given["zeros"] or [0] * len(given["scales"]), np.int64))
        fields["Quantization"] = _table(
            b,
            "QuantizationParameters",
            {"Scale": scale, "ZeroPoint": zero, "QuantizedDimension": given["axis"]},
        )
    if given["sparsity"]:
        fields["Sparsity"] = _sparsity(b, given["sparsity"])
    return _table(b, "Tensor", fields)


def _sparsity(b: Any, given: dict[str, Any]) -> int:
    """`order`, `blocks`, and per level a size (dense) or a pair of segments and indices (compressed)."""
    levels = []
    for level in given["levels"]:
        if isinstance(level, int):
            levels.append(_table(b, "DimensionMetadata", {"Format": 0, "DenseSize": level}))
            continue
        vectors = {}
        for field, values in zip(("ArraySegments", "ArrayIndices"), level, strict=True):
            values = np.asarray(values)
            kind, number = {
                "int32": ("Int32Vector", 1),
                "uint16": ("Uint16Vector", 2),
                "uint8": ("Uint8Vector", 3),
            }[values.dtype.name]
            vectors[f"{field}Type"] = number
            vectors[field] = _table(b, kind, {"Values": b.CreateNumpyVector(values)})
        levels.append(_table(b, "DimensionMetadata", {"Format": 1, **vectors}))
    fields = {"TraversalOrder": _ints(b, given["order"]), "DimMetadata": _offsets(b, levels)}
    if given.get("blocks"):
        fields["BlockMap"] = _ints(b, given["blocks"])
    return _table(b, "SparsityParameters", fields)


def _code(b: Any, kind: str, custom: str) -> int:
    number = getattr(tflite.BuiltinOperator, kind)
    fields = {"BuiltinCode": number, "DeprecatedBuiltinCode": min(number, 127), "Version": 1}
    if custom:
        fields["CustomCode"] = b.CreateString(custom)
    return _table(b, "OperatorCode", fields)


def _operator(b: Any, given: dict[str, Any], code: int) -> int:
    fields = {
        "OpcodeIndex": code,
        "Inputs": _ints(b, given["inputs"]),
        "Outputs": _ints(b, [given["output"]]),
    }
    if given["table"]:
        options = {n: _ints(b, v) if isinstance(v, (list, tuple)) else v for n, v in given["options"].items()}
        fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, given["table"])
        fields["BuiltinOptions"] = _table(b, given["table"], options)
    return _table(b, "Operator", fields)
