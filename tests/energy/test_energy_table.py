import csv
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.energy import EnergyTable, load_table, tables
from accelsim.energy.rows import COLUMNS, MAX_BYTES
from accelsim.errors import InputError

pytestmark = pytest.mark.small

HEADER = ",".join(COLUMNS)
GOOD = "mac,done,mac,,8,45,0.9,0.5,0.3,1.2,,,a book,"


def table_of(tmp_path: Path, *lines: str, header: str = HEADER) -> EnergyTable:
    path = tmp_path / "prices.csv"
    path.write_text("\n".join([header, *lines, ""]))
    return load_table(path)


def errors_of(tmp_path: Path, *lines: str, header: str = HEADER) -> list[str]:
    with pytest.raises(InputError) as caught:
        table_of(tmp_path, *lines, header=header)
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mac,done,mac,,8,45,0.9,-1,-2,1.2,,,a book,", "low_pj must not be negative, not -2"),
        ("mac,done,mac,,8,45,0.9,0.5,0.3,inf,,,a book,", "high_pj must be a finite number, not 'inf'"),
        ("mac,done,mac,,8,45,0.9,0.5,nan,1.2,,,a book,", "low_pj must be a finite number, not 'nan'"),
        ("mac,done,mac,,8,45,0.9,,0.3,1.2,,,a book,", "pj is missing"),
        ("mac,done,mac,,8,45,0.9,0.5,x,1.2,,,a book,", "low_pj must be a number, not 'x'"),
        (
            "mac,done,mac,,8,45,0.9,0.5,0.6,1.2,,,a book,",
            "low_pj <= pj <= high_pj must hold, not 0.6, 0.5, 1.2",
        ),
        (
            "mac,done,mac,,8,45,0.9,1.5,0.6,1.2,,,a book,",
            "low_pj <= pj <= high_pj must hold, not 0.6, 1.5, 1.2",
        ),
        (
            "mac,done,macs,,8,45,0.9,0.5,0.3,1.2,,,a book,",
            "unit must be one of mac, access, bit, bit_mm, byte, element, activation, refresh, mw, mw_per_gb_per_s, "
            "not 'macs'",
        ),
        (",done,mac,,8,45,0.9,0.5,0.3,1.2,,,a book,", "component is missing"),
        ("mac, ,mac,,8,45,0.9,0.5,0.3,1.2,,,a book,", "action is missing"),
        ("mac,done,mac,,8,45,0.9,0.5,0.3,1.2,,,,", "source is missing"),
        (
            "mac,done,mac,,0,45,0.9,0.5,0.3,1.2,,,a book,",
            "width_bits must be a positive integer or empty, not '0'",
        ),
        (
            "mac,done,mac,8k,,45,,0.5,0.3,1.2,,,a book,",
            "size_bytes must be a positive integer or empty, not '8k'",
        ),
        ("mac,done,mac,,8,old,0.9,0.5,0.3,1.2,,,a book,", "node_nm must be a number, not 'old'"),
        ("mac,done,mac,,8,45,-1,0.5,0.3,1.2,,,a book,", "voltage_v must not be negative, not -1"),
        (
            "sram,read,access,8192,,45,,0.5,0.3,1.2,,,a book,",
            "size_bytes and width_bits must say which memory an access of is priced",
        ),
        ("mac,done,mac,,8,45,0.9,0.5,0.3,1.2,,,a book", "a row must have 14 cells, not 13"),
        (
            "sram,leakage,mw,8192,,45,,0.5,0.3,1.2,,,a book,",
            "cell_type is missing: leakage differs by four orders of magnitude between cell types",
        ),
        (
            "hbm3,activate,activation,,,45,,0.5,0.3,1.2,,,a book,",
            "size_bytes must say how many bytes the activated row holds",
        ),
        (GOOD, "duplicate row: mac, done, per mac stands in line 2 already"),
        ('mac,"do"ne,mac,,8,45,0.9,0.5,0.3,1.2,,,a book,', "not CSV: ',' expected after '\"'"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    assert message in [e.removeprefix("prices.csv:3: ") for e in errors_of(tmp_path, GOOD, line)]


def test_all_wrong_rows_come_at_once(tmp_path: Path) -> None:
    bad = GOOD.replace("0.5,0.3", "0.2,0.3").replace("done", "gated")
    assert errors_of(tmp_path, bad, "", GOOD, GOOD, "x") == [
        "prices.csv:2: low_pj <= pj <= high_pj must hold, not 0.3, 0.2, 1.2",
        "prices.csv:5: duplicate row: mac, done, per mac stands in line 4 already",
        "prices.csv:6: a row must have 14 cells, not 1",
    ]


def test_the_header_is_fixed(tmp_path: Path) -> None:
    (message,) = errors_of(tmp_path, GOOD, header=HEADER.replace("low_pj", "low"))
    assert message == f"prices.csv:1: the header must be {HEADER}, not {HEADER.replace('low_pj', 'low')}"


def test_a_table_describes_one_node(tmp_path: Path) -> None:
    other = GOOD.replace("done", "gated").replace("45", "28")
    assert errors_of(tmp_path, GOOD, other) == ["prices.csv: one table describes one node, not 28 and 45 nm"]
    assert table_of(tmp_path, GOOD, GOOD.replace("done", "gated").replace(",45,", ",,")).node_nm == 45


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    assert errors_of(tmp_path) == ["prices.csv: no prices"]
    path = tmp_path / "prices.csv"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"prices\.csv:1: the header must be"):
        load_table(path)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="45nn: neither a file nor a shipped energy table; did you mean '45nm'"
    ):
        load_table("45nn")
    with pytest.raises(InputError, match="cannot read the energy table"):
        load_table(tmp_path)
    path = tmp_path / "big.csv"
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="cannot read the energy table: 'utf-8' codec"):
        load_table(path)
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="at most 1000000 bytes"):
        load_table(path)


