"""Published energies: what is met stays met, what is missed is said, and nothing is fitted."""

import math

import pandas as pd
import pytest

from accelsim.energy import load_table
from accelsim.hardware import load_hardware
from accelsim.study.published.energy_checks import ENTRY, dram_table, eie_area_table, hierarchy_table
from accelsim.study.published.scnn import layer_counters, layer_of, published_layers
from accelsim.study.published.scnn_energy import (
    claims_table,
    crossing,
    dense_counters,
    density_table,
    on_chip_pj,
)


def test_eies_area_is_met_in_memory_and_in_all_and_missed_where_said() -> None:
    table = eie_area_table().set_index("component")["difference_percent"]
    assert abs(table["memory"]) < 30
    assert abs(table["all"]) < 30
    assert table["register"] > 30
    assert table["combinational"] < -30


@pytest.mark.small
def test_eyeriss_levels_are_in_their_order_and_within_a_factor_of_two_but_for_the_wires() -> None:
    table = hierarchy_table()
    assert table["published"].tolist() == [1, 2, 6, 200]
    assert table["ours"].is_monotonic_increasing
    ratios = table["ours_over_published"]
    assert ratios.drop(1).between(0.5, 2).all()
    assert 0.3 < ratios[1] < 0.5


@pytest.mark.small
def test_dram_by_parts_is_within_its_band_of_the_published_price_a_bit() -> None:
    table = dram_table()
    assert table["component"].tolist() == ["lpddr4_3200", "hbm2_2000"]
    assert (table["parts"] == 6).all()
    assert table["difference_percent"].abs().max() < 30


def test_the_dense_machine_pays_for_no_zero_and_scnn_for_its_indices_at_density_one() -> None:
    chip = load_hardware("scnn-64")
    row = next(r for r in published_layers().to_dict("records") if r["network"] == "AlexNet")
    counted = layer_counters(layer_of(row), (1.0, 1.0), chip, 0)
    dense = dense_counters(counted, chip)
    assert dense["done_macs"] == counted["dense_macs"]
    assert dense["accumulator_updates"] == counted["dense_macs"] // 16
    cycles = counted["compute_cycles"]
    assert on_chip_pj(dense, cycles, chip) < on_chip_pj(counted, cycles, chip)


def test_less_density_takes_less_energy_and_the_crossing_lies_between() -> None:
    table = density_table(densities=(0.1, 0.8, 0.9, 1.0))
    assert table["energy_of_dense"].is_monotonic_increasing
    assert 0.8 < crossing(table) < 0.9
    claims = claims_table(table).set_index("claim")["difference_percent"]
    assert claims.iloc[:2].abs().max() < 10


@pytest.mark.small
def test_two_that_never_meet_have_no_crossing() -> None:
    table = pd.DataFrame({"density_fraction": [0.1, 1.0], "energy_of_dense": [0.2, 0.9]})
    assert math.isnan(crossing(table))


@pytest.mark.small
def test_the_clock_trees_price_is_the_one_of_eies_table() -> None:
    """1.874 mW at 800 MHz over 64 sums of 32 bits, 2 x 2 operands of 16 bits and their product's registers."""
    (row,) = load_table("45nm").find("clock", "tree", "bit")
    assert row.pj == pytest.approx(1.874e-3 / 800e6 * 1e12 / (64 * 32 + 64), abs=0.00005)
    assert {band.table for band in ENTRY.bands} == {
        "eie_power",
        "eie_area",
        "hierarchy",
        "gating",
        "scnn",
        "dram",
    }
