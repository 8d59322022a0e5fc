import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers_by_hand import layers, of_pair, pairs, tiles

from accelsim.hardware import load_hardware
from accelsim.study.pes import pe_lane_cycles

CHIP = load_hardware("sparse-tensor-core", ["pe_array.rows=3", "pe_array.columns=4"])
M, N = CHIP.pe_array.block_elements, CHIP.pe_array.kept_per_block


def thinned(trace):
    """In every block of every filter and tap the first N weights that are not zero, no others."""
    weights = trace.weights
    for k, r, s in np.ndindex(weights.shape[:3]):
        for first in range(0, weights.shape[3], M):
            block = weights[k, r, s, first : first + M]
            block[np.flatnonzero(block != trace.weight_zero_points[k])[N:]] = trace.weight_zero_points[k]


def slots_of_block(weights):
    """What is stored of a block: its non-zero weights, then its first zeros in the places left."""
    stored = list(weights)
    for i, here in enumerate(weights):
        stored[i] = here or sum(stored) < N
    return stored


def by_hand(trace, boxes, dense):
    """Every pair on the PE that docs/dataflows/structured.md names."""
    layer = trace.layer
    counts = np.zeros((2, 1, CHIP.pe_array.rows, CHIP.pe_array.columns), np.int64)
    for box in boxes:
        n0, _, k0, _, _, _, p0, p1, q0, q1 = box.tolist()
        for one in pairs(trace, box):
            in_group = one.k - max(k0, one.k // layer.group_filters * layer.group_filters)
            position = ((one.n - n0) * (p1 - p0) + one.p - p0) * (q1 - q0) + one.q - q0
            first = one.c // M * M
            block = trace.weights[one.k, one.r, one.s, first : first + M] != trace.weight_zero_points[one.k]
            slot = dense or slots_of_block(block.tolist())[one.c - first]
            place = 0, in_group % CHIP.pe_array.rows, position % CHIP.pe_array.columns
            of_pair(counts, place, one.weight, one.value, slot)
    return counts


@pytest.mark.parametrize("dense", [False, True])
@settings(max_examples=20)
@given(data=st.data())
def test_every_pair_is_counted_on_its_pe(data, dense):
    trace = data.draw(layers(groups=((1, 5, 9), (1, 7, 14), (3, 2, 6), (2, 5, 3)), density=0.9))
    if dense:
        trace.weights[0, 0, 0, :3] = 1  # three of a block of four
    else:
        thinned(trace)
    boxes = data.draw(tiles(trace.layer, M))
    mac, slot = pe_lane_cycles(trace, boxes, CHIP)
    wanted = by_hand(trace, boxes, dense)
    np.testing.assert_array_equal(mac, wanted[0])
    np.testing.assert_array_equal(slot, wanted[1])
