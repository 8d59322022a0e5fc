"""Attributes of ONNX convolutions, pools and resizes as kernel, stride, dilation, padding, scales."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from accelsim.errors import ImportedModelError
from accelsim.network import Pair, Resize

_COORDINATES = Literal["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"]
Padding = tuple[int, int, int, int]


def attributes_of(node: Any) -> dict[str, Any]:
    """A node's attributes by name."""
    import onnx

    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def pair(attributes: Mapping[str, Any], name: str, where: str) -> Pair:
    """(rows, columns) of `kernel_shape`, `strides` or `dilations`; (1, 1) if it is not given."""
    values = attributes.get(name, [1, 1])
    if len(values) != 2:
        raise ImportedModelError(f"{where}: only 2-D windows are supported, not {name} {list(values)}")
    return int(values[0]), int(values[1])


def padding(
    attributes: Mapping[str, Any], size: Pair, kernel: Pair, stride: Pair, dilation: Pair, where: str
) -> Padding:
    """(top, left, bottom, right), from `pads` or `auto_pad`; raises ImportedModelError for another rule."""
    automatic = attributes.get("auto_pad", b"NOTSET").decode()
    if automatic == "NOTSET":
        top, left, bottom, right = (int(side) for side in attributes.get("pads", [0, 0, 0, 0]))
        if min(top, left, bottom, right) < 0:
            raise ImportedModelError(f"{where}: negative padding is not supported")
        return top, left, bottom, right
    if automatic == "VALID":
        return 0, 0, 0, 0
    if automatic not in ("SAME_UPPER", "SAME_LOWER"):
        raise ImportedModelError(f"{where}: auto_pad {automatic} is not supported")
    sides = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        less = total // 2
        sides.append((less, total - less) if automatic == "SAME_UPPER" else (total - less, less))
    return sides[0][0], sides[1][0], sides[0][1], sides[1][1]


def pool_window(attributes: Mapping[str, Any], size: Pair, where: str) -> dict[str, Any]:
    """`kernel`, `stride` and `padding` of a pool over an image of `size`.

    Raises
    ------
    ImportedModelError
        If the pool is dilated, or rounds its size up where that makes a difference.
    """
    kernel = pair(attributes, "kernel_shape", where)
    stride = pair(attributes, "strides", where)
    dilation = pair(attributes, "dilations", where)
    sides = padding(attributes, size, kernel, stride, dilation, where)
    fits = all(
        (n + before + after - k) % s == 0
        for n, before, after, k, s in zip(size, sides[:2], sides[2:], kernel, stride, strict=True)
    )
    if dilation != (1, 1):
        raise ImportedModelError(f"{where}: dilated pooling is not supported")
    if attributes.get("ceil_mode", 0) and not fits:
        raise ImportedModelError(
            f"{where}: pooling with ceil_mode is not supported where it changes the size"
        )
    return {"kernel": kernel, "stride": stride, "padding": sides}


def resize_of(attributes: Mapping[str, Any], sizes: Pair, wanted: Pair, scales: Any, where: str) -> Resize:
    """How an image of `sizes` rows and columns becomes one of `wanted`.

    Parameters
    ----------
    scales : array of a scale per dimension, N,C,H,W, or None if the node gives sizes

    Raises
    ------
    ImportedModelError
        If the node resizes in a way that the postprocessor does not.
    """
    mode = attributes.get("mode", b"nearest").decode()
    coordinates = attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    rounding = attributes.get("nearest_mode", b"round_prefer_floor").decode()
    wrong = [
        text
        for text, unknown in (
            (f"mode {mode}", mode not in ("nearest", "linear")),
            (f"coordinates {coordinates}", coordinates not in get_args(_COORDINATES)),
            ("antialias", attributes.get("antialias", 0)),
            ("axes", "axes" in attributes),
            (
                "keep_aspect_ratio_policy",
                attributes.get("keep_aspect_ratio_policy", b"stretch") != b"stretch",
            ),
        )
        if unknown
    ]
    if wrong:
        raise ImportedModelError(
            f"{where}: resizing with {', '.join(wrong)} is not supported; nearest and linear are, with "
            f"coordinates {', '.join(get_args(_COORDINATES))}"
        )
    if scales is None:
        rows, columns = (float(np.float32(w) / np.float32(s)) for w, s in zip(wanted, sizes, strict=True))
    else:
        rows, columns = float(scales[2]), float(scales[3])
    return Resize(mode=mode, coordinates=coordinates, rounding=rounding, scales=(rows, columns))
