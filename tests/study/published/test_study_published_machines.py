"""EIE's and SCNN's tables at reduced size: within their bands, and a value outside of one is told."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from accelsim.cli.main import app
from accelsim.hardware import load_hardware
from accelsim.study.published import eie, reproduce, scnn
from accelsim.study.published.entry import Band, Entry


def test_eies_times_are_within_their_bands_from_one_seed() -> None:
    tables = {"wallclock": eie.wallclock_table(range(1))}
    assert tables["wallclock"]["layer"].tolist()[:3] == ["Alex-6", "Alex-7", "Alex-8"]
    assert eie.ENTRY.misses(tables) == []
    ratio = tables["wallclock"]["theoretical_us"] / tables["wallclock"]["actual_us"]
    np.testing.assert_allclose(tables["wallclock"]["ratio"], ratio)


def test_a_deeper_queue_and_more_pes_are_never_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    small = eie.layers().iloc[[6]]
    monkeypatch.setattr(eie, "layers", lambda: small)
    depths = eie.depth_table()["compute_cycles"]
    assert (np.diff(depths) <= 0).all()
    assert depths.iloc[0] > depths.iloc[-1]
    pes = eie.pe_table()
    assert pes["pes"].tolist() == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert (np.diff(pes["speedup"]) > 0).all()
    figures = eie.ENTRY.figures({"queues": eie.depth_table(), "pes": pes}) if eie.ENTRY.figures else {}
    assert set(figures) == {"queues", "pes"}


def test_alexnet_on_scnn_is_within_its_band(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = scnn.published_layers()
    alexnet = rows[rows["network"] == "AlexNet"]
    monkeypatch.setattr(scnn, "published_layers", lambda: alexnet)
    layers = scnn.layer_table()
    tables = {"networks": scnn.network_table(layers)}
    assert tables["networks"]["published_speedup"].tolist() == [2.37]
    assert scnn.ENTRY.misses(tables) == []
    shares = [column for column in layers if column.endswith("_percent")]
    np.testing.assert_allclose(layers[shares].sum(axis=1), 100)


def test_the_dense_machine_multiplies_everything_in_the_largest_rectangle() -> None:
    row = scnn.published_layers().iloc[5].to_dict()
    assert (row["output_h"], row["channels"], row["filters"]) == (13, 192, 256)
    cycles = scnn.dense_cycles(scnn.layer_of(row), load_hardware("scnn-64"))
    assert cycles == 2 * 2 * 256 * 9 * 192 // 16


def test_the_density_of_equal_speed_lies_between_two_swept() -> None:
    table = pd.DataFrame({"density_fraction": [0.1, 0.5, 0.9], "speedup": [9.0, 1.2, 0.8]})
    assert scnn.crossing(table) == pytest.approx(0.7)
    assert np.isnan(scnn.crossing(table.iloc[:2]))


def test_a_value_outside_of_its_band_is_an_exit_code_and_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"layer": ["a", "b", "c"], "difference_percent": [1.0, -12.0, float("nan")]})
    bands = (
        Band("t", "difference_percent", -10, 20),
        Band("t", "difference_percent", 0, 5, "median of absolutes"),
    )
    entry = Entry("title", "source", lambda seed: {"t": table}, bands=bands)
    assert entry.misses({"t": table}) == [
        "t, b: difference_percent is -12, not within -10 to 20",
        "t, c: difference_percent is nan, not within -10 to 20",
        "t, median of absolutes: difference_percent is 6.5, not within 0 to 5",
    ]
    monkeypatch.setitem(reproduce.ENTRIES, "x", entry)
    run = CliRunner().invoke(app, ["reproduce", "x"])
    assert run.exit_code == 1
    assert "b: difference_percent is -12" in run.stdout
    run = CliRunner().invoke(app, ["reproduce", "x", "--json"])
    assert len(json.loads(run.stdout)["x"]["outside_of_bands"]) == 3
    monkeypatch.setitem(reproduce.ENTRIES, "x", dataclasses.replace(entry, bands=()))
    assert "no bands: printed, not judged" in CliRunner().invoke(app, ["reproduce", "x"]).stdout


def test_all_goes_on_after_a_miss_and_names_what_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(difference: float) -> Entry:
        table = pd.DataFrame({"layer": ["a"], "difference_percent": [difference]})
        bands = (Band("t", "difference_percent", -10, 10),)
        return Entry(f"differs by {difference}", "source", lambda seed: {"t": table}, bands=bands)

    monkeypatch.setattr(reproduce, "ENTRIES", {"x": entry(-12), "y": entry(1), "z": entry(30)})
    run = CliRunner().invoke(app, ["reproduce", "all"])
    assert run.exit_code == 1
    assert run.stderr == "outside of bands: x (1), z (1)\n"
    assert run.stdout.index("y: differs by 1") < run.stdout.index("z: differs by 30")


def test_an_interrupt_is_130_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seed: int) -> dict[str, pd.DataFrame]:
        raise KeyboardInterrupt

    monkeypatch.setitem(reproduce.ENTRIES, "x", Entry("title", "source", interrupted))
    run = CliRunner().invoke(app, ["reproduce", "x"])
    assert (run.exit_code, run.stderr) == (130, "interrupted\n")


def test_counters_of_a_layer_on_several_chips_are_those_of_each_chips_own_run() -> None:
    """PEs and depths differ; the layer is drawn once, its columns counted once for chips of the same PEs."""
    row = {"layer": "a", "outputs": 90, "inputs": 70, "weight_percent": 9, "activation_percent": 35}
    settings = [["pe_array.queue_depth=1"], ["pe_array.queue_depth=31"], ["pe_array.columns=4"]]
    chips = [load_hardware("eie-64", overrides) for overrides in settings]
    trace = eie.layer_trace(row, 0)
    found = eie.counters(trace, chips)
    for chip, counted in zip(chips, found, strict=True):
        totals = eie.run(trace, chip).totals
        assert {name: totals[name] for name in counted} == counted
    assert len({counted["compute_cycles"] for counted in found}) == 3


def test_a_layer_drawn_in_parts_is_the_layer_drawn_at_once() -> None:
    row = {"layer": "a", "outputs": 301, "inputs": 999, "weight_percent": 9, "activation_percent": 35}
    generator = np.random.default_rng([3, 301, 999])
    weights = generator.integers(1, 16, (301, 999), np.int8)
    weights *= generator.random((301, 999), np.float32) < 0.09
    activations = generator.integers(1, 255, (1, 999), np.uint8)
    activations *= generator.random((1, 999), np.float32) < 0.35
    trace = eie.layer_trace(row, 3)
    np.testing.assert_array_equal(trace.weights.reshape(301, 999), weights)
    np.testing.assert_array_equal(trace.activations.reshape(1, 999), activations)
