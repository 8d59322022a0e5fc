"""Window walks against plain Python over (n, p, q, r, s)."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.kernels.windows import fill_pixels
from accelsim.network import Layer


def geometry_of(layer: Layer) -> np.ndarray:
    return np.array(
        [
            layer.input_height,
            layer.input_width,
            *layer.stride,
            *layer.padding[:2],
            *layer.dilation,
            *layer.kernel,
            layer.groups,
        ],
        np.int64,
    )


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, dilation = draw(pair), draw(pair)
    padding = draw(st.tuples(*[st.integers(0, 2)] * 4))
    low = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    return Layer(
        name="l",
        batch=draw(st.integers(1, 2)),
        input_height=draw(st.integers(low[0], low[0] + 3)),
        input_width=draw(st.integers(low[1], low[1] + 3)),
        channels=1,
        filters=1,
        kernel=kernel,
        stride=draw(pair),
        dilation=dilation,
        padding=padding,
    )


@pytest.mark.small
@given(data=st.data(), layer=layers())
def test_each_position_reads_its_window_row_by_row_and_padding_is_no_pixel(
    data: st.DataObject, layer: Layer
) -> None:
    n, p, q, _ = layer.output_shape
    ranges = []
    for extent in (n, p, q):
        first = data.draw(st.integers(0, extent - 1))
        ranges.append((first, data.draw(st.integers(first + 1, extent))))
    (n0, n1), (p0, p1), (q0, q1) = ranges
    positions = list(product(range(n0, n1), range(p0, p1), range(q0, q1)))
    first = data.draw(st.integers(0, len(positions) - 1))
    columns = data.draw(st.integers(1, len(positions) - first))
    taps = list(product(range(layer.kernel[0]), range(layer.kernel[1])))
    pixels = np.full((len(taps), columns + 1), -7, np.int64)
    fill_pixels(
        geometry_of(layer),
        np.array([n0, n1, 0, 1, 0, 1, p0, p1, q0, q1], np.int64),
        first,
        columns,
        pixels,
    )

    number = np.arange(layer.batch * layer.input_height * layer.input_width).reshape(
        layer.batch, layer.input_height, layer.input_width
    )
    top, left, bottom, right = layer.padding
    padded = np.pad(number, ((0, 0), (top, bottom), (left, right)), constant_values=-1)
    for t, (r, s) in enumerate(taps):
        for column, (image, row, line) in enumerate(positions[first : first + columns]):
            h = row * layer.stride[0] + r * layer.dilation[0]
            w = line * layer.stride[1] + s * layer.dilation[1]
            assert pixels[t, column] == padded[image, h, w]
    assert (pixels[:, columns] == -7).all()  # nothing beyond the columns asked for
