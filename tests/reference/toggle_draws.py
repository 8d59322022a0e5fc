"""Small layers, chips and tiles of each dataflow that its toggles are tried on: `<dataflow>_cases()`.

Every case is (chip, trace, tile), legal on its chip. Layers and tiles are those of the dataflows' twins, with
weights of both types; chips differ in all that a count of toggles may depend on, and in some things it may not.
"""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from twin_cases import layers, tiles

from accelsim.hardware import load_hardware

BITS = st.sampled_from([8, 16])
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
    trace, array = draw(typed(layers())), chip.pe_array
    if draw(st.integers(0, 3)):
        trace = pruned(trace, array.kept_per_block, array.block_elements)
    return chip, trace, draw(tiles(trace.layer, array.chunk_elements))
