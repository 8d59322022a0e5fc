"""Ratios and sums of results, worked by hand on layers of round numbers."""

import math
from typing import Any

import pytest

from accelsim.bill import EnergyRow
from accelsim.hardware import load_hardware
from accelsim.network import Layer
from accelsim.results import LayerResult, NetworkResult, ratio, spread, weighted
from accelsim.tables import CAUSES, COUNTERS, TRAFFIC

CHIP = load_hardware("dense-16x16", ["clock_mhz=1000", "pe_array.rows=2", "pe_array.columns=5"])
LANES = CHIP.pe_array.multipliers


def bill(pj: float) -> tuple[EnergyRow, ...]:
    return (
        EnergyRow("mac", "done", 10, "mac", pj / 20, pj / 2, pj / 4, pj, "by hand"),
        EnergyRow("dram", "read", 5, "byte", pj / 10, pj / 2, pj / 4, 2 * pj, "by hand"),
    )


def layer_result(
    name: str = "conv1", index: int = 0, cycles: int = 100, mac: int = 60, pj: float = 8.0, **changes: Any
) -> LayerResult:
    totals = dict.fromkeys((*COUNTERS, *TRAFFIC), 0) | changes.pop("totals", {})
    causes = dict.fromkeys(CAUSES, 0) | {"mac": mac, "fetch_wait": LANES * cycles - mac}
    return LayerResult(
        name=name,
        kind="convolution",
        input=index,
        cycles=cycles,
        lane_cycles=causes,
        totals=totals,
        energy=bill(pj),
        **({"dram_cycles": 0, "layer": Layer(name=name, channels=4, filters=4)} | changes),
    )


def network_of(*results: LayerResult, inputs: int = 1) -> NetworkResult:
    return NetworkResult(
        chip=CHIP, network="by-hand", inputs=inputs, layer_results=results, area_mm2=(4.0, 2.0, 8.0)
    )


@pytest.mark.small
def test_dram_bytes_are_data_and_burst_waste_but_metadata_only_once() -> None:
    """Metadata is a part of the fetches and drains, not an addition to them."""
    totals = {name: 10**i for i, name in enumerate(TRAFFIC)}
    result = layer_result(totals=totals)
    assert result.dram_read_bytes == sum(
        totals[name]
        for name in (
            "weight_fetch_bytes",
            "activation_fetch_bytes",
            "partial_sum_fetch_bytes",
            "fetch_burst_waste_bytes",
        )
    )
    assert result.dram_write_bytes == sum(
        totals[name] for name in ("output_drain_bytes", "partial_sum_drain_bytes", "drain_burst_waste_bytes")
    )


@pytest.mark.small
@pytest.mark.parametrize(
    ("changes", "bound"),
    [
        ({"dram_cycles": 51, "totals": {"compute_cycles": 50}}, "dram"),
        ({"dram_cycles": 50, "totals": {"compute_cycles": 50}}, "array"),
        ({"dram_cycles": 51, "layer": None}, "postprocessor"),
    ],
)
def test_a_layer_is_bound_by_dram_if_the_channel_alone_needs_longer(
    changes: dict[str, Any], bound: str
) -> None:
    assert layer_result(**changes).bound_by == bound


@pytest.mark.small
def test_a_network_is_bound_by_what_most_cycles_belong_to() -> None:
    by_dram = {"dram_cycles": 10, "totals": {"compute_cycles": 5}}
    network = network_of(
        layer_result(cycles=300),
        layer_result(cycles=400, **by_dram),
        layer_result(cycles=200),
        layer_result(cycles=100, layer=None),
    )
    assert network.bound_by() == "array 50 %"


