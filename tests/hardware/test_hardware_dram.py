"""DRAM devices and the banked model's keys: what cannot be is refused, with its place."""

from pathlib import Path

import pytest

from accelsim.errors import HardwareError
from accelsim.hardware import (
    Accelerator,
    BankedDram,
    devices,
    hardware_hash,
    load_device,
    load_hardware,
    to_yaml,
)
from accelsim.hardware.devices import energy_rows, source_rows
from accelsim.hardware.dram_model import address_fields

pytestmark = pytest.mark.small


def banked(tmp_path: Path, *keys: str, overrides: tuple[str, ...] = ()) -> Accelerator:
    lines = to_yaml(load_hardware("both-skip-16x16")).splitlines()
    first, last = lines.index("dram:"), lines.index("energy:")
    path = tmp_path / "chip.yaml"
    own = ["  model: banked", "  device: ddr4-2400", "  channels: 1", *(f"  {key}" for key in keys)]
    path.write_text("\n".join([*lines[:first], "dram:", *own, *lines[last:]]))
    return load_hardware(path, list(overrides))


def table(tmp_path: Path, *changes: tuple[str, str]) -> str:
    """The DDR4 table as a file, with rows replaced."""
    rows = ["device,key,value,unit,source,note"]
    rows += [f"mine,{r['key']},{r['value']},{r['unit']},data sheet," for r in source_rows("ddr4-2400")]
    text = "\n".join(rows) + "\n"
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "mine.csv"
    path.write_text(text)
    return str(path)


def test_every_number_has_a_source_and_lone_sources_say_so() -> None:
    for name in devices():
        assert all(row["source"] for row in source_rows(name))
        alone = any("one source" in row["note"] for row in source_rows(name))
        assert alone == (name in ("lpddr4-3200", "lpddr4-4266", "lpddr5-6400", "hbm2e-3200"))
    assert {row["action"] for row in energy_rows("ddr4-2400")} >= {
        "activation",
        "read",
        "write",
        "io",
        "refresh",
    }


def test_a_device_of_ones_own_is_read(tmp_path: Path) -> None:
    mine, shipped = load_device(table(tmp_path)), load_device("ddr4-2400")
    assert (mine.clocks, mine.sizes, mine.clock_ns) == (shipped.clocks, shipped.sizes, shipped.clock_ns)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tRC,55,", "tRC,54,", "mine.csv:10: tRC must be at least tRAS + tRP = 55, not 54"),
        ("CL,16,", "CL,-1,", "mine.csv:3: CL must be an integer from 1 to 1000, not -1"),
        ("tFAW,26,", "tFAW,2.5,", "mine.csv:15: tFAW must be an integer from 1 to 131072, not 2.5"),
        ("tCCD_L,6,", "tCCD_L,3,", "mine.csv:12: tCCD_L must be at least tCCD_S = 4, not 3"),
        (
            "tRFC,433,",
            "tRFC,9364,",
            "mine.csv:21: tREFI must be at least tRFC + tRP_all + 1 = 9381, not 9364",
        ),
        ("rows,65536,", "rows,65535,", "mine.csv:28: rows must be a power of two, not 65535"),
        (
            "tRAS,39,",
            "tRAS,1e999999999,",
            "mine.csv:9: tRAS must be an integer from 1 to 131072, not 1e999999999",
        ),
        ("tRAS,39,", "tRAS,nan,", "mine.csv:9: tRAS must be a number, not 'nan'"),
        (
            "pseudo_channels,1,",
            "pseudo_channels,16,",
            "mine.csv:31: pseudo_channels must be an integer from 1 to 8, not 16",
        ),
        ("tRAS,39,clocks,data sheet", "tRAS,39,clocks,", "mine.csv:9: tRAS has no source"),
        ("tRAS,39,clocks", "tRAS,39,ns", "mine.csv:9: tRAS must be given in clocks, not 'ns'"),
        ("mine,tRAS,39,clocks,data sheet,\n", "", "mine.csv: missing key 'tRAS'"),
        ("tRAS,39", "tRCX,39", "mine.csv:9: unknown key 'tRCX'"),
        ("tRAS,39", "CL,39", "mine.csv:9: duplicate key 'CL', already given at"),
    ],
)
def test_impossible_tables_are_refused_by_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(HardwareError) as caught:
        load_device(table(tmp_path, (old, new)))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("ranks: 4", "dram.ranks must make at most 32 banks, not 4 x 16"),
        (
            "address_mapping: row column",
            "dram.address_mapping must cover the device: bank has 2 bits, the mapping 0",
        ),
        (
            "address_mapping: row:2 rank bank bank_group channel column",
            "dram.address_mapping must cover the device: row has 16 bits, the mapping 2",
        ),
        ("address_mapping: rows bank", "dram.address_mapping must be bank_group_low, "),
        (
            "address_mapping: row:x bank",
            "dram.address_mapping must give the bits of a field as column:3, not 'row:x'",
        ),
        ("write_low_watermark_fraction: 0.9", "dram.write_low_watermark_fraction must be at most"),
        ("latency_ns: 3", "dram: unknown key 'latency_ns'"),
    ],
)
def test_impossible_keys_are_refused_with_their_place(key: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"chip\.yaml:") as caught:
        banked(tmp_path, key)
    assert message in str(caught.value)


