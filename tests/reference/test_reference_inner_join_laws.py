"""Laws of the inner_join reference on drawn layers, tiles, chips and unrollings.

`recurrence` is section 4 of docs/dataflows/inner_join.md and the waits of its section 6 written out as
arithmetic; the reference steps a machine. They share nothing but the page.
"""

from itertools import product

import numpy as np
from hypothesis import given, settings
from inner_join_draws import cases

from accelsim.plan import Unrolling
from accelsim.reference.inner_join import tile_counts
from accelsim.tables import COUNTERS, TILE_CAUSES


def window(trace, n, p, q, k):
    """Non-zero activations bool[R, S, C] and padding taps bool[R, S] that filter k sees at (n, p, q)."""
    layer = trace.layer
    (top, left, bottom, right), (stride_h, stride_w) = layer.padding, layer.stride
    border = ((top, bottom), (left, right))
    nonzero = np.pad(trace.activations[n] != trace.activation_zero_point, (*border, (0, 0)))
    outside = np.pad(
        np.zeros(nonzero.shape[:2], bool)[top : top + layer.input_height, : layer.input_width],
        border,
        constant_values=True,
    )
    rows = slice(
        p * stride_h, p * stride_h + layer.dilation[0] * (layer.kernel[0] - 1) + 1, layer.dilation[0]
    )
    columns = slice(
        q * stride_w, q * stride_w + layer.dilation[1] * (layer.kernel[1] - 1) + 1, layer.dilation[1]
    )
    first = k // layer.group_filters * layer.group_channels
    return nonzero[rows, columns, first : first + layer.group_channels], outside[rows, columns]


def pairs(trace, tile):
    """Every output's (weights non-zero, activations non-zero, padding) bool[R, S, tile channels]."""
    for k in range(tile.k0, tile.k1):
        weights = (trace.weights[k] != trace.weight_zero_points[k])[..., tile.c0 : tile.c1]
        for n, p, q in product(range(tile.n0, tile.n1), range(tile.p0, tile.p1), range(tile.q0, tile.q1)):
            nonzero, outside = window(trace, n, p, q, k)
            yield weights, nonzero[..., tile.c0 : tile.c1], np.broadcast_to(outside[..., None], weights.shape)


