"""TensorFlow Lite models in: translated operator by operator to ONNX in memory, then the common road.

A float model is quantised as a float ONNX model is. An int8 or uint8 model keeps its scales and zero
points: each of its tensors becomes a QuantizeLinear and DequantizeLinear pair around a float operator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accelsim.frontend.onnx import import_model
from accelsim.frontend.quantise import Sample, require_onnx
from accelsim.frontend.tflite_builder import NCHW
from accelsim.frontend.tflite_file import Array, read_tflite
from accelsim.frontend.tflite_operators import translate
from accelsim.trace import NetworkTrace


def import_tflite(
    path: str | Path,
    inputs: Sequence[Sample],
    calibration: Sequence[Sample],
    *,
    name: str | None = None,
    provenance: dict[str, str] | None = None,
) -> NetworkTrace:
    """A network's trace on real inputs.

    Parameters
    ----------
    path : a model in float32, with float16 weights, in int8 or uint8, with dense or sparse weights
    inputs : arrays of the shape of the model's input (images N,H,W,C), or dicts of one per input by name;
        each becomes one input of the trace
    calibration : as `inputs`; sets the scales of a float model, and is not used for a quantised one
    provenance : told with every result, beside what is added here

    Raises
    ------
    ImportedModelError
        If the file is damaged, or an operator is not supported: named, with its index in the file.
    InputError
        If tflite, onnx or onnxruntime is not installed, or there are no inputs.
    """
    require_onnx()
    model, left_out = translate(read_tflite(path))
    trace = import_model(
        model,
        [_channel_second(array) for array in inputs],
        [_channel_second(array) for array in calibration],
        name=name or Path(path).stem,
        label=str(path),
        provenance={**(provenance or {}), "translated": "operator by operator from TensorFlow Lite to ONNX"},
    )
    network = replace(trace.network, not_modelled=(*trace.network.not_modelled, *left_out))
    return NetworkTrace(network, trace.parameters, trace.tensors)


def _channel_second(sample: Sample) -> Sample:
    if isinstance(sample, Mapping):
        return {name: _turned(array) for name, array in sample.items()}
    return _turned(sample)


def _turned(array: Array) -> Array:
    return array.transpose(NCHW).copy() if array.ndim == 4 else array
