"""The kernel of cartesian: equal to its cycle-stepping reference; banks, phases, halos and refusals by hand."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from twin_cases import counted, layers, tiles, whole_tile

import accelsim
from accelsim.dataflows import cartesian
from accelsim.datapath.convolution import accumulators
from accelsim.errors import HardwareError, PlanError, UnsupportedLayerError
from accelsim.hardware import load_hardware
from accelsim.plan import Plan, whole
from accelsim.reference.cartesian import tile_counts
from accelsim.tables import TILE_CAUSES
from accelsim.trace import from_arrays


@st.composite
def chips(draw):
    per_step = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    values = {
        "pe_array.rows": draw(st.integers(1, 3)),
        "pe_array.columns": draw(st.integers(1, 3)),
        "pe_array.weights_per_step": per_step[0],
        "pe_array.activations_per_step": per_step[1],
        "pe_array.banks": draw(st.sampled_from([1, 2, 4, 32, 64])),
        "pe_array.bank_entries": draw(st.sampled_from([4, 30, 100])),
        "pe_array.bank_queue_depth": per_step[0] * per_step[1] + draw(st.sampled_from([0, 1, 5, 20])),
        "pe_array.halo_elements_per_cycle": draw(st.sampled_from([1, 3, 100])),
        "pe_array.chunk_elements": draw(st.sampled_from([8, 16])),
        "pe_array.pipeline_cycles": draw(st.integers(0, 3)),
        "pe_array.weight_bits": draw(st.sampled_from([8, 16])),
        "pe_array.activation_bits": draw(st.sampled_from([8, 16])),
        "postprocessor.drain_elements_per_cycle": draw(st.sampled_from([1, 7, 100])),
        "scratchpad.word_bytes": draw(st.sampled_from([1, 3, 8])),
    }
    return load_hardware("scnn-64", [f"{key}={value}" for key, value in values.items()])


@st.composite
def cases(draw):
    chip, trace = draw(chips()), draw(layers())
    tile = draw(tiles(trace.layer, chip.pe_array.chunk_elements))
    sizes = Plan(tile_n=1, tile_k=1, tile_c=1, tile_p=tile.p1 - tile.p0, tile_q=tile.q1 - tile.q0)
    assume(cartesian.plan_refusal(sizes, trace.layer, chip) is None)
    return chip, trace, tile


@st.composite
def busy_cases(draw):
    """Few banks, few sums, many products: full queues, padding entries, several output groups and halos."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.sampled_from([1, 1, 2]))
    shape = draw(st.sampled_from([1, 4, 9])) * groups, draw(st.integers(1, 4)), draw(st.integers(1, 3))
    filters, kernel = shape[0], shape[1:]
    dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    size = [(k - 1) * d + draw(st.integers(3, 8)) for k, d in zip(kernel, dilation, strict=True)]
    channels = draw(st.integers(1, 3))
    density = draw(st.sampled_from([0.04, 0.3, 1.0])), draw(st.sampled_from([0.04, 0.3, 1.0]))
    weights = generator.random((filters, *kernel, channels)) < density[0]
    activations = generator.random((draw(st.integers(1, 2)), *size, channels * groups)) < density[1]
    trace = from_arrays(
        weights.astype(np.int8),
        activations.astype(np.uint8),
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 2))),
        padding=tuple(draw(st.integers(0, 2)) for _ in range(4)),
        dilation=dilation,
        groups=groups,
    )
    per_step = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    chip = chip_of(
        rows=draw(st.integers(1, 3)),
        columns=draw(st.integers(1, 3)),
        weights_per_step=per_step[0],
        activations_per_step=per_step[1],
        banks=draw(st.sampled_from([1, 2, 4])),
        bank_entries=draw(st.sampled_from([40, 100, 1000])),
        bank_queue_depth=per_step[0] * per_step[1] + draw(st.sampled_from([0, 0, 1, 7])),
        halo_elements_per_cycle=draw(st.sampled_from([1, 3])),
    )
    rate = draw(st.sampled_from([1, 20, 1000]))
    chip = chip.model_copy(
        update={"postprocessor": chip.postprocessor.model_copy(update={"drain_elements_per_cycle": rate})}
    )
    assume(cartesian.plan_refusal(whole(trace.layer), trace.layer, chip) is None)
    return chip, trace, whole_tile(trace)