def test_a_lowest_watermark_ends_a_batch_of_writes_when_none_waits(tmp_path: Path) -> None:
    chip = banked(tmp_path, "write_low_watermark_fraction: 0", "write_high_watermark_fraction: 0")
    assert isinstance(chip.dram, BankedDram)
    assert (chip.dram.write_low_entries, chip.dram.write_high_entries) == (1, 0)


def test_a_file_without_a_device_says_so(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("device,key,value,unit,source,note\n")
    with pytest.raises(HardwareError, match=r"none\.csv: holds no device"):
        load_device(str(path))


def test_an_unknown_device_or_model_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"dram\.device must be possible: neither a shipped DRAM device"):
        banked(tmp_path, overrides=("dram.device=ddr9",))
    with pytest.raises(HardwareError, match=r"dram\.model must be 'bandwidth' or 'banked', not 'fast'"):
        load_hardware("both-skip-16x16", ["dram.model=fast"])


def test_a_banked_chip_survives_its_yaml_and_answers_as_a_bandwidth_chip_does(tmp_path: Path) -> None:
    chip = banked(tmp_path, "posted_writes: true")
    assert isinstance(chip.dram, BankedDram)
    again = tmp_path / "again.yaml"
    again.write_text(to_yaml(chip))
    assert load_hardware(again) == chip
    assert chip.dram.burst_bytes == 64
    peak = float(chip.dram_bytes_per_cycle) * chip.clock_mhz / 1000
    assert peak == pytest.approx(19.2077 * 0.95376, rel=1e-4)
    assert chip.dram_latency_cycles >= 29.98 * chip.clock_mhz / 1000


def test_the_hash_sees_the_contents_of_a_device(tmp_path: Path) -> None:
    hashes = set()
    for change in ((), (("CL,16,", "CL,17,"),)):
        path = table(tmp_path, *change)
        hashes.add(hardware_hash(banked(tmp_path, overrides=(f"dram.device={path}",))))
    assert len(hashes) == 2


def test_fields_may_be_split() -> None:
    device = load_device("ddr4-2400")
    fields = address_fields("row rank bank column:3 bank_group channel column", device, 2, 1)
    assert fields == [
        ("row", 16),
        ("bank", 2),
        ("column", 3),
        ("bank_group", 2),
        ("channel", 1),
        ("column", 4),
    ]


@pytest.mark.small
@pytest.mark.parametrize("rows_of", [source_rows, energy_rows])
def test_who_changes_a_devices_rows_changes_his_own(rows_of):
    before = [dict(row) for row in rows_of("ddr4-2400")]
    for row in rows_of("ddr4-2400"):
        row["device"] = "mine"
    assert rows_of("ddr4-2400") == before != []
