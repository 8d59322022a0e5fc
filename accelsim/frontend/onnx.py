"""ONNX models in: quantised and calibrated by onnxruntime, every activation captured on real inputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.errors import InputError
from accelsim.frontend.graph_trace import graph_trace
from accelsim.frontend.quantise import (
    Sample,
    captured,
    fix_sizes,
    fused,
    load,
    onnxruntime_is_exact,
    quantised,
    require_onnx,
)
from accelsim.trace import NetworkTrace


def import_onnx(
    path: str | Path,
    inputs: Sequence[Sample],
    calibration: Sequence[Sample],
    *,
    name: str | None = None,
    batch: int | None = None,
    sizes: Mapping[str, int] | None = None,
    provenance: dict[str, str] | None = None,
) -> NetworkTrace:
    """A network's trace on real inputs.

    Parameters
    ----------
    path : a float model, or one already quantised, as QOperator or as QDQ pairs
    inputs : arrays of the model's input shape, or dicts of one array per input by name; each becomes one
        input of the trace
    calibration : as `inputs`; min and max of every tensor over them set the scales
    batch : fixes a dynamic first dimension (1 for one image per array)
    sizes : fix other dynamic dimensions by their name in the model
    provenance : told with every result, beside what is added here

    Raises
    ------
    ImportedModelError
        If a shape is dynamic, an operator is not supported (named, with the node), or onnxruntime refuses.
    InputError
        If onnx or onnxruntime is not installed, or there are no inputs.
    """
    source = Path(path)
    require_onnx()
    return import_model(
        load(source),
        inputs,
        calibration,
        name=name or source.stem,
        label=str(source),
        batch=batch,
        sizes=sizes,
        provenance=provenance,
    )


def import_model(
    model: Any,
    inputs: Sequence[Sample],
    calibration: Sequence[Sample],
    *,
    name: str,
    label: str,
    batch: int | None = None,
    sizes: Mapping[str, int] | None = None,
    provenance: dict[str, str] | None = None,
) -> NetworkTrace:
    """As `import_onnx`, of a model in memory, which is changed; `label` is what errors call it."""
    require_onnx()
    from importlib.metadata import version

    if not inputs or not calibration:
        raise InputError(f"{label}: needs at least one input and one to calibrate with")
    fix_sizes(model, batch, sizes or {}, label)
    kinds = {node.op_type for node in model.graph.node}
    if "QuantizeLinear" in kinds and not any(kind.startswith("QLinear") for kind in kinds):
        model, how = fused(model, label), "as the model came, its QDQ pairs fused by"
    elif any(kind.startswith("QLinear") for kind in kinds):
        how = "as the model came, read by"
    else:
        owned = [model]
        del model
        model = quantised(owned, calibration, label)
        how = "uint8 activations, int8 weights per output channel, min-max calibration by"
    tensors = captured(model, inputs, label)
    exact = "without" if onnxruntime_is_exact() else "with possible"
    told = {
        **(provenance or {}),
        "quantised": f"{how} onnxruntime {version('onnxruntime')}",
        "captured": f"onnxruntime {version('onnxruntime')} on a CPU {exact} 16-bit saturation of u8 x s8",
    }
    return graph_trace(model, tensors, label, name, told)