@given(cells=st.lists(st.text(max_size=8), max_size=14))
def test_any_cells_give_a_table_or_an_input_error(
    cells: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.csv"
    path.write_bytes((HEADER + "\n" + ",".join(cells)).encode("utf-8", "surrogatepass"))
    try:
        table = load_table(path)
    except InputError:
        return
    assert len(table.rows) == 1


def test_a_shipped_table_holds_its_file_to_the_digit() -> None:
    path = tables()["45nm"]
    table = load_table("45nm")
    assert table.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (table.name, table.node_nm) == ("45nm", 45)
    with path.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == len(table.rows) > 30
    for cells, row in zip(written, table.rows, strict=True):
        for column in COLUMNS:
            value = getattr(row, column)
            assert (
                cells[column] == ""
                if value is None
                else cells[column] == value or float(cells[column]) == value
            )


def test_every_shipped_price_has_a_source_and_leakage_its_cells() -> None:
    for row in load_table("45nm").rows:
        assert len(row.source) > 8, row
        assert 0 <= row.low_pj <= row.pj <= row.high_pj, row
        if row.low_pj == row.high_pj:
            assert "one source" in row.note, row
        if row.action == "leakage":
            assert row.cell_type, row
        assert len({r.place for r in load_table("45nm").rows}) == len(load_table("45nm").rows)


def test_the_bounds_of_a_mac_are_the_published_extremes() -> None:
    (row,) = [r for r in load_table("45nm").find("mac", "done", "mac") if r.width_bits == 8]
    assert (row.low_pj, row.pj, row.high_pj) == (0.30, 0.561, 1.15)
    wire = load_table("45nm").find("wires", "trunk", "bit_mm")[0]
    assert wire.pj == pytest.approx(0.5 * 300e-15 * 0.9**2 * 1e12 / 2, rel=2e-3)
