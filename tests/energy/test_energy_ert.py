"""Accelergy's reference tables: what is written is read again; what is foreign is located."""

import math
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from accelsim.energy import PriceRow, load_table, tables
from accelsim.energy.ert import csv_text, from_ert, to_ert
from accelsim.energy.rows import COLUMNS
from accelsim.errors import InputError

pytestmark = pytest.mark.small

# As published tables look: names with ranges, arguments null or other than ours.
FOREIGN = """\
ERT:
  version: 0.3
  tables:
  - name: system.chip.PE[0..7].mac
    actions:
    - name: mac_random
      arguments: null
      energy: 2.20035
  - name: system.chip.merge_queue
    actions:
    - name: write
      arguments:
        address_delta: 0
        data_delta: 1
      energy: 62.50393
    - name: write
      arguments:
        address_delta: 0
        data_delta: 0
      energy: 0.05093
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ert.yaml"
    path.write_text(text)
    return path


def stated(row: PriceRow) -> dict[str, object]:
    return {f.name: getattr(row, f.name) for f in fields(row) if f.name in COLUMNS}


@pytest.mark.parametrize("name", list(tables()))
def test_a_table_survives_its_ert_and_its_csv(name: str, tmp_path: Path) -> None:
    rows = load_table(name).rows
    back = from_ert(written(tmp_path, to_ert(rows)))
    assert [stated(row) for row in back] == [stated(row) for row in rows]
    path = tmp_path / "again.csv"
    path.write_text(csv_text(back))
    assert [stated(row) for row in load_table(path).rows] == [stated(row) for row in rows]


def test_an_ert_has_the_published_shape() -> None:
    document = yaml.safe_load(to_ert(load_table("45nm").rows))["ERT"]
    assert document["version"] == 0.3
    names = [table["name"] for table in document["tables"]]
    assert names[0] == "accelsim.mac"
    assert len(names) == len(set(names))
    for table in document["tables"]:
        for action in table["actions"]:
            assert set(action) == {"name", "arguments", "energy"}
            assert math.isfinite(action["energy"])


def test_a_foreign_table_is_read_with_a_unit_and_survives(tmp_path: Path) -> None:
    rows = from_ert(written(tmp_path, FOREIGN), unit="byte")
    assert [(r.component, r.action, r.unit, r.pj, r.low_pj, r.high_pj) for r in rows] == [
        ("mac", "mac_random", "byte", 2.20035, 2.20035, 2.20035),
        ("merge_queue", "write(address_delta=0 data_delta=1)", "byte", 62.50393, 62.50393, 62.50393),
        ("merge_queue", "write(address_delta=0 data_delta=0)", "byte", 0.05093, 0.05093, 0.05093),
    ]
    assert rows[1].place == f"{tmp_path}/ert.yaml:11"
    assert rows[1].source == f"{tmp_path}/ert.yaml: system.chip.merge_queue"
    again = from_ert(written(tmp_path, to_ert(rows)))
    assert [stated(row) for row in again] == [stated(row) for row in rows]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("", ""), "ert.yaml:6: system.chip.PE[0..7].mac, mac_random has no unit among its arguments"),
        (("arguments: null", "arguments: {unit: macs}"), "ert.yaml:6: unit must be one of mac, access"),
        (("energy: 2.20035", "energy: -1"), "ert.yaml:6: energy must not be negative, not -1"),
        (("energy: 2.20035", "energy: nan"), "ert.yaml:6: energy must be a finite number, not 'nan'"),
        (("energy: 2.20035", "energy: ''"), "ert.yaml:6: energy is missing"),
        (("      energy: 2.20035\n", ""), "ert.yaml:6: energy is missing"),
        (
            ("arguments: null", "arguments: {low_pj: 3, unit: mac}"),
            "ert.yaml:6: low_pj <= pj <= high_pj must",
        ),
        (
            ("arguments: null", "arguments: [1]"),
            "ert.yaml:7: arguments of system.chip.PE[0..7].mac, mac_random",
        ),
        (("name: mac_random", "name: leakage"), "ert.yaml:6: cell_type is missing"),
        (("data_delta: 0", "data_delta: 1"), "ert.yaml:16: merge_queue, write(address_delta=0 data_delta=1)"),
        (("ERT:", "ART:"), "ert.yaml: ERT must be a mapping of keys"),
        (("tables:", "rows:"), "ert.yaml: ERT.tables must be a list"),
        (("ERT:", "ERT: ["), "ert.yaml: not YAML"),
    ],
)
def test_a_wrong_ert_is_located(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    path = written(tmp_path, FOREIGN.replace(*change))
    with pytest.raises(InputError) as caught:
        from_ert(path, unit=None if change == ("", "") else "mac")
    assert message in str(caught.value)


def test_no_file_and_no_unit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.yaml: no such file"):
        from_ert(tmp_path / "nothing.yaml")
    with pytest.raises(InputError, match="--unit must be one of mac, access"):
        from_ert(tmp_path / "nothing.yaml", unit="joule")


@given(text=st.text(max_size=60))
def test_any_text_gives_rows_or_an_input_error(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError):
        from_ert(path, unit="mac")
