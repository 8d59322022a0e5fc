import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from layers_by_hand import entries, layers, tiles, value_at, weight_at

from accelsim.dataflows.cartesian import plan_refusal
from accelsim.hardware import load_hardware
from accelsim.plan import Plan
from accelsim.study.pes import pe_lane_cycles

ROWS, COLUMNS = 2, 3
CHIP = load_hardware(
    "scnn-64", [f"pe_array.rows={ROWS}", f"pe_array.columns={COLUMNS}", "pe_array.bank_entries=10"]
)
HELD = CHIP.pe_array.banks * CHIP.pe_array.bank_entries


def split(value, stride):
    """The row without its phase, and the phase."""
    return value // stride, value % stride


def by_hand(trace, boxes):
    """PE by PE, output group by output group, every product, as docs/dataflows/cartesian.md has them."""
    layer = trace.layer
    counts = np.zeros((2, 1, ROWS, COLUMNS), np.int64)
    length = layer.input_height, layer.input_width
    for n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 in boxes.tolist():
        tile, bands, sides = ((p0, p1), (q0, q1)), [], []
        for axis, pes in ((0, ROWS), (1, COLUMNS)):
            reach = (layer.kernel[axis] - 1) * layer.dilation[axis] // layer.stride[axis] + 1
            low = max(tile[axis][0], layer.padding[axis] // layer.stride[axis])
            last = (length[axis] - 1 + layer.padding[axis]) // layer.stride[axis] + 1
            high = min(tile[axis][1] + reach - 1, last)
            size = -(-max(high - low, 0) // pes)
            bands.append([range(low + i * size, min(low + (i + 1) * size, high)) for i in range(pes)])
            sides.append(size + reach - 1)
        if not any(map(len, bands[0])) or not any(map(len, bands[1])):
            continue
        block = HELD // (sides[0] * sides[1])
        for _, of_group in itertools.groupby(range(k0, k1), lambda k: k // layer.group_filters):
            every = list(of_group)
            for first, n, c in itertools.product(range(0, len(every), block), range(n0, n1), range(c0, c1)):
                filters = every[first : first + block]
                channel = filters[0] // layer.group_filters * layer.group_channels + c
                for phase in np.ndindex(*layer.stride):
                    weights = phase_weights(trace, filters, c, phase)
                    for i, j in np.ndindex(ROWS, COLUMNS):
                        values = phase_values(trace, n, channel, phase, bands[0][i], bands[1][j])
                        for (w, ws, dj, dl), (a, stored, u, v) in itertools.product(weights, values):
                            inside = p0 <= u - dj < p1 and q0 <= v - dl < q1
                            counts[0, 0, i, j] += w and a and inside
                            counts[1, 0, i, j] += ws and stored and inside
    return counts


def phase_weights(trace, filters, c, phase):
    """(non-zero, stored, rows and columns that a tap goes back) of a block of filters, k, r, s ascending."""
    layer, taps = trace.layer, []
    for k, r, s in itertools.product(filters, *map(range, layer.kernel)):
        (dj, of_row), (dl, of_column) = (
            split(tap * layer.dilation[axis], layer.stride[axis]) for axis, tap in enumerate((r, s))
        )
        if (of_row, of_column) == phase:
            taps.append((weight_at(trace, k, r, s, c), dj, dl))
    stored = entries([one[0] for one in taps])
    return [(w, there, dj, dl) for (w, dj, dl), there in zip(taps, stored, strict=True)]


def phase_values(trace, n, channel, phase, rows, columns):
    """(non-zero, stored, u, v) of the pixels of a rectangle, u and v ascending."""
    layer, pixels = trace.layer, []
    for u, v in itertools.product(rows, columns):
        h = u * layer.stride[0] + phase[0] - layer.padding[0]
        w = v * layer.stride[1] + phase[1] - layer.padding[1]
        if 0 <= h < layer.input_height and 0 <= w < layer.input_width:
            pixels.append((value_at(trace, n, h, w, channel), u, v))
    stored = entries([one[0] for one in pixels])
    return [(a, there, u, v) for (a, u, v), there in zip(pixels, stored, strict=True)]


@settings(max_examples=40)
@given(st.data())
def test_every_product_is_counted_on_its_pe(data):
    windows = ((1, 1, 1, 0), (3, 1, 1, 1), (3, 2, 1, 1), (2, 1, 2, 0), (3, 2, 2, 2))
    groups = ((1, 20, 1), (1, 7, 3), (4, 1, 1), (2, 5, 2))
    trace = data.draw(layers(groups, windows, sides=(5, 14), density=data.draw(st.sampled_from([0.08, 0.5]))))
    if data.draw(st.booleans()):
        trace.activations[:, :, 1:] = trace.activation_zero_point  # gaps of more than 15 pixels
    boxes = data.draw(tiles(trace.layer))
    fits = [
        plan_refusal(Plan(tile_n=1, tile_k=1, tile_c=1, tile_p=p1 - p0, tile_q=q1 - q0), trace.layer, CHIP)
        is None
        for *_, p0, p1, q0, q1 in boxes.tolist()
    ]
    if not any(fits):
        return
    mac, slot = pe_lane_cycles(trace, boxes[fits], CHIP)
    wanted = by_hand(trace, boxes[fits])
    np.testing.assert_array_equal(mac, wanted[0])
    np.testing.assert_array_equal(slot, wanted[1])
