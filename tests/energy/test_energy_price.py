import csv
import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.bill import ActionCount, EnergyRow
from accelsim.energy import (
    UNPRICED,
    EnergyTable,
    PriceRow,
    action_counts,
    load_table,
    price,
    table_of,
    tables,
)
from accelsim.errors import InputError
from accelsim.hardware import Accelerator, load_hardware, presets
from accelsim.tables import COUNTERS, TOGGLES, TRAFFIC

pytestmark = pytest.mark.small

Totals = Callable[..., dict[str, int]]
BUSY = dict.fromkeys((*COUNTERS, *TRAFFIC, "cycles"), 1000) | {
    "postprocessor_elements": 10,
    "dram_read_bytes": 640,
    "dram_write_bytes": 64,
}
# The same with rows and refreshes counted by a DRAM model with banks.
COUNTED = BUSY | {"dram_activations": 7, "dram_refreshes": 3}
# The same with bits that change counted.
TOGGLED = BUSY | dict.fromkeys(TOGGLES, 500)
MEMORIES = ("sram_lstp", "sram_lop", "sram_hp")
ALL_IN = ("lpddr4", "lpddr2", "ddr3", "gddr5", "hbm2")
BY_PARTS = ("ddr4_2400", "lpddr4_3200", "lpddr5_6400", "hbm2_2000")
DRAMS = (*ALL_IN, *BY_PARTS)


def chip_of(*overrides: str) -> Accelerator:
    return load_hardware("both-skip-16x16", overrides)


CHIPS = [
    *(chip_of(f"energy.dram={dram}") for dram in DRAMS),
    *(chip_of(f"energy.sram={sram}", "clock_mhz=800") for sram in MEMORIES),
    chip_of("pe_array.weight_bits=16"),
    load_hardware("eie-64"),
]
Bill = dict[tuple[str, str, str], EnergyRow]


def bill(chip: Accelerator, table: EnergyTable, totals: dict[str, int] = BUSY) -> Bill:
    rows = price(action_counts(totals, chip), chip, table)
    lines = {(row.component, row.action, row.unit): row for row in rows}
    assert len(lines) == len(rows)
    return lines


BY_BITS = {
    ("operand_register", "load"),
    ("accumulator", "update"),
    ("wires", "trunk"),
    ("wires", "multicast"),
}


def used_by(row: PriceRow, chip: Accelerator, counted: bool, toggled: bool) -> set[tuple[str, str, str]]:
    """The lines of the bill that a row of the table prices on this chip, from its name alone."""
    widest = max(chip.pe_array.weight_bits, chip.pe_array.activation_bits)
    action = row.action
    if row.component == "mac":
        return {("mac", action, "mac")} if row.width_bits == widest else set()
    if row.component in DRAMS:
        if row.component != chip.energy.dram:
            return set()
        unit = {
            "bit": "bit",
            "activation": "activation" if counted else "row",
            "refresh": "refresh" if counted else "",
            "mw_per_gb_per_s": "" if counted and action == "refresh" else "cycle",
        }[row.unit]
        return {("dram", action, unit)} if unit else set()
    if row.component in MEMORIES:
        if row.component != chip.energy.sram:
            return set()
        return {
            ("leakage", "scratchpad", "cycle") if action == "leakage" else ("scratchpad", action, "access")
        }
    if row.component == "lane":
        return {("leakage", "lanes", "cycle")}
    if ((row.component, action) in BY_BITS and toggled) or (action == "toggle" and not toggled):
        return set()
    if (row.component, action) == ("wires", "toggle"):
        return {("wires", "trunk", "toggle"), ("wires", "multicast", "toggle")}
    if row.component == "codebook" and chip.name != "eie-64":
        return set()
    return {(row.component, action, {"bit_mm": "bit"}.get(row.unit, row.unit))}


def chips_at(name: str) -> list[Accelerator]:
    """Those whose memory leaks by a row of the table."""
    if name == "45nm":
        return CHIPS
    return [chip for chip in CHIPS if chip.energy.sram == "sram_lstp"]


