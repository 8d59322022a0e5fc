"""A TensorFlow Lite file as plain Python: tensors, operators and their options.

Constants are numpy arrays: float16 stays float16, sparse tensors are made dense. Nothing of the
file is trusted: what does not fit its own description is an ImportedModelError.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import ImportedModelError, InputError

Array = npt.NDArray[Any]
_DTYPES = {
    "FLOAT32": "float32",
    "FLOAT16": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
_MOST_ELEMENTS = 1 << 31  # of one tensor: a damaged shape must not become an allocation of terabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteTensor:
    """A tensor: `scales` and `zero_points` are empty if it is not quantised; `axis` is theirs."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: Array | None
    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteOperator:
    """An operator: the schema's name of it, tensors by index (-1: absent), and its options' table or None."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteGraph:
    """The one subgraph of a file."""

    label: str
    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(path: str | Path) -> TfliteGraph:
    """The graph of a file.

    Raises
    ------
    ImportedModelError
        If it is missing, damaged, has several subgraphs, or a tensor of an unknown type.
    InputError
        If the `tflite` package is not installed.
    """
    file = Path(path)
    try:
        import tflite
    except ImportError as error:
        raise InputError(f"{error.name} is not installed: pip install 'accelsim[tflite]'") from error
    if not file.is_file():
        raise ImportedModelError(f"{file}: no such file")
    data = file.read_bytes()
    if data[4:8] != b"TFL3":
        raise ImportedModelError(f"{file}: not a TensorFlow Lite file")
    try:
        return _graph(tflite.Model.GetRootAs(data, 0), str(file))
    except ImportedModelError:
        raise
    except Exception as error:  # flatbuffers checks nothing: damage shows as any kind of error
        raise ImportedModelError(f"{file}: damaged TensorFlow Lite file: {error}") from error


def _graph(model: Any, label: str) -> TfliteGraph:
    if model.SubgraphsLength() != 1:
        raise ImportedModelError(f"{label}: one subgraph is supported, not {model.SubgraphsLength()}")
    graph = model.Subgraphs(0)
    tensors = tuple(_tensor(model, graph.Tensors(i), i, label) for i in range(graph.TensorsLength()))
    operators = tuple(_operator(model, graph.Operators(i), i) for i in range(graph.OperatorsLength()))
    inputs, outputs = tuple(_indices(graph, "Inputs")), tuple(_indices(graph, "Outputs"))
    for index in (*inputs, *outputs, *(t for o in operators for t in (*o.inputs, *o.outputs))):
        if not -1 <= index < len(tensors):
            raise ImportedModelError(f"{label}: tensor {index} of {len(tensors)} is named")
    return TfliteGraph(label=label, tensors=tensors, operators=operators, inputs=inputs, outputs=outputs)


def _indices(table: Any, field: str) -> Iterator[int]:
    # Element by element: an empty vector's AsNumpy is the number 0.
    read = getattr(table, field)
    return (int(read(i)) for i in range(getattr(table, field + "Length")()))


@cache
def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _operator(model: Any, operator: Any, index: int) -> TfliteOperator:
    import tflite

    code = model.OperatorCodes(operator.OpcodeIndex())
    kind = _names(tflite.BuiltinOperator)[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    if kind == "CUSTOM":
        kind = f"CUSTOM {(code.CustomCode() or b'?').decode()}"
    options, table = None, operator.BuiltinOptions()
    if table is not None:
        options = getattr(tflite, _names(tflite.BuiltinOptions)[operator.BuiltinOptionsType()])()
        options.Init(table.Bytes, table.Pos)
    return TfliteOperator(
        index=index,
        kind=kind,
        inputs=tuple(_indices(operator, "Inputs")),
        outputs=tuple(_indices(operator, "Outputs")),
        options=options,
    )


def _tensor(model: Any, tensor: Any, index: int, label: str) -> TfliteTensor:
    import tflite

    name = (tensor.Name() or b"").decode() or f"tensor{index}"
    shape = tuple(_indices(tensor, "Shape"))
    kind = _names(tflite.TensorType)[tensor.Type()]
    where = f"{label}: tensor {index} {name!r}"
    if min(shape, default=0) < 0 or prod(shape) > _MOST_ELEMENTS:
        raise ImportedModelError(f"{where}: shape {shape}")
    buffer = model.Buffers(tensor.Buffer())
    constant = None
    if buffer is not None and buffer.DataLength():
        if kind not in _DTYPES:
            raise ImportedModelError(f"{where}: constants of type {kind} are not supported")
        values = np.frombuffer(buffer.DataAsNumpy().tobytes(), np.dtype(_DTYPES[kind]).newbyteorder("<"))
        sparsity = tensor.Sparsity()
        if sparsity is not None:
            values = _densified(values, shape, sparsity, where)
        elif values.size != prod(shape):
            raise ImportedModelError(f"{where}: {values.size} values for shape {shape}")
        constant = values.reshape(shape).astype(_DTYPES[kind])
    quantised = tensor.Quantization()
    scales = [float(s) for s in _indices_of(quantised, "Scale")]
    zeros = [int(z) for z in _indices_of(quantised, "ZeroPoint")]
    return TfliteTensor(
        name=name,
        shape=shape,
        dtype=_DTYPES.get(kind, kind),
        constant=constant,
        scales=np.array(scales, np.float32),
        zero_points=np.array(zeros or [0] * len(scales), np.int64),
        axis=quantised.QuantizedDimension() if quantised is not None else 0,
    )


def _indices_of(table: Any, field: str) -> Iterator[Any]:
    if table is None:
        return iter(())
    read = getattr(table, field)
    return (read(i) for i in range(getattr(table, field + "Length")()))


def _densified(values: Array, shape: tuple[int, ...], sparsity: Any, where: str) -> Array:
    """A sparse tensor made dense: level by level of its traversal, dense or compressed, blocks innermost."""
    order, blocks = list(_indices(sparsity, "TraversalOrder")), list(_indices(sparsity, "BlockMap"))
    rank, levels = len(shape), sparsity.DimMetadataLength()
    if levels != rank + len(blocks) or sorted(order) != list(range(levels)):
        raise ImportedModelError(f"{where}: sparsity of {levels} levels in order {order} for shape {shape}")
    if any(not 0 <= axis < rank for axis in blocks) or len(set(blocks)) != len(blocks):
        raise ImportedModelError(f"{where}: sparsity blocks dimensions {blocks} of {rank}")
    # Extent of each expanded dimension: outer dimensions are cut by their blocks.
    sizes = [sparsity.DimMetadata(order.index(rank + i)).DenseSize() for i in range(len(blocks))]
    cut = dict(zip(blocks, sizes, strict=True))
    if any(size < 1 for size in sizes) or any(shape[axis] % size for axis, size in cut.items()):
        raise ImportedModelError(f"{where}: sparsity blocks of {sizes} do not cut shape {shape}")
    extents = [extent // cut.get(axis, 1) for axis, extent in enumerate(shape)] + sizes
    coordinates: dict[int, npt.NDArray[np.int64]] = {}
    positions = np.zeros(1, np.int64)
    for level, dimension in enumerate(order):
        parents, along = _level(sparsity.DimMetadata(level), positions, extents[dimension], where)
        if len(along) > max(values.size, prod(shape)):
            raise ImportedModelError(f"{where}: sparsity names more elements than shape {shape} has")
        coordinates = {d: c[parents] for d, c in coordinates.items()} | {dimension: along}
        # The place in the next level: dense levels number all children, compressed ones those stored.
        positions = (
            np.arange(len(along), dtype=np.int64)
            if sparsity.DimMetadata(level).Format()
            else positions[parents] * extents[dimension] + along
        )
    if len(positions) != values.size or (len(positions) and positions.max() >= values.size):
        raise ImportedModelError(f"{where}: sparsity names {len(positions)} of {values.size} values")
    index = tuple(
        coordinates[axis] * cut.get(axis, 1)
        + (coordinates[rank + blocks.index(axis)] if axis in cut else np.int64(0))
        for axis in range(rank)
    )
    dense = np.zeros(shape, values.dtype)
    dense[index] = values[positions]
    return dense


def _level(
    metadata: Any, positions: npt.NDArray[np.int64], extent: int, where: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Children of all nodes of a level: index of the parent of each, and its coordinate."""
    if not metadata.Format():
        if metadata.DenseSize() != extent:
            raise ImportedModelError(f"{where}: sparsity states size {metadata.DenseSize()}, not {extent}")
        if len(positions) * extent > _MOST_ELEMENTS:
            raise ImportedModelError(f"{where}: sparsity names more elements than its shape has")
        return (
            np.repeat(np.arange(len(positions)), extent),
            np.tile(np.arange(extent, dtype=np.int64), len(positions)),
        )
    segments = _index_vector(metadata.ArraySegments(), metadata.ArraySegmentsType(), where)
    indices = _index_vector(metadata.ArrayIndices(), metadata.ArrayIndicesType(), where)
    if len(segments) != len(positions) + 1 or segments[0] != 0 or segments[-1] != len(indices):
        raise ImportedModelError(f"{where}: sparsity has {len(segments)} segments for {len(positions)} rows")
    counts = np.diff(segments)
    if (counts < 0).any() or (len(indices) and not 0 <= indices.min() <= indices.max() < extent):
        raise ImportedModelError(f"{where}: sparsity goes back, or names an index outside 0..{extent - 1}")
    return np.repeat(np.arange(len(positions)), counts), indices


def _index_vector(table: Any, kind: int, where: str) -> npt.NDArray[np.int64]:
    import tflite

    if table is None or kind == 0:
        raise ImportedModelError(f"{where}: sparsity without indices")
    vector = getattr(tflite, _names(tflite.SparseIndexVector)[kind])()
    vector.Init(table.Bytes, table.Pos)
    if not vector.ValuesLength():
        return np.zeros(0, np.int64)
    values: npt.NDArray[np.int64] = vector.ValuesAsNumpy().astype(np.int64)
    return values
