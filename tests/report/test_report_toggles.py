"""Toggles of a run: in its tables, its summary, its note; priced again to the last digit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from accelsim.bill import EnergyRow
from accelsim.energy import action_counts, price, table_of
from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.plan import Plan, tile_boxes
from accelsim.report import notes, write_run
from accelsim.report.toggles import network_toggles
from accelsim.reuse import Reuse
from accelsim.simulation import simulate
from accelsim.study.whatif import Changes, repriced
from accelsim.tables import TOGGLES
from accelsim.toggle_sample import layer_toggles
from accelsim.toggles import NO_TOGGLES, ToggleCounts, summed
from accelsim.trace import LayerTrace, from_arrays

COUNTED = ("operand_register", "accumulator", "wires")  # what toggles may price


def layer(size: int = 6, inputs: int = 1) -> LayerTrace:
    generator = np.random.default_rng(4)
    weights = generator.integers(-9, 9, (16, 3, 3, 16)).astype(np.int8)
    activations = generator.integers(0, 3, (1, size, size, 16)).astype(np.uint8)
    return from_arrays(weights, np.repeat(activations, inputs, axis=0), padding=1)


@pytest.mark.usefixtures("without_pictures")
def test_a_run_counts_what_its_tiles_toggle_and_pays_for_it(tmp_path: Path) -> None:
    trace, chip = layer(), load_hardware("both-skip-16x16")
    run = simulate(trace, chip, toggles="exact")
    (result,) = run.layer_results
    assert result.plan is not None
    expected = layer_toggles(
        trace, tile_boxes(result.plan, trace.layer), chip, result.plan.spatial, exact=True
    )
    assert result.toggles == expected
    lines = {(row.component, row.action, row.unit): row.count for row in result.energy}
    assert lines["accumulator", "toggle", "bit"] == expected.counts["accumulator_toggles"]
    assert lines["wires", "multicast", "toggle"] == expected.counts["multicast_toggles"]
    assert ("operand_register", "load", "bit") not in lines

    write_run(run, tmp_path)
    columns = pd.read_csv(tmp_path / "layers.csv").iloc[0]
    document = json.loads((tmp_path / "summary.json").read_text())["toggles"]
    for name in TOGGLES:
        assert columns[name] == document["totals"][name]["count"] == expected.counts[name]
        assert columns[f"{name}_relative_standard_error"] == 0
    assert document["sampled_fraction"] == 1
    assert repriced(tmp_path).pj() == pytest.approx(result.energy_pj, rel=1e-12)
    dearer = repriced(tmp_path, Changes(rows=("wires.toggle=1",)))
    toggles = lines["wires", "trunk", "toggle"] + lines["wires", "multicast", "toggle"]
    assert dearer.pj() > result.energy_pj
    assert sum(row.count for _, row in dearer.bill if row.component == "wires") == toggles


@pytest.mark.usefixtures("without_pictures")
def test_without_toggles_nothing_is_said_of_them(tmp_path: Path) -> None:
    run = simulate(layer(), "both-skip-16x16", toggles="off")
    write_run(run, tmp_path)
    assert not [name for name in run.layers if "toggle" in name]
    assert "toggles" not in json.loads((tmp_path / "summary.json").read_text())
    assert not [note for note in notes(run) if "toggle" in note]


@pytest.mark.parametrize("chip", ["systolic-weights-16x32", "eyeriss-168"])
def test_other_dataflows_count_theirs_and_pay_for_them(chip: str) -> None:
    run = simulate(layer(), chip, toggles="exact")
    (result,) = run.layer_results
    lines = {(row.component, row.action, row.unit): row.count for row in result.energy}
    assert result.toggles is not None
    assert lines["accumulator", "toggle", "bit"] == result.toggles.counts["accumulator_toggles"] > 0
    assert set(lines).isdisjoint({("operand_register", "load", "bit"), ("wires", "trunk", "bit")})


def test_a_sample_says_how_sure_it_is() -> None:
    run = simulate(layer(40), "both-skip-16x16", toggles="sampled")
    found = network_toggles(run)
    assert found is not None
    assert found.sampled_fraction < 1
    assert found.standard_errors["accumulator_toggles"] > 0
    (note,) = (note for note in notes(run) if "toggles" in note)
    summary = run.summary()
    of_energy = 100 * summary["energy_uj_toggle_error"] / summary["energy_uj_mean"]
    assert f"{of_energy:.2g} % of the energy" in note
    assert of_energy > 0
    assert simulate(layer(40), "both-skip-16x16").layers.equals(run.layers)  # the default, the same each time


def test_an_unknown_way_of_counting_is_refused() -> None:
    with pytest.raises(InputError, match="toggles must be one of sampled, exact, off, not 'some'"):
        simulate(layer(), "both-skip-16x16", toggles="some")  # type: ignore[arg-type]


@pytest.mark.small
def test_errors_of_layers_add_as_variances() -> None:
    """3 % of 100 and 4 % of 100 are 5 of 200."""
    one, other = (
        ToggleCounts(dict.fromkeys(TOGGLES, 100), dict.fromkeys(TOGGLES, error), 0.5)
        for error in (0.03, 0.04)
    )
    total = summed([one, other, NO_TOGGLES], [10, 30, 0])
    assert set(total.counts.values()) == {200}
    assert total.standard_errors["mask_bus_toggles"] == pytest.approx(0.025)
    assert total.sampled_fraction == 0.5


def test_counting_changes_registers_accumulators_and_wires_alone() -> None:
    runs = [simulate(layer(), "both-skip-16x16", toggles=how) for how in ("off", "exact")]
    (off,), (counted,) = (run.layer_results for run in runs)
    totals = off.totals | {"cycles": off.cycles}
    assert list(off.energy) == list(
        price(action_counts(totals, runs[0].chip), runs[0].chip, table_of(runs[0].chip))
    )
    rows = [{row for row in one.energy if row.component not in COUNTED} for one in (off, counted)]
    assert rows[0] == rows[1]
    assert off.toggles is None
    assert np.isnan(runs[0].summary()["energy_uj_toggle_error"])
    assert runs[1].summary()["energy_uj_toggle_error"] == 0


@pytest.mark.small
def test_an_error_of_energy_is_that_of_each_line_that_counts_toggles() -> None:
    """1 % of a line of 700 pJ, 2 % of one of 300 pJ, and nothing of what is not counted in toggles."""
    counts = dict.fromkeys(TOGGLES, 0) | {"accumulator_toggles": 100, "mask_bus_toggles": 30}
    errors = dict.fromkeys(TOGGLES, 0.5) | {"accumulator_toggles": 0.01, "mask_bus_toggles": 0.02}
    bill = [
        bill_row("accumulator", "toggle", 100, "bit", 700.0),
        bill_row("wires", "trunk", 30, "toggle", 300.0),
        bill_row("wires", "trunk", 30, "bit", 1e6),
        bill_row("mac", "done", 30, "mac", 1e6),
    ]
    assert ToggleCounts(counts, errors, 0.1).error_pj(bill) == pytest.approx(13)


def bill_row(component: str, action: str, count: int, unit: str, pj: float) -> EnergyRow:
    return EnergyRow(component, action, count, unit, pj / count, pj, pj, pj, "a source")


def test_energies_of_samples_scatter_no_more_than_their_error_says() -> None:
    runs = [simulate(layer(40), "both-skip-16x16", seed=seed).summary() for seed in range(20)]
    energies = [run["energy_uj_mean"] for run in runs]
    told = np.mean([run["energy_uj_toggle_error"] for run in runs])
    exact = simulate(layer(40), "both-skip-16x16", toggles="exact").summary()["energy_uj_mean"]
    assert 0.1 * told < np.std(energies) < 1.5 * told
    assert np.mean(energies) == pytest.approx(exact, abs=told)


def test_errors_of_layers_and_inputs_add_as_squares() -> None:
    one = layer(40)
    both = [replace(one, layer=replace(one.layer, name=name)) for name in ("a", "b")]
    run = simulate(both, "both-skip-16x16")
    errors = run.layers["energy_toggle_error_pj"]
    assert (errors > 0).all()
    assert run.summary()["energy_uj_toggle_error"] == pytest.approx(np.hypot(*errors) / 1e6)
    counts = run.layers["accumulator_toggles"]
    assert counts[0] != counts[1]  # samples of their own


def test_equal_inputs_draw_samples_of_their_own() -> None:
    run = simulate(layer(40, inputs=2), "both-skip-16x16")
    counts = run.layers["accumulator_toggles"]
    assert counts[0] != counts[1]


def test_plans_that_order_the_same_tiles_otherwise_share_a_sample() -> None:
    tile = {"tile_n": 1, "tile_k": 16, "tile_c": 16, "tile_p": 10, "tile_q": 20}
    reuse, found = Reuse(), []
    for order in ("NKCPQ", "NQPKC"):
        plans = {"layer": Plan(**tile, order=order)}
        (one,) = simulate(layer(40), "both-skip-16x16", plans=plans, reuse=reuse).layer_results
        assert one.work is not None
        found.append((one.work["p0"].tolist(), one.toggles))
    assert found[0][0] != found[1][0]
    assert found[0][1] == found[1][1]
    assert reuse.counts["toggles"] == {"memory": 1, "disk": 0, "made": 1}


@pytest.mark.usefixtures("without_pictures")
def test_a_stored_sample_is_priced_again_to_the_last_digit(tmp_path: Path) -> None:
    run = simulate(layer(40), "both-skip-16x16")
    write_run(run, tmp_path)
    pj = run.summary()["energy_uj_mean"] * 1e6
    assert repriced(tmp_path).pj() == pytest.approx(pj, rel=1e-12)
    dearer = repriced(tmp_path, Changes(rows=("accumulator.toggle=1",))).pj()
    counts = run.layer_results[0].toggles
    assert counts is not None
    (was,) = (row.pj for row in run.layer_results[0].energy if row.component == "accumulator")
    assert dearer - pj == pytest.approx(counts.counts["accumulator_toggles"] - was)
