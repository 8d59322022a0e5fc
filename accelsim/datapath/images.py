"""Operations that move pixels: resize, depth to space, pad. Scale and zero point pass through.

Each gives, bit for bit, what onnxruntime gives for 8-bit tensors (docs/datapath.md has the formulas).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import DatapathError
from accelsim.network import Operation, Resize
from accelsim.trace.layer import Tensor

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def resized(operation: Operation, tensor: Tensor, height: int, width: int) -> Tensor:
    """The image in another size; linear results are cut towards zero, as onnxruntime casts them."""
    how = operation.resize
    if how is None:
        raise DatapathError(f"{operation.name}: resize needs a mode and scales")
    if tensor.shape[1:3] == (height, width):
        return tensor
    rows, columns = tensor.shape[1:3]
    if how.mode == "nearest":
        image = tensor[:, _nearest(how, rows, height, how.scales[0])]
        return image[:, :, _nearest(how, columns, width, how.scales[1])]
    above, below, from_above, from_below = _neighbours(how, rows, height, how.scales[0])
    left, right, from_left, from_right = _neighbours(how, columns, width, how.scales[1])
    # The weight of a corner is the distance from the opposite one; the sum is in onnxruntime's order.
    total = np.zeros((tensor.shape[0], height, width, tensor.shape[3]), np.float32)
    for row, row_weight in ((above, from_below), (below, from_above)):
        for column, column_weight in ((left, from_right), (right, from_left)):
            weight = (column_weight[None, :] * row_weight[:, None])[None, :, :, None]
            total += weight * tensor[:, row][:, :, column].astype(np.float32)
    cut: npt.NDArray[Any] = np.trunc(total).astype(tensor.dtype)
    return cut


def depth_to_space(operation: Operation, tensor: Tensor) -> Tensor:
    """Channels become blocks of pixels; the block counts before the channel (DCR) or after it (CRD)."""
    n, h, w, c = tensor.shape
    (r, s), per_pixel = operation.kernel, c // (operation.kernel[0] * operation.kernel[1])
    if operation.order == "DCR":
        blocks = tensor.reshape(n, h, w, r, s, per_pixel)
    else:
        blocks = tensor.reshape(n, h, w, per_pixel, r, s).transpose(0, 1, 2, 4, 5, 3)
    moved: npt.NDArray[Any] = blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * r, w * s, per_pixel)
    return np.ascontiguousarray(moved)


def padded(operation: Operation, tensor: Tensor) -> Tensor:
    """Rows, columns and channels of the value `fill` around the image."""
    top, left, bottom, right = operation.padding
    sides = ((0, 0), (top, bottom), (left, right), operation.channel_padding or (0, 0))
    fill, allowed = operation.fill, np.iinfo(tensor.dtype)
    if fill is None or not allowed.min <= fill <= allowed.max:
        raise DatapathError(f"{operation.name}: cannot fill {tensor.dtype} with {fill}")
    wider: npt.NDArray[Any] = np.pad(tensor, sides, constant_values=fill)
    return wider


def _places(how: Resize, size: int, out: int, scale: float) -> Floats:
    """Where each output pixel lies among `size` pixels: float32 [out]."""
    half = np.float32(0.5)
    pixels, ratio = np.arange(out, dtype=np.float32), np.float32(scale)
    if how.coordinates == "align_corners":
        last = pixels * np.float32(size - 1) / np.float32(max(out - 1, 1))
        return last.astype(np.float32)
    if how.coordinates == "asymmetric":
        return pixels / ratio
    if how.coordinates == "pytorch_half_pixel" and out == 1:
        return np.zeros(1, np.float32)
    return (pixels + half) / ratio - half


def _nearest(how: Resize, size: int, out: int, scale: float) -> Ints:
    places = _places(how, size, out, scale)
    if np.float32(scale) == 1:
        places = np.arange(out, dtype=np.float32)
    if how.rounding in ("floor", "ceil"):
        chosen = np.floor(places) if how.rounding == "floor" else np.ceil(places)
    else:
        chosen = np.copysign(np.floor(np.abs(places) + np.float32(0.5)), places)  # C's round()
        if how.rounding == "round_prefer_floor":
            halves = places == np.trunc(places) + np.float32(0.5)
            chosen = np.where(halves, np.floor(places), chosen)
    return np.clip(chosen.astype(np.int64), 0, size - 1)


def _neighbours(how: Resize, size: int, out: int, scale: float) -> tuple[Ints, Ints, Floats, Floats]:
    """The pixels on both sides of each output pixel, and its distance from each."""
    places = np.clip(_places(how, size, out, scale), 0, size - 1).astype(np.float32)
    first = np.minimum(places.astype(np.int64), size - 1)
    second = np.minimum(first + 1, size - 1)
    distances = [np.abs(places - pixel.astype(np.float32)).astype(np.float32) for pixel in (first, second)]
    for distance in distances:
        distance[first == second] = 0.5  # the last pixel, twice half
    return first, second, distances[0], distances[1]
