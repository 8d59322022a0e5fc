"""Tables of an operand's tiles and the walk over them against the traffic of a run, tile by tile."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans_by_hand import OPERANDS
from test_mapper_traffic import chips, layers, plans

from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.hardware import Accelerator
from accelsim.mapper import _operand_kernel, _search_kernel, _walk_kernel
from accelsim.mapper._bounds_kernel import bounded_tilings, counts_of, tables_moved
from accelsim.mapper._cost_kernel import (
    ACTIVATIONS,
    COMPUTE,
    HELD_ACTIVATIONS,
    HELD_OUTPUTS,
    MOVED_PARTIALS,
    OUTPUTS,
)
from accelsim.mapper.encoded import encoded_sizes, filter_block
from accelsim.mapper.traffic import (
    chip_vector,
    extents_vector,
    layer_vector,
    operand_uses,
    plan_traffic,
    size_arrays,
)
from accelsim.plan import LOOPS, tile_boxes
from accelsim.tables import TRAFFIC
from accelsim.trace import LayerTrace

ESTIMATE = np.array([0, 4, 3, 1, 4], np.int64)  # an inner_join array of 4 x 3 PEs


@settings(max_examples=150, deadline=None)
@given(data=st.data(), trace=layers(most_inputs=2), chip=chips())
def test_a_walk_over_tables_of_tiles_has_the_traffic_of_the_plan(
    data: st.DataObject, trace: LayerTrace, chip: Accelerator
) -> None:
    plan, layer = data.draw(plans(trace, filter_block(trace.layer, chip, 1))), trace.layer
    outputs = np.random.default_rng(data.draw(st.integers(0, 9))).random(layer.output_shape) < 0.5
    sizes = encoded_sizes(trace, chip, outputs, plan.tile_k)
    boxes = tile_boxes(plan, layer)
    traffic, live = plan_traffic(plan, boxes, layer, chip, sizes)
    extents, uses, arrays = extents_vector(layer), operand_uses(layer), size_arrays(sizes)
    vectors = layer_vector(layer, chip), chip_vector(layer, chip)
    tile = np.array([plan.sizes()[letter] for letter in LOOPS], np.int64)
    counts, order = counts_of(tile, extents), np.array([LOOPS.index(x) for x in plan.order])
    resident = np.array([operand in plan.resident for operand in OPERANDS], np.uint8)
    of = tile, counts, extents, *vectors, arrays
    weights, activations, outputs_table = (
        getattr(_operand_kernel, f"{name}_tiles")(*of) for name in ("weight", "activation", "output")
    )
    of_ends = _walk_kernel.estimates(tile, counts, extents, vectors[0], ESTIMATE, 1.5)
    steps = _walk_kernel.steps_of(order, resident, counts, _walk_kernel.loops_of(uses), layer.groups > 1)
    requests, most = _walk_kernel.requests_of(
        steps, weights, activations, outputs_table, of_ends, tables_moved(vectors[1]), vectors[1]
    )
    column = {name: traffic[:, i] for i, name in enumerate(TRAFFIC)}
    fetched = (
        "weight_fetch_bytes",
        "activation_fetch_bytes",
        "partial_sum_fetch_bytes",
        "fetch_burst_waste_bytes",
    )
    drained = ("output_drain_bytes", "partial_sum_drain_bytes", "drain_burst_waste_bytes")
    np.testing.assert_array_equal(requests[0], sum(column[name] for name in fetched))
    np.testing.assert_array_equal(requests[1], sum(column[name] for name in drained))
    for row, name in (
        (2, "reserve_bytes"),
        (3, "release_after_compute_bytes"),
        (4, "release_after_drain_bytes"),
    ):
        np.testing.assert_array_equal(requests[row], column[name])
    compute = estimated_cycles(boxes, vectors[0], ESTIMATE, 1.5)
    np.testing.assert_array_equal(requests[5], compute)
    assert most == live.max()
    assert _walk_kernel.all_compute(of_ends, counts) == compute.sum()
    for operand, name, table in zip(
        range(3), ("weight", "activation", "partial_sum"), (weights, activations, None), strict=True
    ):
        times = _walk_kernel.multiplicity(order, counts, uses[operand], bool(resident[operand]))
        if table is not None:
            assert times * table[:, _operand_kernel.HELD].sum() == column[f"{name}_fill_bytes"].sum()
        else:
            spilled = (times - 1) * outputs_table[:, _operand_kernel.PARTIAL].sum()
            assert (
                spilled == column["partial_sum_fetch_bytes"].sum() == column["partial_sum_drain_bytes"].sum()
            )
    row = bounded_tilings(
        np.zeros((1, 5), np.int64),
        tile[:, None],
        np.ones(5, np.int64),
        extents,
        *vectors,
        ESTIMATE,
        1.5,
        arrays,
    )[0]
    assert row[ACTIVATIONS] <= activations[:, _operand_kernel.MOVED].sum()
    assert row[HELD_ACTIVATIONS] == activations[:, _operand_kernel.HELD].sum()
    assert row[OUTPUTS] <= outputs_table[:, _operand_kernel.MOVED].sum()
    assert row[HELD_OUTPUTS] <= outputs_table[:, _operand_kernel.HELD].sum()
    assert row[COMPUTE] == compute.sum()
    assert row[MOVED_PARTIALS] <= outputs_table[:, _operand_kernel.PARTIAL_MOVED].sum()
    # The search makes them exact without a table of tiles.
    problem = (uses, extents, *vectors, ESTIMATE, 1.5, arrays)
    known = _search_kernel.nothing_known(np.ones(5, np.int64), vectors[0], arrays)
    _search_kernel.set_exact(row, np.zeros(5, np.int64), tile, counts, problem, known)
    assert row[ACTIVATIONS] == activations[:, _operand_kernel.MOVED].sum()
    assert row[OUTPUTS] == outputs_table[:, _operand_kernel.MOVED].sum()
    assert row[HELD_OUTPUTS] == outputs_table[:, _operand_kernel.HELD].sum()
    assert row[MOVED_PARTIALS] == outputs_table[:, _operand_kernel.PARTIAL_MOVED].sum()


@pytest.mark.small
def test_a_loop_outside_of_an_operands_own_brings_its_tiles_back() -> None:
    """Weights turn with k and c. Order n k c: all twice; k n c: each c comes back for every n; k c n: once."""
    counts, uses = np.array([2, 3, 2, 1, 1]), np.array([0, 1, 1, 0, 0])
    orders = {"NKCPQ": 2, "KNCPQ": 2, "KCNPQ": 1}
    for order, times in orders.items():
        places = np.array([LOOPS.index(letter) for letter in order])
        assert _walk_kernel.multiplicity(places, counts, uses, False) == times
        assert _walk_kernel.multiplicity(places, counts, uses, True) == 1