def chip_of(**array):
    return load_hardware("scnn-64", [f"pe_array.{key}={value}" for key, value in array.items()])


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile = case
    assert counted(cartesian, trace, tile, chip) == tile_counts(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(busy_cases())
def test_full_queues_padding_entries_and_halos_agree_too(case):
    chip, trace, tile = case
    assert counted(cartesian, trace, tile, chip) == tile_counts(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_and_macs_add_up_and_effectual_macs_are_the_convolutions(case):
    chip, trace, tile = case
    row = counted(cartesian, trace, tile, chip)
    assert min(row.values()) >= 0
    by_cause = sum(row[f"{cause}_lane_cycles"] for cause in TILE_CAUSES)
    assert by_cause == chip.pe_array.multipliers * row["compute_cycles"]
    assert row["done_macs"] + row["skipped_macs"] == row["dense_macs"]
    # A convolution of ones where values are no zeros counts its non-zero products.
    ones = from_arrays(
        (trace.weights != trace.weight_zero_points[:, None, None, None]).astype(np.int8),
        (trace.activations != trace.activation_zero_point).astype(np.uint8),
        stride=trace.layer.stride,
        padding=trace.layer.padding,
        dilation=trace.layer.dilation,
        groups=trace.layer.groups,
    )
    if tile.c1 - tile.c0 == trace.layer.group_channels:
        sums = accumulators(ones, "skip", "skip").values[
            tile.n0 : tile.n1, tile.p0 : tile.p1, tile.q0 : tile.q1, tile.k0 : tile.k1
        ]
        assert row["effectual_macs"] == sums.sum()


@pytest.mark.small
def test_products_that_meet_in_a_bank_wait():
    """One bank: four products of a step take four cycles; the next step fits beside those left."""
    trace = from_arrays(np.ones((2, 1, 1, 1), np.int8), np.ones((1, 1, 4, 1), np.uint8))
    shape = {"rows": 1, "columns": 1, "weights_per_step": 2, "activations_per_step": 2, "pipeline_cycles": 0}
    alone = counted(cartesian, trace, whole_tile(trace), chip_of(**shape, banks=1, bank_queue_depth=4))
    free = counted(cartesian, trace, whole_tile(trace), chip_of(**shape, banks=64, bank_queue_depth=4))
    assert free["steps"] == alone["steps"] == 2
    assert free["conflict_lane_cycles"] == 0
    # Eight products at one a cycle: issued in cycles 0 and 4, empty after cycle 7.
    assert alone["conflict_lane_cycles"] == 4 * (8 - 2)


@pytest.mark.small
def test_a_stride_skips_the_pixels_that_no_tap_meets():
    trace = from_arrays(np.ones((1, 1, 1, 1), np.int8), np.ones((1, 5, 5, 1), np.uint8), stride=2)
    row = counted(cartesian, trace, whole_tile(trace), chip_of(rows=2, columns=2))
    assert row["done_macs"] == row["dense_macs"] == 9
    assert row["surplus_products"] == 0


@pytest.mark.small
def test_products_outside_of_the_plane_are_surplus():
    trace = from_arrays(np.ones((1, 3, 3, 1), np.int8), np.ones((1, 4, 4, 1), np.uint8))
    row = counted(cartesian, trace, whole_tile(trace), chip_of(rows=1, columns=1))
    assert row["done_macs"] == 4 * 9
    assert row["surplus_products"] == 16 * 9 - 4 * 9
    assert row["accumulator_updates"] == row["done_macs"]  # one PE has no neighbour


def test_tiles_on_threads_count_the_same():
    generator = np.random.default_rng(0)
    weights = generator.integers(1, 9, (20, 3, 3, 16)) * (generator.random((20, 3, 3, 16)) < 0.4)
    activations = generator.integers(1, 9, (1, 20, 20, 16)) * (generator.random((1, 20, 20, 16)) < 0.5)
    trace = from_arrays(weights.astype(np.int8), activations.astype(np.uint8), padding=1)
    chip = load_hardware("scnn-64")
    prepared = cartesian.prepare(trace, chip)
    boxes = np.array([[0, 1, k, k + 10, 0, 16, p, p + 10, 0, 20] for k in (0, 10) for p in (0, 10)])
    one = cartesian.tile_counters(prepared, boxes, chip, threads=1)
    assert np.array_equal(one, cartesian.tile_counters(prepared, boxes, chip, threads=3))


def test_a_layer_runs_tiled_and_its_books_close():
    generator = np.random.default_rng(1)
    weights = generator.integers(1, 8, (40, 3, 3, 24)) * (generator.random((40, 3, 3, 24)) < 0.4)
    activations = generator.integers(1, 99, (2, 30, 30, 24)) * (generator.random((2, 30, 30, 24)) < 0.5)
    trace = from_arrays(weights.astype(np.int8), activations.astype(np.uint8), padding=1, stride=2)
    for overrides in ([], ["scratchpad.capacity_bytes=30000"], ["pe_array.rows=2", "pe_array.columns=1"]):
        result = accelsim.simulate(trace, load_hardware("scnn-64", overrides), toggles="off")
        assert result.cycles > 0
        assert result.layers["surplus_products"].sum() > 0


def test_a_plane_too_large_for_the_banks_is_cut_and_a_plan_that_does_not_cut_it_refused():
    trace = from_arrays(np.ones((2, 3, 3, 1), np.int8), np.ones((1, 40, 40, 1), np.uint8), name="conv1")
    chip = chip_of(rows=2, columns=2, bank_entries=4)
    result = accelsim.simulate(trace, chip, toggles="off")
    plan = result.layer_results[0].plan
    assert plan.tile_p * plan.tile_q < 38 * 38
    message = r"conv1: scnn-64: a PE's haloed tile of 22 x 22 sums is larger than the 128 of its banks"
    with pytest.raises(PlanError, match=message):
        accelsim.simulate(trace, chip, plans={"conv1": whole(trace.layer)}, toggles="off")


@pytest.mark.small
def test_layers_without_a_plane_and_windows_without_room_are_refused():
    fc = from_arrays(np.ones((2, 8), np.int8), np.ones((1, 8), np.uint8), name="fc1")
    with pytest.raises(UnsupportedLayerError, match="fc1: scnn-64: cartesian runs convolutions, not a fully"):
        accelsim.simulate(fc, "scnn-64", toggles="off")
    conv = from_arrays(np.ones((1, 7, 7, 1), np.int8), np.ones((1, 9, 9, 1), np.uint8), name="conv1")
    message = "conv1: scnn-64: the 49 sums of one pixel's window are more than the 32 of a PE's banks"
    with pytest.raises(UnsupportedLayerError, match=message):
        accelsim.simulate(conv, chip_of(bank_entries=1), toggles="off")


WRONG = {
    "pe_array.weight_policy=gate": "pe_array.weight_policy must be 'skip'",
    "pe_array.bank_queue_depth=15": "pe_array.bank_queue_depth must be at least 16, the products of a step",
    "pe_array.banks=33": "pe_array.banks must be 1, 2, 4, 8, 16, 32 or 64, not 33",
    "encodings.weights=csc_interleaved": "encodings.weights must be 'dense' or 'bitmask'",
}


@pytest.mark.small
@pytest.mark.parametrize("override", WRONG)
def test_a_chip_that_cannot_be_is_refused_by_key(override):
    with pytest.raises(HardwareError) as error:
        load_hardware("scnn-64", [override])
    assert WRONG[override] in str(error.value)
