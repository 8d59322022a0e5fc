"""Measured ceilings: a file that is read with care, and a measurement that measures something."""

import pytest

from accelsim.errors import InputError
from accelsim.study import ceilings


@pytest.mark.small
def test_the_shipped_cpu_has_vnni_and_says_how_it_was_measured():
    table = ceilings.shipped_ceilings()
    assert list(table.columns) == list(ceilings.COLUMNS)
    assert table["cores"].tolist() == [1, 2]
    assert table["vnni"].str.contains("vnni").all()
    assert (table["method"] == ceilings.METHOD).all()
    one, two = table["int8_tops"]
    assert one < two <= 2.1 * one


def test_a_measurement_is_positive_and_says_what_it_is_of():
    table = ceilings.measured_ceilings(0.02)
    assert table["cores"].tolist() == sorted({1, ceilings.usable_cores()})
    assert (table[["int8_tops", "memory_gb_per_s"]] > 0).all(axis=None)
    assert table["versions"].str.contains("onnxruntime").all()


@pytest.mark.small
def test_more_operations_in_the_same_time_are_a_higher_rate(monkeypatch):
    monkeypatch.setattr(ceilings, "_fastest", lambda work, seconds: 1e-3)
    assert ceilings.int8_tops(1, 1) == pytest.approx(2 * 1024**3 / 1e-3 / 1e12)
    assert ceilings.memory_gb_per_s(1, 1) == pytest.approx(2 * 128 * 2**20 / 1e-3 / 1e9)


@pytest.mark.small
def test_a_wrong_file_is_refused_by_line(tmp_path):
    path = tmp_path / "cpu.csv"
    with pytest.raises(InputError, match="cannot be read"):
        ceilings.read_ceilings(path)
    path.write_text("cpu,cores\nx,1\n")
    with pytest.raises(InputError, match="no column 'vnni'; there are cpu, cores"):
        ceilings.read_ceilings(path)
    path.write_text(",".join(ceilings.COLUMNS) + "\nx,none,1,0.1,5,m,d,v\nx,none,2,-1,5,m,d,v\n")
    with pytest.raises(InputError, match=r"cpu.csv:3: int8_tops must be positive, not -1"):
        ceilings.read_ceilings(path)
    with pytest.raises(InputError, match="seconds must be positive, not 0"):
        ceilings.measured_ceilings(0)
