"""Toggles of a run: in its tables, its summary, its note; priced again to the last digit."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from accelsim.dataflows.toggles import layer_toggles
from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.plan import tile_boxes
from accelsim.report import notes, write_run
from accelsim.report.toggles import network_toggles
from accelsim.simulation import simulate
from accelsim.study.whatif import Changes, repriced
from accelsim.tables import TOGGLES
from accelsim.toggles import NO_TOGGLES, ToggleCounts, summed
from accelsim.trace import LayerTrace, from_arrays


def layer(size: int = 6) -> LayerTrace:
    generator = np.random.default_rng(4)
    weights = generator.integers(-9, 9, (16, 3, 3, 16)).astype(np.int8)
    return from_arrays(weights, generator.integers(0, 3, (1, size, size, 16)).astype(np.uint8), padding=1)


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


def test_without_toggles_nothing_is_said_of_them(tmp_path: Path) -> None:
    run = simulate(layer(), "both-skip-16x16")
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
    assert "standard error in brackets" in note
    assert simulate(layer(40), "both-skip-16x16", toggles="sampled").layers.equals(run.layers)


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
