"""Small layers, chips and tiles of each dataflow that its toggles are tried on: `<dataflow>_cases()`.

Every case is (chip, trace, tile), legal on its chip. Geometries and tiles are those of the dataflows' twins; words
take all of their range; chips differ in all that a count of toggles may depend on, and in some that it may not.
"""

from dataclasses import replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from twin_cases import layers, span, tiles

from accelsim.errors import PlanError
from accelsim.hardware import load_hardware
from accelsim.plan import Tile
from accelsim.reference import _cartesian_plane as plane
from accelsim.reference._row_toggles import Mapped, group_tiles
from accelsim.trace import from_arrays

BITS = st.sampled_from([8, 16])
DENSITIES = [0.6, 0.9, 0.3, 1.0, 0.5, 0.8, 0.0]
SUM_BITS = st.sampled_from([16, 17, 24, 32, 64])


def chip_of(preset, **array):
    """A preset with other keys of its `pe_array`; `word_bytes` and `pointer_bits` go to their sections."""
    sections = {"word_bytes": "scratchpad", "pointer_bits": "encodings"}
    keys = {f"{sections.get(key, 'pe_array')}.{key}": value for key, value in array.items()}
    return load_hardware(preset, [f"{key}={str(value).lower()}" for key, value in keys.items()])


@st.composite
def chips(draw, preset, **keys):
    """A preset with drawn keys: those given, and those of every array."""
    common = {
        "rows": st.integers(1, 4),
        "columns": st.integers(1, 4),
        "chunk_elements": st.sampled_from([8, 16]),
        "weight_bits": BITS,
        "activation_bits": BITS,
        "accumulator_bits": SUM_BITS,
    }
    return chip_of(preset, **{key: draw(values) for key, values in (common | keys).items()})


@st.composite
def filled(draw, traces):
    """A layer filled anew with words and zero points of all its types' ranges; seldom is all of it zero."""
    trace, generator = draw(traces), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def tensor(shape, zeros_shape):
        of = np.iinfo(dtype := draw(st.sampled_from([np.int8, np.uint8])))
        low, high = draw(st.sampled_from([(of.min, of.max), (0, 9)]))
        zeros = generator.integers(low, high, zeros_shape, endpoint=True)
        kept = generator.random(shape) < draw(st.sampled_from(DENSITIES))
        words = np.where(kept, generator.integers(low, high, shape, endpoint=True), zeros)
        return words.astype(dtype), zeros

    weights, weight_zeros = tensor(trace.weights.shape, (trace.layer.filters, 1, 1, 1))
    activations, zero = tensor(trace.activations.shape, ())
    return replace(
        trace,
        weights=weights,
        activations=activations,
        weight_zero_points=weight_zeros.reshape(-1).astype(np.int32),
        activation_zero_point=int(zero),
    )


@st.composite
def typed(draw, traces):
    """A layer whose int8 weights and their zero points may be read as uint8."""
    trace = draw(traces)
    if draw(st.booleans()):
        return trace
    zeros = trace.weight_zero_points & 0xFF
    return replace(trace, weights=trace.weights.view(np.uint8), weight_zero_points=zeros)


def pruned(trace, kept_per_block, block_elements):
    """The layer with the first weights of each block that are no zeros, so many as it may store."""
    weights, zeros = trace.weights.copy(), trace.weight_zero_points.reshape(-1, 1, 1, 1)
    for first in range(0, weights.shape[3], block_elements):
        block = weights[..., first : first + block_elements]
        block[...] = np.where((block != zeros).cumsum(axis=3) > kept_per_block, zeros, block)
    return replace(trace, weights=weights)


@st.composite
def structured_cases(draw):
    block = draw(st.sampled_from([2, 4, 8]))
    chip = draw(
        chips(
            "sparse-tensor-core",
            lanes=st.integers(1, 5),
            kept_per_block=st.integers(1, block),
            block_elements=st.just(block),
            dense_fallback=st.just(True),
            activation_policy=st.sampled_from(["compute", "gate"]),
        )
    )
    trace, array = draw(filled(layers())), chip.pe_array
    if draw(st.integers(0, 3)):
        trace = pruned(trace, array.kept_per_block, array.block_elements)
    return chip, trace, draw(tiles(trace.layer, array.chunk_elements))


