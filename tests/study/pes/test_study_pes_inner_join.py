import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from layers_by_hand import layers, of_pair, pairs, tiles

from accelsim.hardware import load_hardware
from accelsim.plan import Unrolling
from accelsim.study.pes import pe_lane_cycles

POLICIES = st.sampled_from(["skip", "gate", "compute"])


def row_of(layer, box, rows):
    """The row of each filter of a tile: by blocks, of several whole groups if two fit."""
    k, last, of_group, row = int(box[2]), int(box[3]), layer.group_filters, {}
    while k < last:
        fitting = min(rows, last - k) // of_group
        size = min(rows, last - k, of_group - k % of_group)
        if k % of_group == 0 and fitting > 1:
            size = fitting * of_group
        row |= {k + i: i for i in range(size)}
        k += size
    return row


def by_hand(trace, boxes, held, skips, chunk):
    """Every pair of every output set, one after the other, on the PE that docs/dataflows/inner_join.md names."""
    counts = np.zeros((2, held.parts, held.filters, held.positions), np.int64)
    for box in boxes:
        n0, _, _, _, c0, c1, p0, p1, q0, q1 = box.tolist()
        rows, chunks = row_of(trace.layer, box, held.filters), -(-(c1 - c0) // chunk)
        for one in pairs(trace, box):
            position = ((one.n - n0) * (p1 - p0) + one.p - p0) * (q1 - q0) + one.q - q0
            number = (one.r * trace.layer.kernel[1] + one.s) * chunks + (one.c - c0) // chunk
            place = number % held.parts, rows[one.k], position % held.positions
            slot = (one.weight or not skips[0]) and (one.value or not skips[1])
            of_pair(counts, place, one.weight, one.value, slot)
    return counts


@settings(max_examples=40)
@given(st.data(), POLICIES, POLICIES)
def test_every_pair_is_counted_on_its_pe(data, weight_policy, activation_policy):
    trace = data.draw(layers())
    boxes = data.draw(tiles(trace.layer))
    held = data.draw(st.sampled_from([None, Unrolling(2, 3), Unrolling(3, 2, 2), Unrolling(6, 1, 3)]))
    policies = [f"pe_array.weight_policy={weight_policy}", f"pe_array.activation_policy={activation_policy}"]
    sizes = ["pe_array.rows=4", "pe_array.columns=3", "pe_array.chunk_elements=8", "pe_array.lanes=1"]
    chip = load_hardware("both-skip-16x16", [*sizes, *policies])
    mac, slot = pe_lane_cycles(trace, boxes, chip, held)
    skips = weight_policy == "skip", activation_policy == "skip"
    wanted = by_hand(trace, boxes, held or Unrolling(4, 3), skips, chip.pe_array.chunk_elements)
    np.testing.assert_array_equal(mac, wanted[0])
    np.testing.assert_array_equal(slot, wanted[1])