def stored_bytes(nonzero, encoding, policy, bits):
    mask, values = -(-nonzero.size // 8), nonzero.sum() if encoding == "bitmask" else nonzero.size
    return -(-int(values) * bits // 8) + mask * (encoding == "bitmask" or policy != "compute")


def tile_sets(trace, tile, spatial):
    """(filters, positions) of each set."""
    per_group = trace.layer.group_filters
    by_group = {}
    for k in range(tile.k0, tile.k1):
        by_group.setdefault(k // per_group, []).append(k)
    blocks, whole = [], []  # `whole`: groups that share a block
    for ks in by_group.values():
        if len(ks) == per_group and len(whole) + len(ks) <= spatial.filters:
            whole += ks
            continue
        blocks += [whole] if whole else []
        whole = ks if len(ks) == per_group <= spatial.filters else []
        blocks += [] if whole else [ks[i : i + spatial.filters] for i in range(0, len(ks), spatial.filters)]
    blocks += [whole] if whole else []
    spots = list(product(range(tile.n0, tile.n1), range(tile.p0, tile.p1), range(tile.q0, tile.q1)))
    size = spatial.positions
    return [(ks, spots[i : i + size]) for ks in blocks for i in range(0, len(spots), size)]


def step_of(trace, tile, machine, filters, positions, chunks):
    """Bytes of a step of a chunk or None by part, and the slots of each PE as `part_of` has them."""
    size, slots = 0, {}
    for part, chunk in enumerate(chunks):
        if chunk is None:
            slots |= {(i, j, part): [0] * widths(machine.pe_array) for i, j in product(filters, positions)}
            continue
        *tap, c = chunk
        part_size, part_slots = part_of(trace, tile, machine, filters, positions, tuple(tap), c)
        size += part_size
        slots |= {(i, j, part): works for (i, j), works in part_slots.items()}
    return size, slots


def widths(array):
    """Consumers of a PE's steps: lanes, or one if they step together."""
    return array.lanes if array.lane_sync == "set" else 1


def part_of(trace, tile, machine, filters, positions, tap, c):
    """Bytes of a part's chunks, and the slots of each lane of each of its PEs (one number if they step together)."""
    array, encodings = machine.pe_array, machine.encodings
    channels = slice(c, min(c + array.chunk_elements, tile.c1))
    weights = {
        i: (trace.weights[k] != trace.weight_zero_points[k])[(*tap, channels)] for i, k in filters.items()
    }
    groups = {i: k // trace.layer.group_filters for i, k in filters.items()}
    seen = {
        (group, j): window(trace, *spot, group * trace.layer.group_filters)
        for group in set(groups.values())
        for j, spot in positions.items()
    }
    size = sum(
        stored_bytes(x, encodings.weights, array.weight_policy, array.weight_bits) for x in weights.values()
    )
    size += sum(
        stored_bytes(nonzero[(*tap, channels)], encodings.activations, array.activation_policy, 8)
        for nonzero, outside in seen.values()
        if not outside[tap]
    )
    slots = {}
    for (i, weight), j in product(weights.items(), positions):
        nonzero, _ = seen[groups[i], j]
        keep = (weight | (array.weight_policy != "skip")) & (
            nonzero[(*tap, channels)] | (array.activation_policy != "skip")
        )
        by_lane = [int(keep[lane :: array.lanes].sum()) for lane in range(array.lanes)]
        if array.lane_assignment == "pooled":
            slots[i, j] = [-(-sum(by_lane) // array.lanes)]
        else:
            slots[i, j] = by_lane if array.lane_sync == "set" else [max(by_lane)]
    return size, slots


def set_steps(trace, tile, array, parts):
    """(r, s, first channel), or None, of each part in each step of a set."""
    kernel_height, kernel_width = trace.layer.kernel
    cuts = range(tile.c0, tile.c1, array.chunk_elements)
    total = kernel_height * kernel_width * len(cuts)
    steps = [[None] * parts for _ in range(-(-total // parts))]
    for r, s, (index, c) in product(range(kernel_height), range(kernel_width), enumerate(cuts)):
        number = (r * kernel_width + s) * len(cuts) + index
        steps[number // parts][number % parts] = (r, s, c)
    return steps


def recurrence(trace, tile, machine, spatial):
    """compute_cycles and the lane-cycles of the waits, from the equations."""
    array = machine.pe_array
    spatial = spatial or Unrolling(array.rows, array.columns)
    sets = tile_sets(trace, tile, spatial)
    steps, parts = set_steps(trace, tile, array, spatial.parts), range(spatial.parts)
    rows, columns = [[i] for i in range(spatial.filters)], [[j] for j in range(spatial.positions)]
    if array.broadcast_domain != "row":
        rows = [[i for row in rows for i in row]]
    if array.broadcast_domain != "column":
        columns = [[j for column in columns for j in column]]
    waits = dict.fromkeys(("send_wait", "queue_wait", "imbalance", "drain_wait"), 0)
    last_ends, last_drains = {}, [0]
    for used_rows, used_columns in product(rows, columns):
        sent, starts, drains, ends, last_set = [], [], [], {}, {}
        for index, (ks, spots) in enumerate(sets):
            filters = {i: ks[i] for i in used_rows if i < len(ks)}
            positions = {j: spots[j] for j in used_columns if j < len(spots)}
            if not filters or not positions:
                continue
            for pe in product(filters, positions, parts):  # lanes meet between sets
                ends[pe] = [max(ends.get(pe, [0]))] * len(ends.get(pe, [0] * array.lanes))
            for step, chunks in enumerate(steps):
                size, slots = step_of(trace, tile, machine, filters, positions, chunks)
                early = (sent[-1] + 1) if sent else 0
                if len(sent) >= array.queue_depth:
                    early = max(early, *starts[len(sent) - array.queue_depth])
                if step == 0 and len(drains) >= 2:
                    early = max(early, drains[-2])
                send_cycles = max(1, -(-size // array.array_feed_bytes_per_cycle))
                sent.append(max(early, sent[-1] + send_cycles) if sent else 0)
                starts.append([0])
                for pe, works in slots.items():
                    before = ends[pe][: len(works)]
                    begin = [max(sent[-1] + array.queue_latency_cycles, end) for end in before]
                    for gap in [b - e for b, e in zip(begin, before, strict=True)]:
                        if pe in last_set and index - last_set[pe] <= 1:
                            width = array.lanes // len(works)
                            waits["send_wait"] += width * min(gap, sent[-1] - early)
                            waits["queue_wait"] += width * (gap - min(gap, sent[-1] - early))
                    ends[pe] = [b + max(work, 1) for b, work in zip(begin, works, strict=True)]
                    starts[-1] += begin
                    last_set[pe] = index
            done = max(end for pe in product(filters, positions, parts) for end in ends[pe])
            drained = -(-len(filters) * len(positions) // machine.postprocessor.drain_elements_per_cycle)
            drains.append(max([done, *drains[-1:]]) + drained)
        last_ends |= {pe: (max(end), last_set[pe] == len(sets) - 1) for pe, end in ends.items()}
        last_drains += drains[-1:]
    end = max(pe_end for pe_end, _ in last_ends.values())
    waits["imbalance"] = array.lanes * sum(end - pe_end for pe_end, in_last in last_ends.values() if in_last)
    waits["drain_wait"] = array.multipliers * (max(last_drains) - end)
    tree_cycles = (spatial.parts - 1).bit_length()
    return {"compute_cycles": max(last_drains) + array.pipeline_cycles + tree_cycles} | {
        f"{cause}_lane_cycles": lane_cycles for cause, lane_cycles in waits.items()
    }


@settings(deadline=None)
@given(cases())
def test_stepped_machine_obeys_the_recurrence(case):
    counts = tile_counts(*case)
    expected = recurrence(*case)
    assert {name: counts[name] for name in expected} == expected


@settings(deadline=None)
@given(cases())
def test_pairs_are_those_of_the_windows(case):
    trace, tile, machine, _ = case
    counts = tile_counts(*case)
    both = sum(int((weights & nonzero).sum()) for weights, nonzero, _ in pairs(trace, tile))
    padding = sum(int(outside.sum()) for _, _, outside in pairs(trace, tile))
    assert counts["effectual_macs"] == both
    if (machine.pe_array.weight_policy, machine.pe_array.activation_policy) == ("compute", "compute"):
        assert counts["padding_operand_reads"] == padding


@settings(deadline=None)
@given(cases())
def test_books_close(case):
    trace, tile, machine, spatial = case
    counts = tile_counts(*case)
    kernel_height, kernel_width = trace.layer.kernel
    assert tuple(counts) == COUNTERS
    assert all(type(value) is int and value >= 0 for value in counts.values())
    lane_cycles = sum(counts[f"{cause}_lane_cycles"] for cause in TILE_CAUSES)
    assert lane_cycles == machine.pe_array.multipliers * counts["compute_cycles"]
    assert counts["outputs"] == tile.outputs
    assert counts["dense_macs"] == tile.outputs * kernel_height * kernel_width * (tile.c1 - tile.c0)
    assert counts["done_macs"] + counts["gated_macs"] + counts["skipped_macs"] == counts["dense_macs"]
    assert counts["effectual_macs"] <= counts["done_macs"]
    assert counts["mac_lane_cycles"] == counts["effectual_macs"]
    assert counts["mac_lane_cycles"] + counts["zero_mac_lane_cycles"] == counts["done_macs"]
    assert counts["gated_lane_cycles"] == counts["gated_macs"]
    assert counts["weight_operand_reads"] == counts["done_macs"]
    assert counts["activation_operand_reads"] + counts["padding_operand_reads"] == counts["done_macs"]
    part_updates = counts["accumulator_updates"] - (spatial.parts - 1 if spatial else 0) * tile.outputs
    assert part_updates <= counts["done_macs"] <= part_updates * machine.pe_array.lanes
