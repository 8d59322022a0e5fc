"""Layers, chips, tiles and unrollings that the laws of the inner_join reference are tried on."""

import numpy as np
from hypothesis import strategies as st
from inner_join_cases import chip, whole_tile

from accelsim.plan import Tile, Unrolling
from accelsim.trace import from_arrays

POLICIES = ("compute", "gate", "skip")


@st.composite
def traces(draw):
    """A small layer with drawn geometry, types, zero points and densities."""
    groups = draw(st.integers(1, 3))
    filters, channels = draw(st.integers(1, 4 if groups < 3 else 1)) * groups, draw(st.integers(1, 40))
    kernel = draw(st.tuples(st.integers(1, 2), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = draw(st.tuples(*[st.integers(0, 2)] * 4))
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    height = draw(st.integers(max(1, spans[0] - padding[0] - padding[2]), 4))
    width = draw(st.integers(max(1, spans[1] - padding[1] - padding[3]), 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    densities = draw(st.tuples(*[st.sampled_from([0.0, 0.3, 0.6, 0.8, 1.0])] * 2))
    dtype = draw(st.sampled_from([np.int8, np.uint8]))
    zeros = draw(st.lists(st.sampled_from([0, 3, 127]), min_size=filters, max_size=filters))
    zero = draw(st.sampled_from([0, 5]))

    def tensor(shape, density, zero_points):
        values = random.integers(1, 100, shape) + zero_points  # differs from the zero point, and may wrap
        return np.where(random.random(shape) < density, values, zero_points).astype(np.uint8).view(dtype)

    return from_arrays(
        tensor((filters, *kernel, channels), densities[0], np.reshape(zeros, (-1, 1, 1, 1))),
        tensor((draw(st.integers(1, 2)), height, width, channels * groups), densities[1], zero),
        stride=draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        padding=padding,
        dilation=dilation,
        groups=groups,
        weight_zero_points=zeros,
        activation_zero_point=zero,
    )


@st.composite
def chips(draw, domains=("array", "column", "row")):
    assignment, sync = draw(st.sampled_from([("pooled", "step"), ("fixed", "step"), ("fixed", "set")]))
    policies = draw(st.tuples(*[st.sampled_from(POLICIES)] * 2))
    encodings = [
        "bitmask" if policy == "skip" else draw(st.sampled_from(["dense", "bitmask"])) for policy in policies
    ]
    return chip(
        rows=draw(st.integers(1, 4)),
        columns=draw(st.integers(1, 3)),
        lanes=draw(st.integers(1, 4)),
        weight_policy=policies[0],
        activation_policy=policies[1],
        weights=encodings[0],
        activations=encodings[1],
        queue_depth=draw(st.integers(1, 4)),
        queue_latency_cycles=draw(st.integers(1, 3)),
        pipeline_cycles=draw(st.integers(0, 3)),
        lane_assignment=assignment,
        lane_sync=sync,
        broadcast_domain=draw(st.sampled_from(domains)),
        array_feed_bytes_per_cycle=draw(st.sampled_from([3, 12, 40, 1000])),
        weight_bits=draw(st.sampled_from([8, 16])),
        drain_elements_per_cycle=draw(st.sampled_from([1, 2, 1000])),
    )


@st.composite
def tiles(draw, trace):
    """The layer, or any box with content; it may begin and end inside a group and inside a chunk."""
    box = whole_tile(trace)
    if draw(st.booleans()):
        return box
    bounds = []
    for extent in (box.n1, box.k1, box.c1, box.p1, box.q1):
        first = draw(st.integers(0, extent - 1))
        bounds += [first, draw(st.integers(first + 1, extent))]
    return Tile(*bounds)


@st.composite
def unrollings(draw, array):
    """The array's own, said or unsaid, or where a stream reaches all PEs any that fits."""
    if array.broadcast_domain != "array" or draw(st.booleans()):
        return draw(st.sampled_from([None, Unrolling(array.rows, array.columns)]))
    return draw(factors(array))


@st.composite
def factors(draw, array):
    """Filters, positions and parts that fit on the array."""
    pes = array.rows * array.columns
    parts = draw(st.integers(1, pes))
    filters = draw(st.integers(1, pes // parts))
    return Unrolling(filters, draw(st.integers(1, pes // (parts * filters))), parts)


@st.composite
def cases(draw):
    trace, machine = draw(traces()), draw(chips())
    return trace, draw(tiles(trace)), machine, draw(unrollings(machine.pe_array))
