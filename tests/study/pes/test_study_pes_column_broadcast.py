import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from layers_by_hand import cut, drawn_trace, entries, value_at, weight_at

from accelsim.hardware import load_hardware
from accelsim.network import Layer
from accelsim.study.pes import pe_lane_cycles


def by_hand(trace, boxes, rows, columns, accumulators):
    """Cell by cell, step by step, as docs/dataflows/column_broadcast.md has them."""
    counts, pes = np.zeros((2, 1, rows, columns), np.int64), rows * columns
    for n0, n1, k0, k1, c0, c1, *_ in boxes.tolist():
        for cell in range(k0, k1, pes * accumulators):
            filters = range(cell, min(cell + pes * accumulators, k1))
            for pe in range(pes):
                mine = [k for k in filters if (k - cell) % pes == pe]
                for n in range(n0, n1):
                    for c in range(c0, c1):
                        column = [weight_at(trace, k, 0, 0, c) for k in mine]
                        if value_at(trace, n, 0, 0, c):
                            counts[0, 0, pe // columns, pe % columns] += sum(column)
                            counts[1, 0, pe // columns, pe % columns] += sum(entries(column))
    return counts


@settings(max_examples=40)
@given(st.data())
def test_every_entry_is_counted_on_its_pe(data):
    rows, columns = data.draw(st.sampled_from([(2, 1), (1, 3), (2, 2)]))
    accumulators = data.draw(st.integers(1, 40))
    layer = Layer(
        name="l",
        kind="fully_connected",
        batch=data.draw(st.integers(1, 2)),
        input_height=1,
        input_width=1,
        channels=data.draw(st.integers(1, 12)),
        filters=data.draw(st.integers(1, 150)),
        kernel=(1, 1),
    )
    density = data.draw(st.sampled_from([0.06, 0.5]))
    trace = drawn_trace(layer, np.random.default_rng(data.draw(st.integers(0, 99))), density)
    boxes = [
        (0, layer.batch, *filters, *channels, 0, 1, 0, 1)
        for filters in cut(data.draw, layer.filters, rows * columns * accumulators)
        for channels in cut(data.draw, layer.channels)
    ]
    sizes = [f"pe_array.rows={rows}", f"pe_array.columns={columns}", f"pe_array.accumulators={accumulators}"]
    mac, slot = pe_lane_cycles(trace, np.array(boxes, np.int64), load_hardware("eie-64", sizes))
    wanted = by_hand(trace, np.array(boxes, np.int64), rows, columns, accumulators)
    np.testing.assert_array_equal(mac, wanted[0])
    np.testing.assert_array_equal(slot, wanted[1])
