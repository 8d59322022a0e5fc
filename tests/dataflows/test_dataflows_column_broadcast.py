"""The kernel of column_broadcast: equal to its cycle-stepping reference; entries, words and refusals by hand."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twin_cases import counted, span, whole_tile

import accelsim
from accelsim.dataflows import column_broadcast, unsupported_layers
from accelsim.errors import HardwareError, InputError, UnsupportedLayerError
from accelsim.hardware import load_hardware
from accelsim.mapper.encoded import encoded_sizes
from accelsim.plan import Plan, Tile
from accelsim.reference.column_broadcast import tile_counts
from accelsim.tables import TILE_CAUSES
from accelsim.trace import from_arrays, from_layers


@st.composite
def chips(draw):
    values = {
        "pe_array.rows": draw(st.integers(1, 3)),
        "pe_array.columns": draw(st.integers(1, 3)),
        "pe_array.accumulators": draw(st.sampled_from([1, 2, 5, 40])),
        "pe_array.stored_weight_bits": draw(st.sampled_from([2, 4, 5, 8, 12])),
        "pe_array.chunk_elements": draw(st.sampled_from([8, 16])),
        "pe_array.queue_depth": draw(st.integers(1, 5)),
        "pe_array.queue_latency_cycles": draw(st.integers(1, 3)),
        "pe_array.pipeline_cycles": draw(st.integers(0, 3)),
        "pe_array.weight_bits": 16,
        "pe_array.activation_bits": draw(st.sampled_from([8, 16])),
        "encodings.pointer_bits": draw(st.sampled_from([8, 12, 16])),
        "postprocessor.drain_elements_per_cycle": draw(st.sampled_from([1, 2, 7, 100])),
        "scratchpad.word_bytes": draw(st.sampled_from([1, 3, 8])),
    }
    return load_hardware("eie-64", [f"{key}={value}" for key, value in values.items()])


@st.composite
def layers(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    filters, channels = draw(st.sampled_from([1, 2, 3, 7, 20, 75])), draw(st.sampled_from([1, 3, 9, 17, 40]))
    rows = draw(st.integers(1, 3))
    zeros = generator.integers(-3, 4, filters)
    kept = generator.random((filters, channels)) < draw(st.sampled_from([0.0, 0.03, 0.3, 1.0]))
    weights = np.where(kept, generator.integers(-50, 50, (filters, channels)), zeros[:, None])
    zero = draw(st.integers(0, 5))
    kept = generator.random((rows, channels)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    activations = np.where(kept, generator.integers(0, 100, (rows, channels)), zero)
    return from_arrays(
        weights.astype(np.int8),
        activations.astype(np.uint8),
        weight_zero_points=zeros,
        activation_zero_point=zero,
    )


@st.composite
def cases(draw):
    chip, trace = draw(chips()), draw(layers())
    layer = trace.layer
    k = span(draw, layer.filters, column_broadcast.filters_at_once(chip))
    c = span(draw, layer.channels, chip.pe_array.chunk_elements)
    return chip, trace, Tile(*span(draw, layer.batch), *k, *c, 0, 1, 0, 1)


def chip_of(**array):
    return load_hardware("eie-64", [f"pe_array.{key}={value}" for key, value in array.items()])


@pytest.mark.small
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile = case
    assert counted(column_broadcast, trace, tile, chip) == tile_counts(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_by_cause_and_macs_add_up(case):
    chip, trace, tile = case
    row = counted(column_broadcast, trace, tile, chip)
    assert min(row.values()) >= 0
    by_cause = sum(row[f"{cause}_lane_cycles"] for cause in TILE_CAUSES)
    assert by_cause == chip.pe_array.multipliers * row["compute_cycles"]
    assert row["done_macs"] + row["skipped_macs"] == row["dense_macs"]
    prepared = column_broadcast.prepare(trace, chip)
    assert prepared.nonzero_weights == np.count_nonzero(
        trace.weights != trace.weight_zero_points[:, None, None, None]
    )


@pytest.mark.small
@pytest.mark.parametrize(
    ("zeros_before", "entries"), [(0, 1), (15, 1), (16, 2), (31, 2), (32, 3), (47, 3), (48, 4)]
)
def test_a_padding_zero_after_each_fifteen(zeros_before, entries):
    weights = np.zeros((zeros_before + 41, 1), np.int8)
    weights[zeros_before] = 5
    row = counted(
        column_broadcast,
        (trace := from_arrays(weights, np.ones((1, 1), np.uint8))),
        whole_tile(trace),
        chip_of(rows=1, columns=1, accumulators=100),
    )
    assert row["done_macs"] == entries
    assert row["encoding_padding_macs"] == entries - 1
    assert row["effectual_macs"] == 1


@pytest.mark.small
def test_time_by_hand():
    """Two PEs; columns of 3 and 1, 1 and 0 entries: ends 2+3=5, 2+1=3; then 5+1=6, max(3,3)+1=4; drain, tail."""
    weights = np.array([[1, 1], [1, 0], [1, 0], [0, 0], [1, 0], [0, 0]], np.int8)
    trace = from_arrays(weights, np.ones((1, 2), np.uint8))
    row = counted(column_broadcast, trace, whole_tile(trace), chip_of(rows=1, columns=2))
    assert row["compute_cycles"] == 6 + 1 + 6  # 6 outputs drain in a cycle; the tail is 6
    assert row["empty_step_lane_cycles"] == 1
    assert row["imbalance_lane_cycles"] == 2
    assert row["fill_lane_cycles"] == 2 * 2 + 2 * 6


@pytest.mark.small
def test_the_first_step_waits_for_accumulators_of_sets_without_steps():
    """Sets 0 and 1 have no step and drain 3 cycles each; the step of set 2 is sent when set 0 has drained."""
    trace = from_arrays(np.ones((3, 1), np.int8), np.array([[0], [0], [1]], np.uint8))
    chip = load_hardware(
        "eie-64", ["pe_array.rows=1", "pe_array.columns=1", "postprocessor.drain_elements_per_cycle=1"]
    )
    row = counted(column_broadcast, trace, whole_tile(trace), chip)
    assert row == tile_counts(trace, whole_tile(trace), chip)
    assert row["fill_lane_cycles"] == 3 + 2 + 6
    assert row["compute_cycles"] == 3 + 2 + 3 + 3 + 6


@pytest.mark.small
def test_a_word_is_kept_between_consecutive_steps():
    weights = np.ones((6, 4), np.int8)
    full = from_arrays(weights, np.ones((1, 4), np.uint8))
    chip = chip_of(rows=1, columns=1)
    # 24 entries of 8 bits are 3 words of 8 bytes; 2 pointers each of 4 steps.
    assert counted(column_broadcast, full, whole_tile(full), chip)["weight_scratchpad_reads"] == 3 + 2 * 4
    # Columns 0 and 2: entries 0..5 in word 0, 12..17 in words 1 and 2.
    some = from_arrays(weights, np.array([[1, 0, 1, 0]], np.uint8))
    assert counted(column_broadcast, some, whole_tile(some), chip)["weight_scratchpad_reads"] == 3 + 2 * 2


def test_a_layer_runs_tiled_and_its_books_close():
    generator = np.random.default_rng(1)
    weights = generator.integers(1, 8, (300, 500)) * (generator.random((300, 500)) < 0.1)
    activations = generator.integers(1, 99, (3, 500)) * (generator.random((3, 500)) < 0.5)
    trace = from_arrays(weights.astype(np.int8), activations.astype(np.uint8))
    for overrides in (
        [],
        ["scratchpad.capacity_bytes=20000", "pe_array.accumulators=2"],
        ["encodings.dram_weights=csc", "encodings.dram_weight_bits=4"],
        ["encodings.dram_weights=dense", "encodings.dram_activations=bitmask"],
    ):
        result = accelsim.simulate(trace, load_hardware("eie-64", overrides), toggles="off")
        assert result.cycles > 0
        assert result.layers["skipped_macs"].sum() > 0


@pytest.mark.small
def test_bytes_held_are_pointers_and_entries():
    weights = np.zeros((10, 20), np.int8)
    weights[:, 3] = 5
    weights[9, 19] = 1
    trace = from_arrays(weights, np.ones((1, 20), np.uint8))
    chip = chip_of(rows=1, columns=4, accumulators=2, chunk_elements=16)
    sizes = encoded_sizes(trace, chip, np.ones((1, 1, 1, 10), np.bool_))
    # Cells of 8 filters and 2: PEs 4 and 2; 16 channels of 16-bit pointers; one byte an entry.
    assert np.diff(np.diff(sizes.held_weights[[0, 8, 10]], axis=0), axis=1).tolist() == [
        [4 * 32 + 8, 4 * 8],
        [2 * 32 + 2, 2 * 8 + 1],
    ]
    assert sizes.filter_block == 8
    assert np.array_equal(sizes.weights, sizes.held_weights)


@pytest.mark.small
def test_what_the_machine_cannot_run_is_refused_before_anything_is_counted():
    generator = np.random.default_rng(0)
    conv = from_arrays(
        generator.integers(-1, 2, (4, 3, 3, 8)).astype(np.int8), np.ones((1, 5, 5, 8), np.uint8), name="conv1"
    )
    fc = from_arrays(generator.integers(-1, 2, (4, 8)).astype(np.int8), np.ones((1, 8), np.uint8), name="fc1")
    both = from_layers("net", [conv, fc])
    chip = load_hardware("eie-64")
    message = "conv1: eie-64: column_broadcast runs fully connected and recurrent layers, not a convolution"
    done = []
    with pytest.raises(UnsupportedLayerError, match=message):
        accelsim.simulate(both, chip, progress=done.append, toggles="off")
    assert not done
    left_out = unsupported_layers(both, chip)
    assert list(left_out) == ["conv1"]
    result = accelsim.simulate(both, chip, left_out=left_out, toggles="off")
    assert [r.name for r in result.layer_results] == ["fc1"]
    assert result.left_out == left_out
    with pytest.raises(UnsupportedLayerError, match="net: every layer is left out on eie-64"):
        accelsim.simulate(both, chip, left_out={"conv1": "x", "fc1": "y"}, toggles="off")
    with pytest.raises(InputError, match="left_out: no layer fc9; layers: conv1, fc1"):
        accelsim.simulate(both, chip, left_out={"fc9": "x"}, toggles="off")


@pytest.mark.small
def test_weights_that_no_codebook_or_field_holds_are_refused():
    weights = np.arange(-20, 20, dtype=np.int8).reshape(5, 8)
    trace = from_arrays(weights, np.ones((1, 8), np.uint8), name="fc1")
    with pytest.raises(
        InputError, match=r"fc1: eie-64: 39 different weights .* 4 bits has 16 \(pe_array.stored"
    ):
        accelsim.simulate(trace, "eie-64", toggles="off")
    with pytest.raises(
        InputError, match="fc1: eie-64: weights are -20 to 19 above their zero points, 4 bits hold -8 to 7"
    ):
        accelsim.simulate(trace, load_hardware("eie-64", ["pe_array.codebook=false"]), toggles="off")
    wide = load_hardware("eie-64", ["pe_array.stored_weight_bits=8"])
    assert accelsim.simulate(trace, wide, toggles="off").cycles > 0


def test_a_plan_that_cuts_a_cell_is_refused():
    trace = from_arrays(np.ones((10, 8), np.int8), np.ones((1, 8), np.uint8), name="fc1")
    plan = Plan(tile_n=1, tile_k=3, tile_c=8, tile_p=1, tile_q=1)
    with pytest.raises(InputError, match="fc1: tile_k must be all filters or a multiple of 4, not 3"):
        accelsim.simulate(
            trace, chip_of(rows=1, columns=2, accumulators=2), plans={"fc1": plan}, toggles="off"
        )


WRONG = {
    "pe_array.weight_policy=gate": "pe_array.weight_policy must be 'skip'",
    "pe_array.activation_policy=compute": "pe_array.activation_policy must be 'skip'",
    "encodings.weights=bitmask": "encodings.weights must be 'csc_interleaved' in the scratchpad of a column_broadcast",
    "encodings.outputs=bitmask": "encodings.outputs must be 'dense'",
    "pe_array.stored_weight_bits=17": "pe_array.stored_weight_bits must be at most 16",
    "pe_array.lanes=2": "pe_array: unknown key 'lanes'",
}


@pytest.mark.small
@pytest.mark.parametrize("override", WRONG)
def test_a_chip_that_cannot_be_is_refused_by_key(override):
    with pytest.raises(HardwareError) as error:
        load_hardware("eie-64", [override])
    assert WRONG[override] in str(error.value)


def test_only_column_broadcast_reads_columns():
    with pytest.raises(HardwareError, match=r"encodings\.weights must be 'dense' or 'bitmask'"):
        load_hardware("both-skip-16x16", ["encodings.weights=csc_interleaved"])