@pytest.mark.parametrize(
    ("name", "index"), [(name, i) for name in tables() for i in range(len(load_table(name).rows))]
)
def test_a_row_of_any_table_changes_exactly_the_energies_that_use_it(name: str, index: int) -> None:
    table = load_table(name)
    row = table.rows[index]
    other = dataclasses.replace(row, pj=2 * row.pj, low_pj=3 * row.low_pj, high_pj=4 * row.high_pj)
    changed = dataclasses.replace(table, rows=(*table.rows[:index], other, *table.rows[index + 1 :]))
    uses = 0
    for chip in chips_at(name):
        for totals in (BUSY, COUNTED, TOGGLED):
            counted, toggled = totals is COUNTED, totals is TOGGLED
            before, after = bill(chip, table, totals), bill(chip, changed, totals)
            used = used_by(row, chip, counted, toggled)
            assert {key for key in before if before[key] != after[key]} == used
            for key in used:
                uses += 1
                assert after[key].priced_by == row.place
                assert after[key].pj == pytest.approx(2 * before[key].pj, rel=1e-12)
                assert after[key].low_pj == pytest.approx(3 * before[key].low_pj, rel=1e-12)
                assert after[key].high_pj == pytest.approx(4 * before[key].high_pj, rel=1e-12)
    assert uses, "no chip uses this row"


def test_prices_stand_in_the_bill_as_the_csv_states_them() -> None:
    with tables()["45nm"].open(newline="") as file:
        written = {
            (r["component"], r["action"]): r for r in csv.DictReader(file) if r["width_bits"] in ("", "8")
        }
    chip = chip_of("energy.dram=lpddr4")
    for (component, action, _), row in bill(chip, load_table("45nm")).items():
        if component in ("scratchpad", "leakage", "wires"):
            continue
        cells = written["lpddr4" if component == "dram" else component, action]
        assert row.pj_each == float(cells["pj"])
        assert row.pj == row.count * float(cells["pj"])
        assert row.low_pj == row.count * float(cells["low_pj"])
        assert row.high_pj == row.count * float(cells["high_pj"])
        assert row.source == cells["source"]


def test_half_of_the_bits_toggling_costs_what_bits_cost_where_none_are_counted() -> None:
    """The prices per toggle are twice those per bit; both kinds of runs compare."""
    table, chip = load_table("45nm"), CHIPS[0]
    bits = [
        ("operand_register", "load"),
        ("accumulator", "update"),
        ("wires", "trunk"),
        ("wires", "multicast"),
    ]
    by_bits = [ActionCount(component, action, 2000, "bit") for component, action in bits]
    by_toggles = [
        ActionCount(component, action, 1000, "toggle")
        if component == "wires"
        else ActionCount(component, "toggle", 1000, "bit")
        for component, action in bits
    ]
    for one, other in zip(price(by_bits, chip, table), price(by_toggles, chip, table), strict=True):
        assert one.pj == pytest.approx(other.pj, rel=1e-3)


def test_leakage_is_power_times_time(totals: Totals) -> None:
    """512 KiB leak 0.0125 mW, 512 lanes 0.00852 mW each; 3000 cycles at 500 MHz are 6 us."""
    chip = chip_of("clock_mhz=500", "energy.dram=lpddr4")
    rows = price(action_counts(totals(cycles=3000), chip), chip, load_table("45nm"))
    rows = [r for r in rows if r.component == "leakage"]
    assert [(r.component, r.action, r.count, r.unit) for r in rows] == [
        ("leakage", "scratchpad", 3000, "cycle"),
        ("leakage", "lanes", 3000, "cycle"),
    ]
    assert rows[0].pj == pytest.approx(0.0125e-3 * 6e-6 * 1e12)
    assert rows[1].pj == pytest.approx(512 * 0.00852e-3 * 6e-6 * 1e12)
    assert rows[1].high_pj == pytest.approx(512 * 0.0170e-3 * 6e-6 * 1e12)