@st.composite
def columns(draw, stored_weight_bits, codebook):
    """A fully connected layer whose weights the chip can store: few different ones, or small ones."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    filters, channels = draw(st.sampled_from([7, 20, 75, 3, 1])), draw(st.sampled_from([9, 17, 40, 3, 1]))
    half = 2 ** min(stored_weight_bits - 1, 6)
    if codebook:
        # As many as the table holds leave no index for a padding entry: then there may be none.
        most = 2 ** min(stored_weight_bits, 5)
        different = draw(st.sampled_from([1, most // 2, most - 1, most if filters < 17 else most - 1]))
        values = generator.choice(np.setdiff1d(np.arange(-60, 60), 0), max(different, 1), replace=False)
    else:
        values = np.setdiff1d(np.arange(-half, half), 0)
    weight_zeros = generator.integers(-3, 4, filters)
    kept = generator.random((filters, channels)) < draw(st.sampled_from([0.3, 0.03, 0.6, 0.1, 1.0, 0.0]))
    weights = np.where(kept, generator.choice(values, kept.shape), 0) + weight_zeros[:, None]
    zero, shape = draw(st.integers(0, 5)), (draw(st.integers(1, 3)), channels)
    kept = generator.random(shape) < draw(st.sampled_from(DENSITIES))
    activations = np.where(kept, generator.integers(0, 100, shape), zero)
    dtype = draw(st.sampled_from([np.int8, np.uint8]))
    return from_arrays(
        weights.astype(np.int8),
        activations.astype(dtype),
        weight_zero_points=weight_zeros,
        activation_zero_point=zero,
    )


@st.composite
def column_broadcast_cases(draw):
    chip = draw(
        chips(
            "eie-64",
            rows=st.integers(1, 3),
            columns=st.integers(1, 3),
            accumulators=st.sampled_from([1, 2, 5, 40]),
            stored_weight_bits=st.sampled_from([1, 2, 4, 5, 8, 12]),
            codebook=st.booleans(),
            weight_bits=st.just(16),
            pointer_bits=st.sampled_from([8, 12, 16]),
            word_bytes=st.sampled_from([1, 2, 3, 8]),
        )
    )
    array = chip.pe_array
    trace = draw(typed(columns(array.stored_weight_bits, array.codebook)))
    k = span(draw, trace.layer.filters, array.cell_filters)
    c = span(draw, trace.layer.channels, array.chunk_elements)
    return chip, trace, Tile(*span(draw, trace.layer.batch), *k, *c, 0, 1, 0, 1)


@st.composite
def systolic_cases(draw):
    chip = draw(
        chips(
            "systolic-weights-16x32",
            stationary=st.sampled_from(["weights", "activations", "outputs"]),
            overlap=st.booleans(),
            weight_policy=st.sampled_from(["compute", "gate"]),
            activation_policy=st.sampled_from(["compute", "gate"]),
        )
    )
    trace = draw(filled(layers()))
    return chip, trace, draw(tiles(trace.layer, chip.pe_array.chunk_elements))


@st.composite
def sparse_layers(draw):
    """A convolution with strides up to 3 and few values, so that entries count many zeros."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.sampled_from([1, 1, 2]))
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    size = [(k - 1) * d + draw(st.integers(1, 8)) for k, d in zip(kernel, dilation, strict=True)]
    channels, density = draw(st.integers(1, 3)), st.sampled_from([0.3, 0.04, 1.0])

    def tensor(shape):
        return generator.integers(1, 100, shape) * (generator.random(shape) < draw(density))

    return from_arrays(
        tensor((draw(st.sampled_from([1, 4, 9])) * groups, *kernel, channels)).astype(np.int8),
        tensor((draw(st.integers(1, 2)), *size, channels * groups)).astype(np.uint8),
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 2))),
        padding=tuple(draw(st.integers(0, 2)) for _ in range(4)),
        dilation=dilation,
        groups=groups,
    )


