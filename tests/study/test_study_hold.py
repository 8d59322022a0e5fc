"""What holding saves: accesses and toggles apart, against multiplying every pair."""

import numpy as np
import pandas as pd
import pytest

from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.simulation import simulate
from accelsim.study.hold import hold_table
from accelsim.trace import NetworkTrace, from_arrays, from_layers

TOGGLED = ["register_toggles_m", "accumulator_toggles_m"]


@pytest.fixture(scope="module")
def trace() -> NetworkTrace:
    generator = np.random.default_rng(2)
    weights = generator.integers(-90, 90, (32, 3, 3, 32)) * (generator.random((32, 3, 3, 32)) < 0.4)
    activations = generator.integers(0, 90, (1, 8, 8, 32)) * (generator.random((1, 8, 8, 32)) < 0.5)
    layer = from_arrays(weights.astype(np.int8), activations.astype(np.uint8), padding=1, name="a")
    return from_layers("net", [layer])


@pytest.fixture(scope="module")
def table(trace: NetworkTrace) -> pd.DataFrame:
    return hold_table(trace, "dense-16x16", toggles="exact").set_index("policy")


def test_gating_without_hold_saves_nothing_but_sends_masks(table: pd.DataFrame) -> None:
    compute, gate = table.loc["compute"], table.loc["gate, without hold"]
    assert (gate[TOGGLED] == compute[TOGGLED]).all()
    assert gate["accesses_saved_m"] == gate["access_saved_uj"] == 0
    assert gate["bus_toggles_m"] > compute["bus_toggles_m"]
    assert gate["toggle_saved_uj"] < 0


def test_hold_saves_the_accesses_and_the_toggles_of_gated_pairs(
    table: pd.DataFrame, trace: NetworkTrace
) -> None:
    gate = table.loc["gate"]
    keys = ["pe_array.weight_policy=gate", "pe_array.activation_policy=gate"]
    run = simulate(trace, load_hardware("dense-16x16", keys))
    reads = sum(run.total(f"{operand}_operand_reads") for operand in ("weight", "activation"))
    assert gate["accesses_m"] == pytest.approx(reads / 1e6)
    assert gate["accesses_saved_m"] == pytest.approx(table.loc["compute", "accesses_m"] - reads / 1e6)
    assert gate["register_toggles_m"] < table.loc["compute", "register_toggles_m"]
    # A product of a zero is 0: the accumulator never toggled for it.
    assert gate["accumulator_toggles_m"] == table.loc["compute", "accumulator_toggles_m"]
    assert gate["toggle_saved_uj"] > 0
    assert gate["access_saved_uj"] > 0


def test_skipping_and_gating_load_the_same_pairs(table: pd.DataFrame) -> None:
    assert table.loc["skip", "accesses_m"] == table.loc["gate", "accesses_m"]
    assert table.loc["skip", "register_toggles_m"] < table.loc["compute", "register_toggles_m"]
    assert table.loc["skip", "cycles"] < table.loc["gate", "cycles"]


def test_a_machine_whose_toggles_nobody_counts_is_refused(trace: NetworkTrace) -> None:
    with pytest.raises(InputError, match=r"hold: toggles must be sampled or exact, not 'off'"):
        hold_table(trace, "dense-16x16", toggles="off")
    with pytest.raises(InputError, match="scnn-64: cartesian skips all zeros: no operand of its is held"):
        hold_table(trace, "scnn-64")


@pytest.mark.parametrize(
    ("chip", "overrides"),
    [
        ("systolic-weights-16x32", ()),
        ("eyeriss-168", ()),
        ("sparse-tensor-core", ("pe_array.dense_fallback=true",)),
    ],
)
def test_a_dataflow_that_only_gates_has_no_row_that_skips(
    chip: str, overrides: tuple[str, ...], trace: NetworkTrace
) -> None:
    found = hold_table(trace, chip, overrides, toggles="exact").set_index("policy")
    assert list(found.index) == ["compute", "gate, without hold", "gate"]
    compute, free, gate = (found.loc[name] for name in found.index)
    assert free["register_toggles_m"] == compute["register_toggles_m"] > gate["register_toggles_m"]
    assert gate["accumulator_toggles_m"] == compute["accumulator_toggles_m"]
    assert gate["cycles"] == compute["cycles"]
    assert gate["access_saved_uj"] > 0 < gate["toggle_saved_uj"]
