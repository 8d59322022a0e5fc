"""Work of the postprocessor on quantised tensors: pooling, residual addition, concatenation, moving pixels.

Each operation computes in float32 what onnxruntime's quantised operator computes, rounding where it
rounds, on tensors N,H,W,C (docs/datapath.md has the formulas).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.datapath.images import depth_to_space, padded, resized
from accelsim.datapath.requantise import saturate
from accelsim.errors import DatapathError
from accelsim.network import Operation, TensorInfo
from accelsim.trace.layer import Tensor

Floats = npt.NDArray[np.float32]
_PASSING = ("max_pool", "resize", "depth_to_space", "pad")


def run_operation(
    operation: Operation, inputs: list[Tensor], input_infos: list[TensorInfo], output_info: TensorInfo
) -> Tensor:
    """The output of one operation.

    Parameters
    ----------
    operation : Operation
    inputs : int8 or uint8 [N, H, W, C] each, as their infos say
    input_infos : scale, zero point, shape and dtype of each input
    output_info : of the output

    Returns
    -------
    int8 or uint8 [N, H, W, C]

    Raises
    ------
    DatapathError
        If tensors, infos and operation do not fit together.
    """
    _check_inputs(operation, inputs, input_infos)
    if operation.kind == "add":
        output = _add(operation, inputs, input_infos, output_info)
    elif operation.kind == "concatenate":
        output = _concatenate(operation, inputs, input_infos, output_info)
    elif operation.kind in _PASSING:
        _check_passing(operation, input_infos[0], output_info)
        output = _passed(operation, inputs[0], output_info)
    elif operation.kind == "average_pool" and not _covers_image(operation, inputs[0]):
        output = _average_pool(operation, inputs[0], input_infos[0], output_info)
    else:
        output = _global_average_pool(operation, inputs[0], input_infos[0], output_info)
    if output.shape != output_info.shape:
        raise DatapathError(f"{operation.name}: the output has shape {output.shape}, not {output_info.shape}")
    if operation.relu:
        output = np.maximum(output, output.dtype.type(output_info.zero_point))
    return output


def _check_inputs(operation: Operation, inputs: list[Tensor], infos: list[TensorInfo]) -> None:
    count = len(operation.inputs)
    if not len(inputs) == len(infos) == count:
        raise DatapathError(
            f"{operation.name}: needs {count} inputs and infos, not {len(inputs)} and {len(infos)}"
        )
    expected = {"add": count == 2, "concatenate": count >= 1}.get(operation.kind, count == 1)
    if not expected:
        raise DatapathError(f"{operation.name}: {operation.kind} cannot take {count} inputs")
    for tensor, info in zip(inputs, infos, strict=True):
        if tensor.shape != info.shape or tensor.dtype.name != info.dtype:
            raise DatapathError(
                f"{operation.name}: input {info.name} must be {info.dtype} {info.shape}, "
                f"not {tensor.dtype} {tensor.shape}"
            )


def _add(operation: Operation, inputs: list[Tensor], infos: list[TensorInfo], output: TensorInfo) -> Tensor:
    """Round half to even of ``a*ratio_a + (b*ratio_b + fixed)``, each product and sum rounded once."""
    (a, b), (info_a, info_b) = inputs, infos
    if a.shape != b.shape:
        raise DatapathError(f"{operation.name}: cannot add shapes {a.shape} and {b.shape}")
    scale = np.float32(output.scale)
    ratio_a, ratio_b = np.float32(info_a.scale) / scale, np.float32(info_b.scale) / scale
    zeros = _fused(np.float32(info_a.zero_point), ratio_a, ratio_b * np.float32(info_b.zero_point))
    fixed = np.float32(output.zero_point) - zeros
    steps = np.rint(_fused(a, ratio_a, _fused(b, ratio_b, fixed)))
    # The output's zero point is in `fixed`, before the rounding.
    return _saturate(operation, steps - np.float32(output.zero_point), output)


def _concatenate(
    operation: Operation, inputs: list[Tensor], infos: list[TensorInfo], output: TensorInfo
) -> Tensor:
    """Along channels; an input with the output's scale and zero point is copied."""
    if len({tensor.shape[:3] for tensor in inputs}) > 1:
        raise DatapathError(f"{operation.name}: cannot concatenate shapes {[t.shape for t in inputs]}")
    parts: list[Tensor] = []
    for tensor, info in zip(inputs, infos, strict=True):
        if _same_numbers(info, output):
            parts.append(tensor)
        else:
            steps = np.rint(_real(tensor, info) / np.float32(output.scale))
            parts.append(_saturate(operation, steps, output))
    joined: npt.NDArray[Any] = np.concatenate(parts, axis=3)
    return joined