@st.composite
def cartesian_cases(draw):
    per_step = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    chip = draw(
        chips(
            "scnn-64",
            rows=st.integers(1, 3),
            columns=st.integers(1, 3),
            weights_per_step=st.just(per_step[0]),
            activations_per_step=st.just(per_step[1]),
            banks=st.sampled_from([1, 2, 32]),
            bank_entries=st.sampled_from([4, 30, 100]),
            bank_queue_depth=st.integers(per_step[0] * per_step[1], 20),
        )
    )
    trace = draw(st.one_of(filled(layers()), typed(sparse_layers())))
    tile = draw(tiles(trace.layer, chip.pe_array.chunk_elements))
    both = plane.sides(trace, tile)
    held = plane.block_filters(chip.pe_array, plane.rectangles(both, chip.pe_array)[0], both)
    assume(held != 0)  # else the plan is refused
    return chip, trace, tile


def can_be_mapped(trace, tile, array):
    """Whether the array of spads holds the tile, group by group."""
    try:
        return all(Mapped(trace, of_group, array) for of_group in group_tiles(trace, tile))
    except PlanError:
        return False


@st.composite
def row_stationary_cases(draw):
    chip = draw(
        chips(
            "eyeriss-168",
            rows=st.integers(1, 8),
            columns=st.integers(1, 5),
            chunk_elements=st.just(1),
            activation_policy=st.sampled_from(["compute", "gate"]),
            weight_spad_entries=st.integers(3, 24),
            activation_spad_entries=st.integers(3, 12),
            sum_spad_entries=st.integers(1, 5),
            weights_per_cycle=st.sampled_from([1, 3, 4, 50, 1000]),
            activations_per_cycle=st.sampled_from([1, 2, 4, 50, 1000]),
        )
    )
    trace = draw(filled(layers(most_dilation=1)))
    tile = draw(tiles(trace.layer, 1))
    assume(can_be_mapped(trace, tile, chip.pe_array))
    return chip, trace, tile


@st.composite
def tall_layers(draw):
    """One channel and many filters, few weights not zero: columns with padding entries."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = generator.integers(1, 9, (40, 1, draw(st.integers(1, 2)), 1)).astype(np.int8)
    weights[generator.random(weights.shape) < draw(st.sampled_from([0.9, 0.97]))] = 0
    return from_arrays(weights, generator.integers(0, 2, (1, 2, 4, 1)).astype(np.uint8))


@st.composite
def deep_layers(draw):
    """Many channels and few activations not zero: counts of zeros that wrap at 16."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = generator.integers(-9, 9, (2, 1, 1, 40)).astype(np.int8)
    activations = generator.integers(1, 99, (1, 2, 3, 40)) * (generator.random((1, 2, 3, 40)) < 0.05)
    return from_arrays(weights, activations.astype(np.uint8))


@st.composite
def csc_row_stationary_cases(draw):
    chip = draw(
        chips(
            "eyeriss-v2-192",
            rows=st.integers(1, 8),
            columns=st.integers(1, 5),
            lanes=st.integers(1, 2),
            weight_spad_entries=st.sampled_from([24, 60, 200]),
            activation_spad_entries=st.integers(3, 40),
            sum_spad_entries=st.sampled_from([1, 3, 40]),
            pointer_bits=st.sampled_from([8, 11]),
        )
    )
    special = typed(st.one_of(tall_layers(), deep_layers()))
    trace = draw(st.one_of(filled(layers(most_dilation=1)), special))
    tile = draw(tiles(trace.layer, chip.pe_array.chunk_elements))
    assume(can_be_mapped(trace, tile, chip.pe_array))
    return chip, trace, tile
