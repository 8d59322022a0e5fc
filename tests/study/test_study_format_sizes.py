"""Sizes against density: what is stored is what is counted, and crossings lie between their neighbours."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from accelsim import plots
from accelsim.cli.main import app
from accelsim.errors import InputError
from accelsim.formats import FORMATS
from accelsim.study.format_sizes import crossings, size_table


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return size_table()


def test_every_encoding_is_there_and_dense_is_one(table: pd.DataFrame) -> None:
    assert set(table["format"]) == set(FORMATS)
    assert (table[table["format"] == "dense"]["size_fraction"] == 1).all()
    mask = table[table["format"] == "bitmask"]
    assert mask["size_fraction"].tolist() == pytest.approx(
        (mask["density_fraction"] + 1 / 8).tolist(), abs=1e-4
    )


def test_n_of_m_has_no_size_where_it_cannot_tell_the_density(table: pd.DataFrame) -> None:
    assert table[table["format"] == "n2_m4"]["density_fraction"].max() == 0.5


def test_crossings_are_where_the_order_changes(table: pd.DataFrame) -> None:
    found = crossings(table)
    row = found[(found["below"] == "bitmask") & (found["above"] == "dense")].iloc[0]
    assert row["density_fraction"] == pytest.approx(7 / 8, abs=0.01)
    assert found["density_fraction"].is_monotonic_increasing


def test_the_smallest_needs_no_code_tables(table: pd.DataFrame) -> None:
    assert table.loc[table["size_fraction"].idxmin(), "format"] == "huffman_run_length5"
    best = plots.smallest_table(table)
    assert not best["format"].str.startswith("huffman").any()
    assert best["format"].iloc[-1] == "dense"
    plots.formats(table)
    with pytest.raises(InputError, match="formats: the table has no column 'size_fraction'"):
        plots.formats(table.drop(columns="size_fraction"))


def test_the_command_leaves_a_picture_and_two_tables(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["formats", "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crossings.csv", "formats.csv", "formats.svg"]