def test_a_scratchpad_access_is_priced_by_size_and_width(totals: Totals) -> None:
    counts = [ActionCount("scratchpad", "read", 3, "access"), ActionCount("scratchpad", "write", 2, "access")]
    small = chip_of("scratchpad.capacity_bytes=8192", "scratchpad.word_bytes=8")
    read, write = price(counts, small, load_table("45nm"))
    assert (read.pj_each, read.pj, write.pj_each, write.pj) == (6.64, 3 * 6.64, 8.41, 2 * 8.41)
    read, write = price(counts, chip_of(), load_table("45nm"))
    assert read.pj_each == pytest.approx(6.64 * 64**0.57 * 2**0.56)
    assert write.pj_each == pytest.approx(8.41 * 64**0.465 * 2**0.775)
    assert "extrapolated" not in read.source
    assert (read.low_pj, read.high_pj) == pytest.approx((read.pj * 4.43 / 6.64, read.pj * 9.91 / 6.64))
    (tiny, _) = price(counts, chip_of("scratchpad.capacity_bytes=512"), load_table("45nm"))
    assert tiny.source.endswith("; extrapolated beyond the points of the fit")


def test_a_users_own_memory_is_used_exactly(tmp_path: Path) -> None:
    header, *rows = tables()["45nm"].read_text().splitlines()
    path = tmp_path / "mine.csv"
    path.write_text(
        "\n".join([header, *rows, "sram_lstp,read,access,524288,128,45,,33.5,30,40,,,a compiler,", ""])
    )
    chip = chip_of(f"energy.table={path}")
    (row,) = price([ActionCount("scratchpad", "read", 10, "access")], chip, load_table(chip.energy.table))
    assert (row.pj_each, row.pj, row.low_pj, row.high_pj, row.source) == (33.5, 335, 300, 400, "a compiler")


@given(
    st.dictionaries(st.sampled_from([*COUNTERS, *TRAFFIC]), st.integers(0, 10**12)), st.integers(0, 10**12)
)
def test_each_energy_is_count_times_price_between_its_bounds(columns: dict[str, int], cycles: int) -> None:
    totals = dict.fromkeys((*COUNTERS, *TRAFFIC), 0) | columns | {"cycles": cycles}
    rows = price(action_counts(totals, CHIPS[0]), CHIPS[0], load_table("45nm"))
    for row in rows:
        assert row.pj == row.count * row.pj_each
        assert row.low_pj <= row.pj <= row.high_pj
        assert row.count > 0
    doubled = {name: 2 * count for name, count in totals.items()}
    twice = price(action_counts(doubled, CHIPS[0]), CHIPS[0], load_table("45nm"))
    before, after = (math.fsum(row.pj for row in bill) for bill in (rows, twice))
    # Rounding up to whole words is done once per term: at most 8 accesses of less than 110 pJ are saved.
    assert 2 * before * (1 - 1e-12) - 8 * 110 <= after <= 2 * before * (1 + 1e-12)


def test_a_gated_mac_costs_less_than_a_done_one_and_a_skipped_one_its_mask_bits(totals: Totals) -> None:
    def pj(**columns: int) -> float:
        rows = price(action_counts(totals(**columns), CHIPS[0]), CHIPS[0], load_table("45nm"))
        return math.fsum(row.pj for row in rows)

    assert pj(gated_macs=1000) == pytest.approx(1000 * (0.018 + 16 * 0.00037))
    assert pj(done_macs=1000) == pytest.approx(561)
    assert pj(skipped_macs=1000) == 0
    assert pj(skipped_macs=1000, mask_bits_read=2000) == pytest.approx(2000 * 0.01142)


@pytest.mark.parametrize(
    ("action", "overrides", "message"),
    [
        (
            ActionCount("dram", "read", 1, "bit"),
            ["energy.dram=lpddr9"],
            "45nm: no price for component 'lpddr9', action 'read', per bit; components: mac,",
        ),
        (
            ActionCount("scratchpad", "read", 1, "access"),
            ["energy.sram=rram"],
            "45nm: no price for component 'rram', action 'read', per access; components: mac,",
        ),
        (
            ActionCount("leakage", "scratchpad", 1, "cycle"),
            ["energy.sram=rram"],
            "45nm: no price for component 'rram', action 'leakage', per mw; components: mac,",
        ),
        (
            ActionCount("decoder", "read", 1, "bit"),
            [],
            "45nm: no price for component 'decoder', action 'read', per bit",
        ),
        (
            ActionCount("queue", "write", 1, "bit"),
            [],
            "45nm: no price for component 'queue', action 'write', per bit",
        ),
        (
            ActionCount("mac", "lost", 1, "mac"),
            [],
            "45nm: no price for component 'mac', action 'lost', per mac",
        ),
    ],
)
def test_a_missing_price_names_component_action_and_table(
    action: ActionCount, overrides: list[str], message: str
) -> None:
    with pytest.raises(InputError, match="^" + re.escape(message)):
        price([action], chip_of(*overrides), load_table("45nm"))