def _passed(operation: Operation, tensor: Tensor, output: TensorInfo) -> Tensor:
    """An operation on stored values: scale and zero point pass through."""
    if operation.kind == "max_pool":
        return _max_pool(operation, tensor)
    if operation.kind == "resize":
        return resized(operation, tensor, *output.shape[1:3])
    return (
        depth_to_space(operation, tensor) if operation.kind == "depth_to_space" else padded(operation, tensor)
    )


def _check_passing(operation: Operation, info: TensorInfo, output: TensorInfo) -> None:
    if not _same_numbers(info, output):
        raise DatapathError(
            f"{operation.name}: {operation.kind} keeps dtype, scale and zero point: {info.dtype}, "
            f"{info.scale}, {info.zero_point}, not {output.dtype}, {output.scale}, {output.zero_point}"
        )


def _max_pool(operation: Operation, tensor: Tensor) -> Tensor:
    """The largest stored value of a window; padding never wins."""
    taps = _taps(operation, tensor, int(np.iinfo(tensor.dtype).min))
    largest = next(taps).copy()
    for tap in taps:
        np.maximum(largest, tap, out=largest)
    pooled: Tensor = largest
    return pooled


def _average_pool(operation: Operation, tensor: Tensor, info: TensorInfo, output: TensorInfo) -> Tensor:
    """float32 sum of real values in window order, over the elements that are not padding."""
    taps = _taps(operation, _real(tensor, info), 0)
    total = next(taps).copy()
    for tap in taps:
        total += tap  # padding adds an exact zero
    inside = np.ones((1, *tensor.shape[1:3], 1), np.float32)
    counts = np.sum(list(_taps(operation, inside, 0)), axis=0, dtype=np.float32)
    zero = np.float32(output.zero_point)
    steps = np.rint(total / counts / np.float32(output.scale) + zero)
    return _saturate(operation, steps - zero, output)


def _global_average_pool(
    operation: Operation, tensor: Tensor, info: TensorInfo, output: TensorInfo
) -> Tensor:
    """Integer sum of an image, requantised by ``scale / (output scale * pixels)``."""
    pixels = tensor.shape[1] * tensor.shape[2]
    sums = tensor.sum(axis=(1, 2), keepdims=True, dtype=np.int64) - info.zero_point * pixels
    multiplier = np.float32(info.scale) / (np.float32(output.scale) * np.float32(pixels))
    return _saturate(operation, np.rint(sums.astype(np.float32) * multiplier), output)


def _covers_image(operation: Operation, tensor: Tensor) -> bool:
    return operation.kernel == tensor.shape[1:3] and not any(operation.padding)


def _taps(operation: Operation, tensor: npt.NDArray[Any], fill: int) -> Iterator[npt.NDArray[Any]]:
    """For each element of the window, row by row, the inputs [N, P, Q, C] that it falls on."""
    top, left, bottom, right = operation.padding
    (r, s), (down, across) = operation.kernel, operation.stride
    if max(top, bottom) >= r or max(left, right) >= s:
        raise DatapathError(
            f"{operation.name}: padding {operation.padding} must be smaller than "
            f"the kernel {operation.kernel}"
        )
    padded = np.pad(tensor, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    p, q = (padded.shape[1] - r) // down + 1, (padded.shape[2] - s) // across + 1
    if p < 1 or q < 1:
        raise DatapathError(
            f"{operation.name}: the kernel {operation.kernel} is larger than the "
            f"padded image {padded.shape[1:3]}"
        )
    for row in range(r):
        for column in range(s):
            yield padded[
                :, row : row + (p - 1) * down + 1 : down, column : column + (q - 1) * across + 1 : across
            ]


def _same_numbers(info: TensorInfo, output: TensorInfo) -> bool:
    same_scale = np.float32(info.scale) == np.float32(output.scale)
    return bool(same_scale) and (info.zero_point, info.dtype) == (output.zero_point, output.dtype)


def _real(tensor: Tensor, info: TensorInfo) -> Floats:
    """``scale * (q - zero_point)`` in float32."""
    return (tensor.astype(np.int32) - info.zero_point).astype(np.float32) * np.float32(info.scale)


def _fused(
    values: Tensor | Floats | np.float32, factor: np.float32, addend: Floats | np.float32
) -> npt.NDArray[np.float32]:
    """Fused multiply-add: the product is exact in float64, the sum is rounded to float32."""
    exact = np.asarray(values, np.float64) * np.float64(factor) + np.asarray(addend, np.float64)
    return exact.astype(np.float32)


def _saturate(operation: Operation, steps: Floats, output: TensorInfo) -> Tensor:
    least = int(np.iinfo(output.dtype).min)
    return saturate(operation.name, steps, output.zero_point, output.dtype, least)
