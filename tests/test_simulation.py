"""simulate(traces, hardware): nine policies, every kind of layer, several inputs, the same answer every time."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import accelsim
from accelsim.errors import InputError, TraceError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.network import Network, Operation, TensorInfo
from accelsim.plan import Plan, whole
from accelsim.tables import CAUSES
from accelsim.trace import LayerTrace, NetworkTrace, from_layers
from accelsim.units import ceil_div

POLICIES = ("compute", "gate", "skip")
SMALL = ["pe_array.rows=4", "pe_array.columns=4", "pe_array.chunk_elements=16"]


def layer(
    name: str = "layer",
    filters: int = 12,
    channels: int = 20,
    size: int = 7,
    taps: int = 3,
    groups: int = 1,
    inputs: int = 1,
    seed: int = 0,
    **options: Any,
) -> LayerTrace:
    generator = np.random.default_rng(seed)
    weights = generator.integers(-4, 5, (filters, taps, taps, channels // groups))
    weights[generator.random(weights.shape) < 0.5] = 0
    activations = generator.integers(0, 9, (inputs, size, size, channels))
    activations[generator.random(activations.shape) < 0.4] = 2
    return accelsim.trace.from_arrays(
        weights.astype(np.int8),
        activations.astype(np.uint8),
        name=name,
        groups=groups,
        activation_zero_point=2,
        **({"padding": taps // 2} | options),
    )


def chip(weight: str, activation: str, *overrides: str) -> Accelerator:
    return load_hardware(
        "both-skip-16x16",
        [f"pe_array.weight_policy={weight}", f"pe_array.activation_policy={activation}", *SMALL, *overrides],
    )


KINDS = {
    "plain": layer(),
    "strided": layer(stride=2),
    "dilated": layer(dilation=2, padding=2),
    "grouped": layer(groups=4),
    "depthwise": layer(filters=20, groups=20),
    "pointwise": layer(taps=1, padding=0),
    "connected": accelsim.trace.from_arrays(
        np.random.default_rng(1).integers(-2, 3, (30, 50)).astype(np.int8),
        np.random.default_rng(2).integers(0, 3, (1, 50)).astype(np.uint8),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("weight", "activation"), list(itertools.product(POLICIES, POLICIES)))
def test_every_kind_of_layer_runs_under_every_policy_with_closed_books(
    kind: str, weight: str, activation: str
) -> None:
    given = KINDS[kind]
    result = accelsim.simulate(given, chip(weight, activation)).layer_results[0]
    t = result.totals
    nonzero_w, nonzero_a = given.weights != 0, given.activations != given.activation_zero_point
    assert t["dense_macs"] == given.layer.dense_macs
    assert t["effectual_macs"] <= min(t["done_macs"], t["dense_macs"])
    assert (t["skipped_macs"] == 0) == (weight != "skip" and activation != "skip")
    assert (t["gated_macs"] > 0) <= ("gate" in (weight, activation))
    if (weight, activation) == ("compute", "compute"):
        assert t["done_macs"] == t["dense_macs"]
    if (weight, activation) in (("skip", "skip"), ("gate", "gate"), ("gate", "skip"), ("skip", "gate")):
        assert t["done_macs"] == t["effectual_macs"]
    assert result.weight_density_fraction == pytest.approx(nonzero_w.mean())
    assert result.activation_density_fraction == pytest.approx(nonzero_a.mean())
    assert result.outputs_checked > 0


@pytest.mark.parametrize("kind", KINDS)
def test_gating_saves_energy_and_never_time_skipping_saves_both(kind: str) -> None:
    """With a feed that never limits, and encodings alike."""
    wide = "pe_array.array_feed_bytes_per_cycle=100000"
    computed, gated, skipped = (
        accelsim.simulate(KINDS[kind], chip(policy, policy, wide)).layer_results[0] for policy in POLICIES
    )
    assert gated.totals["compute_cycles"] == computed.totals["compute_cycles"]
    assert skipped.totals["compute_cycles"] <= gated.totals["compute_cycles"]

    def multiplied(result: Any) -> float:
        return sum(row.pj for row in result.energy if row.component in ("mac", "operand_register"))

    assert multiplied(skipped) < multiplied(gated) < multiplied(computed)


def test_two_inputs_give_the_mean_and_spread_of_the_single_runs() -> None:
    both = layer(inputs=2)
    result = accelsim.simulate(both, "both-skip-16x16")
    trace = from_layers("layer", [both])
    single = [accelsim.simulate(trace.select_input(i), "both-skip-16x16") for i in range(2)]
    assert result.cycles_by_run() == [one.cycles for one in single]
    summary = result.summary()
    cycles = [one.cycles for one in single]
    assert summary["cycles_mean"] == np.mean(cycles)
    assert summary["cycles_spread"] == pytest.approx(np.std(cycles, ddof=1))
    energies = [one.summary()["energy_uj_mean"] for one in single]
    assert summary["energy_uj_mean"] == pytest.approx(np.mean(energies))
    assert summary["energy_uj_spread"] == pytest.approx(np.std(energies, ddof=1))
    assert single[0].summary()["cycles_spread"] == 0


def test_threads_and_repetition_change_no_byte() -> None:
    layers = [layer(name=f"l{i}", seed=i) for i in range(5)]
    tables = [accelsim.simulate(layers, "both-skip-16x16", threads=n).layers.to_csv() for n in (1, 2, 2, 4)]
    assert len(set(tables)) == 1


def test_hardware_is_a_chip_a_name_or_a_path(tmp_path: Any) -> None:
    from accelsim.hardware import to_yaml

    named = load_hardware("dense-16x16")
    (tmp_path / "mine.yaml").write_text(to_yaml(named))
    cycles = {
        accelsim.simulate(layer(), given).cycles for given in (named, "dense-16x16", tmp_path / "mine.yaml")
    }
    assert len(cycles) == 1


def test_a_plan_that_is_given_is_the_one_that_runs() -> None:
    given = layer()
    one_tile = whole(given.layer)
    result = accelsim.simulate(given, "both-skip-16x16", plans={"layer": one_tile}).layer_results[0]
    assert result.plan == one_tile
    assert result.work is not None
    assert len(result.work) == 1
    smaller = Plan(tile_n=1, tile_k=4, tile_c=given.layer.channels, tile_p=2, tile_q=7)
    cut = accelsim.simulate(given, "both-skip-16x16", plans={"layer": smaller}).layer_results[0]
    assert cut.work is not None
    assert len(cut.work) == 3 * 4
    assert cut.totals["effectual_macs"] == result.totals["effectual_macs"]
    with pytest.raises(InputError, match="plans: no layer conv9; layers: layer"):
        accelsim.simulate(given, "both-skip-16x16", plans={"conv9": one_tile})


def test_a_plan_that_does_not_fit_is_refused_with_the_bytes_missing() -> None:
    given = layer(channels=64, filters=64)
    tight = load_hardware("both-skip-16x16", ["scratchpad.capacity_bytes=2000"])
    with pytest.raises(InputError, match=r"layer: .*needs \d+ bytes, \d+ more than the scratchpad of 2000"):
        accelsim.simulate(given, tight, plans={"layer": whole(given.layer)})


def test_outputs_that_are_drawn_are_told_and_given_ones_counted() -> None:
    drawn = accelsim.simulate(layer(), "both-skip-16x16").layer_results[0]
    assert drawn.outputs_drawn
    outputs = np.zeros((1, 7, 7, 12), np.uint8)
    empty, full = (
        accelsim.simulate(layer(outputs=outputs + value), "both-skip-16x16").layer_results[0]
        for value in (0, 5)
    )
    assert not empty.outputs_drawn
    assert empty.totals["output_drain_bytes"] + 7 * 7 * 12 == full.totals["output_drain_bytes"]


def test_nothing_to_run_or_nobody_to_run_it_is_refused() -> None:
    with pytest.raises(TraceError, match="no layers given"):
        accelsim.simulate([], "dense-16x16")
    for threads in (0, -1):
        with pytest.raises(InputError, match=f"threads must be at least 1, not {threads}"):
            accelsim.simulate(layer(), "dense-16x16", threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_is_told_of_every_layer_and_errors_are_not_lost(threads: int) -> None:
    told: list[str] = []
    layers = [layer(name=f"l{i}", seed=i) for i in range(3)]
    result = accelsim.simulate(layers, "both-skip-16x16", threads=threads, progress=told.append)
    assert sorted(told) == [r.name for r in result.layer_results] == ["l0", "l1", "l2"]
    wrong = {"l1": Plan(tile_n=1, tile_k=8, tile_c=20, tile_p=0, tile_q=7)}
    with pytest.raises(InputError, match="l1: tile_p must be at least 1, not 0"):
        accelsim.simulate(layers, "both-skip-16x16", threads=threads, plans=wrong)


def test_an_operation_lasts_as_long_as_its_slower_half() -> None:
    """Elements at the postprocessor's rate, or bytes at the DRAM's; then one latency."""
    shape = (1, 16, 16, 32)
    infos = {n: TensorInfo(name=n, shape=shape, dtype="uint8", scale=1.0, zero_point=0) for n in "abc"}
    add = Operation(name="add", kind="add", inputs=("a", "b"), output="c")
    network = Network(name="n", tensors=infos, nodes=(add,), inputs=("a", "b"), outputs=("c",))
    tensors = {n: np.ones(shape, np.uint8) for n in "abc"}
    trace = NetworkTrace(network, {}, tensors)
    elements = 2 * 16 * 16 * 32
    for rate, bound in ((1, "elements"), (10**6, "bytes")):
        given = load_hardware("dense-16x16", [f"postprocessor.elements_per_cycle={rate}"])
        result = accelsim.simulate(trace, given).layer_results[0]
        moved = result.dram_read_bytes + result.dram_write_bytes
        assert moved == 3 * 16 * 16 * 32  # dense in this chip, whole bursts
        per_cycle = given.dram_bytes_per_cycle
        expected = ceil_div(elements, rate) if bound == "elements" else -(-moved // per_cycle)
        assert result.cycles == expected + given.dram_latency_cycles
        assert result.lane_cycles["postprocess"] == result.cycles * given.pe_array.multipliers
        assert result.bound_by == "postprocessor"


@pytest.mark.parametrize("chip", ["dense-16x16", "both-skip-16x16"])
def test_a_function_that_picks_rows_is_charged_for_these_alone(chip: str) -> None:
    """Row 2 of four is 64 values; three in four are zeros."""
    info = TensorInfo(name="a", shape=(1, 4, 1, 64), dtype="uint8", scale=1.0, zero_point=0)
    infos = {"a": info, "b": replace(info, name="b", shape=(1, 1, 1, 16))}
    values = np.ones((1, 4, 1, 64), np.uint8)
    values[0, 2, 0, 16:] = 0
    tensors = {"a": values, "b": np.ones((1, 1, 1, 16), np.uint8)}
    function = Operation(name="f", kind="function", inputs=("a",), output="b", function="Tanh", passes=1)
    found = []
    for rows, given in ((((2, 1),), values), (None, values), (None, values[:, 2:3])):
        shapes = infos | {"a": replace(info, shape=given.shape)}
        node = replace(function, rows=rows)
        network = Network(name="n", tensors=shapes, nodes=(node,), inputs=("a",), outputs=("b",))
        found.append(
            accelsim.simulate(NetworkTrace(network, {}, tensors | {"a": given}), chip).layer_results[0]
        )
    assert found[0].totals == found[2].totals
    assert found[0].cycles == found[2].cycles
    assert found[0].totals["activation_fetch_bytes"] * 3 < found[1].totals["activation_fetch_bytes"]


def test_a_pool_streams_its_input_in_and_its_smaller_output_out() -> None:
    """16x16x32 bytes to 8x8x32; each of the two inputs alone."""
    shapes = {"a": (2, 16, 16, 32), "b": (2, 8, 8, 32)}
    infos = {
        n: TensorInfo(name=n, shape=shape, dtype="uint8", scale=1.0, zero_point=0)
        for n, shape in shapes.items()
    }
    pool = Operation(name="pool", kind="max_pool", inputs=("a",), output="b", kernel=(2, 2), stride=(2, 2))
    network = Network(name="n", tensors=infos, nodes=(pool,), inputs=("a",), outputs=("b",))
    tensors = {n: np.ones(shape, np.uint8) for n, shape in shapes.items()}
    tensors["a"][1] = 0  # an input of zeros alone moves its masks and pointers alone
    dense = load_hardware("dense-16x16", ["postprocessor.elements_per_cycle=1"])
    results = accelsim.simulate(NetworkTrace(network, {}, tensors), dense).layer_results
    for result in results:
        assert (result.dram_read_bytes, result.dram_write_bytes) == (16 * 16 * 32, 8 * 8 * 32)
        assert result.cycles == 16 * 16 * 32 + dense.dram_latency_cycles
    sparse = load_hardware("both-skip-16x16")
    assert sparse.encodings.activations == "bitmask"
    ones, zeros = accelsim.simulate(NetworkTrace(network, {}, tensors), sparse).layer_results
    pointers = 16 * ceil_div(sparse.encodings.pointer_bits, 8)
    moved = [r.totals["activation_fetch_bytes"] for r in (ones, zeros)]
    assert moved == [16 * 16 * (32 + 4) + pointers, 16 * 16 * 4 + pointers]


def test_a_results_tables_add_up_to_its_summary() -> None:
    result = accelsim.simulate([layer(name="a"), layer(name="b", seed=3)], "both-skip-16x16")
    layers, summary = result.layers, result.summary()
    assert layers["cycles"].sum() == result.cycles == summary["cycles_mean"]
    lanes = result.chip.pe_array.multipliers * layers["cycles"]
    assert (layers[[f"{cause}_lane_cycles" for cause in CAUSES]].sum(axis=1) == lanes).all()
    assert summary["utilisation_fraction"] == layers["mac_lane_cycles"].sum() / lanes.sum()
    assert summary["speedup_limit"] == layers["dense_macs"].sum() / layers["effectual_macs"].sum()
    assert summary["effective_tops"] == pytest.approx(2 * layers["dense_macs"].sum() / result.cycles / 1000)
    assert summary["peak_tops"] == pytest.approx(1.024)
    pd.testing.assert_series_equal(
        result.energy.groupby("layer", sort=False)["pj"].sum(),
        layers.set_index("layer")["energy_pj"],
        check_names=False,
    )


def test_provenance_names_versions_and_hashes() -> None:
    provenance = accelsim.simulate(layer(), "both-skip-16x16", seed=3).provenance
    assert provenance["accelsim"] == accelsim.__version__
    assert provenance["seed"] == 3
    for key in ("hardware_hash", "trace_hash", "energy_table_sha256"):
        assert len(provenance[key]) == 64


def test_more_dram_bandwidth_and_less_latency_never_slow_a_fixed_plan() -> None:
    given = layer(channels=64, filters=64)
    plan = {"layer": Plan(tile_n=1, tile_k=8, tile_c=64, tile_p=2, tile_q=7)}
    cycles = [
        accelsim.simulate(
            given, load_hardware("both-skip-16x16", [f"dram.peak_gb_per_s={rate}"]), plans=plan
        ).cycles
        for rate in (1, 2, 4, 8, 16, 64)
    ]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] > cycles[-1]


def test_inputs_that_run_together_share_what_a_tile_fetches() -> None:
    """With weights that do not fit beside the activations of all, a batch fetches them once."""
    both = layer(inputs=2)
    apart = accelsim.simulate(both, "both-skip-16x16")
    together = accelsim.simulate(both, "both-skip-16x16", together=True)
    assert together.total("dense_macs") == apart.total("dense_macs")
    assert together.total("weight_fetch_bytes") * 2 == apart.total("weight_fetch_bytes")
    summary = together.summary()
    assert summary["inputs"] == 2
    assert summary["together"]
    assert summary["cycles_spread"] == 0
    assert summary["cycles_mean"] == together.cycles / 2 < apart.summary()["cycles_mean"]
