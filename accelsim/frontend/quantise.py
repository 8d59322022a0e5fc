"""Static int8 quantisation by onnxruntime, and its run with every tensor as an output."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import ImportedModelError, InputError
from accelsim.frontend.light import convert_version
from accelsim.frontend.rewrite import rewritten, stays_float

Floats = npt.NDArray[np.float32]
# One input of a model: its one tensor, or all of them by name.
Sample = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]
_OPSET = 13  # integer MaxPool needs 12, per-channel quantisation 13
# Layers, what moves, and what the datapath computes; the rest stays in float, between 8-bit tensors.
_QUANTISED = [
    *("Conv", "Gemm", "MatMul"),
    *("Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "MaxPool", "Pad", "Relu", "Resize"),
    *("Reshape", "Split", "Squeeze", "Transpose", "Unsqueeze"),
]
EXTRA = "pip install 'accelsim[onnx,images]'"


def require_onnx() -> None:
    """Raise InputError that names the extra if onnx or onnxruntime is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise InputError(f"{error.name} is not installed: {EXTRA}") from error


def onnxruntime_is_exact() -> bool:
    """Whether this CPU multiplies u8 x s8 without saturating to 16 bits (VNNI; always on ARM)."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "vnni" in flags or "asimddp" in flags


def load(path: Path) -> Any:
    """The checked model; raises ImportedModelError if it is no ONNX model."""
    import onnx
    from google.protobuf.message import DecodeError

    if not path.is_file():
        raise ImportedModelError(f"{path}: no such file")
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, OSError) as error:
        raise ImportedModelError(f"{path}: not an ONNX model: {str(error).splitlines()[0]}") from error
    return model


def fix_sizes(model: Any, batch: int | None, sizes: Mapping[str, int], label: str) -> None:
    """Make every input's shape static: the first dimension by `batch`, any by its name in `sizes`.

    Raises
    ------
    ImportedModelError
        If a dimension stays dynamic, or `sizes` names none of them.
    """
    constants = {value.name for value in model.graph.initializer}
    unknown = set(sizes)
    for value in model.graph.input:
        if value.name in constants:
            continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_value > 0:
                continue
            name = dim.dim_param or "?"
            if name in sizes:
                dim.dim_value = sizes[name]
                unknown.discard(name)
            elif axis == 0 and batch is not None:
                dim.dim_value = batch
            else:
                hint = "batch=1 (--batch 1)" if axis == 0 else f"sizes={{{name!r}: 128}} (--size {name}=128)"
                where = f"input {value.name!r} has a dynamic dimension {axis} ({name})"
                raise ImportedModelError(f"{label}: {where}; fix it with {hint}")
    if unknown:
        raise ImportedModelError(f"{label}: no dynamic dimension is named {', '.join(sorted(unknown))}")


def quantised(owned: list[Any], calibration: Sequence[Sample], label: str) -> Any:
    """The model in QOperator form: uint8 activations, int8 weights per output channel, min-max calibration.

    Batch-norms are folded first, so that residual blocks are convolutions and additions alone. The float
    model is taken out of the list that `owned` is: its memory is free when the quantiser needs its own.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = owned.pop()
    feeds = [fed(model, sample, label) for sample in calibration]

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        """Feeds the calibration inputs one by one."""

        def __init__(self) -> None:
            self.left = iter(feeds)

        def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
            """The next input, or None at the end."""
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, prepared, target = (str(Path(folder) / f"{part}.onnx") for part in ("in", "pre", "out"))
        try:
            if model.opset_import[0].version < _OPSET:
                convert_version(model, _OPSET)
            onnx.save(rewritten(model, label), source)
            del model
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared,
                target,
                Reader(),
                quant_format=quantization.QuantFormat.QOperator,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
                op_types_to_quantize=_QUANTISED,
                nodes_to_exclude=stays_float(onnx.load(prepared)),
            )
        except ImportedModelError:
            raise
        except (
            Exception
        ) as error:  # onnxruntime raises many kinds; the user needs the model's name and its words
            raise ImportedModelError(f"{label}: cannot be quantised: {str(error).splitlines()[0]}") from error
        return onnx.load(target)


def fused(model: Any, label: str) -> Any:
    """A model of QuantizeLinear and DequantizeLinear pairs (QDQ) in QOperator form, as onnxruntime fuses it.

    What onnxruntime does not fuse stays in float; raises ImportedModelError if it cannot read the model.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Not the level above: it changes layouts to those of the CPU that imports.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "fused.onnx"
        options.optimized_model_filepath = str(target)
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # as above
            words = str(error).splitlines()[0]
            raise ImportedModelError(f"{label}: onnxruntime cannot read it: {words}") from error
        return onnx.load(str(target))


def captured(model: Any, inputs: Sequence[Sample], label: str) -> dict[str, npt.NDArray[Any]]:
    """Every tensor of a quantised model, over all inputs: arrays [N, ...] by name.

    Graph optimisations are off: they would fuse away tensors, and change the integers of others.
    """
    import onnx
    import onnxruntime

    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    had = {value.name for value in probed.graph.output}
    for node in probed.graph.node:
        for output in node.output:
            if output and output not in had:
                probed.graph.output.append(onnx.ValueInfoProto(name=output))
                had.add(output)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            probed.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        runs = [session.run(None, fed(model, sample, label)) for sample in inputs]
    except ImportedModelError:
        raise
    except Exception as error:  # as above
        raise ImportedModelError(
            f"{label}: onnxruntime cannot run it: {str(error).splitlines()[0]}"
        ) from error
    names = [output.name for output in session.get_outputs()]
    return {
        key: np.concatenate([run[i] for run in runs]) for i, key in enumerate(names) if np.ndim(runs[0][i])
    }


def fed(model: Any, sample: Sample, label: str) -> dict[str, npt.NDArray[Any]]:
    """A sample as a model's inputs by name, in the types that the model states.

    A leading 1 that an input of the model has not is dropped: its first dimension is not N but time, say.

    Raises
    ------
    ImportedModelError
        If it does not name exactly the model's inputs.
    """
    import onnx

    constants = {value.name for value in model.graph.initializer}
    given = {v.name: v.type.tensor_type for v in model.graph.input if v.name not in constants}
    types = {name: value.elem_type for name, value in given.items()}
    ranks = {name: len(value.shape.dim) for name, value in given.items()}
    if not isinstance(sample, Mapping):
        if len(types) != 1:
            raise ImportedModelError(
                f"{label}: has {len(types)} inputs ({', '.join(types)}): give each by its name"
            )
        sample = {next(iter(types)): sample}
    if sample.keys() != types.keys():
        raise ImportedModelError(f"{label}: inputs are {', '.join(types)}, not {', '.join(sample)}")
    return {
        name: np.ascontiguousarray(
            array[0] if array.shape[:1] == (1,) and array.ndim == ranks[name] + 1 else array,
            onnx.helper.tensor_dtype_to_np_dtype(types[name]),
        )
        for name, array in sample.items()
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser's advice to its own users is not for ours."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
