"""DRAM by its parts: what is estimated, what is counted, what an all-in price holds already."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.bill import ActionCount, EnergyRow
from accelsim.energy import EnergyTable, action_counts, load_table, price
from accelsim.energy.dram import DramRows, is_derived, other_memory, with_parts
from accelsim.errors import InputError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.hardware.devices import source_rows
from accelsim.hardware.dram_model import BankedDram

pytestmark = pytest.mark.small

Totals = Callable[..., dict[str, int]]
TABLE = load_table("45nm")


def chip_of(*overrides: str) -> Accelerator:
    return load_hardware("both-skip-16x16", overrides)


def of_dram(totals: dict[str, int], chip: Accelerator, table: EnergyTable = TABLE) -> dict[str, EnergyRow]:
    rows = price(action_counts(totals, chip), chip, table)
    return {f"{row.action} {row.unit}": row for row in rows if row.component == "dram"}


def test_a_transfer_worked_by_hand(totals: Totals) -> None:
    """LPDDR4-3200, 2048-byte rows: 5000 bytes read are 3 rows, 100 written 1; 2000 cycles are 4 us at 500 MHz."""
    chip = chip_of("clock_mhz=500", "dram.peak_gb_per_s=12.8")
    rows = of_dram(totals(weight_fetch_bytes=5000, output_drain_bytes=100, cycles=2000), chip)
    assert {name: row.count for name, row in rows.items()} == {
        "read bit": 40000,
        "write bit": 800,
        "io bit": 40800,
        "activate row": 4,
        "refresh cycle": 2000,
        "standby cycle": 2000,
    }
    assert rows["read bit"].pj == pytest.approx(40000 * 5.26)
    assert rows["write bit"].pj == pytest.approx(800 * 3.87)
    assert rows["io bit"].pj == pytest.approx(40800 * 3.2)
    assert rows["activate row"].pj == pytest.approx(4 * 1060)
    # Two channels of 6.4 GB/s: 66 mW and 9.4 mW for 4 us.
    assert rows["standby cycle"].pj == pytest.approx(66e-3 * 4e-6 * 1e12)
    assert rows["refresh cycle"].pj == pytest.approx(9.4e-3 * 4e-6 * 1e12)


def test_an_estimate_of_rows_is_bounded_by_one_row_a_burst(totals: Totals) -> None:
    row = of_dram(totals(weight_fetch_bytes=2**20), chip_of())["activate row"]
    assert row.count == 512
    assert row.low_pj == row.pj
    assert row.high_pj == pytest.approx(2**20 / 64 * 1060)
    assert "estimated" in row.source


def test_what_a_banked_model_counts_replaces_the_estimates(totals: Totals) -> None:
    layer = totals(weight_fetch_bytes=5000, cycles=2000, dram_activations=9, dram_refreshes=2)
    rows = of_dram(layer, chip_of())
    assert "activate row" not in rows
    assert "refresh cycle" not in rows
    assert rows["activate activation"].pj == pytest.approx(9 * 1060)
    assert rows["activate activation"].high_pj == pytest.approx(9 * 1060)
    assert rows["refresh refresh"].pj == pytest.approx(2 * 18500)


def test_a_counted_layer_too_short_for_a_refresh_pays_for_none(totals: Totals) -> None:
    rows = of_dram(
        totals(weight_fetch_bytes=5000, cycles=20, dram_activations=9, dram_refreshes=0), chip_of()
    )
    assert not [name for name in rows if name.startswith("refresh")]
    assert "standby cycle" in rows


def test_an_all_in_price_is_not_counted_twice(totals: Totals) -> None:
    layer = totals(weight_fetch_bytes=5000, cycles=2000, dram_activations=9, dram_refreshes=2)
    rows = of_dram(layer, chip_of("energy.dram=lpddr4"))
    assert set(rows) == {"read bit"}


def test_derived_counts_are_those_that_a_stored_bill_can_make_anew(totals: Totals) -> None:
    chip = chip_of()
    counts = action_counts(totals(weight_fetch_bytes=5000, cycles=2000), chip)
    full = with_parts(counts, DramRows(TABLE, chip.energy.dram))
    assert [a for a in full if not is_derived(a)] == counts
    assert sum(is_derived(a) for a in full) == 4
    again = with_parts([a for a in full if not is_derived(a)], DramRows(TABLE, chip.energy.dram))
    assert again == full


@pytest.mark.parametrize(
    ("component", "overrides", "read", "write"),
    [
        ("ddr4_2400", ["dram.peak_gb_per_s=19.2"], (9, 14), (8, 13)),
        ("lpddr4_3200", ["dram.peak_gb_per_s=25.6"], (8, 11), (7, 10)),
        ("lpddr5_6400", ["dram.peak_gb_per_s=25.6"], (2, 4), (1, 3)),
        ("hbm2_2000", ["dram.peak_gb_per_s=64"], (2, 4), (2, 4)),
    ],
)
def test_the_parts_add_up_to_what_is_published_per_bit_at_peak(
    component: str,
    overrides: list[str],
    read: tuple[float, float],
    write: tuple[float, float],
    totals: Totals,
) -> None:
    chip = chip_of(*overrides, f"energy.dram={component}", "dram.efficiency_fraction=1")
    size = 2**26
    cycles = math.ceil(size / chip.dram_bytes_per_cycle)
    for name, (low, high) in (("weight_fetch_bytes", read), ("output_drain_bytes", write)):
        rows = of_dram(totals(**{name: size, "cycles": cycles}), chip)
        assert low < math.fsum(row.pj for row in rows.values()) / (8 * size) < high


def test_two_rows_of_one_dram_are_refused() -> None:
    (row,) = TABLE.find("lpddr4_3200", "activate", "activation")
    assert DramRows(TABLE, "lpddr4_3200").row_bytes == 2048
    double = EnergyTable("two", 45, "", (*TABLE.rows, row))
    with pytest.raises(InputError, match="two: 2 activations of 'lpddr4_3200', not one"):
        with_parts([ActionCount("dram", "read", 8, "bit")], DramRows(double, "lpddr4_3200"))


def banked(device: str, component: str) -> Accelerator:
    dram = BankedDram(model="banked", device=device, channels=1)
    return chip_of(f"energy.dram={component}").model_copy(update={"dram": dram})


@pytest.mark.parametrize(
    ("device", "component", "told"),
    [
        ("lpddr4-4266", "lpddr4_3200", False),
        ("hbm2e-3200", "hbm2", False),
        ("lpddr4-3200", "hbm2_2000", True),
        ("ddr4-2400", "lpddr4", True),
        ("ddr4-2400", "gddr5", True),
    ],
)
def test_a_device_that_is_priced_as_another_memory_is_told(device: str, component: str, told: bool) -> None:
    chip = banked(device, component)
    said = other_memory(chip)
    assert (said is not None) == told
    if said is not None:
        assert f"timed as {device} (dram.device) and priced as {component} (energy.dram)" in said


def test_a_dram_without_a_device_and_a_name_without_a_kind_are_not_judged(tmp_path: Path) -> None:
    assert other_memory(chip_of("energy.dram=hbm2")) is None
    own = tmp_path / "own.csv"
    rows = [list(row.values()) for row in source_rows("ddr4-2400")]
    text = "\n".join(",".join(f'"{cell}"' for cell in ["stacked", *row[1:]]) for row in rows)
    own.write_text(f"device,key,value,unit,source,note\n{text}\n")
    assert other_memory(banked(str(own), "hbm2_2000")) is None
