"""Areas by component, and the lengths that follow from them."""

import math

import pytest

from accelsim.bill import ActionCount
from accelsim.energy import area_of, chip_area, load_table, price, sram
from accelsim.energy.storage import clocked_bits, pe_storage
from accelsim.energy.table import EnergyTable
from accelsim.errors import InputError
from accelsim.hardware import load_hardware, presets

pytestmark = pytest.mark.small


def test_a_chip_worked_by_hand() -> None:
    """512 PEs of one 8-bit multiplier with four 8-bit registers and a 32-bit sum; one macro."""
    chip = load_hardware("systolic-weights-16x32")
    area = {row.component: row for row in chip_area(chip, 45).rows}
    assert area["mac"].mm2 == pytest.approx(512 * 986.4e-6)
    assert area["register"].count == 512 * (2 * 16 + 32)
    assert area["register"].mm2 == pytest.approx(512 * 64 * 8.74e-6)
    assert area["scratchpad"].mm2 == pytest.approx(sram.fitted("area", 45, 2**19, 128)[0] * 1e-6)
    rest = math.fsum(row.mm2 for name, row in area.items() if name != "filler")
    assert area["filler"].mm2 == pytest.approx(rest * 0.0376 / 0.9624)
    assert clocked_bits(chip) == 512 * 64


@pytest.mark.parametrize("name", list(presets()))
def test_areas_add_up_between_their_bounds_and_shrink_with_the_node(name: str) -> None:
    chip = load_hardware(name)
    areas = [chip_area(chip, node) for node in (65, 45, 22, 7)]
    for area in areas:
        assert all(0 < row.low_mm2 <= row.mm2 <= row.high_mm2 for row in area.rows), area.rows
        low, high = area.bounds_mm2
        assert low < area.mm2 < high
        own = area.scratchpad_mm2 if area.memory_in_pes else 0
        assert area.pitch_mm**2 * area.pes - own == pytest.approx(
            math.fsum(
                row.mm2 for row in area.rows if row.component not in ("scratchpad", "postprocessor", "filler")
            )
        )
    assert sorted(areas, key=lambda a: -a.mm2) == areas
    assert pe_storage(chip).lanes * area.pes == chip.pe_array.multipliers


def test_wires_are_as_long_as_the_area_says() -> None:
    chip, table = load_hardware("both-skip-16x16"), load_table("45nm")
    area = area_of(chip, table)
    counts = [ActionCount("wires", name, 10, "bit") for name in ("trunk", "multicast")]
    trunk, multicast = price(counts, chip, table)
    assert trunk.pj_each == pytest.approx(0.0608 * area.trunk_mm)
    assert multicast.pj_each == pytest.approx(0.0608 * area.pitch_mm)
    assert f"{area.pitch_mm:.3g} mm, pitch of a PE" in multicast.source
    small = load_hardware("both-skip-16x16", ["pe_array.queue_depth=1"])
    assert price(counts, small, table)[1].pj < multicast.pj
    nodeless = EnergyTable("mine", None, "", table.rows)
    with pytest.raises(InputError, match="mine: no row states node_nm: areas and lengths of wires need it"):
        price(counts, chip, nodeless)


def test_many_small_macros_cost_less_per_access_than_one(tmp_path: object) -> None:
    table = load_table("45nm")
    read = [ActionCount("scratchpad", "read", 1, "access")]
    one = load_hardware("eie-64", ["energy.macro_bytes=null"])
    many = load_hardware("eie-64")
    assert many.energy.macro_bytes == 131072
    (dear,), (cheap,) = price(read, one, table), price(read, many, table)
    assert dear.pj / cheap.pj == pytest.approx((10616832 / 131072) ** 0.57)
    leak = [ActionCount("leakage", "scratchpad", 1, "cycle")]
    assert price(leak, one, table) == price(leak, many, table)


def test_an_eie_pe_has_the_area_of_its_paper_within_a_quarter() -> None:
    """0.638 mm2 (Table II), of it 0.595 memory."""
    area = chip_area(load_hardware("eie-64"), 45)
    assert area.mm2 / 64 == pytest.approx(0.638, rel=0.25)
    memory = next(row for row in area.rows if row.component == "scratchpad")
    assert memory.low_mm2 / 64 < 0.595 < memory.high_mm2 / 64


def test_an_unknown_node_has_no_area() -> None:
    with pytest.raises(InputError, match="area: no scaling rule for 3 nm"):
        chip_area(load_hardware("eie-64"), 3)