@pytest.mark.small
def test_figures_of_two_inputs_by_hand() -> None:
    """Input 0: 100 + 300 cycles, 8 + 16 pJ; input 1: 200 + 400 cycles, 4 + 12 pJ. 1 GHz, 10 PEs."""
    macs = {"dense_macs": 500, "done_macs": 225, "effectual_macs": 125, "weight_fetch_bytes": 10**6}
    shape = [(0, 100, 8.0), (0, 300, 16.0), (1, 200, 4.0), (1, 400, 12.0)]
    results = [
        layer_result(f"l{i}", index, cycles, 60, pj, totals=macs)
        for i, (index, cycles, pj) in enumerate(shape)
    ]
    network = network_of(*results, inputs=2)
    assert network.cycles == 1000
    assert network.cycles_by_run() == [400, 600]
    assert network.energy_pj_by_run() == [24.0, 16.0]
    assert network.total("dense_macs") == 2000
    assert network.lane_cycles()["mac"] == 240
    assert sum(network.lane_cycles().values()) == LANES * 1000
    expected = {
        "cycles_mean": 500,
        "cycles_spread": math.sqrt(20000),
        "ms_per_inference": 500e-6,
        "inferences_per_s": 2e6,
        "effective_tops": 2 * 2000 / 1e-6 / 1e12,
        "peak_tops": 2 * LANES * 1e9 / 1e12,
        "dram_mb_per_inference": 2.0,
        "energy_uj_mean": 20e-6,
        "energy_uj_spread": math.sqrt(32) * 1e-6,
        "energy_uj_low": 10e-6,
        "energy_uj_high": 60e-6,
        # 40 pJ in 1000 cycles of 1 ns, half of it the chip's own, on 4 mm2
        "power_mw": 0.04,
        "on_chip_power_mw": 0.02,
        "area_mm2": 4.0,
        "power_density_mw_per_mm2": 0.005,
        "inferences_per_joule": 2 / 40e-12,
        "effective_tops_per_watt": 2 * 2000 / 1e12 / 40e-12,
        "executed_tops_per_watt": 2 * 900 / 1e12 / 40e-12,
        "utilisation_fraction": 240 / (LANES * 1000),
        "dense_macs": 2000,
        "effectual_macs": 500,
        "effectual_fraction": 0.25,
        "speedup_limit": 4.0,
    }
    summary = network.summary()
    assert {name: summary[name] for name in expected} == pytest.approx(expected)
    assert (summary["chip"], summary["network"], summary["inputs"]) == (CHIP.name, "by-hand", 2)


@pytest.mark.small
def test_densities_are_weighted_by_dense_macs_and_leave_operations_out() -> None:
    small = layer_result(totals={"dense_macs": 100}, weight_density_fraction=0.2)
    large = layer_result(totals={"dense_macs": 300}, weight_density_fraction=0.6)
    pool = layer_result(layer=None)  # its densities are nan
    assert weighted([small, large], "weight_density_fraction") == pytest.approx(0.5)
    assert network_of(small, large, pool).summary()["weight_density_fraction"] == pytest.approx(0.5)
    assert math.isnan(network_of(pool).summary()["weight_density_fraction"])


@pytest.mark.small
def test_a_ratio_to_nothing_is_no_number_and_one_value_has_no_spread() -> None:
    assert ratio(3, 4) == 0.75
    assert math.isnan(ratio(3, 0))
    assert spread([7]) == 0
    assert spread([1, 2, 3, 4]) == pytest.approx(math.sqrt(5 / 3))
    assert math.isnan(network_of(layer_result(layer=None)).summary()["speedup_limit"])


def test_a_row_of_the_table_has_the_layers_own_figures() -> None:
    totals = {"dense_macs": 500, "done_macs": 500, "compute_cycles": 90, "mac_lane_cycles": 55}
    network = network_of(layer_result(totals=totals), layer_result("pool1", layer=None, mac=0))
    row, pool = network.layers.to_dict("records")
    assert (row["layer"], row["cycles"], row["compute_cycles"], row["dense_macs"]) == ("conv1", 100, 90, 500)
    assert row["utilisation_fraction"] == 60 / (LANES * 100)
    assert row["mac_lane_cycles"] == 60  # of the whole layer, not the sum over its tiles
    assert (row["energy_pj"], row["energy_low_pj"], row["energy_high_pj"]) == (8.0, 4.0, 24.0)
    assert 4 < row["energy_p05_pj"] < 8 < row["energy_p95_pj"] < 24
    assert (row["power_mw"], row["on_chip_power_mw"], row["power_density_mw_per_mm2"]) == (0.08, 0.04, 0.01)
    assert (row["tiles"], row["plan"], row["bound_by"]) == (0, "", "array")
    assert (pool["layer"], pool["bound_by"], pool["utilisation_fraction"]) == ("pool1", "postprocessor", 0)


def test_the_energy_table_has_a_row_per_layer_component_and_action() -> None:
    table = network_of(layer_result(), layer_result("conv2", pj=2.0)).energy
    assert list(table.columns[:4]) == ["input", "layer", "component", "action"]
    assert list(zip(table["layer"], table["component"], table["pj"], strict=True)) == [
        ("conv1", "mac", 4.0),
        ("conv1", "dram", 4.0),
        ("conv2", "mac", 1.0),
        ("conv2", "dram", 1.0),
    ]
    assert (table["count"] * table["pj_each"]).tolist() == pytest.approx(table["pj"].tolist())
