"""Stored runs priced again: the same prices give the same energy, others what a new run would give."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import accelsim
from accelsim.cli.main import app
from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.report import write_run
from accelsim.results import NetworkResult
from accelsim.study.whatif import (
    Changes,
    break_even,
    duel,
    layer_table,
    line_of,
    repriced,
    row_named,
    sweep_table,
)
from accelsim.trace import LayerTrace, from_arrays


@pytest.fixture(scope="module")
def traces() -> list[LayerTrace]:
    generator = np.random.default_rng(5)
    shapes = {"a": (24, 3, 3, 32), "b": (16, 1, 1, 64)}
    return [
        from_arrays(
            (generator.integers(-9, 9, shape) * (generator.random(shape) < 0.4)).astype(np.int8),
            generator.integers(0, 3, (2, 8, 8, shape[3])).astype(np.uint8),
            name=name,
        )
        for name, shape in shapes.items()
    ]


def result(traces: list[LayerTrace], chip: str, *overrides: str) -> NetworkResult:
    return accelsim.simulate(
        traces, load_hardware(chip, ["pe_array.rows=4", "pe_array.columns=4", *overrides])
    )


@pytest.fixture(scope="module")
def folders(traces: list[LayerTrace], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    for chip in ("both-skip-16x16", "dense-16x16"):
        write_run(result(traces, chip), root / chip)
    return {path.name: path for path in root.iterdir()}


def test_the_same_prices_give_the_stored_energy_line_by_line(
    folders: dict[str, Path], traces: list[LayerTrace]
) -> None:
    run = repriced(folders["both-skip-16x16"])
    fresh = result(traces, "both-skip-16x16")
    assert run.pj() == pytest.approx(fresh.summary()["energy_uj_mean"] * 1e6, rel=1e-9)
    assert run.before_pj == pytest.approx(run.pj(), rel=1e-9)
    assert sorted(row.pj for _, row in run.bill) == pytest.approx(
        sorted(row.pj for r in fresh.layer_results for row in r.energy), rel=1e-9
    )
    stated = layer_table(run, draws=2000).set_index("layer").loc["all"]
    assert stated["energy_uj_p05"] == pytest.approx(fresh.summary()["energy_uj_p05"], rel=1e-9)
    assert stated["energy_uj_p95"] == pytest.approx(fresh.summary()["energy_uj_p95"], rel=1e-9)


@pytest.mark.parametrize(
    "energy",
    [
        {"node_nm": 22.0},
        {"table": "7nm"},
        {"dram": "hbm2_2000"},
        {"dram": "lpddr4"},
        {"sram": "sram_hp"},
        {"macro_bytes": 4096},
    ],
)
def test_other_prices_give_what_a_new_run_would(
    energy: dict[str, object], folders: dict[str, Path], traces: list[LayerTrace]
) -> None:
    run = repriced(folders["both-skip-16x16"], Changes(energy))
    fresh = result(traces, "both-skip-16x16", *(f"energy.{k}={v}" for k, v in energy.items()))
    assert run.pj() == pytest.approx(fresh.summary()["energy_uj_mean"] * 1e6, rel=1e-9)
    assert run.pj() != pytest.approx(run.before_pj, rel=1e-3)


def test_a_rows_price_moves_its_lines_alone(folders: dict[str, Path]) -> None:
    before, after = (
        repriced(folders["both-skip-16x16"], Changes(rows=rows)) for rows in ((), ("mac.done@8=1.122",))
    )
    moved = {
        (row.component, row.action)
        for (_, row), (_, other) in zip(before.bill, after.bill, strict=True)
        if row.pj != other.pj
    }
    assert moved == {("mac", "done")}
    row = row_named(before.table, "mac.done@8")
    assert after.pj() - before.pj() == pytest.approx(before.share_of(row))
    stated = [r for _, r in after.bill if (r.component, r.action) == ("mac", "done")]
    assert all(r.low_pj == r.pj == r.high_pj for r in stated)
    assert {r.priced_by for r in stated} == {"--set mac.done@8=1.122"}


def test_a_design_beats_itself_never_and_a_cheaper_one_always(folders: dict[str, Path]) -> None:
    sparse, dense = (repriced(folders[name]) for name in ("both-skip-16x16", "dense-16x16"))
    assert duel(sparse, sparse, 500).share == 0
    assert duel(sparse, sparse, 500).ratio == 1
    cheap = repriced(folders["both-skip-16x16"], Changes(rows=("mac.done@8=0",)))
    assert duel(cheap, sparse, 500).share == 1
    forward, backward = duel(sparse, dense, 500), duel(dense, sparse, 500)
    assert forward.share + backward.share == pytest.approx(1)
    assert forward.ratio == pytest.approx(1 / backward.ratio)


def test_two_runs_meet_at_the_break_even_price(folders: dict[str, Path]) -> None:
    sparse, dense = (repriced(folders[name]) for name in ("both-skip-16x16", "dense-16x16"))
    value = break_even(sparse, dense, "mask.test")
    assert value > 0
    at = [
        repriced(folders[name], Changes(rows=(f"mask.test={value}",)))
        for name in ("both-skip-16x16", "dense-16x16")
    ]
    assert at[0].pj() == pytest.approx(at[1].pj(), rel=1e-9)
    table = sweep_table([sparse, dense], "mask.test", (0, 2 * value))
    assert (table["A_uj"] < table["B_uj"])[:4].all()
    assert table["A_uj"][4] == pytest.approx(table["B_uj"][4])
    assert (table["A_uj"] > table["B_uj"])[5:].all()
    assert table["B_uj"].nunique() == 1  # a dense chip tests no masks
    base, slope = line_of(sparse, "mask.test")
    assert table["A_uj"].to_numpy() * 1e6 == pytest.approx(base + slope * table["price_pj"].to_numpy())
    assert np.isnan(break_even(sparse, sparse, "mask.test"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            Changes(rows=("mac.done=0.3",)),
            r"45nm: 2 rows are called 'mac.done': mac.done@8/mac \(45nm.csv:2\)",
        ),
        (Changes(rows=("mac.lost=0.3",)), "45nm: no row is called 'mac.lost'; rows: accumulator.toggle"),
        (Changes(rows=("mac.done@8",)), "--set mac.done@8: must be ROW=PJ or ROW=LOW,PJ,HIGH"),
        (Changes(rows=("mac.done@8=3,2,1",)), "0 <= low <= pj <= high must hold"),
        (Changes(rows=("mac.done@8=-1",)), "0 <= low <= pj <= high must hold"),
        (Changes(rows=("mac.done@8=nan",)), "0 <= low <= pj <= high must hold"),
        (Changes(rows=("mac=1",)), "'mac': a row is component.action"),
        (Changes({"node_nm": 11.0}), "45nm: no scaling rule for 11 nm"),
        (Changes({"node_nm": -1.0}), "energy.node_nm: Input should be greater than or equal to 1, not -1.0"),
        (Changes({"dram": "lpddr9"}), "45nm: no price for component 'lpddr9'"),
        (Changes({"table": "44nm"}), "44nm: neither a file nor a shipped energy table"),
    ],
)
def test_wrong_changes_are_refused(changes: Changes, message: str, folders: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=message):
        repriced(folders["both-skip-16x16"], changes)


def test_whatif_answers_on_the_command_line(folders: dict[str, Path]) -> None:
    paths = [str(folders[name]) for name in ("both-skip-16x16", "dense-16x16")]
    done = CliRunner().invoke(app, ["whatif", *paths, "--sweep", "mask.test=0:1", "--draws", "200"])
    assert done.exit_code == 0, done.output
    assert "A beats B in " in done.stdout
    assert "A and B take the same energy at " in done.stdout
    assert "middle 90 % of 200 draws (seed 0)" in done.stdout
    again = CliRunner().invoke(app, ["whatif", *paths, "--sweep", "mask.test=0:1", "--draws", "200"])
    assert again.stdout == done.stdout
    for wrong in (["--sweep", "mask.test=1:0"], ["--sweep", "mask.test=x"], ["--set", "nothing"]):
        refused = CliRunner().invoke(app, ["whatif", paths[0], *wrong])
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert refused.stderr.startswith("error: ")
