import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers_by_hand import layers, pairs, tiles

from accelsim.hardware import load_hardware
from accelsim.study.pes import pe_lane_cycles

ROWS, COLUMNS = 5, 3


def layer_group(layer):
    return lambda k: k // layer.group_filters


def by_hand(trace, boxes, stationary):
    """Fold by fold: every slot of every mapped PE, as docs/dataflows/systolic.md has them."""
    layer = trace.layer
    counts = np.zeros((2, 1, ROWS, COLUMNS), np.int64)
    for box in boxes:
        met = {(one.k, one.n, one.p, one.q, one.r, one.s, one.c): one for one in pairs(trace, box)}
        n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 = box.tolist()
        positions = list(itertools.product(range(n0, n1), range(p0, p1), range(q0, q1)))
        reduction = list(itertools.product(*map(range, layer.kernel), range(c0, c1)))
        for _, filters in itertools.groupby(range(k0, k1), layer_group(layer)):
            loops = {"filters": list(filters), "positions": positions, "reduction": reduction}
            down, across = {
                "weights": ("reduction", "filters"),
                "activations": ("reduction", "positions"),
                "outputs": ("positions", "filters"),
            }[stationary]
            stream = ({*loops} - {down, across}).pop()
            for first_across in range(0, len(loops[across]), COLUMNS):
                for first_down in range(0, len(loops[down]), ROWS):
                    block = loops[down][first_down : first_down + ROWS]
                    other = loops[across][first_across : first_across + COLUMNS]
                    for (i, a), (j, b), t in itertools.product(
                        enumerate(block), enumerate(other), loops[stream]
                    ):
                        at = {down: a, across: b, stream: t}
                        one = met[(at["filters"], *at["positions"], *at["reduction"])]
                        counts[0, 0, i, j] += one.weight and one.value
                        counts[1, 0, i, j] += 1
    return counts


@pytest.mark.parametrize("stationary", ["weights", "activations", "outputs"])
@settings(max_examples=15)
@given(data=st.data())
def test_every_slot_of_a_fold_is_counted_on_its_pe(data, stationary):
    trace = data.draw(layers())
    boxes = data.draw(tiles(trace.layer))
    sizes = [f"pe_array.rows={ROWS}", f"pe_array.columns={COLUMNS}", f"pe_array.stationary={stationary}"]
    mac, slot = pe_lane_cycles(trace, boxes, load_hardware("systolic-weights-16x32", sizes))
    wanted = by_hand(trace, boxes, stationary)
    np.testing.assert_array_equal(mac, wanted[0])
    np.testing.assert_array_equal(slot, wanted[1])
