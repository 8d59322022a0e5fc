"""The kernel of systolic: equal to its cycle-stepping reference, to the closed form, and to SCALE-Sim."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twin_cases import counted, layers, tiles, whole_tile

import accelsim
from accelsim.dataflows import DATAFLOWS, systolic
from accelsim.dataflows._estimate_kernel import estimated_cycles
from accelsim.errors import HardwareError
from accelsim.hardware import load_hardware
from accelsim.mapper.traffic import layer_vector
from accelsim.plan import box_array
from accelsim.reference.systolic import tile_counts
from accelsim.tables import TILE_CAUSES
from accelsim.trace import from_arrays

STATIONARY = ("weights", "activations", "outputs")
SCALE_SIM = list(csv.DictReader((Path(__file__).parent / "scalesim_cycles.csv").read_text().splitlines()))


def chip_of(**array):
    overrides = [f"pe_array.{key}={str(value).lower()}" for key, value in array.items()]
    return load_hardware("systolic-weights-16x32", overrides)


@st.composite
def chips(draw):
    values = {
        "pe_array.rows": draw(st.integers(1, 5)),
        "pe_array.columns": draw(st.integers(1, 5)),
        "pe_array.stationary": draw(st.sampled_from(STATIONARY)),
        "pe_array.overlap": draw(st.sampled_from(["true", "false"])),
        "pe_array.weight_policy": draw(st.sampled_from(["compute", "gate"])),
        "pe_array.activation_policy": draw(st.sampled_from(["compute", "gate"])),
        "pe_array.chunk_elements": draw(st.sampled_from([8, 16])),
        "pe_array.pipeline_cycles": draw(st.integers(0, 3)),
        "pe_array.weight_bits": draw(st.sampled_from([8, 16])),
        "pe_array.activation_bits": draw(st.sampled_from([8, 16])),
        "scratchpad.word_bytes": draw(st.sampled_from([1, 3, 8])),
    }
    return load_hardware("systolic-weights-16x32", [f"{key}={value}" for key, value in values.items()])


@st.composite
def cases(draw):
    chip, trace = draw(chips()), draw(layers())
    return chip, trace, draw(tiles(trace.layer, chip.pe_array.chunk_elements))


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cases())
def test_kernel_equals_reference_on_every_counter(case):
    chip, trace, tile = case
    assert counted(systolic, trace, tile, chip) == tile_counts(trace, tile, chip)


@pytest.mark.small
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cases())
def test_lane_cycles_by_cause_add_up_and_the_estimate_is_exact(case):
    chip, trace, tile = case
    row = counted(systolic, trace, tile, chip)
    assert min(row.values()) >= 0
    lanes = chip.pe_array.multipliers
    assert sum(row[f"{cause}_lane_cycles"] for cause in TILE_CAUSES) == lanes * row["compute_cycles"]
    assert row["done_macs"] + row["gated_macs"] == row["dense_macs"]
    estimated = estimated_cycles(
        box_array(tile)[None], layer_vector(trace.layer, chip), systolic.estimate_vector(chip), 1.0
    )
    assert estimated.tolist() == [row["compute_cycles"]]


@pytest.mark.small
def test_zeros_take_as_long_as_anything_else():
    generator = np.random.default_rng(0)
    full = generator.integers(1, 9, (6, 3, 3, 8)).astype(np.int8), generator.integers(1, 9, (1, 6, 6, 8))
    chip = chip_of(rows=4, columns=4)
    dense, empty = (
        counted(systolic, trace, whole_tile(trace), chip)
        for trace in (
            from_arrays(full[0], full[1].astype(np.uint8)),
            from_arrays(np.zeros_like(full[0]), np.zeros_like(full[1], np.uint8)),
        )
    )
    assert dense["compute_cycles"] == empty["compute_cycles"]
    assert empty["done_macs"] == empty["weight_operand_reads"] == 0
    assert empty["weight_scratchpad_read_bytes"] == dense["weight_scratchpad_read_bytes"]


@pytest.mark.parametrize(
    "row", SCALE_SIM, ids=lambda row: f"{row['layer']} {row['dataflow']} {row['rows']}x{row['columns']}"
)
def test_cycles_are_those_of_scale_sim(row):
    """It counts no shift-out of outputs, and the index of the last cycle."""
    shape = [int(row[key]) for key in ("kernel_h", "kernel_w", "channels")]
    trace = from_arrays(
        np.ones((int(row["filters"]), *shape), np.int8),
        np.ones((1, int(row["height"]), int(row["width"]), shape[2]), np.uint8),
        stride=int(row["stride"]),
    )
    chip = load_hardware(
        "systolic-weights-16x32",
        [
            f"pe_array.rows={row['rows']}",
            f"pe_array.columns={row['columns']}",
            f"pe_array.stationary={ {'os': 'outputs', 'ws': 'weights', 'is': 'activations'}[row['dataflow']] }",
            "pe_array.overlap=false",
            "pe_array.pipeline_cycles=0",
            "postprocessor.drain_elements_per_cycle=64",
        ],
    )
    ours = counted(systolic, trace, whole_tile(trace), chip)
    shifted = ours["steps"] * int(row["rows"]) if row["dataflow"] == "os" else 0
    assert ours["compute_cycles"] - shifted == int(row["total_cycles"]) - int(row["stall_cycles"]) + 1


@pytest.mark.parametrize("name", ["systolic-weights-16x32", "systolic-outputs-16x32"])
def test_a_layer_runs_and_its_books_close(name):
    generator = np.random.default_rng(1)
    weights = generator.integers(-4, 5, (70, 3, 3, 40)) * (generator.random((70, 3, 3, 40)) < 0.5)
    trace = from_arrays(
        weights.astype(np.int8), generator.integers(0, 5, (1, 12, 12, 40)).astype(np.uint8), padding=1
    )
    for overrides in ([], ["scratchpad.capacity_bytes=30000"], ["pe_array.stationary=activations"]):
        result = accelsim.simulate(trace, load_hardware(name, overrides), toggles="off")
        assert result.cycles > 0
        assert result.layers["gated_macs"].sum() > 0


WRONG = {
    "pe_array.weight_policy=skip": "pe_array.weight_policy must be 'compute' or 'gate'",
    "pe_array.activation_policy=skip": "pe_array.activation_policy must be 'compute' or 'gate'",
    "encodings.weights=bitmask": "encodings.weights must be 'dense' in the scratchpad of a systolic chip",
    "postprocessor.drain_elements_per_cycle=31": "must be at least 32, the columns of a systolic array",
    "pe_array.lanes=2": "pe_array: unknown key 'lanes'",
    "pe_array.stationary=inputs": "pe_array.stationary must be 'weights', 'activations' or 'outputs', not 'inputs'",
    "dataflow=inner_join": "pe_array: missing key 'lanes'",
    "dataflow=sistolic": "'row_stationary' or 'csc_row_stationary', not 'sistolic'",
}


@pytest.mark.small
@pytest.mark.parametrize("override", WRONG)
def test_a_chip_that_cannot_be_is_refused_by_key(override):
    with pytest.raises(HardwareError) as error:
        load_hardware("systolic-weights-16x32", [override])
    assert WRONG[override] in str(error.value)
    assert "union" not in str(error.value)


def test_every_dataflow_has_a_reference_and_a_chip():
    from accelsim.hardware import ARRAYS, presets
    from accelsim.reference import REFERENCES

    assert set(DATAFLOWS) == set(REFERENCES) == set(ARRAYS)
    assert {load_hardware(name).dataflow for name in presets()} == set(DATAFLOWS)
