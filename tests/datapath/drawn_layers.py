"""Layers drawn by hypothesis, and their sums and pairs by plain loops."""

import numpy as np
from hypothesis import strategies as st

from accelsim.trace import LayerTrace, from_arrays

CHANNELS = (1, 2, 3, 7, 63, 64, 65, 130)


def _operand(draw, shape, zero_points, dtype):
    """Random values of `dtype`, about half of them equal to their zero point (broadcast)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max + 1, shape)
    zero = rng.random(shape) < draw(st.sampled_from((0.0, 0.5, 0.9)))
    return np.where(zero, zero_points, values).astype(dtype)


@st.composite
def traces(
    draw,
    weight_dtypes=(np.int8, np.uint8),
    activation_dtypes=(np.int8, np.uint8),
    one_weight_zero_point=False,
    fully_connected=True,
) -> LayerTrace:
    weight_dtype, activation_dtype = (
        draw(st.sampled_from(weight_dtypes)),
        draw(st.sampled_from(activation_dtypes)),
    )
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    channels = draw(st.sampled_from(CHANNELS))
    filters = groups * draw(st.integers(1, 3))
    size = st.integers(1, 3)
    kernel, stride, dilation = (draw(st.tuples(size, size)) for _ in range(3))
    padding = draw(st.tuples(*[st.integers(0, 2)] * 4))
    # Images from the smallest that gives an output.
    extra = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    image = [
        max(1, dilation[i] * (kernel[i] - 1) + 1 - padding[i] - padding[i + 2] + extra[i]) for i in range(2)
    ]
    info = np.iinfo(weight_dtype)
    zeros = st.integers(info.min, info.max)
    weight_zeros = np.array(
        [draw(zeros)] * filters if one_weight_zero_point else [draw(zeros) for _ in range(filters)]
    )
    info = np.iinfo(activation_dtype)
    activation_zero = draw(st.integers(info.min, info.max))
    weight_shape = (filters, *kernel, channels)
    activation_shape = (draw(st.integers(1, 2)), *image, channels * groups)
    if fully_connected and draw(st.integers(0, 4)) == 0:
        groups, weight_shape, activation_shape = (
            1,
            (filters, channels),
            (activation_shape[0], channels),
        )
        kernel = stride = dilation = (1, 1)
        padding = (0, 0, 0, 0)
    column = weight_zeros.reshape(-1, *[1] * (len(weight_shape) - 1))
    return from_arrays(
        _operand(draw, weight_shape, column, weight_dtype),
        _operand(draw, activation_shape, activation_zero, activation_dtype),
        name="drawn",
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        weight_zero_points=weight_zeros,
        activation_zero_point=activation_zero,
    )


def window(trace, n, p, q, k):
    """Activations under the filter, int64 [R, S, C]; zeros are the padding."""
    layer, channels = trace.layer, trace.layer.group_channels
    first = k // layer.group_filters * channels
    values = np.zeros((*layer.kernel, channels), np.int64)
    for r in range(layer.kernel[0]):
        for s in range(layer.kernel[1]):
            h = p * layer.stride[0] - layer.padding[0] + r * layer.dilation[0]
            w = q * layer.stride[1] - layer.padding[1] + s * layer.dilation[1]
            if 0 <= h < layer.input_height and 0 <= w < layer.input_width:
                stored = trace.activations[n, h, w, first : first + channels]
                values[r, s] = stored.astype(np.int64) - trace.activation_zero_point
    return values


def plain(trace):
    """Sums int64 [N, P, Q, K], and pairs in which each, one or both operands are not zero."""
    sums = np.zeros(trace.layer.output_shape, np.int64)
    pairs = {"all": 0, "weight": 0, "activation": 0, "both": 0}
    for n, p, q, k in np.ndindex(*sums.shape):
        activations = window(trace, n, p, q, k)
        weights = trace.weights[k].astype(np.int64) - trace.weight_zero_points[k]
        sums[n, p, q, k] = (weights * activations).sum()
        pairs["all"] += weights.size
        pairs["weight"] += np.count_nonzero(weights)
        pairs["activation"] += np.count_nonzero(activations)
        pairs["both"] += np.count_nonzero((weights != 0) & (activations != 0))
    return sums, pairs
