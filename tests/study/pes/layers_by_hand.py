"""Small layers, their tiles, and every pair of a tile one by one, for counting by hand."""

import itertools
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from accelsim.network import Layer
from accelsim.trace import LayerTrace


class Pair(NamedTuple):
    """A MAC of a tile: filter, output, tap, channel of the group; whether its operands are not zero."""

    k: int
    n: int
    p: int
    q: int
    r: int
    s: int
    c: int
    weight: bool
    value: bool


def weight_at(trace, k, r, s, c):
    return bool(trace.weights[k, r, s, c] != trace.weight_zero_points[k])


def value_at(trace, n, h, w, channel):
    layer = trace.layer
    inside = 0 <= h < layer.input_height and 0 <= w < layer.input_width
    return bool(inside and trace.activations[n, h, w, channel] != trace.activation_zero_point)


def pairs(trace, box):
    """Every MAC of a tile, taps in the padding included."""
    layer = trace.layer
    n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 = box.tolist()
    for k, n, p, q in itertools.product(range(k0, k1), range(n0, n1), range(p0, p1), range(q0, q1)):
        for r, s, c in itertools.product(range(layer.kernel[0]), range(layer.kernel[1]), range(c0, c1)):
            h = p * layer.stride[0] + r * layer.dilation[0] - layer.padding[0]
            w = q * layer.stride[1] + s * layer.dilation[1] - layer.padding[1]
            channel = k // layer.group_filters * layer.group_channels + c
            value = value_at(trace, n, h, w, channel)
            yield Pair(k, n, p, q, r, s, c, weight_at(trace, k, r, s, c), value)


def entries(nonzero):
    """What a list stores with 4-bit counts of zeros: True where an entry stands."""
    stored, zeros = [False] * len(nonzero), 0
    last = max((i for i, here in enumerate(nonzero) if here), default=-1)
    for i in range(last + 1):
        if nonzero[i] or zeros == 15:
            stored[i], zeros = True, 0
        else:
            zeros += 1
    return stored


def of_pair(counts, place, weight, value, slot):
    """Add a MAC to the PE at a place."""
    counts[0][place] += weight and value
    counts[1][place] += slot


GROUPS = ((1, 5, 9), (1, 3, 34), (4, 1, 1), (3, 2, 2), (2, 5, 3))
WINDOWS = ((1, 1, 1, 0), (3, 1, 1, 1), (3, 2, 1, 1), (2, 1, 2, 0))


def drawn_trace(layer, random, density=0.5):
    weights = random.integers(-3, 4, layer.weight_shape) * (random.random(layer.weight_shape) < density)
    return LayerTrace(
        layer=layer,
        weights=weights.astype(np.int8),
        activations=random.integers(0, 3, layer.activation_shape).astype(np.uint8),
        weight_zero_points=random.integers(-1, 2, layer.filters).astype(np.int32)
        if density == 0.5
        else np.zeros(layer.filters, np.int32),
        weight_scales=np.ones(layer.filters, np.float32),
        activation_zero_point=1,
    )


def cut(draw, size, step=1):
    """A range in two, at a multiple of `step`."""
    at = min(step * draw(st.integers(0, -(-size // step))), size)
    return [(first, last) for first, last in ((0, at), (at, size)) if first < last]


@st.composite
def layers(draw, groups=GROUPS, windows=WINDOWS, sides=(4, 6), density=0.5):
    count, of_group, channels = draw(st.sampled_from(groups))
    kernel, stride, dilation, pad = draw(st.sampled_from(windows))
    layer = Layer(
        name="l",
        batch=draw(st.integers(1, 2)),
        input_height=draw(st.integers(*sides)),
        input_width=draw(st.integers(*sides)),
        channels=count * channels,
        filters=count * of_group,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        dilation=(dilation, dilation),
        padding=(pad, pad, 0, pad),
        groups=count,
    )
    return drawn_trace(layer, np.random.default_rng(draw(st.integers(0, 99))), density)


@st.composite
def tiles(draw, layer, channel_step=1, whole_rows=False):
    """All boxes of a layer that is cut in two along each loop: parts of a group, or whole groups."""
    if draw(st.booleans()):
        filters = cut(draw, layer.filters, layer.group_filters)
    else:
        parts = cut(draw, layer.group_filters)
        filters = [
            (g * layer.group_filters + a, g * layer.group_filters + b)
            for g in range(layer.groups)
            for a, b in parts
        ]
    images = cut(draw, layer.batch)
    channels = cut(draw, layer.group_channels, channel_step)
    rows = cut(draw, layer.output_height)
    columns = [(0, layer.output_width)] if whole_rows else cut(draw, layer.output_width)
    every = itertools.product(images, filters, channels, rows, columns)
    return np.array([list(itertools.chain(*ranges)) for ranges in every], np.int64)
