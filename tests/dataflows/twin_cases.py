"""Layers and tiles of every kind, for the twins of every dataflow."""

import numpy as np
from hypothesis import strategies as st

from accelsim.plan import Tile, Unrolling, box_array, tile_boxes, tile_of, whole
from accelsim.tables import COUNTERS, TILE_CAUSES
from accelsim.trace import from_arrays


def counted(dataflow, trace, tile, chip, spatial=None):
    """Every counter of a tile by name, from the kernel."""
    prepared = dataflow.prepare(trace, chip)
    row = dataflow.tile_counters(prepared, box_array(tile)[None], chip, spatial=spatial)[0]
    return dict(zip(COUNTERS, row.tolist(), strict=True))


def whole_tile(trace):
    return tile_of(tile_boxes(whole(trace.layer), trace.layer)[0])


def adds_up(row, chip):
    """Counters of a tile that must add up: lane-cycles by cause, and MACs by what became of them."""
    assert min(row.values()) >= 0
    lanes = sum(row[f"{cause}_lane_cycles"] for cause in TILE_CAUSES)
    assert lanes == chip.pe_array.multipliers * row["compute_cycles"]
    padded = row["encoding_padding_macs"] if chip.dataflow == "csc_row_stationary" else 0
    assert row["done_macs"] + row["gated_macs"] + row["skipped_macs"] == row["dense_macs"]
    assert row["effectual_macs"] + padded <= row["done_macs"]


@st.composite
def layers(draw, most_dilation=2):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.sampled_from([1, 1, 2, 3, 5, 7]))
    channels = draw(st.sampled_from([1, 2, 5, 8, 9, 17, 40] if groups == 1 else [1, 1, 2, 9]))
    filters = groups * draw(st.sampled_from([1, 2, 3, 4, 5] if groups < 3 else [1, 1, 2, 3]))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, most_dilation)), draw(st.integers(1, most_dilation)))
    size = [
        draw(st.integers((k - 1) * d + 1, (k - 1) * d + 4)) for k, d in zip(kernel, dilation, strict=True)
    ]
    signed = draw(st.booleans())
    zero = draw(st.integers(-5, 5)) if signed else draw(st.integers(0, 5))
    weight_zeros = generator.integers(-3, 4, filters)
    weights = generator.integers(-100, 100, (filters, *kernel, channels)).astype(np.int8)
    kept = generator.random(weights.shape) < draw(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    weights = np.where(kept, weights, weight_zeros[:, None, None, None]).astype(np.int8)
    dtype = np.int8 if signed else np.uint8
    shape = (draw(st.integers(1, 2)), *size, channels * groups)
    activations = generator.integers(0, 100, shape).astype(dtype)
    kept = generator.random(shape) < draw(st.sampled_from([0.0, 0.45, 1.0]))
    return from_arrays(
        weights,
        np.where(kept, activations, zero).astype(dtype),
        stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=tuple(draw(st.integers(0, 2)) for _ in range(4)),
        dilation=dilation,
        groups=groups,
        weight_zero_points=weight_zeros,
        activation_zero_point=zero,
    )


def span(draw, extent, quantum=1):
    start = draw(st.integers(0, (extent - 1) // quantum)) * quantum
    stop = draw(st.integers(start // quantum + 1, -(-extent // quantum))) * quantum
    return start, min(stop, extent)


@st.composite
def unrollings(draw, pes):
    """Filters, positions and parts that `pes` PEs can hold at once; not all PEs need be taken."""
    factors = dict.fromkeys(("filters", "positions", "parts"), 1)
    for name in draw(st.permutations(sorted(factors))):
        factors[name] = draw(st.integers(1, pes))
        pes //= factors[name]
    return Unrolling(**factors)


@st.composite
def tiles(draw, layer, chunk_elements):
    """A box of the layer: filters of a part of one group, or of whole groups."""
    n, p, q, k = layer.output_shape
    c = span(draw, layer.group_channels, chunk_elements)
    per_group = layer.group_filters
    filters = span(draw, k, per_group) if draw(st.booleans()) else span(draw, per_group)
    spans = [span(draw, n), filters, c, span(draw, min(p, 4)), span(draw, min(q, 4))]
    return Tile(*(edge for part in spans for edge in part))