def test_an_unpriced_width_and_an_ambiguous_price_are_refused() -> None:
    table = load_table("45nm")
    rows = tuple(r for r in table.rows if r.width_bits != 16)
    wide = chip_of("pe_array.activation_bits=16")
    with pytest.raises(InputError, match="'mac', action 'done' at 16 bits; priced: 8 bits"):
        price([ActionCount("mac", "done", 1, "mac")], wide, dataclasses.replace(table, rows=rows))
    (queue,) = table.find("queue", "read", "byte")
    two = dataclasses.replace(table, rows=(*table.rows, dataclasses.replace(queue, width_bits=4)))
    with pytest.raises(InputError, match="2 prices for component 'queue', action 'read', not one"):
        price([ActionCount("queue", "read", 1, "byte")], wide, two)
    (leak,) = table.find("sram_lstp", "leakage", "mw")
    sizeless = dataclasses.replace(leak, size_bytes=None, component="sram_x")
    with pytest.raises(InputError, match="'sram_x' leakage needs size_bytes"):
        price(
            [ActionCount("leakage", "scratchpad", 1, "cycle")],
            chip_of("energy.sram=sram_x"),
            dataclasses.replace(table, rows=(sizeless,)),
        )


def test_the_page_names_every_component_and_every_unpriced_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "energy.md").read_text()
    for row in load_table("45nm").rows:
        assert f"`{row.component}`" in page, row.component
        assert re.search(rf"`{row.component}` \|.*\b{row.action}\b", page), row
    for column in UNPRICED:
        if not column.endswith("_lane_cycles"):
            assert f"`{column}`" in page, column


def test_dram_dominates_a_layer_whose_weights_are_used_once(totals: Totals) -> None:
    """1000 x 1000 fully connected, batch 1, dense: each weight byte is fetched for one MAC; and the same
    MACs with every byte fetched used 1000 times."""
    macs = 10**6
    done = {
        "dense_macs": macs,
        "done_macs": macs,
        "weight_operand_reads": macs,
        "activation_operand_reads": macs,
        "accumulator_updates": macs // 2,
        "weight_scratchpad_read_bytes": macs // 16,
        "weight_scratchpad_reads": macs // 256,
        "weight_queue_write_bytes": macs,
        "cycles": macs // 512,
    }
    table, chip = load_table("45nm"), chip_of()

    def dram_share_and_pj_per_mac(weight_fetch_bytes: int) -> tuple[float, float]:
        rows = price(action_counts(totals(**done, weight_fetch_bytes=weight_fetch_bytes), chip), chip, table)
        pj = math.fsum(row.pj for row in rows)
        return math.fsum(row.pj for row in rows if row.component == "dram") / pj, pj / macs

    share, pj_per_mac = dram_share_and_pj_per_mac(macs)
    assert share > 0.85
    assert pj_per_mac > 64
    share, pj_per_mac = dram_share_and_pj_per_mac(macs // 1000)
    assert share < 0.1
    # Published 8-bit machines at 45 to 65 nm spend a few pJ per MAC on the array and its buffers.
    assert 0.561 < pj_per_mac < 5


@pytest.mark.parametrize("name", list(presets()))
def test_every_action_of_every_shipped_chip_has_a_price_that_a_row_states(name: str) -> None:
    chip = load_hardware(name)
    table = table_of(chip)
    places = {row.place for row in table.rows}
    rows = price(action_counts(BUSY, chip), chip, table)
    assert {row.priced_by for row in rows} <= places
    assert all(row.pj > 0 and row.group and row.source for row in rows)
    counted = {(a.component, a.action) for a in action_counts(BUSY, chip)}
    assert counted <= {(row.component, row.action) for row in rows}
