"""The walk of an array's accesses against the loop nest of the module's docstring, in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.kernels import cache as at
from accelsim.kernels.line_walk import walk_tile
from accelsim.kernels.windows import geometry_vector
from accelsim.network import Layer
from accelsim.plan import Plan, tile_boxes, tile_of

LINE, WORD, CHUNK, SUM_BYTES = 16, 4, 8, 4


@st.composite
def cases(draw):
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 2)))
    layer = Layer(
        name="drawn",
        batch=draw(st.integers(1, 2)),
        input_height=draw(st.integers(3, 5)),
        input_width=draw(st.integers(2, 5)),
        channels=draw(st.sampled_from([3, 8, 20])),
        filters=draw(st.sampled_from([1, 4, 6])),
        kernel=kernel,
        stride=(draw(st.integers(1, 2)), 1),
        padding=(draw(st.integers(0, 1)), 0, 0, draw(st.integers(0, 1))),
    )
    plan = Plan(
        tile_n=draw(st.integers(1, 2)),
        tile_k=draw(st.sampled_from([2, 4, 8])),
        tile_c=draw(st.sampled_from([8, 16, 24])),
        tile_p=draw(st.integers(1, 3)),
        tile_q=draw(st.integers(1, 3)),
        order="".join(draw(st.permutations("NKCPQ"))),
    )
    return layer, plan, draw(st.integers(0, 2**16))


def placed(sizes, first):
    flat = sizes.ravel()
    starts = first + np.cumsum(flat) - flat
    return np.stack([starts.reshape(sizes.shape), sizes]), int(first + flat.sum())


def plain_walk(layer, box, rows, columns, weights, activations, outputs, sum_base):
    """(first byte, bytes, write) of each access of a tile."""
    _, p, q, k = layer.output_shape
    positions = [
        (a, b, c) for a in range(box.n0, box.n1) for b in range(box.p0, box.p1) for c in range(box.q0, box.q1)
    ]
    chunks = range(box.c0 // CHUNK, -(-box.c1 // CHUNK))

    def sums(block, at_set, write):
        for a, b, c in at_set:
            first = ((a * p + b) * q + c) * k + block[0]
            yield sum_base + first * SUM_BYTES, len(block) * SUM_BYTES, write

    for k0 in range(box.k0, box.k1, rows):
        block = range(k0, min(k0 + rows, box.k1))
        for first in range(0, len(positions), columns):
            at_set = positions[first : first + columns]
            if box.c0:
                yield from sums(block, at_set, False)
            for r in range(layer.kernel[0]):
                for s in range(layer.kernel[1]):
                    for chunk in chunks:
                        for filter_ in block:
                            yield (*weights[:, filter_, r * layer.kernel[1] + s, chunk], False)
                        for a, b, c in at_set:
                            h = b * layer.stride[0] - layer.padding[0] + r
                            w = c * layer.stride[1] - layer.padding[1] + s
                            if 0 <= h < layer.input_height and 0 <= w < layer.input_width:
                                pixel = (a * layer.input_height + h) * layer.input_width + w
                                yield (*activations[:, pixel, chunk], False)
            if box.c1 < layer.channels:
                yield from sums(block, at_set, True)
            else:
                for a, b, c in at_set:
                    yield (*outputs[:, (a * p + b) * q + c, k0 // rows], True)


@pytest.mark.small
@settings(max_examples=30)
@given(cases())
def test_the_walk_is_the_loop_nest(case):
    layer, plan, seed = case
    rows, columns = 2, 3
    generator = np.random.default_rng(seed)
    n, p, q, k = layer.output_shape
    chunks = -(-layer.channels // CHUNK)
    pixels = n * layer.input_height * layer.input_width
    taps = layer.kernel[0] * layer.kernel[1]
    weights, end = placed(generator.integers(0, 40, (k, taps, chunks)), 0)
    activations, end = placed(generator.integers(0, 40, (pixels, chunks)), end)
    outputs, end = placed(generator.integers(0, 9, (n * p * q, -(-k // rows))), end)
    shape = np.array([rows, columns, CHUNK, layer.channels, k, p, q, SUM_BYTES, end], np.int64)
    lines = (end + n * p * q * k * SUM_BYTES) // LINE + 2
    options = (at.LRU, 0, LINE, WORD)
    walked, stepped = at.empty_cache(3, 2, lines, options), at.empty_cache(3, 2, lines, options)
    read, written = 0, 0
    for row in tile_boxes(plan, layer):
        walk_tile(row, geometry_vector(layer), shape, weights, activations, outputs, walked)
        for first, size, write in plain_walk(
            layer, tile_of(row), rows, columns, weights, activations, outputs, end
        ):
            touched = (
                np.arange(first // LINE, (first + size - 1) // LINE + 1) if size else np.empty(0, np.int64)
            )
            at.run(touched.astype(np.int64), np.full(touched.size, write, np.uint8), stepped)
            read += 0 if write else -(-int(size) // WORD)
            written += -(-int(size) // WORD) if write else 0
    counts = walked[4].copy()
    assert (counts[at.READ_WORDS], counts[at.WRITTEN_WORDS]) == (read, written)
    counts[[at.READ_WORDS, at.WRITTEN_WORDS]] = 0
    np.testing.assert_array_equal(counts, stepped[4])
    np.testing.assert_array_equal(walked[0], stepped[0])
