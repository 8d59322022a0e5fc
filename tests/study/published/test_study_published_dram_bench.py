"""The banked model stays within the bands of the cycle-level simulators."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from accelsim.cli.main import app
from accelsim.errors import InputError
from accelsim.study.published import dram_bench
from accelsim.study.published.dram_streams import Streams


def test_streams_stay_within_their_bands() -> None:
    """Every eleventh row of the table: all kinds of streams, both simulators."""
    table = dram_bench.stream_table(every=11)
    judged = table["band_percent"].notna()
    assert dram_bench.stream_misses(table) == []
    assert judged.sum() >= 20
    assert table["difference_percent"][judged].abs().median() < 0.1
    assert dram_bench.summary_table(table)["outside"].sum() == 0


def test_a_row_outside_of_its_band_is_a_miss() -> None:
    table = dram_bench.stream_table(every=50)
    table.loc[0, "difference_percent"] = 3.1
    assert any("seq_rd" in text and "band 3 %" in text for text in dram_bench.stream_misses(table))
    table["difference_percent"] = 2.5
    assert any("median" in text for text in dram_bench.stream_misses(table))


def test_bands_are_those_of_the_table() -> None:
    band = dram_bench.band_percent
    assert [band("seq_rd", "1"), band("rand_rd_1M", "max"), band("stride_256_rd", "2")] == [3, 3, 3]
    assert [band("mix_rw", "16"), band("3str_st_g64", "32")] == [10, 15]
    assert np.isnan([band("seq_wr", "max"), band("rand_wr_256M", "1"), band("mix_rw", "8")]).all()


def test_streams_are_as_they_are_defined() -> None:
    streams = Streams(row_step_bytes=1 << 19)
    addresses, writes = streams.of("3str_st_g128")
    assert addresses[:4].tolist() == [0, 64, (64 << 20) + (1 << 17), (64 << 20) + (1 << 17) + 64]
    assert writes[:7].tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert streams.of("mix_rrw")[1][:6].tolist() == [0, 0, 1, 0, 0, 1]
    assert np.unique(streams.of("rand_rd_1M")[0]).size == 16384
    with pytest.raises(InputError, match="no stream is called 'seq'; there are: seq_rd"):
        streams.of("seq")


def test_bench_holds_another_device_to_the_closed_forms(tmp_path: Path) -> None:
    run = CliRunner().invoke(
        app, ["dram", "bench", "--device", "lpddr4-4266", "--out", str(tmp_path), "--json"]
    )
    assert run.exit_code == 0
    told = json.loads(run.stdout)
    assert told["outside_of_bands"] == []
    assert len(told["rows"]) == 5
    missing = CliRunner().invoke(app, ["dram", "bench", "--device", "ddr9"])
    assert missing.exit_code == 2


def test_a_stream_is_emitted_with_its_clocks(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["dram", "bench", "--emit", "mix_rw", "--out", str(tmp_path)])
    assert run.exit_code == 0
    lines = (tmp_path / "ddr4-2400-mix_rw.dramsim3.trace").read_text().splitlines()
    assert lines[:3] == ["0x0 READ 0", "0x40 WRITE 0", "0x80 READ 0"]
    rows = (tmp_path / "ddr4-2400-mix_rw.requests.csv").read_text().splitlines()
    assert rows[1].split(",")[:2] == ["0", "37"]  # a cold read: 36 clocks after the first clock


def test_devices_are_listed() -> None:
    run = CliRunner().invoke(app, ["dram", "list", "--json"])
    assert [row["device"] for row in json.loads(run.stdout)][:2] == ["ddr4-2400", "lpddr4-3200"]
