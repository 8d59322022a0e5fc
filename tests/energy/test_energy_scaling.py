"""Other nodes by stated rules; what no rule covers is named, never zero."""

import pytest

from accelsim.energy import PriceRow, load_table, sram, tables
from accelsim.energy.scaling import factor, nodes
from accelsim.errors import InputError

pytestmark = pytest.mark.small


def prices(name: str, node_nm: float | None = None) -> dict[tuple[object, ...], PriceRow]:
    return {row.key: row for row in load_table(name, node_nm=node_nm).rows}


@pytest.mark.parametrize("node", [22, 7])
def test_a_shipped_table_is_the_one_of_45_nm_at_its_node(node: int) -> None:
    scaled, shipped = prices("45nm", node), prices(f"{node}nm")
    others = {key for key, row in scaled.items() if row.component in ("sram_lop", "sram_hp")}
    assert set(shipped) == set(scaled) - others
    for key, row in shipped.items():
        for name in ("pj", "low_pj", "high_pj"):
            assert getattr(row, name) == pytest.approx(getattr(scaled[key], name), rel=1e-3), (key, name)
        assert row.source == scaled[key].source
        assert row.group == scaled[key].group


def test_logic_and_its_leakage_scale_by_the_factors_and_wires_by_the_supply() -> None:
    at_45, at_28 = prices("45nm"), prices("45nm", 28)
    for key in (("mac", "done", "mac", None, 8), ("lane", "leakage", "mw", None, None)):
        assert at_28[key].pj == pytest.approx(at_45[key].pj * 0.5132)
        assert at_28[key].high_pj == pytest.approx(at_45[key].high_pj * 0.5132)
        assert "x 0.5132" in at_28[key].place
    wire = ("wires", "trunk", "bit_mm", None, None)
    assert at_28[wire].pj == at_45[wire].pj
    toggle = ("wires", "toggle", "bit_mm", None, None)
    assert [prices("45nm", n)[toggle].pj for n in (45, 22, 7)] == pytest.approx(
        [0.122, 0.096, 0.074], rel=0.01
    )
    # Half of the bits toggle.
    assert [2 * prices("45nm", n)[wire].pj for n in (45, 22, 7)] == pytest.approx(
        [0.122, 0.096, 0.074], rel=0.01
    )


def test_memory_leakage_follows_the_cells_not_the_factors() -> None:
    """Cells of low standby power leak more at 22 nm than at 45; nodes without points lie between."""
    key = ("sram_lstp", "leakage", "mw", 524288, None)
    at = {n: prices("45nm", n)[key] for n in (45, 32, 28, 22)}
    assert at[45].pj < at[32].pj < at[28].pj < at[22].pj
    assert at[28].low_pj == at[32].low_pj
    assert at[28].high_pj == at[22].high_pj
    assert at[32].pj == pytest.approx(sram.fitted("leakage", 32, 524288, 64)[0], rel=1e-3)


def test_dram_stands_at_any_node() -> None:
    for key, row in prices("45nm").items():
        if row.node_nm is None:
            assert prices("45nm", 16)[key] == row


def test_a_node_or_a_row_without_a_rule_is_an_error_that_says_so() -> None:
    with pytest.raises(InputError, match=r"45nm: no scaling rule for 11 nm; nodes: 130, 90, 65, 45, 40"):
        load_table("45nm", node_nm=11)
    at_28 = load_table("45nm", node_nm=28)
    with pytest.raises(
        InputError,
        match=r"45nm at 28 nm: no price for component 'sram_hp', action 'leakage', per mw; 45nm.csv:\d+: "
        r"leakage of cells itrs-hp has no scaling rule to 28 nm; state it in an overlay",
    ):
        at_28.find("sram_hp", "leakage", "mw")
    with pytest.raises(InputError, match=r"no rule for the wires' supply at 14 nm"):
        load_table("45nm", node_nm=14).find("wires", "trunk", "bit_mm")
    with pytest.raises(InputError, match=r"no CACTI points on both sides of 130 nm"):
        load_table("45nm", node_nm=130).find("sram_lstp", "leakage", "mw")


def test_factors_go_both_ways_and_their_table_is_complete() -> None:
    assert factor("energy", 45, 22, "x") * factor("energy", 22, 45, "x") == pytest.approx(1)
    assert factor("area", 45, 7, "x") == pytest.approx(0.059)
    assert all(node["energy_factor"] and node["area_factor"] for node in nodes().values())
    assert {f"{load_table(name).node_nm:g}nm" for name in tables()} == set(tables())
