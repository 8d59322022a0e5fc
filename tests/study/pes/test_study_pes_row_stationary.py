import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers_by_hand import entries, layers, tiles, value_at, weight_at

from accelsim.dataflows._row_mapping import map_tile
from accelsim.hardware import load_hardware
from accelsim.study.pes import pe_lane_cycles

ROWS, COLUMNS = 7, 4


def chip(name, weights, activations, sums):
    spads = {"weight_spad": weights, "activation_spad": activations, "sum_spad": sums}
    keys = {"rows": ROWS, "columns": COLUMNS} | {f"{spad}_entries": size for spad, size in spads.items()}
    return load_hardware(name, [f"pe_array.{key}={value}" for key, value in keys.items()])


CHIPS = {
    "row_stationary": chip("eyeriss-168", 12, 6, 2),
    "csc_row_stationary": chip("eyeriss-v2-192", 200, 6, 40),
}
WINDOWS = ((1, 1, 1, 0), (3, 1, 1, 1), (3, 2, 1, 1), (2, 1, 1, 0))


def places(kernel_rows, output_rows):
    """Where sets stand: rows and columns of each one's PEs, down the array, then across."""
    found, shelves = [], -(-output_rows // COLUMNS)
    for left in range(0, COLUMNS - min(output_rows, COLUMNS) + 1, output_rows):
        for top in range(0, ROWS - shelves * kernel_rows + 1, shelves * kernel_rows):
            found.append(
                {
                    (i, j): (top + j // COLUMNS * kernel_rows + i, left + j % COLUMNS)
                    for i in range(kernel_rows)
                    for j in range(output_rows)
                }
            )
    return found


def by_hand(trace, boxes, chip):
    """Pass by pass, set by set, window by window, as docs/dataflows/row_stationary.md has them."""
    layer, compressed = trace.layer, chip.dataflow == "csc_row_stationary"
    counts = np.zeros((2, 1, ROWS, COLUMNS), np.int64)
    for n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 in boxes.tolist():
        for _, group in itertools.groupby(range(k0, k1), lambda k: k // layer.group_filters):
            filters = list(group)
            m = map_tile(layer, len(filters), c1 - c0, p1 - p0, chip.pe_array)
            where, base = places(layer.kernel[0], p1 - p0), filters[0] // layer.group_filters
            for y, v, u in itertools.product(range(m.passes), range(m.t), range(m.r)):
                first = y * m.p * m.t + v * m.p
                mine = filters[first : first + m.p]
                channels = range(c0 + u * m.q, min(c0 + (u + 1) * m.q, c1))
                for (i, j), place in where[u + m.r * v].items():
                    for s, c in itertools.product(range(layer.kernel[1]), channels):
                        column = [weight_at(trace, k, i, s, c) for k in mine]
                        for n, q in itertools.product(range(n0, n1), range(q0, q1)):
                            h = (p0 + j) * layer.stride[0] - layer.padding[0] + i
                            w = q * layer.stride[1] - layer.padding[1] + s
                            value = value_at(trace, n, h, w, base * layer.group_channels + c)
                            slots = sum(entries(column)) * value if compressed else len(mine)
                            counts[0, 0][place] += sum(column) * value
                            counts[1, 0][place] += slots
    return counts


@pytest.mark.parametrize("dataflow", CHIPS)
@settings(max_examples=40)
@given(data=st.data())
def test_every_multiplication_is_counted_on_its_pe(data, dataflow):
    chip = CHIPS[dataflow]
    compressed = dataflow == "csc_row_stationary"
    groups = ((1, 60, 2), (3, 2, 2)) if compressed else ((1, 9, 4), (4, 1, 1), (3, 2, 2), (2, 5, 3))
    trace = data.draw(layers(groups, WINDOWS, density=0.1 if compressed else 0.5))
    boxes = data.draw(tiles(trace.layer, whole_rows=not compressed))
    layer = trace.layer
    runs = [
        map_tile(layer, min(k1 - k0, layer.group_filters), c1 - c0, p1 - p0, chip.pe_array)
        for _, _, k0, k1, c0, c1, p0, p1, _, _ in boxes.tolist()
    ]
    boxes = boxes[[not isinstance(mapping, str) for mapping in runs]]  # the others are refused
    if not len(boxes):
        return
    mac, slot = pe_lane_cycles(trace, boxes, chip)
    wanted = by_hand(trace, boxes, chip)
    np.testing.assert_array_equal(mac, wanted[0])
    np.testing.assert_array_equal(slot, wanted[1])
