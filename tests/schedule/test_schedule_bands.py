"""Rows of fused layers: each is computed once, before it is read, and held until nobody reads it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.network import Layer
from accelsim.schedule.bands import band_ends, chain_bands, rows_needed

pytestmark = pytest.mark.small


@st.composite
def chains(draw):
    """Two or three layers, the height of each the output height of the one before."""
    height, layers = draw(st.integers(3, 14)), []
    for i in range(draw(st.integers(2, 3))):
        taps, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        pad = draw(st.integers(0, 1))
        if height + 2 * pad < (taps - 1) * dilation + 1:
            taps = 1
        layer = Layer(
            name=f"l{i}",
            batch=draw(st.just(layers[0].batch)) if layers else draw(st.integers(1, 2)),
            input_height=height,
            input_width=4,
            channels=8,
            filters=8,
            kernel=(taps, 1),
            stride=(draw(st.integers(1, 3)), 1),
            padding=(pad, 0, pad, 0),
            dilation=(dilation, 1),
        )
        layers.append(layer)
        height = layer.output_height
    return layers


@given(chains(), st.integers(1, 14), st.sampled_from([3, 8]))
@settings(deadline=None)
def test_rows_are_computed_once_read_after_and_freed_after_the_last_read(layers, band, tile_k):
    """A walk over the tiles, which knows only windows."""
    bands = chain_bands(layers, min(band, layers[-1].output_height), [tile_k] * len(layers))
    held = [set() for _ in layers]
    outputs = [np.zeros((*layer.output_shape[:2], 8), int) for layer in layers]
    for tile, (i, place) in enumerate(zip(bands.layer_of, bands.place, strict=True)):
        for at, of, n, first, end in bands.made:
            if at == tile:
                assert of == i
                assert not held[of] & {(n, row) for row in range(first, end)}
                held[of] |= {(n, row) for row in range(first, end)}
        n, _, k0, k1, c0, c1, p0, p1 = bands.boxes[i][place][:8]
        assert (c0, c1) == (0, 8)
        outputs[i][n, p0:p1, k0:k1] += 1
        if i:
            layer = layers[i]
            rows = np.arange(p0, p1)[:, None] * layer.stride[0] - layer.padding[0]
            rows = rows + np.arange(layer.kernel[0]) * layer.dilation[0]
            read = {(n, int(row)) for row in rows.ravel() if 0 <= row < layer.input_height}
            assert read <= held[i - 1]
            assert all(outputs[i - 1][m, row].all() for m, row in read)
        if i + 1 < len(layers):
            assert {(n, row) for row in range(p0, p1)} <= held[i]
        for at, of, m, first, end in bands.used:
            if at == tile:
                rows = {(m, row) for row in range(first, end)}
                assert rows <= held[of]
                held[of] -= rows
    assert all((computed == 1).all() for computed in outputs)
    assert not any(held)


def test_a_band_of_two_rows_asks_for_the_halo_of_its_windows():
    """3 x 3 on 3 x 3, 8 rows, padding 1: the first band of 2 rows asks for rows 0..2, each next one for 2 more."""
    layers = [
        Layer(name=name, input_height=8, channels=1, filters=1, kernel=(3, 1), padding=(1, 0, 1, 0))
        for name in "ab"
    ]
    assert band_ends(layers, 2) == [[3, 2], [5, 4], [7, 6], [8, 8]]
    assert [rows_needed(layers[1], rows) for rows in (0, 1, 8)] == [0, 2, 8]
