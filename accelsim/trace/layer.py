"""One layer's real tensors: what a dataflow counts and the datapath computes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.errors import TraceError
from accelsim.network import Layer, Pair

Tensor = npt.NDArray[np.int8] | npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTrace:
    """A layer with its int8 weights and activations, channel last, and their zero points.

    Attributes
    ----------
    weights : int8 or uint8 [K, R, S, C], C = channels of one group
    activations : int8 or uint8 [N, H, W, C]
    weight_zero_points : int32 [K]
    weight_scales : float32 [K]
    bias : int32 [K] or None, in units of activation_scale * weight_scale
    outputs : int8 or uint8 [N, P, Q, K] or None (then drawn at a stated density)
    """

    layer: Layer
    weights: Tensor
    activations: Tensor
    weight_zero_points: npt.NDArray[np.int32]
    weight_scales: npt.NDArray[np.float32]
    activation_zero_point: int = 0
    activation_scale: float = 1.0
    bias: npt.NDArray[np.int32] | None = None
    relu: bool = False
    outputs: Tensor | None = None
    output_zero_point: int = 0
    output_scale: float = 1.0

    def __post_init__(self) -> None:
        """Check shapes and dtypes once, at the door; raises TraceError."""
        name, layer = self.layer.name, self.layer
        _expect(name, "weights", self.weights, layer.weight_shape, (np.int8, np.uint8))
        _expect(name, "activations", self.activations, layer.activation_shape, (np.int8, np.uint8))
        _expect(name, "weight_zero_points", self.weight_zero_points, (layer.filters,), (np.int32,))
        _expect(name, "weight_scales", self.weight_scales, (layer.filters,), (np.float32,))
        if not (np.isfinite(self.weight_scales) & (self.weight_scales >= 0)).all():
            raise TraceError(f"{name}: weight_scales must be finite and not negative")
        _expect_zeros(name, "weight_zero_points", self.weight_zero_points, self.weights.dtype)
        _expect_zeros(name, "activation_zero_point", self.activation_zero_point, self.activations.dtype)
        if self.bias is not None:
            _expect(name, "bias", self.bias, (layer.filters,), (np.int32,))
        if self.outputs is not None:
            _expect(name, "outputs", self.outputs, layer.output_shape, (np.int8, np.uint8))


def _expect(layer: str, what: str, array: Any, shape: tuple[int, ...], dtypes: tuple[Any, ...]) -> None:
    _expect_dtype(layer, what, array, dtypes)
    if array.shape != shape:
        raise TraceError(f"{layer}: {what} must have shape {shape}, not {array.shape}")


def _expect_dtype(layer: str, what: str, array: Any, dtypes: tuple[Any, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype not in [np.dtype(d) for d in dtypes]:
        allowed = " or ".join(np.dtype(d).name for d in dtypes)
        raise TraceError(
            f"{layer}: {what} must be {allowed}, not {getattr(array, 'dtype', type(array).__name__)}"
        )


def _expect_zeros(layer: str, what: str, zeros: npt.ArrayLike, dtype: np.dtype[Any]) -> None:
    values, allowed = np.atleast_1d(np.asarray(zeros)), np.iinfo(dtype)
    wrong = (values < allowed.min) | (values > allowed.max)
    if wrong.any():
        raise TraceError(f"{layer}: {what} must be a value of {dtype}, not {values[wrong][0]}")


def from_arrays(
    weights: Tensor,
    activations: Tensor,
    *,
    name: str = "layer",
    stride: Pair | int = 1,
    padding: tuple[int, int, int, int] | Pair | int = 0,
    dilation: Pair | int = 1,
    groups: int = 1,
    weight_zero_points: int | npt.ArrayLike = 0,
    weight_scales: float | npt.ArrayLike = 1.0,
    activation_zero_point: int = 0,
    activation_scale: float = 1.0,
    bias: npt.ArrayLike | None = None,
    relu: bool = False,
    outputs: Tensor | None = None,
    output_zero_point: int = 0,
    output_scale: float = 1.0,
) -> LayerTrace:
    """A LayerTrace from plain arrays; the geometry follows from their shapes.

    Parameters
    ----------
    weights : int8 or uint8 [K, R, S, C] (C per group), or [K, C] for a fully connected layer
    activations : int8 or uint8 [N, H, W, C], or [N, C] for a fully connected layer
    stride, dilation : one number, or (rows, columns)
    padding : one number, (rows, columns), or (top, left, bottom, right)

    Raises
    ------
    TraceError
        If a shape or dtype does not fit.
    """
    for what, array in (("weights", weights), ("activations", activations)):
        _expect_dtype(name, what, array, (np.int8, np.uint8))
    connected = np.ndim(weights) == 2
    if np.ndim(weights) not in (2, 4) or np.ndim(activations) != np.ndim(weights):
        raise TraceError(
            f"{name}: weights and activations must both have 4 dimensions (K,R,S,C and N,H,W,C) or both 2 "
            f"(K,C and N,C), not {np.shape(weights)} and {np.shape(activations)}"
        )
    w = weights[:, None, None, :] if connected else weights
    a = activations[:, None, None, :] if connected else activations
    filters = w.shape[0]
    layer = _layer(name, connected, w, a, stride, padding, dilation, groups)
    if connected and outputs is not None and np.ndim(outputs) == 2:
        outputs = outputs[:, None, None, :]
    return LayerTrace(
        layer=layer,
        weights=w,
        activations=a,
        weight_zero_points=_per_filter(name, "weight_zero_points", weight_zero_points, filters, np.int32),
        weight_scales=_per_filter(name, "weight_scales", weight_scales, filters, np.float32),
        activation_zero_point=int(activation_zero_point),
        activation_scale=float(activation_scale),
        bias=None if bias is None else _per_filter(name, "bias", bias, filters, np.int32),
        relu=relu,
        outputs=outputs,
        output_zero_point=int(output_zero_point),
        output_scale=float(output_scale),
    )


def _layer(
    name: str,
    connected: bool,
    w: Tensor,
    a: Tensor,
    stride: Pair | int,
    padding: tuple[int, int, int, int] | Pair | int,
    dilation: Pair | int,
    groups: int,
) -> Layer:
    """The geometry of weights [K, R, S, C] and activations [N, H, W, C]."""
    filters = w.shape[0]
    if groups < 1 or filters % groups or a.shape[3] != w.shape[3] * groups:
        raise TraceError(
            f"{name}: {groups} groups of {w.shape[3]} weight channels do not make {a.shape[3]} activation "
            f"channels and {filters} filters"
        )
    layer = Layer(
        name=name,
        kind="fully_connected" if connected else "convolution",
        batch=a.shape[0],
        input_height=a.shape[1],
        input_width=a.shape[2],
        channels=a.shape[3],
        filters=filters,
        kernel=(w.shape[1], w.shape[2]),
        stride=_pair(name, "stride", stride, 1),
        padding=_padding(name, padding),
        dilation=_pair(name, "dilation", dilation, 1),
        groups=groups,
    )
    if min(layer.output_shape) < 1 or w.size == 0:
        raise TraceError(f"{name}: no output: shapes {w.shape} and {a.shape} give {layer.output_shape}")
    return layer


def _per_filter(name: str, what: str, value: npt.ArrayLike, filters: int, dtype: Any) -> npt.NDArray[Any]:
    """One value for all filters, or one each, without loss."""
    given = np.asarray(value)
    if given.shape not in ((), (filters,)):
        raise TraceError(f"{name}: {what} must be one or {filters}, not shape {given.shape}")
    whole = dtype is not np.int32 or (given.dtype.kind in "iu" and (given == given.astype(dtype)).all())
    if given.dtype.kind not in "iuf" or not whole:
        raise TraceError(f"{name}: {what} must be {np.dtype(dtype).name}, not {given.dtype}")
    with np.errstate(over="ignore"):  # an infinite scale is refused by name later
        return np.broadcast_to(given.astype(dtype), (filters,))


def _pair(name: str, what: str, value: Pair | int, least: int) -> Pair:
    pair = (value, value) if isinstance(value, int) else tuple(int(v) for v in value)
    if len(pair) != 2 or min(pair) < least:
        raise TraceError(f"{name}: {what} must be one or two integers of at least {least}, not {value!r}")
    return pair[0], pair[1]


def _padding(name: str, value: tuple[int, int, int, int] | Pair | int) -> tuple[int, int, int, int]:
    if not isinstance(value, int) and len(value) == 4:
        if min(value) < 0:
            raise TraceError(f"{name}: padding must not be negative, not {value!r}")
        return value
    if not isinstance(value, int) and len(value) not in (2, 4):
        raise TraceError(f"{name}: padding must be one, two or four integers, not {value!r}")
    rows, columns = _pair(name, "padding", value, 0)
    return rows, columns, rows, columns
